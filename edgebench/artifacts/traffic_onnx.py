"""An ONNX model as the rule for layers needs it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.artifacts.costs import FUSED, PICKING, node_cost
from edgebench.artifacts.inference import ShapedGraph, infer, load_onnx
from edgebench.artifacts.proto import ITEM_BITS, damage_is_a_model_error, element_count
from edgebench.artifacts.traffic import Graph, Step, Value

if TYPE_CHECKING:
    from onnx import NodeProto

RENAMING = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Cast", "CastLike",
                      "QuantizeLinear", "DequantizeLinear"})  # fmt: skip
REAL = frozenset({"float16", "bfloat16", "float32", "float64"})


def onnx_graph(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> Graph:
    """The graph of a file for these input shapes. Raises `ModelError`, `UnknownName`."""
    model, _ = load_onnx(path)
    with damage_is_a_model_error(path.name):
        shaped = infer(model, shapes)
        nodes = [node for node in shaped.model.graph.node if not _is_folded(node, shaped)]
        stored = _unpacked(shaped)
        names = {name for node in nodes for name in (*node.input, *node.output)} - {""}
        values = {name: _value(name, shaped, stored) for name in names}
        graph = shaped.model.graph
        inputs = tuple(one.name for one in graph.input if one.name in values and not values[one.name].constant)
        steps = tuple(_step(node, shaped) for node in nodes)
        return Graph(steps, values, inputs, tuple(one.name for one in graph.output if one.name in values))


def _is_folded(node: NodeProto, shaped: ShapedGraph) -> bool:
    return all(name in shaped.constants for name in node.output if name)


def _unpacked(shaped: ShapedGraph) -> dict[str, str]:
    """Weights that the graph unpacks -> the stored tensor that they come from."""
    unpacking = (node for node in shaped.model.graph.node if node.op_type == "DequantizeLinear" and node.input)
    return {node.output[0]: node.input[0] for node in unpacking if node.input[0] in shaped.constants}


def _value(name: str, shaped: ShapedGraph, stored: Mapping[str, str]) -> Value:
    dims = shaped.dims.get(name)
    dtype = shaped.dtypes.get(name, "float32")
    bits = ITEM_BITS.get(shaped.dtypes.get(stored.get(name, name), dtype), ITEM_BITS.get(dtype, 8))
    elements = None if dims is None else element_count(dims)
    return Value(elements, bits, dtype in REAL, name in shaped.constants)


def _step(node: NodeProto, shaped: ShapedGraph) -> Step:
    name = node.name or next((output for output in node.output if output), node.op_type)
    cost = node_cost(node, shaped.dims)
    return Step(
        name=name,
        op=node.op_type,
        inputs=tuple(one for one in node.input if one),
        outputs=tuple(one for one in node.output if one),
        macs=cost.macs if cost else 0,
        flops=None if cost is None else 2 * cost.macs + cost.other,
        renames=node.op_type in RENAMING,
        joins=node.op_type in FUSED,
        picks=node.op_type in PICKING,
    )
