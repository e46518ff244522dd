"""What a model file holds and needs, as one document: read and counted on the host, never run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from edgebench.artifacts import (
    Artifact,
    Counts,
    Format,
    ModelInfo,
    PeakEstimate,
    ShapeError,
    TensorSpec,
    load_artifact,
    read_onnx,
    resolve_shapes,
)
from edgebench.artifacts.lint import LINTED, Finding, lint
from edgebench.artifacts.reading import READERS, Info, read_info
from edgebench.artifacts.shapes import Face
from edgebench.artifacts.tflite_model import TfliteInfo
from edgebench.controller.loading import RuntimeCheck, check_runtimes
from edgebench.controller.roofline import Board, Roofline, roofline
from edgebench.controller.stamps import onnx_stamp
from edgebench.controller.traps import Trap, find_traps, onnx_traps
from edgebench.errors import ModelError, UnknownName, UsageError

INSPECT_SCHEMA = "edgebench.inspect/1"
Given = Mapping[str, tuple[int, ...]]


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the document."""


class Tensor(_Part, frozen=True, kw_only=True):
    """An input or output; a dim is a size, a symbol, or null; no dims where the rank is unknown.

    Of a quantised one real = `scale` x (stored - `zero_point`).
    """

    name: str
    dtype: str
    dims: list[int | str | None] | None
    scale: float | None = None
    zero_point: int | None = None


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


class Lint(_Part, frozen=True, kw_only=True):
    """What some accelerators are known to refuse or run badly: operators (kind -> how many), the first ones' names."""

    code: str
    accelerators: list[str]
    ops: dict[str, int]
    at: list[str]
    text: str
    rewrite: str
    source: str


class Graph(_Part, frozen=True, kw_only=True):
    """What is known of the inside of a file. `macs`, `flops`, `activations` and `peak`: for `shapes`, one inference.

    They are null with `why` while an axis is unset (`missing_shapes` is what to give), and lower bounds where
    `uncounted` names nodes. `ir_version` and opsets are an ONNX file's; `versions` a TFLite file's, the newest version
    of each builtin operator that is used.
    """

    producer: str
    ir_version: int | None = None
    opsets: dict[str, int] = {}
    unused_opsets: list[str] = []
    versions: dict[str, int] = {}
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
    lint: list[Lint] = []


class Inspection(_Part, frozen=True, kw_only=True):
    """`edgebench.inspect/1`: the file, its graph where the format can be read, its roofline where a board was named."""

    schema: Literal["edgebench.inspect/1"] = INSPECT_SCHEMA  # type: ignore[assignment]
    path: str
    format: str
    sha256: str
    bytes: int
    files: list[str]
    graph: Graph | None = None
    notes: list[Trap] = []
    roofline: Roofline | None = None


def inspect_model(
    path: Path,
    given: Given,
    accelerator: str | None = None,
    board: Board | None = None,
    precision: str | None = None,
) -> Inspection:
    """Examine a model file; `given`: input name -> dims; `accelerator`: whose lint (None: what any has trouble with).

    `board`: whose roofline; `precision`: in which its layers are shown (None: the model's own).
    Raises `ModelError` for what is no model or is damaged (the hint says how to export one), `UsageError` for
    shapes that the model does not take, and for an accelerator that nothing is known of.
    """
    artifact = load_artifact(path)
    if accelerator is not None and accelerator not in LINTED:
        raise UnknownName("accelerator", accelerator, LINTED)
    graph = _graph(path, artifact.format, given, accelerator) if artifact.format in READERS else None
    if graph is None and given:
        raise UsageError(f"{path.name} is {artifact.format}: --shape is for ONNX and TFLite files")
    return Inspection(
        path=str(path),
        format=str(artifact.format),
        sha256=artifact.sha256,
        bytes=artifact.bytes,
        files=[file.name for file in artifact.files],
        graph=graph,
        notes=_notes(path, artifact, graph),
        roofline=_roofline(path, graph, board, precision) if board else None,
    )


