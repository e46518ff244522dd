"""Parameters, MACs, FLOPs, activations and convolutions of an ONNX model, as the measurement page defines them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.artifacts.artifact import external_files
from edgebench.artifacts.costs import CONVOLUTIONS, node_cost
from edgebench.artifacts.inference import Shape, ShapedGraph, infer, load_onnx
from edgebench.artifacts.proto import damage_is_a_model_error, element_count
from edgebench.artifacts.weights import nonzero, weights

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto


@dataclass(frozen=True)
class NodeCount:
    """One node of the graph; `macs`, `flops` and `activations` are for one inference.

    `name` is the node's, or its first output's where it has none. `activations`: output elements of a convolution.
    """

    name: str
    op: str
    macs: int
    flops: int
    activations: int


@dataclass(frozen=True)
class OpCount:
    """All nodes of one operator together."""

    op: str
    nodes: int
    macs: int
    flops: int
    activations: int


@dataclass(frozen=True)
class Counts:
    """What `count` found.

    `params`: stored weights, zeros included, by the rule of the weights module; `params_nonzero`: those that are not
    zero; `flops` = 2 x `macs` + the operations besides them; `activations`: elements of all outputs of convolutions;
    `size_bytes`: the file and its external data. `uncounted`: nodes ("name (Op)") without a rule or with an unknown
    shape: where there are any, `macs`, `flops` and `activations` are lower bounds.
    """

    params: int
    params_nonzero: int
    macs: int
    flops: int
    activations: int
    convs: int
    size_bytes: int
    nodes: tuple[NodeCount, ...]
    uncounted: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether every node was counted."""
        return not self.uncounted

    @property
    def per_op(self) -> tuple[OpCount, ...]:
        """The counted nodes by operator, most FLOPs first."""
        rows = []
        for op in sorted({node.op for node in self.nodes}):
            mine = [node for node in self.nodes if node.op == op]
            sums = (sum(n.macs for n in mine), sum(n.flops for n in mine), sum(n.activations for n in mine))
            rows.append(OpCount(op, len(mine), *sums))
        return tuple(sorted(rows, key=lambda row: (-row.flops, row.op)))


def count(model: ModelProto | Path | str, shapes: Mapping[str, Shape] | None = None) -> Counts:
    """Count a model, given as a file or in memory, for the given input shapes (name -> dims; others as in the file).

    What does not depend on the input (folded when the model is loaded) costs nothing. Raises ModelError if the model
    is damaged, is not ONNX or lacks its external data; UnknownName for an input that does not exist.
    """
    proto, path = load_onnx(model)
    with damage_is_a_model_error(path.name if path else "the model"):
        base = str(path.parent) if path else ""
        size = proto.ByteSize() if path is None else _file_bytes(proto, path)
        shaped = infer(proto, shapes or {})
        counted, uncounted = _nodes(shaped)
        stored = weights(shaped.whole)
        return Counts(
            params=sum(weight.elements for weight in stored),
            params_nonzero=sum(nonzero(weight, base) for weight in stored),
            macs=sum(node.macs for node in counted),
            flops=sum(node.flops for node in counted),
            activations=sum(node.activations for node in counted),
            convs=sum(node.op_type in CONVOLUTIONS for node in shaped.model.graph.node),
            size_bytes=size,
            nodes=tuple(counted),
            uncounted=tuple(uncounted),
        )


def _file_bytes(model: ModelProto, path: Path) -> int:
    names = [path.name, *external_files(model, path.parent)]
    return sum((path.parent / name).stat().st_size for name in names)


def _nodes(shaped: ShapedGraph) -> tuple[list[NodeCount], list[str]]:
    counted, uncounted = [], []
    for node in shaped.model.graph.node:
        name = node.name or next((output for output in node.output if output), node.op_type)
        outputs = [output for output in node.output if output]
        if outputs and all(output in shaped.constants for output in outputs):
            counted.append(NodeCount(name, node.op_type, 0, 0, 0))
            continue
        cost = node_cost(node, shaped.dims)
        if cost is None:
            uncounted.append(f"{name} ({node.op_type})")
            continue
        flops = 2 * cost.macs + cost.other
        counted.append(NodeCount(name, node.op_type, cost.macs, flops, _activations(node, shaped.dims)))
    return counted, uncounted


def _activations(node: NodeProto, dims: Mapping[str, Shape]) -> int:
    return element_count(dims[node.output[0]]) if node.op_type in CONVOLUTIONS else 0
