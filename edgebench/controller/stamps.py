"""What a model file asks of a runtime, told to the backends in their own terms."""

from __future__ import annotations

from pathlib import Path

from edgebench.artifacts import Format, sniff
from edgebench.artifacts.onnx_model import describe
from edgebench.artifacts.precision import Precision
from edgebench.artifacts.proto import read_model
from edgebench.artifacts.restamp import minimum_ir
from edgebench.artifacts.tflite_model import read_tflite
from edgebench.backends.base import EngineStamp, OnnxStamp, Stamp, TfliteStamp
from edgebench.errors import ModelError


def stamp_of(path: Path) -> Stamp:
    """What the file says a runtime needs. Raises `ModelError`, also for a format that nothing reads."""
    found = sniff(path)
    if found is Format.ONNX:
        return onnx_stamp(path)
    if found is Format.TFLITE:
        return tflite_stamp(path)
    if found is Format.ENGINE:
        return EngineStamp(path)
    raise ModelError(f"{path.name}: inside of a {found} file nothing is read")


def onnx_stamp(path: Path) -> OnnxStamp:
    """Opsets and IR version of an ONNX file. Raises `ModelError`."""
    model = read_model(path)
    info = describe(model)
    return OnnxStamp(
        path,
        info.ir_version,
        info.opsets,
        info.unused_opsets,
        info.custom_domains,
        lowest_ir=minimum_ir(model)[0],
        precisions=_names(info.precision),
    )


def tflite_stamp(path: Path) -> TfliteStamp:
    """Operators of a TFLite file. Raises `ModelError`."""
    info = read_tflite(path)
    return TfliteStamp(path, info.versions, info.flex, info.custom, precisions=_names(info.precision))


def _names(found: Precision) -> tuple[str, ...]:
    """What a file may be called: by what it computes in, then by its weights."""
    return tuple(name for name in dict.fromkeys((found.compute, found.weights)) if name != "none")
