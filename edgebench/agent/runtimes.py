"""Which runtimes are installed, found without importing any: a wrong one may end the process at import."""

import importlib.machinery
import os
import re

from . import files

VERSION = re.compile(r"^__version__\s*=\s*[\"']([0-9][0-9A-Za-z.+-]*)[\"']", re.M)
RUNTIMES = (
    ("executorch", "executorch", ("executorch",)),
    ("mnn", "MNN", ("MNN",)),
    ("ncnn", "ncnn", ("ncnn",)),
    ("numpy", "numpy", ("numpy",)),
    ("onnxruntime", "onnxruntime", ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-qnn")),
    ("openvino", "openvino", ("openvino",)),
    ("tensorrt", "tensorrt", ("tensorrt", "tensorrt-cu12", "tensorrt-cu11")),
    ("tflite", "ai_edge_litert", ("ai-edge-litert",)),
    ("tflite", "tflite_runtime", ("tflite-runtime",)),
    ("tvm", "tvm", ("apache-tvm", "tvm")),
)
"""(backend, module, names of distributions that bring it); of one backend the first that is there is taken."""


def has_module(name, folder=None):
    """Tell whether a top-level module could be imported (from `folder` alone, if given)."""
    try:
        return importlib.machinery.PathFinder.find_spec(name, None if folder is None else [folder]) is not None
    except (ImportError, ValueError):
        return False


def find(search):
    """Return [{name, module, distribution, version, where}] of the runtimes in `search`: [(where, folder)]."""
    found = []
    for where, folder in search:
        present = versions(folder)
        for name, module, distributions in RUNTIMES:
            if not has_module(module, folder):
                continue
            known = [(one, present[normal(one)]) for one in distributions if normal(one) in present]
            distribution, version = known[0] if known else (None, own_version(folder, module))
            found.append(
                {"name": name, "module": module, "distribution": distribution, "version": version, "where": where}
            )
    return found


def own_version(folder, module):
    """Return the version that a package's own text gives itself, None if none: JetPack's packages lack metadata."""
    text = files.read_text(os.path.join(folder, module, "__init__.py")) or ""
    found = VERSION.search(text)
    return found.group(1) if found else None


def normal(name):
    """Return a distribution's name in its one spelling."""
    return re.sub(r"[-_.]+", "-", name).lower()


def versions(folder):
    """Return {distribution: version} of a folder of packages, from the names of its metadata folders."""
    found = {}
    try:
        names = os.listdir(folder)
    except OSError:
        return found
    for name in names:
        stem, kind = os.path.splitext(name)
        if kind in (".dist-info", ".egg-info") and "-" in stem:
            distribution, version = stem.split("-")[:2]
            found[normal(distribution)] = version
    return found
