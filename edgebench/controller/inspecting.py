"""What a model file holds and needs, as one document: read and counted on the host, never run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from edgebench.artifacts import (
    Artifact,
    Counts,
    Format,
    ModelInfo,
    PeakEstimate,
    ShapeError,
    count,
    estimate_peak,
    load_artifact,
    read_onnx,
    resolve_shapes,
)
from edgebench.backends.base import DeviceRuntime, get_backend
from edgebench.controller.stamps import onnx_stamp
from edgebench.controller.traps import Trap, find_traps
from edgebench.errors import ModelError, RowFailure, UsageError

INSPECT_SCHEMA = "edgebench.inspect/1"
RUNTIMES = (
    ("1.10.0", (3, 6), "JetPack 4"),
    ("1.19.2", (3, 8), "JetPack 5"),
    ("1.23.0", (3, 10), "JetPack 6"),
)
"""The newest ONNX Runtime for each JetPack's Python."""

Given = Mapping[str, tuple[int, ...]]


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the document."""


class Tensor(_Part, frozen=True, kw_only=True):
    """An input or output; a dim is a size, a symbol, or null; no dims where the rank is unknown."""

    name: str
    dtype: str
    dims: list[int | str | None] | None


class Cost(_Part, frozen=True, kw_only=True):
    """What one node costs, or all nodes of an operator; null where shapes are not known."""

    name: str
    op: str
    nodes: int = 1
    macs: int | None = None
    flops: int | None = None
    activations: int | None = None


class Peak(_Part, frozen=True, kw_only=True):
    """Bytes of weights and of activations at the peak, and the node that reaches it."""

    weights: int
    activations: int
    at_node: str


class Pair(_Part, frozen=True, kw_only=True):
    """An output that looks like the next value of an input."""

    input: str
    output: str


class RuntimeCheck(_Part, frozen=True, kw_only=True):
    """Whether a release loads the file, by its stamps."""

    name: str
    found_in: str
    loads: bool
    why: str | None = None
    hint: str | None = None


class Graph(_Part, frozen=True, kw_only=True):
    """What is known of an ONNX file. `macs`, `flops`, `activations` and `peak` are for `shapes`, one inference.

    They are null with `why` while an axis is unset (`missing_shapes` is what to give), and lower bounds where
    `uncounted` names nodes.
    """

    producer: str
    ir_version: int
    opsets: dict[str, int]
    unused_opsets: list[str]
    inputs: list[Tensor]
    outputs: list[Tensor]
    precision: dict[str, str]
    shapes: dict[str, list[int]]
    missing_shapes: str | None = None
    why: str | None = None
    params: int | None = None
    params_nonzero: int | None = None
    convs: int | None = None
    macs: int | None = None
    flops: int | None = None
    activations: int | None = None
    peak: Peak | None = None
    ops: list[Cost] = []
    nodes: list[Cost] = []
    uncounted: list[str] = []
    state_pairs: list[Pair] = []
    runtimes: list[RuntimeCheck] = []


class Inspection(_Part, frozen=True, kw_only=True):
    """`edgebench.inspect/1`: the file, and its graph where the format can be read."""

    schema: Literal["edgebench.inspect/1"] = INSPECT_SCHEMA  # type: ignore[assignment]
    path: str
    format: str
    sha256: str
    bytes: int
    files: list[str]
    graph: Graph | None = None
    notes: list[Trap] = []


def inspect_model(path: Path, given: Given) -> Inspection:
    """Examine a model file; `given`: input name -> dims.

    Raises `ModelError` for what is no model or is damaged (the hint says how to export one), `UsageError` for
    shapes that the model does not take.
    """
    artifact = load_artifact(path)
    graph = _graph(path, given) if artifact.format is Format.ONNX else None
    if graph is None and given:
        raise UsageError(f"{path.name} is {artifact.format}: --shape is for ONNX files")
    return Inspection(
        path=str(path),
        format=str(artifact.format),
        sha256=artifact.sha256,
        bytes=artifact.bytes,
        files=[file.name for file in artifact.files],
        graph=graph,
        notes=_notes(path, artifact, graph),
    )


def _notes(path: Path, artifact: Artifact, graph: Graph | None) -> list[Trap]:
    if graph is None:
        hint = "inspect the ONNX file that it was made from"
        return [Trap(code="not-read", text=f"inside of a {artifact.format} file nothing is read", hint=hint)]
    return find_traps(read_onnx(path), onnx_stamp(path), graph.params, graph.params_nonzero, len(artifact.files))


def _graph(path: Path, given: Given) -> Graph:
    info = read_onnx(path)
    shapes, missing, why = _shapes(info, given)
    counts, peak = None, None
    try:
        counts = count(path, shapes)
        peak = estimate_peak(path, shapes)
    except ModelError as error:
        why = error.message
    known = counts if why is None else None
    return Graph(
        producer=info.producer,
        ir_version=info.ir_version,
        opsets={domain or "ai.onnx": version for domain, version in info.opsets.items()},
        unused_opsets=[domain or "ai.onnx" for domain in info.unused_opsets],
        inputs=[Tensor(name=s.name, dtype=s.dtype, dims=None if s.dims is None else list(s.dims)) for s in info.inputs],
        outputs=[
            Tensor(name=s.name, dtype=s.dtype, dims=None if s.dims is None else list(s.dims)) for s in info.outputs
        ],
        precision=_precision(info),
        shapes={name: list(dims) for name, dims in shapes.items()},
        missing_shapes=missing,
        why=why,
        params=counts.params if counts else None,
        params_nonzero=counts.params_nonzero if counts else None,
        convs=counts.convs if counts else None,
        macs=known.macs if known else None,
        flops=known.flops if known else None,
        activations=known.activations if known else None,
        peak=_peak(peak) if why is None else None,
        ops=_ops(info, known),
        nodes=_nodes(known),
        uncounted=list(known.uncounted) if known else [],
        state_pairs=[Pair(input=pair.input, output=pair.output) for pair in info.state_pairs],
        runtimes=[_check(path, *runtime) for runtime in RUNTIMES],
    )


def _shapes(info: ModelInfo, given: Given) -> tuple[dict[str, tuple[int, ...]], str | None, str | None]:
    """All inputs' shapes; where axes are unset and nothing was given: none, the options to give, and why."""
    try:
        return resolve_shapes(info, given), None, None
    except ShapeError as error:
        if given:
            raise
        return {}, error.hint, error.message


