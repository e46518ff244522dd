"""Parameters, MACs, FLOPs, activations and convolutions of a TFLite model, as the measurement page defines them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgebench.artifacts.counting import Counts, NodeCount
from edgebench.artifacts.tflite_costs import CONVOLUTIONS, operator_cost
from edgebench.artifacts.tflite_file import Graph, Operator, TfliteFile, element_count, read_tflite_file
from edgebench.artifacts.tflite_shapes import Dims, infer_tflite
from edgebench.artifacts.tflite_weights import nonzero, weight_tensors

Shape = tuple[int, ...]


def count_tflite(path: Path | str, shapes: Mapping[str, Shape] | None = None) -> Counts:
    """Count a `.tflite` file for the given input shapes (name -> dims; others as in the file).

    The main graph is counted; control flow, and operators without a rule, are named in `uncounted`. What unpacks
    weights (DEQUANTIZE, DENSIFY of something stored) costs nothing. Raises `ModelError`, `UnknownName`.
    """
    return count_file(read_tflite_file(path), shapes or {})


def count_file(file: TfliteFile, shapes: Mapping[str, Shape]) -> Counts:
    """The counts of a parsed file; see `count_tflite`."""
    dims = infer_tflite(file, shapes)
    counted, uncounted = _nodes(file.main, dims)
    stored = weight_tensors(file)
    return Counts(
        params=sum(elements for _, elements in stored),
        params_nonzero=sum(nonzero(file, tensor) for tensor, _ in stored),
        macs=sum(node.macs for node in counted),
        flops=sum(node.flops for node in counted),
        activations=sum(node.activations for node in counted),
        convs=sum(operator.kind in CONVOLUTIONS for operator in file.main.operators),
        size_bytes=file.size,
        nodes=tuple(counted),
        uncounted=tuple(uncounted),
    )


def node_name(graph: Graph, operator: Operator) -> str:
    """What an operator is called: by its first output, as TFLite gives operators no names."""
    named = [graph.tensors[index].name for index in operator.outputs if index >= 0]
    return next((name for name in named if name), f"{operator.kind} {operator.index}")


def _nodes(graph: Graph, dims: Dims) -> tuple[list[NodeCount], list[str]]:
    counted, uncounted = [], []
    for operator in graph.operators:
        name = node_name(graph, operator)
        cost = operator_cost(operator, dims)
        if cost is None:
            uncounted.append(f"{name} ({operator.kind})")
            continue
        activations = element_count(dims[operator.outputs[0]]) if operator.kind in CONVOLUTIONS else 0
        counted.append(NodeCount(name, operator.kind, cost.macs, 2 * cost.macs + cost.other, activations))
    return counted, uncounted
