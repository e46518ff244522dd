"""Which stored tensors are weights.

The rule behind `params` (measurement page, section 11): a stored tensor (initializer or Constant node) is a weight if
- it is of a floating type, unless every use of it is a setting of an operator: a scale, a zero point, `roi` or
  `scales` of Resize; so convolution weights, biases, norm parameters, and float constants such as the bounds of
  Clip or the factor of a Mul count, as stored numbers;
- it is of an integer type and is used as data by an operator of quantised arithmetic (DequantizeLinear, QLinearConv,
  QLinearMatMul, ConvInteger, MatMulInteger). Other integers are shapes, axes and indices.
Each is counted once however often it is used.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.artifacts.proto import dtype_name, element_count, graphs, nodes
from edgebench.errors import ModelError

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

_SETTINGS: dict[str, set[int]] = {
    "QuantizeLinear": {1, 2},
    "DequantizeLinear": {1, 2},
    "QLinearConv": {1, 2, 4, 5, 6, 7},
    "QLinearMatMul": {1, 2, 4, 5, 6, 7},
    "ConvInteger": {2, 3},
    "MatMulInteger": {2, 3},
    "Resize": {1, 2},
    "Upsample": {1},
}
_QUANTISED_DATA: dict[str, dict[int, int | None]] = {
    "DequantizeLinear": {0: 2},
    "QLinearConv": {0: 2, 3: 5, 8: None},
    "QLinearMatMul": {0: 2, 3: 5},
    "ConvInteger": {0: 2, 1: 3},
    "MatMulInteger": {0: 2, 1: 3},
}
"""Operator -> input slot of quantised data -> input slot of its zero point."""

Use = tuple["NodeProto", int]


@dataclass(frozen=True)
class Weight:
    """One stored weight tensor: its dtype's name, its elements (zeros included), and how to find its zeros."""

    name: str
    dtype: str
    elements: int
    tensor: TensorProto
    zero_point: TensorProto | None
    axis: int


def weights(model: ModelProto) -> list[Weight]:
    """Every weight of the model, by the rule at the top of this module."""
    stored = list(_stored(model))
    by_name = {name: tensor for name, _, tensor in stored}
    uses = _uses(model)
    found = []
    for name, elements, tensor in stored:
        dtype = dtype_name(tensor.data_type)
        if _is_weight(dtype, uses[name]):
            zero_point, axis = _zero_point(uses[name], by_name)
            found.append(Weight(name, dtype, elements, tensor, zero_point, axis))
    return found


def nonzero(weight: Weight, base_dir: str) -> int:
    """How many elements of a weight are not zero (not at their zero point, where they are quantised).

    `base_dir`: the folder of external data, "" for a model in memory. Raises ModelError if the values cannot be read.
    """
    import numpy as np
    from onnx import numpy_helper

    try:
        values = numpy_helper.to_array(_with_data(weight.tensor, base_dir))
        if weight.zero_point is None:
            return int(np.count_nonzero(values))
        zero = numpy_helper.to_array(_with_data(weight.zero_point, base_dir))
        return int(np.count_nonzero(values != _spread(zero, values.shape, weight.axis)))
    except Exception as error:  # onnx raises errors of its own for external data
        hint = "keep the external data file beside the model, unchanged"
        raise ModelError(f"the values of weight {weight.name!r} cannot be read", hint=hint) from error


def _with_data(tensor: TensorProto, base_dir: str) -> TensorProto:
    """The tensor with its external data read in.

    Read here and not by onnx, which refuses symbolic links: download caches keep every file behind one. That the
    place lies in the model's folder is checked before, by `external_files`.
    """
    if tensor.data_location != tensor.EXTERNAL:
        return tensor
    if not base_dir:
        raise FileNotFoundError("a model in memory has no folder of external data")
    entries = {entry.key: entry.value for entry in tensor.external_data}
    with (Path(base_dir) / entries["location"]).open("rb") as file:
        file.seek(int(entries.get("offset") or 0))
        data = file.read(int(entries["length"]) if "length" in entries else -1)
    filled = type(tensor)(dims=tensor.dims, data_type=tensor.data_type, name=tensor.name)
    filled.raw_data = data
    return filled


def _spread(zero: object, shape: tuple[int, ...], axis: int) -> object:
    """Bring a zero point (one, one per channel, or one per block) to a shape that compares with the values."""
    import numpy as np

    array = np.asarray(zero)
    if array.size == 1:
        return array.reshape(())
    if array.ndim == 1:
        return array.reshape([-1 if index == axis % len(shape) else 1 for index in range(len(shape))])
    block = -(-shape[axis] // array.shape[axis])
    return np.repeat(array, block, axis=axis).take(range(shape[axis]), axis=axis)


def _stored(model: ModelProto) -> Iterator[tuple[str, int, TensorProto]]:
    for graph in graphs(model):
        for tensor in graph.initializer:
            yield tensor.name, element_count(tuple(tensor.dims)), tensor
        for sparse in graph.sparse_initializer:
            yield sparse.values.name, element_count(tuple(sparse.dims)), sparse.values
    for node in nodes(model):
        if node.op_type == "Constant" and node.output:
            for tensor in _constant_tensors(node):
                yield node.output[0], element_count(tuple(tensor.dims)), tensor


def _constant_tensors(node: NodeProto) -> Iterator[TensorProto]:
    import onnx

    for attribute in node.attribute:
        if attribute.name == "value":
            yield attribute.t
        elif attribute.name == "value_float":
            yield onnx.helper.make_tensor("", onnx.TensorProto.FLOAT, [], [attribute.f])
        elif attribute.name == "value_floats":
            yield onnx.helper.make_tensor("", onnx.TensorProto.FLOAT, [len(attribute.floats)], attribute.floats)


def _uses(model: ModelProto) -> dict[str, list[Use]]:
    uses: dict[str, list[Use]] = defaultdict(list)
    for node in nodes(model):
        for slot, name in enumerate(node.input):
            if name:
                uses[name].append((node, slot))
    return uses


def _is_weight(dtype: str, uses: list[Use]) -> bool:
    if "float" in dtype:
        return not uses or any(slot not in _SETTINGS.get(node.op_type, set()) for node, slot in uses)
    return any(slot in _QUANTISED_DATA.get(node.op_type, {}) for node, slot in uses)


def _zero_point(uses: list[Use], by_name: dict[str, TensorProto]) -> tuple[TensorProto | None, int]:
    for node, slot in uses:
        zero_slot = _QUANTISED_DATA.get(node.op_type, {}).get(slot)
        if zero_slot is not None and zero_slot < len(node.input):
            default = 1 if node.op_type == "DequantizeLinear" else 0
            axis = next((int(a.i) for a in node.attribute if a.name == "axis"), default)
            return by_name.get(node.input[zero_slot]), axis
    return None, 0
