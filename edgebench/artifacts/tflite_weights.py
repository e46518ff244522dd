"""Which stored tensors of a TFLite file are weights, how many elements they have, and how many are not zero.

A stored tensor is a weight if it is a float, or quantised, and some operator computes with it: kernels, biases (int32
with a scale), tables of a lookup. Shapes, axes, permutations and indices are plain integers without a scale, and are
settings. A tensor that DENSIFY or DEQUANTIZE unpacks counts once, as it is stored. (As the weights of an ONNX file.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgebench.artifacts.tflite_file import DAMAGED_HINT, Tensor, TfliteFile
from edgebench.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SETTINGS: dict[str, frozenset[int]] = {
    "RESIZE_BILINEAR": frozenset({1}),
    "PAD": frozenset({1}),
    "RANGE": frozenset(range(3)),
}
"""Operator -> input slots that are settings even where they are floats."""


def weight_tensors(file: TfliteFile) -> list[tuple[Tensor, int]]:
    """Every weight of the file, of all its graphs, with its elements (zeros included)."""
    found = []
    for graph in file.graphs:
        computing = {
            index
            for operator in graph.operators
            for slot, index in enumerate(operator.inputs)
            if slot not in _SETTINGS.get(operator.kind, frozenset())
        }
        for tensor in graph.tensors:
            if tensor.stored and tensor.index in computing and _is_number(tensor) and tensor.elements is not None:
                found.append((tensor, tensor.elements))
    return found


def _is_number(tensor: Tensor) -> bool:
    return "float" in tensor.dtype or tensor.quantisation is not None


def nonzero(file: TfliteFile, tensor: Tensor) -> int:
    """How many elements of a weight are not zero; of a quantised one, not at their zero point.

    Of a sparse tensor the file stores those that may not be zero. Raises `ModelError` for what is no such number.
    """
    try:
        return _nonzero(file, tensor)
    except (ValueError, TypeError) as error:
        text = f"{file.name} is truncated or damaged: weight {tensor.name!r} cannot be read as {tensor.dtype}"
        raise ModelError(text, hint=DAMAGED_HINT) from error


def _nonzero(file: TfliteFile, tensor: Tensor) -> int:
    import numpy as np

    values = _values(file, tensor)
    found = tensor.quantisation
    if found is None or not any(found.zero_points):
        return int(np.count_nonzero(values))
    if len(found.zero_points) == 1 or tensor.sparse or tensor.dims is None or not 0 <= found.axis < len(tensor.dims):
        return int(np.count_nonzero(values != found.zero_points[0]))
    shape = [-1 if axis == found.axis else 1 for axis in range(len(tensor.dims))]
    return int(np.count_nonzero(values.reshape(tensor.dims) != np.array(found.zero_points).reshape(shape)))


def _values(file: TfliteFile, tensor: Tensor) -> NDArray[np.generic]:
    import numpy as np

    raw = np.frombuffer(file.content(tensor), np.uint8)
    if tensor.dtype == "int4":
        halves = np.stack([raw & 0xF, raw >> 4], axis=1).reshape(-1)[: tensor.elements]
        return np.where(halves > 7, halves.astype(np.int16) - 16, halves)
    if tensor.dtype == "bfloat16":
        return raw.view(np.uint16) & 0x7FFF
    if tensor.dtype.startswith("float8"):
        return raw & 0x7F
    return raw.view(tensor.dtype)
