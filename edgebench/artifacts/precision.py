"""What precision a graph is written in: a guess from its operators and stored types, not what a device will do."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgebench.artifacts.proto import dtype_name, nodes, tensors
from edgebench.artifacts.tensor_spec import TensorSpec
from edgebench.artifacts.weights import weights

if TYPE_CHECKING:
    from onnx import ModelProto

_SHORT = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "float64": "fp64", "uint8": "int8"}
_SHORT |= {"uint4": "int4", "uint16": "int16", "uint2": "int2"}
_DYNAMIC = {"DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM", "MatMulInteger", "ConvInteger"}


@dataclass(frozen=True)
class Precision:
    """The four parts of a precision as the file has them, and `scheme`, what people call it.

    `scheme`: "fp32", "fp16", "int8 static QDQ", "int8 static QLinear", "int8 dynamic range", "int8 weight-only".
    `compute` is what the graph asks for; a runtime may fuse or fall back.
    """

    weights: str
    activations: str
    io: str
    compute: str
    scheme: str


def guess_precision(model: ModelProto, inputs: tuple[TensorSpec, ...]) -> Precision:
    """Guess the precision: weights by the type that most elements have, the rest from the quantisation operators."""
    stored = _weight_type(model)
    io = _io_type(inputs)
    kind = _quantisation(model)
    quantised = stored if stored.startswith("int") else "int8"
    real = _float_type(model) if stored.startswith("int") else stored
    real = io if real == "none" else real
    if kind == "none":
        return Precision(stored, real, io, real, real)
    if kind == "weight-only":
        return Precision(stored, real, io, real, f"{quantised} weight-only")
    if kind == "dynamic range":
        return Precision(stored, real, io, quantised, f"{quantised} dynamic range")
    activations = _activation_type(model)
    return Precision(stored, activations, io, activations, f"{quantised} {kind}")


def short_name(dtype: str) -> str:
    """A dtype as people call it: `fp32`, `int8`."""
    return _SHORT.get(dtype, dtype)


def _weight_type(model: ModelProto) -> str:
    counts: Counter[str] = Counter()
    for weight in weights(model):
        counts[short_name(weight.dtype)] += weight.elements
    return counts.most_common(1)[0][0] if counts else "none"


def _io_type(inputs: tuple[TensorSpec, ...]) -> str:
    """The type of the first input that is a float or a quantised number; the first input's otherwise."""
    data = [
        spec.dtype for spec in inputs if "float" in spec.dtype or spec.dtype in ("uint8", "int8", "uint16", "int16")
    ]
    names = data or [spec.dtype for spec in inputs]
    return short_name(names[0]) if names else "none"


def _float_type(model: ModelProto) -> str:
    """The float type that most stored tensors (scales and biases, in a quantised model) have."""
    found = Counter(dtype_name(tensor.data_type) for tensor in tensors(model))
    floats = [(count, name) for name, count in found.items() if "float" in name]
    return short_name(max(floats)[1]) if floats else "none"


def _quantisation(model: ModelProto) -> str:
    used = {node.op_type for node in nodes(model)}
    if used & _DYNAMIC:
        return "dynamic range"
    if "QLinearConv" in used or "QLinearMatMul" in used:
        return "static QLinear"
    if "DequantizeLinear" not in used:
        return "none"
    return "static QDQ" if _quantised_activations(model) else "weight-only"


def _stored_names(model: ModelProto) -> set[str]:
    stored = {tensor.name for tensor in model.graph.initializer}
    return stored | {name for node in nodes(model) if node.op_type == "Constant" for name in node.output}


def _quantised_activations(model: ModelProto) -> list[str]:
    """The zero points ("" where left out) of QuantizeLinear nodes that work on activations."""
    stored = _stored_names(model)
    found = [node for node in nodes(model) if node.op_type == "QuantizeLinear" and node.input[0] not in stored]
    return [node.input[2] if len(node.input) > 2 else "" for node in found]


def _activation_type(model: ModelProto) -> str:
    """The type of the activations' zero points; 8 bits where there is none to read (operators' default: uint8)."""
    types = {tensor.name: dtype_name(tensor.data_type) for tensor in model.graph.initializer}
    found = Counter(short_name(types[name]) for name in _quantised_activations(model) if name in types)
    return found.most_common(1)[0][0] if found else "int8"
