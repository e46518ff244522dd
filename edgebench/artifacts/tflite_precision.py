"""The precision of a TFLite file, from the types of its tensors: what is stored, what flows, what goes in and out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from edgebench.artifacts.precision import Precision, short_name
from edgebench.artifacts.tflite_file import Graph, Tensor, TfliteFile
from edgebench.artifacts.tflite_weights import weight_tensors

_QUANTISED = frozenset({"int8", "int16", "int4", "int2"})


def guess_tflite_precision(file: TfliteFile) -> Precision:
    """Weights by the type that most elements have, activations by the type that most computed elements have.

    Schemes: fp32; fp16 (weights only: DEQUANTIZE makes them fp32); int8 dynamic range (weights int8, activations
    float, computed in int8 where the kernel is hybrid); int8 full-integer, with float inputs and outputs or
    integer-only; int16 the same (16x8: weights int8, activations int16).
    """
    graph = file.main
    weights = _most((tensor.dtype, elements) for tensor, elements in weight_tensors(file))
    io = _io(graph)
    activations = _activations(graph)
    if activations in _QUANTISED:
        return Precision(weights, activations, io, activations, f"{activations} full-integer, {_io_words(io)}")
    if weights in _QUANTISED:
        return _weights_only(weights, activations, io, hybrid=_hybrid(file))
    if weights == "fp16" and activations == "fp32":
        return Precision(weights, activations, io, activations, "fp16 weights")
    real = weights if weights != "none" else activations
    return Precision(weights, activations, io, activations, real)


def _weights_only(weights: str, activations: str, io: str, *, hybrid: bool) -> Precision:
    if hybrid:
        return Precision(weights, activations, io, "int8", f"{weights} dynamic range")
    return Precision(weights, activations, io, activations, f"{weights} weight-only")


def _io_words(io: str) -> str:
    return "float inputs and outputs" if io.startswith("fp") else "integer-only"


def _io(graph: Graph) -> str:
    """The type of the first input that is a float or quantised; of the first input otherwise."""
    found = [graph.tensors[index] for index in graph.inputs]
    data = [one.dtype for one in found if "float" in one.dtype or one.quantisation or one.dtype in ("uint8", "int8")]
    names = data or [one.dtype for one in found]
    return short_name(names[0]) if names else "none"


def _activations(graph: Graph) -> str:
    """The type of most elements that operators compute and that are numbers in a precision (not indices or shapes)."""
    stored = {tensor.index for tensor in graph.tensors if tensor.stored}
    unpacked = {  # weights that are stored small and made floats before they are used
        index
        for operator in graph.operators
        if operator.kind in ("DEQUANTIZE", "DENSIFY") and stored.issuperset(operator.inputs)
        for index in operator.outputs
    }
    made = [index for operator in graph.operators for index in operator.outputs if index not in unpacked | stored]
    tensors = [graph.tensors[index] for index in made if index >= 0]
    return _most((tensor.dtype, tensor.elements or 1) for tensor in tensors if _is_data(tensor))


def _is_data(tensor: Tensor) -> bool:
    return "float" in tensor.dtype or tensor.quantisation is not None


def _most(counted: Iterable[tuple[str, int]]) -> str:
    sums: Counter[str] = Counter()
    for dtype, elements in counted:
        sums[short_name(dtype)] += elements
    return sums.most_common(1)[0][0] if sums else "none"


def _hybrid(file: TfliteFile) -> bool:
    """Whether an operator takes quantised weights with a float input: its kernel quantises the input as it goes."""
    weights = {tensor.index for tensor, _ in weight_tensors(file) if short_name(tensor.dtype) in _QUANTISED}
    return any(
        operator.kind not in ("DEQUANTIZE", "DENSIFY") and not weights.isdisjoint(operator.inputs)
        for operator in file.main.operators
    )
