"""Shapes of every value of a TFLite graph for other input shapes than those in the file.

The file holds the shapes of its own inputs' sizes. TFLite resizes: so do these rules, operator by operator; what has no
rule makes everything after it unknown, and unknown is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edgebench.artifacts.shapes import Face
from edgebench.artifacts.tensor_spec import TensorSpec
from edgebench.artifacts.tflite_file import Tensor, TfliteFile
from edgebench.artifacts.tflite_model import specs_of
from edgebench.artifacts.tflite_shape_rules import RULES, Node
from edgebench.errors import UnknownName

Shape = tuple[int, ...]
Dims = dict[int, Shape]
"""Index of a tensor -> its shape; a tensor that is not in it has none that is known."""


@dataclass(frozen=True)
class _Inputs:
    """A face with inputs only."""

    inputs: tuple[TensorSpec, ...]


def resizable_axes(info: Face, given: Mapping[str, Shape], batch: int | None) -> Face:
    """The inputs as TFLite lets them be resized: given shapes replace the file's, a first axis of 1 takes a batch."""
    return _Inputs(tuple(_freed(spec, given.get(spec.name), batch) for spec in info.inputs))


def _freed(spec: TensorSpec, given: Shape | None, batch: int | None) -> TensorSpec:
    if not spec.dims or (given is not None and len(given) != len(spec.dims)):
        return spec
    leads = len(spec.dims) > 1 and spec.dims[0] in (1, None)
    if given is not None:
        return replace(spec, dims=(None if leads else given[0], *given[1:]))
    return replace(spec, dims=(None, *spec.dims[1:])) if leads and (batch or 1) > 1 else spec


def infer_tflite(file: TfliteFile, shapes: Mapping[str, Shape]) -> Dims:
    """The shape of every value of the main graph. Raises `UnknownName` for an input that does not exist."""
    graph = file.main
    names = [spec.name for spec in specs_of(graph, graph.inputs)]
    for name in shapes:
        if name not in names:
            raise UnknownName("input", name, names)
    wanted = {index: shapes[name] for name, index in zip(names, graph.inputs, strict=True) if name in shapes}
    own = {tensor.index: tensor.dims for tensor in graph.tensors if tensor.dims is not None}
    if all(own.get(index) == shape for index, shape in wanted.items()):
        return own
    return _propagated(file, {tensor.index: tensor.dims for tensor in graph.tensors if _fixed(tensor)} | wanted, own)


def _fixed(tensor: Tensor) -> bool:
    return (tensor.stored or tensor.variable) and tensor.dims is not None


def _propagated(file: TfliteFile, start: Mapping[int, Shape | None], own: Dims) -> Dims:
    dims: Dims = {index: shape for index, shape in start.items() if shape is not None}
    for operator in file.main.operators:
        node = Node(file, operator, dims, own)
        if all(index < 0 or dims.get(index) == own.get(index) for index in operator.inputs):
            dims.update({index: own[index] for index in operator.outputs if index in own})
            continue
        try:
            found = RULES[operator.kind](node)
        except (KeyError, IndexError, ValueError, ZeroDivisionError):
            continue
        dims.update(zip(operator.outputs, found, strict=False))
    return dims
