"""The shape of every value in a graph, for given input shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.artifacts.branches import is_branching, take_branches
from edgebench.artifacts.folding import fold
from edgebench.artifacts.proto import captured, dtype_name, element_count, read_model
from edgebench.artifacts.sniff import Format, sniff
from edgebench.errors import ModelError, UnknownName

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, ValueInfoProto

Shape = tuple[int, ...]
LARGEST_KEPT = 4096
"""Stored tensors of more elements hold no shape arithmetic: inference gets their dims only, not their values."""


@dataclass(frozen=True)
class ShapedGraph:
    """A model with local functions inlined (`whole`) and its known branches taken (`model`), and what is known of it.

    `dims` and `dtypes` go by value name and lack what could not be inferred; `constants` are the values that do not
    depend on the input's contents: stored tensors, shapes, and what is computed from those alone.
    """

    whole: ModelProto
    model: ModelProto
    dims: Mapping[str, Shape]
    dtypes: Mapping[str, str]
    constants: frozenset[str]


def load_onnx(model: ModelProto | Path | str) -> tuple[ModelProto, Path | None]:
    """The parsed model (without external data) and its path, None if it was in memory already.

    Raises ModelError if the file is damaged or is not ONNX.
    """
    if not isinstance(model, (str, Path)):
        return model, None
    path = Path(model)
    found = sniff(path)
    if found is not Format.ONNX:
        raise ModelError(
            f"{path.name} is {found}: only ONNX files can be counted", hint="inspect the ONNX it came from"
        )
    return read_model(path), path


def infer(model: ModelProto, shapes: Mapping[str, Shape]) -> ShapedGraph:
    """Infer all shapes with the inputs set to `shapes` (input name -> dims; others keep the file's).

    Raises UnknownName for an input that does not exist, ModelError if onnx cannot work on the graph at all. Values
    that stay unknown are left out.
    """
    from onnx import inliner

    stored = {tensor.name for tensor in model.graph.initializer}
    known = [value.name for value in model.graph.input if value.name not in stored]
    for name in shapes:
        if name not in known:
            raise UnknownName("input", name, known)
    try:
        whole = inliner.inline_local_functions(model) if model.functions else model
        flat, inferred = whole, _inferred(whole, shapes)
        while (taken := take_branches(flat, _conditions(flat, inferred))) is not None:
            flat, inferred = taken, _inferred(taken, shapes)
    except Exception as error:  # onnx raises errors of its own for graphs it refuses
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"shapes cannot be inferred: {reason}", hint="check it with onnx.checker.check_model"
        ) from error
    return _collect(whole, flat, inferred.graph)


def _inferred(model: ModelProto, shapes: Mapping[str, Shape]) -> ModelProto:
    """A skeleton of the model with all shapes that onnx and our folding find, what was folded being initializers."""
    from onnx import shape_inference

    skeleton = _skeleton(model, shapes)
    inferred = shape_inference.infer_shapes(skeleton, data_prop=True)
    while not _settled(skeleton, inferred.graph) and fold(skeleton, _known(inferred.graph)):
        inferred = shape_inference.infer_shapes(skeleton, data_prop=True)
    return inferred


def _conditions(model: ModelProto, inferred: ModelProto) -> dict[str, bool]:
    """The conditions of the model's `If` nodes that are known, and what they are."""
    from onnx import numpy_helper

    wanted = {node.input[0] for node in model.graph.node if is_branching(node)}
    found = {
        tensor.name: numpy_helper.to_array(tensor) for tensor in inferred.graph.initializer if tensor.name in wanted
    }
    return {name: bool(value.item()) for name, value in found.items() if value.size == 1}


def _skeleton(model: ModelProto, shapes: Mapping[str, Shape]) -> ModelProto:
    """A copy for inference: input shapes set, large and sparse stored tensors turned into inputs of their dims.

    onnx infers nothing from sparse ones, though runtimes read them as dense.
    """
    import onnx

    copy = onnx.ModelProto(ir_version=max(model.ir_version, 4), opset_import=model.opset_import)
    graph, source = copy.graph, model.graph
    graph.name = source.name
    graph.node.extend(source.node)
    stored = {tensor.name for tensor in source.initializer}
    graph.input.extend(value for value in source.input if value.name not in stored)
    graph.output.extend(source.output)
    for tensor in source.initializer:
        if element_count(tuple(tensor.dims)) > LARGEST_KEPT or tensor.data_location == tensor.EXTERNAL:
            info = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            graph.input.append(info)
        else:
            graph.initializer.append(tensor)
    for sparse in source.sparse_initializer:
        values = sparse.values
        graph.input.append(onnx.helper.make_tensor_value_info(values.name, values.data_type, list(sparse.dims)))
    changed = [_set_shape(value, shapes[value.name]) for value in graph.input if value.name in shapes]
    if any(changed):
        for value in graph.output:
            value.type.tensor_type.ClearField("shape")
    else:
        graph.value_info.extend(source.value_info)
    return copy


def _set_shape(value: ValueInfoProto, shape: Shape) -> bool:
    """Write a shape into an input; whether that changed it."""
    if _known_dims(value) == shape:
        return False
    value.type.tensor_type.ClearField("shape")
    for size in shape:
        value.type.tensor_type.shape.dim.add().dim_value = size
    return True


def _known_dims(value: ValueInfoProto) -> Shape | None:
    tensor = value.type.tensor_type
    if value.type.WhichOneof("value") != "tensor_type" or not tensor.HasField("shape"):
        return None
    known = all(dim.HasField("dim_value") and dim.dim_value >= 0 for dim in tensor.shape.dim)
    return tuple(dim.dim_value for dim in tensor.shape.dim) if known else None


def _known(graph: GraphProto) -> dict[str, Shape]:
    """Every shape that an inferred graph knows: of its inputs, inner values, outputs and stored tensors."""
    values = (*graph.value_info, *graph.output, *graph.input)
    known = {value.name: _known_dims(value) for value in values}
    known |= {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    return {name: dims for name, dims in known.items() if dims is not None}


def _settled(skeleton: ModelProto, graph: GraphProto) -> bool:
    """Whether every value has a known shape and there is no branch to choose, so that nothing is left to fold for."""
    known = _known(graph)
    return not any(is_branching(node) for node in skeleton.graph.node) and all(
        name in known for node in skeleton.graph.node for name in node.output if name
    )


def _collect(whole: ModelProto, model: ModelProto, graph: GraphProto) -> ShapedGraph:
    dims = _known(graph)
    dtypes = {tensor.name: dtype_name(tensor.data_type) for tensor in graph.initializer}
    for value in (*graph.value_info, *graph.output, *graph.input):
        if value.type.tensor_type.elem_type:
            dtypes[value.name] = dtype_name(value.type.tensor_type.elem_type)
    for tensor in model.graph.initializer:
        dims[tensor.name] = tuple(tensor.dims)
        dtypes[tensor.name] = dtype_name(tensor.data_type)
    return ShapedGraph(whole, model, dims, dtypes, _constants(model.graph))


def _constants(graph: GraphProto) -> frozenset[str]:
    """Stored tensors, results of Constant, Shape and Size, and what nodes compute from such values alone."""
    found: set[str] = {tensor.name for tensor in graph.initializer} | {
        tensor.values.name for tensor in graph.sparse_initializer
    }
    for node in graph.node:
        read = {name for name in node.input if name} | captured(node)
        if node.op_type in ("Constant", "Shape", "Size") or (read and read <= found):
            found.update(name for name in node.output if name)
    return frozenset(found)
