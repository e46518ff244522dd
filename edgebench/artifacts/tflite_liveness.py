"""The memory that a TFLite graph needs at least: its weights and the most activations that live at one time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgebench.artifacts.liveness import PeakEstimate
from edgebench.artifacts.tflite_counting import node_name
from edgebench.artifacts.tflite_file import Graph, TfliteFile, element_count, read_tflite_file, stored_size
from edgebench.artifacts.tflite_shapes import Dims, infer_tflite

Shape = tuple[int, ...]
_VIEWS = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS"})
"""Operators whose output is their first input's memory, read otherwise."""


def estimate_tflite_peak(path: Path | str, shapes: Mapping[str, Shape] | None = None) -> PeakEstimate:
    """Walk the operators in the file's order and sum what lives while each runs, as `estimate_peak` does.

    Inputs and outputs and variables live throughout: TFLite keeps inputs, and outputs are read afterwards. Weights that
    the file unpacks (fp16 -> fp32) are counted twice: TFLite keeps both. Raises `ModelError`, `UnknownName`.
    """
    return estimate_file(read_tflite_file(path), shapes or {})


def estimate_file(file: TfliteFile, shapes: Mapping[str, Shape]) -> PeakEstimate:
    """The estimate of a parsed file; see `estimate_tflite_peak`."""
    graph = file.main
    buffers = _buffers(graph)
    sizes, unknown = _sizes(graph, buffers, infer_tflite(file, shapes))
    last = _last_use(graph, buffers)
    live = {buffers[index] for index in graph.inputs if index in buffers}
    live |= {buffers[one.index] for one in graph.tensors if one.variable and one.index in buffers}
    peak, at_node = sum(sizes[buffer] for buffer in live), "the inputs"
    now = peak
    for operator in graph.operators:
        born = {buffers[index] for index in operator.outputs if index in buffers} - live
        live |= born
        now += sum(sizes[buffer] for buffer in born)
        if now > peak:
            peak, at_node = now, node_name(graph, operator)
        for buffer in {buffers[index] for index in (*operator.inputs, *operator.outputs) if index in buffers}:
            if buffer in live and last.get(buffer, operator.index) <= operator.index:
                live.remove(buffer)
                now -= sizes[buffer]
    weights = sum(len(file.content(tensor)) for one in file.graphs for tensor in one.tensors if tensor.stored)
    return PeakEstimate(weights, peak, at_node, tuple(unknown))


def _buffers(graph: Graph) -> dict[int, int]:
    """Tensor -> the tensor whose memory it uses; stored ones have none."""
    used = {index for one in graph.operators for index in (*one.inputs, *one.outputs)} | {*graph.inputs, *graph.outputs}
    buffers = {index: index for index in used if index >= 0 and not graph.tensors[index].stored}
    for operator in graph.operators:
        if operator.kind in _VIEWS and operator.inputs and operator.inputs[0] in buffers and operator.outputs:
            buffers[operator.outputs[0]] = buffers[operator.inputs[0]]
    return buffers


def _sizes(graph: Graph, buffers: Mapping[int, int], dims: Dims) -> tuple[dict[int, int], list[str]]:
    sizes: dict[int, int] = {}
    unknown = []
    for buffer in dict.fromkeys(buffers.values()):
        tensor = graph.tensors[buffer]
        size = stored_size(tensor.dtype, element_count(dims[buffer])) if buffer in dims else None
        if size is None:
            unknown.append(tensor.name or f"tensor {buffer}")
        sizes[buffer] = size or 0
    return sizes, unknown


def _last_use(graph: Graph, buffers: Mapping[int, int]) -> dict[int, int]:
    """Buffer -> index of the last operator that reads it; past the end for what is kept."""
    last: dict[int, int] = {}
    for operator in graph.operators:
        for index in operator.inputs:
            if index in buffers:
                last[buffers[index]] = operator.index
    kept = [*graph.inputs, *graph.outputs, *(one.index for one in graph.tensors if one.variable)]
    for index in kept:
        if index in buffers:
            last[buffers[index]] = len(graph.operators)
    return last
