"""Where a model stands under a board's roofs: bound by memory or by arithmetic, layer by layer, and how fast at best.

A layer of F operations that moves B bytes takes at least max(F / peak, B / bandwidth) seconds (Williams, Waterman,
Patterson, CACM 52, 2009); its intensity is F / B, and above the ridge peak / bandwidth arithmetic is the limit. The
whole takes at least max(all F / peak, compulsory bytes / bandwidth), whatever a runtime fuses or a cache keeps; the sum
over layers is what a runtime that fuses nothing across layers can reach. Operations are those of the definition (see
`artifacts/costs.py`): an algorithm that saves multiplications, as Winograd's for 3x3 convolutions, can beat the
arithmetic side of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from edgebench.artifacts.traffic import Layer, Traffic, moved, read_traffic
from edgebench.controller.calibrations import Calibration
from edgebench.controller.roofs import BITS, Roof, Roofs, roofs_of
from edgebench.errors import UnknownName
from edgebench.profiles import Profile

GIGA = 1e9


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the document."""


class PrecisionBound(_Part, frozen=True, kw_only=True):
    """One precision on one board: peak (10^9 operations/s), bandwidth (10^9 bytes/s), ridge (operations/byte).

    `side`: "memory" or "compute", of the whole by its intensity; `bound_ms`: as fast as these operations can be done;
    `layers_ms`: the sum of the layers' bounds. All null with `why` where the board does not compute in it.
    """

    precision: str
    gops: float | None = None
    gbs: float | None = None
    ridge: float | None = None
    intensity: float | None = None
    side: str | None = None
    bound_ms: float | None = None
    layers_ms: float | None = None
    measured: bool = False
    source: str | None = None
    confidence: str | None = None
    why: str | None = None


class LayerBound(_Part, frozen=True, kw_only=True):
    """One layer: what it computes and moves at the chosen precision, its side of the ridge, and its least time."""

    name: str
    op: str
    fused: list[str]
    flops: int
    bytes: float
    intensity: float | None
    side: str
    bound_ms: float


class Roofline(_Part, frozen=True, kw_only=True):
    """The model under the roofs of `device`; `precision` is that of `layers`, which are in the order of the graph.

    `live`: whether the device itself was asked for its clocks. `complete` false: some operators or sizes are unknown,
    so that bounds are lower still.
    """

    device: str
    profile: str | None
    unit: str
    title: str
    live: bool
    simulated: bool = False
    clock_mhz: float | None
    memory_mhz: float | None
    clocks: str
    power_mode: str | None = None
    precisions: list[PrecisionBound]
    precision: str
    complete: bool
    layers: list[LayerBound]
    notes: list[str] = []


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """Which board a roofline is for, and what is known of it; `facts` None: it was not asked."""

    name: str
    profile: Profile | None = None
    facts: Mapping[str, Any] | None = None
    calibration: Calibration | None = None
    simulated: bool = False
    notes: tuple[str, ...] = ()


def roofline(path: Path, shapes: Mapping[str, tuple[int, ...]], own: str, board: Board, asked: str | None) -> Roofline:
    """The roofline of a model with all shapes known. `own`: the precision that the file computes in.

    `asked`: the precision of the layers' table; by default the model's own, or the board's widest where it has no such.
    Raises `UnknownName` for a precision without a roof, `UsageError` where nothing is known of the board, `ModelError`.
    """
    roofs = roofs_of(board.name, board.profile, board.calibration, board.facts)
    traffic = read_traffic(path, shapes)
    chosen = _chosen(roofs, own, asked)
    mode = (board.facts or {}).get("power_mode")
    return Roofline(
        device=board.name,
        profile=board.profile.name if board.profile else None,
        unit=roofs.unit,
        title=roofs.title,
        live=board.facts is not None,
        simulated=board.simulated,
        clock_mhz=roofs.clock_mhz,
        memory_mhz=roofs.memory_mhz,
        clocks=roofs.clocks,
        power_mode=str(mode["name"]) if isinstance(mode, Mapping) and mode.get("name") else None,
        precisions=[*(_whole(traffic, roof) for roof in roofs.roofs), *_without(roofs)],
        precision=chosen.precision,
        complete=traffic.complete,
        layers=[layer_bound(layer, chosen) for layer in traffic.layers if layer.flops or layer.bytes_at(32)],
        notes=[*board.notes, *_left_out(board, roofs), *_notes(roofs, traffic, own, chosen)],
    )


