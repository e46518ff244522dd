"""A model under a board's roofs (`roofline` of `edgebench.inspect/1`) as a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edgebench.report.history_view import plain_table
from edgebench.units import bytes_text, count_text

if TYPE_CHECKING:
    from rich.table import Table

Document = Mapping[str, Any]


def board_lines(found: Document) -> list[tuple[str, str]]:
    """Name and text of what the roofs are of."""
    of = f" ({found['profile']})" if found["profile"] and found["profile"] != found["device"] else ""
    simulated = ", simulated" if found["simulated"] else ""
    lines = [("roofline", f"{found['device']}{of}{simulated}: {found['title']}")]
    clocks = [(found["clock_mhz"], found["unit"].upper()), (found["memory_mhz"], "memory")]
    known = ", ".join(f"{what} {mhz:.0f} MHz" for mhz, what in clocks if mhz is not None)
    mode = f", power mode {found['power_mode']}" if found["power_mode"] else ""
    return [*lines, ("clocks", f"{known or 'not told'}{mode} ({found['clocks']})")]


def precisions_table(found: Document) -> Table:
    """One row a precision: roofs, ridge, where the model stands, the least times."""
    table = plain_table(
        ("precision", "left"),
        ("GFLOP/s", "right"),
        ("GB/s", "right"),
        ("ridge", "right"),
        ("FLOP/byte", "right"),
        ("bound by", "left"),
        ("at least ms", "right"),
        ("layer by layer ms", "right"),
        ("roof", "left"),
    )
    for row in found["precisions"]:
        table.add_row(*_precision(row))
    return table


def _precision(row: Document) -> list[str]:
    if row["gops"] is None:
        return [row["precision"], *["-"] * 7, "unsupported"]
    roof = "measured" if row["measured"] else f"declared ({row['confidence'] or 'confidence unknown'})"
    return [
        row["precision"],
        f"{row['gops']:.0f}",
        f"{row['gbs']:.1f}",
        f"{row['ridge']:.1f}",
        _ratio(row["intensity"]),
        row["side"],
        f"{row['bound_ms']:.3g}",
        f"{row['layers_ms']:.3g}",
        roof,
    ]


def layers_table(found: Document, top: int) -> Table | None:
    """The `top` layers that take longest at best, each with its side of the ridge; None for no layer."""
    from rich.markup import escape

    chosen = sorted(found["layers"], key=lambda row: -row["bound_ms"])[:top]
    if not chosen:
        return None
    total = sum(row["bound_ms"] for row in found["layers"])
    table = plain_table(
        (f"layer in {found['precision']}", "left"),
        ("operators", "left"),
        ("FLOPs", "right"),
        ("bytes", "right"),
        ("FLOP/byte", "right"),
        ("bound by", "left"),
        ("at least ms", "right"),
        ("share", "right"),
    )
    for row in chosen:
        ops = "+".join([row["op"], *row["fused"][:3]]) + ("+..." if len(row["fused"]) > 3 else "")
        share = f"{row['bound_ms'] / total:.1%}" if total else ""
        numbers = [count_text(row["flops"]), bytes_text(round(row["bytes"])), _ratio(row["intensity"])]
        table.add_row(escape(row["name"]), escape(ops), *numbers, row["side"], f"{row['bound_ms']:.3g}", share)
    return table


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def note_lines(found: Document) -> list[str]:
    """What to know when reading it: what is unsupported, which roofs were measured, where the figures come from."""
    missing = [f"{row['precision']}: {row['why']}" for row in found["precisions"] if row["why"]]
    notes = list(found["notes"])
    untold = [line for line in missing if not any(note.startswith(line) for note in notes)]
    sources = dict.fromkeys(row["source"] for row in found["precisions"] if row["source"])
    return [*untold, *notes, *(f"roofs: {source}" for source in sources)]