def _precision(info: ModelInfo) -> dict[str, str]:
    found = info.precision
    parts = {"weights": found.weights, "activations": found.activations, "io": found.io, "compute": found.compute}
    return parts | {"scheme": found.scheme}


def _peak(found: PeakEstimate | None) -> Peak | None:
    if found is None or found.unknown:
        return None
    return Peak(weights=found.weights, activations=found.activations, at_node=found.at_node)


def _ops(info: ModelInfo, counts: Counts | None) -> list[Cost]:
    """Every operator of the file, most expensive first; costs where shapes are known."""
    costs = {row.op: row for row in counts.per_op} if counts else {}
    rows = []
    for op, nodes in info.ops.items():
        cost = costs.get(op)
        rows.append(
            Cost(
                name=op,
                op=op,
                nodes=nodes,
                macs=cost.macs if cost else None,
                flops=cost.flops if cost else None,
                activations=cost.activations if cost else None,
            )
        )
    return sorted(rows, key=lambda row: (-(row.flops or 0), -row.nodes, row.op))


def _nodes(counts: Counts | None) -> list[Cost]:
    """Every node that costs something, most expensive first."""
    found = [node for node in counts.nodes if node.flops] if counts else []
    return [
        Cost(name=node.name, op=node.op, macs=node.macs, flops=node.flops, activations=node.activations)
        for node in sorted(found, key=lambda node: -node.flops)
    ]


def _check(path: Path, version: str, python: tuple[int, ...], found_in: str) -> RuntimeCheck:
    name = f"ONNX Runtime {version.rpartition('.')[0]}"
    where = f"{found_in} (Python {'.'.join(map(str, python))})"
    try:
        get_backend("onnxruntime").preflight(onnx_stamp(path), DeviceRuntime(version, None, python), {})
    except RowFailure as failure:
        return RuntimeCheck(name=name, found_in=where, loads=False, why=failure.message, hint=failure.hint)
    return RuntimeCheck(name=name, found_in=where, loads=True)
