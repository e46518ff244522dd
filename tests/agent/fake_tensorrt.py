"""The module `tensorrt` without a GPU, in the forms of its releases; simulated, for tests of our side of the seam.

Which names a release has is not written here: `data/tensorrt_api.json` holds what the real modules of 8.5, 10.3, 10.13
and 11.4 showed (tests/real_tensorrt/signatures.py), and whatever a release has not, its fake has not either. 8.2 is 8.5
without what NVIDIA's release notes say came later (LATER).

A "network" is JSON where a real one is ONNX: {"inputs": [[name, dtype, shape]], "outputs": [...], "layers": [...],
"parser": [errors], "build": {...}}. An engine of it doubles its first input into every output.
"""

import enum
import json
import os
import types

import fake_tensorrt_build
import fake_tensorrt_run

RECORD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "tensorrt_api.json")
MODULES = (fake_tensorrt_build, fake_tensorrt_run)
LATER = {
    "IBuilderConfig": ["set_memory_pool_limit"],
    "ICudaEngine": ["get_tensor_dtype", "get_tensor_format", "get_tensor_location", "get_tensor_mode",
                    "get_tensor_name", "get_tensor_profile_shape", "get_tensor_shape", "num_io_tensors"],
    "IExecutionContext": ["execute_async_v3", "get_tensor_shape", "set_input_shape", "set_tensor_address"],
}  # fmt: skip
"""Named tensors came with 8.5, memory pools with 8.4."""
SINCE_8_2 = {"ICudaEngine": ["create_engine_inspector"]}


def records():
    """Return {(major, minor): what the real module of that release has}."""
    with open(RECORD) as source:
        return {tuple(int(part) for part in one["version"].split(".")[:2]): one for one in json.load(source)}


def record_of(version):
    """Return the record of a release, the next one below where it was not recorded itself."""
    release = tuple(int(part) for part in version.split(".")[:2])
    known = records()
    if release >= (8, 5):
        return known[max(one for one in known if one <= release)]
    first = known[(8, 5)]
    absent = [LATER] + ([SINCE_8_2] if release < (8, 2) else [])
    classes = {name: {one: told for one, told in members.items() if not any(one in no.get(name, []) for no in absent)}
               for name, members in first["classes"].items()}  # fmt: skip
    return dict(first, classes=classes)


def closed(kind, allowed, trt):
    """Return `kind` as a class of pybind11: nothing public can be got or set but what is `allowed`."""

    class Closed(kind):
        def __getattribute__(self, name):
            if not name.startswith("_") and name not in allowed:
                raise AttributeError("'%s' object has no attribute '%s'" % (kind.__name__, name))
            return kind.__getattribute__(self, name)

        def __setattr__(self, name, value):
            if not name.startswith("_") and name not in allowed:
                raise AttributeError("'%s' object has no attribute '%s'" % (kind.__name__, name))
            kind.__setattr__(self, name, value)

    Closed.__name__ = kind.__name__
    Closed._trt = trt
    return Closed


def enum_of(name, members):
    """Return an enumeration; flags are counted from 0, as TensorRT's."""
    return enum.IntEnum(name, [(one, at) for at, one in enumerate(members)])


def make(version, cuda, board=None):
    """Return the module of a release. `board`: {"int8": BOOL, "fp16": BOOL, "dla": N}; None: there is no GPU.

    `built` holds the configurations of finished builds, `calibrated` what a calibration saw, `contexts` what was made.
    """
    record = record_of(version)
    trt = types.ModuleType("tensorrt")
    trt.__version__ = version
    trt.built, trt.contexts, trt.calibrated = [], [], None
    trt.board, trt.cuda = board, cuda
    trt.init_libnvinfer_plugins = lambda logger, namespace: True
    for name, members in record["enums"].items():
        setattr(trt, name, enum_of(name, members))
    for name, members in record["classes"].items():
        kind = next(getattr(module, name) for module in MODULES if hasattr(module, name))
        open_to_all = name in fake_tensorrt_build.BASES
        setattr(trt, name, kind if open_to_all else closed(kind, set(members), trt))
    return trt
