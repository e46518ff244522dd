"""A TFLite model as the rule for layers needs it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgebench.artifacts.tflite_costs import FUSED, PICKING, operator_cost
from edgebench.artifacts.tflite_counting import node_name
from edgebench.artifacts.tflite_file import Operator, Tensor, TfliteFile, element_count, read_tflite_file, stored_size
from edgebench.artifacts.tflite_shapes import Dims, infer_tflite
from edgebench.artifacts.traffic import Graph, Step, Value

RENAMING = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "QUANTIZE", "DEQUANTIZE", "CAST"})
REAL = frozenset({"float16", "float32", "float64"})


def tflite_graph(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> Graph:
    """The main graph of a file for these input shapes. Raises `ModelError`, `UnknownName`."""
    file = read_tflite_file(path)
    dims = infer_tflite(file, shapes)
    unpacked = _unpacked(file)
    values = {str(one.index): _value(one, dims, unpacked) for one in file.main.tensors}
    steps = tuple(_step(file, operator, dims) for operator in file.main.operators if operator.outputs[:1] != ())
    kept = [step for step in steps if not all(values[name].constant for name in step.outputs)]
    return Graph(tuple(kept), values, _names(file.main.inputs), _names(file.main.outputs))


def _names(indices: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(str(index) for index in indices if index >= 0)


def _unpacked(file: TfliteFile) -> dict[int, Tensor]:
    """Weights that the graph unpacks (fp16 -> fp32) -> the tensor that is stored."""
    tensors = file.main.tensors
    unpacking = (one for one in file.main.operators if one.kind in ("DEQUANTIZE", "DENSIFY") and one.inputs)
    return {one.outputs[0]: tensors[one.inputs[0]] for one in unpacking if tensors[one.inputs[0]].stored}


def _value(tensor: Tensor, dims: Dims, unpacked: Mapping[int, Tensor]) -> Value:
    source = unpacked.get(tensor.index, tensor)
    shape = dims.get(tensor.index, tensor.dims if tensor.stored else None)
    elements = None if shape is None else element_count(shape)
    bits = stored_size(source.dtype, 8) or 8  # bytes of eight elements: the bits of one
    return Value(elements, bits, tensor.dtype in REAL, tensor.stored or tensor.index in unpacked)


def _step(file: TfliteFile, operator: Operator, dims: Dims) -> Step:
    cost = operator_cost(operator, dims)
    return Step(
        name=node_name(file.main, operator),
        op=operator.kind,
        inputs=_names(operator.inputs),
        outputs=_names(operator.outputs),
        macs=cost.macs if cost else 0,
        flops=None if cost is None else 2 * cost.macs + cost.other,
        renames=operator.kind in RENAMING,
        joins=operator.kind in FUSED,
        picks=operator.kind in PICKING,
    )
