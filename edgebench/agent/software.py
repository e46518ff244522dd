"""Which of the vendor's libraries a board has, from packages, version files and headers: nothing is loaded."""

import glob
import os
import re

from . import files

STATUS = "/var/lib/dpkg/status"
INSTALLED = "Status: install ok installed"
NUMBER = re.compile(r"(?:\d+:)?(\d+(?:\.\d+)+)")
LIBRARIES = ("/usr/lib/aarch64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib")
INCLUDES = ("/usr/include/aarch64-linux-gnu", "/usr/include/x86_64-linux-gnu", "/usr/include", "/usr/local/include")
PACKAGES = {
    "tensorrt": (r"tensorrt", r"libnvinfer-bin", r"libnvinfer\d+"),
    "cuda": (r"cuda-cudart-\d+-\d+", r"cuda-runtime-\d+-\d+"),
    "cudnn": (r"libcudnn\d+", r"libcudnn\d+-cuda-\d+"),
    "vulkan": (r"libvulkan1",),
}
"""The packages whose version is the library's, those with the fullest number first."""

HEADERS = {
    "tensorrt": ("NvInferVersion.h", tuple(
        r"(?:NV_TENSORRT_%s|TRT_%s_ENTERPRISE)" % (part, part) for part in ("MAJOR", "MINOR", "PATCH", "BUILD")
    )),
    "cudnn": ("cudnn_version.h", ("CUDNN_MAJOR", "CUDNN_MINOR", "CUDNN_PATCHLEVEL")),
}  # fmt: skip
"""Header -> the macros that have numbers; late releases 10 keep TensorRT's under a second name."""

SHARED = {"tensorrt": "libnvinfer.so.", "cudnn": "libcudnn.so.", "vulkan": "libvulkan.so."}


def packages(root):
    """Return {name: version} of what dpkg has installed below `root`; {} where there is no dpkg."""
    found = {}
    for paragraph in (files.read_text(files.under(root, STATUS), 1 << 26) or "").split("\n\n"):
        if INSTALLED in paragraph:
            fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if line[:1] in "PV" and ": " in line)
            found[fields.get("Package")] = fields.get("Version")
    return found


def versions(root, installed):
    """Return {"tensorrt", "cuda", "cudnn", "vulkan"}: versions as "8.2.1.8", null where there is none.

    `installed` is what `packages` found. Libraries that came without a package (containers, Yocto) are known by their
    header, and at last by the number in the shared library's name.
    """
    return {
        "tensorrt": _version(root, "tensorrt", installed),
        "cuda": cuda(root, installed),
        "cudnn": _version(root, "cudnn", installed),
        "vulkan": _version(root, "vulkan", installed),
    }


def _version(root, name, installed):
    return packaged(name, installed) or _header(root, name) or _shared(root, SHARED[name])


def packaged(name, installed):
    """Return the version that a library's packages say, the highest of several: "8.2.1.8" of "8.2.1.8-1+cuda10.2"."""
    for pattern in PACKAGES[name]:
        found = [text for package, text in installed.items() if re.match(pattern + r"\Z", package or "")]
        numbers = [number.group(1) for number in (NUMBER.match(text or "") for text in found) if number]
        if numbers:
            return max(numbers, key=_order)
    return None


def cuda(root, installed):
    """Return the toolkit's version: of version.json (since 11), version.txt (10), else of its runtime's package."""
    folder = "/usr/local/cuda/"
    data = files.read_json(files.under(root, folder + "version.json"))
    said = data.get("cuda") if data else None
    if isinstance(said, dict) and said.get("version"):
        return str(said["version"])
    found = NUMBER.search(files.read_text(files.under(root, folder + "version.txt")) or "")
    return found.group(1) if found else packaged("cuda", installed)


def _header(root, name):
    if name not in HEADERS:
        return None
    file, macros = HEADERS[name]
    for folder in INCLUDES:
        text = files.read_text(files.under(root, "%s/%s" % (folder, file))) or ""
        found = [re.search(r"#define\s+%s\s+(\d+)" % macro, text) for macro in macros]
        if all(found):
            return ".".join(one.group(1) for one in found)
    return None


def _shared(root, stem):
    """Return the fullest version in the names of a shared library, None where there is no such file."""
    names = []
    for folder in LIBRARIES:
        for path in glob.glob(files.under(root, "%s/%s*" % (folder, stem))):
            names.append(os.path.basename(path)[len(stem) :])
    numbers = [name for name in names if re.match(r"\d+(\.\d+)+\Z", name)]
    return max(numbers, key=_order) if numbers else None


def _order(number):
    return [int(part) for part in number.split(".")]
