"""An engine file, loaded, or refused with a sentence that names what does not fit."""

from ..failures import Failure
from ..trtexec.complaints import complaint_of
from . import made, version_of

PLAN_TAG = b"ftrt"
PLAN_HEAD_BYTES = 28


def plan_version(head):
    """Return the version of TensorRT that built a plan, "10.3.0.26", from its first 28 bytes, None where not told.

    As `trtexec --getPlanVersionOnly` reads it (samples/common/sampleEngines.cpp of TensorRT 10): the tag, a zero of 32
    bits, and the version's four numbers at byte 24.
    """
    if len(head) < PLAN_HEAD_BYTES or head[:4] != PLAN_TAG or head[4:8] != b"\0\0\0\0" or not head[24]:
        return None
    return ".".join(str(number) for number in head[24:28])


def load_engine(trt, log, path, dla=None):
    """Return (runtime, engine) of a file; `dla`: the core that its layers for a DLA run on.

    Raises Failure engine-mismatch (another version's, another GPU's), load-failed, oom, delegate-failed; OSError.
    """
    runtime = made(trt, trt.Runtime, log)
    trt.init_libnvinfer_plugins(log, "")
    if dla is not None:
        runtime.DLA_core = dla
    with open(path, "rb") as source:
        data = source.read()
    engine = runtime.deserialize_cuda_engine(data)
    if engine is None:
        raise refusal(trt, log, data[:PLAN_HEAD_BYTES])
    return runtime, engine


def refusal(trt, log, head):
    """Return the Failure for an engine that TensorRT did not take, from what it logged and the file's first bytes."""
    here, built = version_of(trt), plan_version(head)
    told = complaint_of(list(log.lines), "load-failed")
    said = log.last_error or "TensorRT gave no reason"
    if head[:4] != PLAN_TAG:
        text = "this is no engine of TensorRT's, or a damaged one; TensorRT %s says: %s" % (here, said)
        return Failure("load-failed", text, "load")
    if told.code in ("engine-mismatch", "load-failed") and built and built != here and built not in told.message:
        text = "the engine was built by TensorRT %s, this is %s: build it here from its .onnx" % (built, here)
        return Failure("engine-mismatch", text, "load")
    if told.code == "engine-mismatch" and here not in told.message:
        return Failure(told.code, "%s (here is TensorRT %s)" % (told.message, here), "load")
    return Failure(told.code, told.message, "load")


def memory_bytes(engine):
    """Return the bytes on the GPU that one context of the engine takes for activations and scratch, None if not told.

    `device_memory_size` until 10, `device_memory_size_v2` from 10.1 on.
    """
    for name in ("device_memory_size_v2", "device_memory_size"):
        if hasattr(engine, name):
            return int(getattr(engine, name))
    return None