def _roofline(path: Path, graph: Graph | None, board: Board, precision: str | None) -> Roofline:
    """Raises `UsageError` where the model's operations cannot be counted at all."""
    if graph is None:
        hint = "inspect the ONNX file that it was made from"
        raise UsageError("no roofline without counts: inside of such a file nothing is read", hint=hint)
    if graph.why is not None:
        missing = graph.missing_shapes
        raise UsageError(f"no roofline without counts: {graph.why}", hint=f"give {missing}" if missing else None)
    shapes = {name: tuple(dims) for name, dims in graph.shapes.items()}
    own = graph.precision["compute"]
    return roofline(path, shapes, own, board, precision)


def _notes(path: Path, artifact: Artifact, graph: Graph | None) -> list[Trap]:
    if graph is None:
        hint = "inspect the ONNX file that it was made from"
        return [Trap(code="not-read", text=f"inside of a {artifact.format} file nothing is read", hint=hint)]
    common = find_traps(read_info(path), graph.params, graph.params_nonzero, len(artifact.files))
    return [*onnx_traps(read_onnx(path), onnx_stamp(path)), *common] if artifact.format is Format.ONNX else common


def _graph(path: Path, found: Format, given: Given, accelerator: str | None) -> Graph:
    reader = READERS[found]
    info = reader.read(path)
    shapes, missing, why = _shapes(reader.axes(info, given, None), given)
    counts, peak = None, None
    try:
        counts = reader.count(path, shapes)
        peak = reader.peak(path, shapes)
    except ModelError as error:
        why = error.message
    known = counts if why is None else None
    return Graph(
        producer=info.producer,
        **_of_format(info),
        inputs=[_tensor(spec) for spec in info.inputs],
        outputs=[_tensor(spec) for spec in info.outputs],
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
        runtimes=check_runtimes(path, found),
        lint=[_lint(finding) for finding in lint(path, shapes, accelerator)],
    )


def _of_format(info: Info) -> dict[str, Any]:
    """What only one format has."""
    if isinstance(info, ModelInfo):
        return {
            "ir_version": info.ir_version,
            "opsets": {domain or "ai.onnx": version for domain, version in info.opsets.items()},
            "unused_opsets": [domain or "ai.onnx" for domain in info.unused_opsets],
        }
    return {"versions": dict(info.versions)} if isinstance(info, TfliteInfo) else {}


def _tensor(spec: TensorSpec) -> Tensor:
    scale, zero_point = spec.scale or (None, None)
    dims = None if spec.dims is None else list(spec.dims)
    return Tensor(name=spec.name, dtype=spec.dtype, dims=dims, scale=scale, zero_point=zero_point)


def _lint(found: Finding) -> Lint:
    return Lint(
        code=found.code,
        accelerators=list(found.accelerators),
        ops=dict(found.ops),
        at=list(found.at),
        text=found.text,
        rewrite=found.rewrite,
        source=found.source,
    )


def _shapes(info: Face, given: Given) -> tuple[dict[str, tuple[int, ...]], str | None, str | None]:
    """All inputs' shapes; where axes are unset and nothing was given: none, the options to give, and why."""
    try:
        return resolve_shapes(info, given), None, None
    except ShapeError as error:
        if given:
            raise
        return {}, error.hint, error.message


def _precision(info: Info) -> dict[str, str]:
    found = info.precision
    parts = {"weights": found.weights, "activations": found.activations, "io": found.io, "compute": found.compute}
    return parts | {"scheme": found.scheme}


def _peak(found: PeakEstimate | None) -> Peak | None:
    if found is None or found.unknown:
        return None
    return Peak(weights=found.weights, activations=found.activations, at_node=found.at_node)


def _ops(info: Info, counts: Counts | None) -> list[Cost]:
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
