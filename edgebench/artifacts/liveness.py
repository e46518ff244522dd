"""The memory that a graph needs at least: its weights and the most activations that live at one time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.artifacts.inference import Shape, ShapedGraph, infer, load_onnx
from edgebench.artifacts.proto import damage_is_a_model_error, dtype_name, stored_bytes, tensors

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_VIEWS = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "DequantizeLinear"})
"""Operators whose first output is their first input's memory, read otherwise."""


@dataclass(frozen=True)
class PeakEstimate:
    """Bytes of weights and of activations at the peak, and the node at which it is reached.

    `unknown`: values and control-flow nodes whose bytes cannot be told; where there are any, the rest is a lower bound.
    """

    weights: int
    activations: int
    at_node: str
    unknown: tuple[str, ...]

    @property
    def total(self) -> int:
        """Weights and activations together, in bytes."""
        return self.weights + self.activations


def estimated_peak_bytes(model: ModelProto | Path | str, shapes: Mapping[str, Shape] | None = None) -> int | None:
    """Bytes of weights + peak live activations for the given input shapes; None if some shape stays unknown."""
    estimate = estimate_peak(model, shapes)
    return None if estimate.unknown else estimate.total


def estimate_peak(model: ModelProto | Path | str, shapes: Mapping[str, Shape] | None = None) -> PeakEstimate:
    """Walk the nodes in the file's (topological) order and sum what lives while each runs.

    A value lives from the node that writes it to the last that reads it; inputs from the beginning, outputs to the
    end. Views share their input's memory; an activation that is only quantised exists only in its quantised form, as
    runtimes fuse it. Nothing else is done in place. Raises as `count` does.
    """
    proto, path = load_onnx(model)
    with damage_is_a_model_error(path.name if path else "the model"):
        shaped = infer(proto, shapes or {})
        return _estimate(shaped, _weight_bytes(proto))


def _weight_bytes(model: ModelProto) -> int:
    """Bytes of everything stored in the model, as stored (scales, shapes and indices of sparse tensors too)."""
    total = 0
    for tensor in tensors(model):
        total += stored_bytes(dtype_name(tensor.data_type), tuple(tensor.dims)) or 0
    return total


def _estimate(shaped: ShapedGraph, weight_bytes: int) -> PeakEstimate:
    buffers = _buffers(shaped)
    nodes = [node for node in shaped.model.graph.node if not _folded(node, shaped)]
    sizes, unknown = _sizes(buffers, shaped)
    unknown += [f"{node.name or node.output[0]} ({node.op_type})" for node in nodes if _has_graph(node)]
    last = _last_use(nodes, buffers, shaped)
    live = {buffers[value.name] for value in shaped.model.graph.input if value.name in buffers}
    peak, at_node = sum(sizes[buffer] for buffer in live), "the inputs"
    for index, node in enumerate(nodes):
        live |= {buffers[name] for name in node.output if name in buffers}
        now = sum(sizes[buffer] for buffer in live)
        if now > peak:
            peak, at_node = now, node.name or node.output[0]
        live = {buffer for buffer in live if last.get(buffer, -1) > index}
    return PeakEstimate(weight_bytes, peak, at_node, tuple(unknown))


def _folded(node: NodeProto, shaped: ShapedGraph) -> bool:
    return all(name in shaped.constants for name in node.output if name)


def _has_graph(node: NodeProto) -> bool:
    return any(attribute.HasField("g") for attribute in node.attribute)


def _buffers(shaped: ShapedGraph) -> dict[str, str]:
    """Value name -> the value whose bytes its buffer has; constants have none."""
    graph = shaped.model.graph
    readers: dict[str, int] = {}
    for node in graph.node:
        for name in node.input:
            readers[name] = readers.get(name, 0) + 1
    kept = {value.name for value in graph.output} | {value.name for value in graph.input}
    buffers = {value.name: value.name for value in graph.input if value.name not in shaped.constants}
    quantised = {
        node.input[0]: node.output[0]
        for node in graph.node
        if node.op_type == "QuantizeLinear" and readers[node.input[0]] == 1 and node.input[0] not in kept
    }
    for node in graph.node:
        for slot, name in enumerate(node.output):
            if not name or name in shaped.constants or name in buffers:
                continue
            if slot == 0 and node.op_type in _VIEWS and node.input[0] in buffers:
                buffers[name] = buffers[node.input[0]]
            else:
                buffers[name] = quantised.get(name, name)
    return buffers


def _sizes(buffers: Mapping[str, str], shaped: ShapedGraph) -> tuple[dict[str, int], list[str]]:
    sizes: dict[str, int] = {}
    unknown = []
    for buffer in dict.fromkeys(buffers.values()):
        dims = shaped.dims.get(buffer)
        size = None if dims is None else stored_bytes(shaped.dtypes.get(buffer, ""), dims)
        if size is None:
            unknown.append(buffer)
        sizes[buffer] = size or 0
    return sizes, unknown


def _last_use(nodes: list[NodeProto], buffers: Mapping[str, str], shaped: ShapedGraph) -> dict[str, int]:
    """Buffer -> index of the last node that reads it; one past the end for the graph's outputs."""
    last: dict[str, int] = {}
    for index, node in enumerate(nodes):
        for name in node.input:
            if name in buffers:
                last[buffers[name]] = index
    for value in shaped.model.graph.output:
        if value.name in buffers:
            last[buffers[value.name]] = len(nodes)
    return last