def _chosen(roofs: Roofs, own: str, asked: str | None) -> Roof:
    known = {roof.precision: roof for roof in roofs.roofs}
    if asked is not None and asked not in known:
        raise UnknownName("precision", asked, known, hint=roofs.without.get(asked))
    return known[asked] if asked is not None else known.get(own, roofs.roofs[0])


def _whole(traffic: Traffic, roof: Roof) -> PrecisionBound:
    bits = BITS[roof.precision]
    layers = [layer_bound(layer, roof) for layer in traffic.layers]
    total = sum(layer.bytes for layer in layers)
    intensity = traffic.flops / total if total else None
    return PrecisionBound(
        precision=roof.precision,
        gops=roof.gops,
        gbs=roof.gbs,
        ridge=roof.ridge,
        intensity=intensity,
        side=_side(intensity, roof),
        bound_ms=least_ms(traffic.flops, moved(traffic.compulsory, bits), roof),
        layers_ms=sum(layer.bound_ms for layer in layers),
        measured=roof.measured,
        source=roof.source,
        confidence=roof.confidence,
    )


def _without(roofs: Roofs) -> list[PrecisionBound]:
    wanted = ("fp32", "fp16", "int8")
    return [PrecisionBound(precision=one, why=why) for one, why in roofs.without.items() if one in wanted]


def layer_bound(layer: Layer, roof: Roof) -> LayerBound:
    """One layer under one roof."""
    size = layer.bytes_at(BITS[roof.precision])
    intensity = layer.flops / size if size else None
    return LayerBound(
        name=layer.name,
        op=layer.op,
        fused=list(layer.fused),
        flops=layer.flops,
        bytes=size,
        intensity=intensity,
        side=_side(intensity, roof),
        bound_ms=least_ms(layer.flops, size, roof),
    )


def least_ms(flops: float, size: float, roof: Roof) -> float:
    """The time that neither arithmetic nor memory can undercut: max(flops / peak, bytes / bandwidth), in ms."""
    return max(flops / (roof.gops * GIGA), size / (roof.gbs * GIGA)) * 1000


def _side(intensity: float | None, roof: Roof) -> str:
    return "compute" if intensity is None or intensity >= roof.ridge else "memory"


def _left_out(board: Board, roofs: Roofs) -> list[str]:
    """A calibration of another unit than the one whose roofs these are."""
    found = board.calibration
    if found is None or any(roof.measured for roof in roofs.roofs):
        return []
    cure = f"; `edgebench devices calibrate {board.name} --accelerator cuda` measures it" if roofs.unit == "gpu" else ""
    return [f"it was calibrated on {found.accelerator}, which says nothing of its {roofs.unit.upper()}{cure}"]


def _notes(roofs: Roofs, traffic: Traffic, own: str, chosen: Roof) -> list[str]:
    found = []
    if own in roofs.without:
        found.append(f"{own}: {roofs.without[own]}; the layers are shown in {chosen.precision}")
    elif own != chosen.precision:
        found.append(f"the model computes in {own}; the layers are shown in {chosen.precision}")
    if chosen.precision == "fp32" and any(roof.precision == "tf32" for roof in roofs.roofs):
        found.append("TensorRT computes fp32 as tf32 here unless it is told not to: then the tf32 row is the bound")
    if any("Conv" in layer.op.title() and layer_bound(layer, chosen).side == "compute" for layer in traffic.layers):
        found.append("algorithms that save multiplications (Winograd, 3x3) can beat the bound of a convolution")
    if not traffic.complete:
        found.append("some operators or sizes are unknown: the true bounds are higher")
    if any(roof.measured for roof in roofs.roofs):
        found.append("a measured roof is what a runtime reached, not what the silicon could: no strict bound")
    return found
