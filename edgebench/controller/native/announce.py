"""Sources and their readings as events, as the Python agent's sampler would send them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgebench.agent.protocol import pack_ints
from edgebench.controller.events import MISSING

Event = dict[str, Any]
Rows = Sequence[tuple[int, Sequence[int]]]
"""(ns of the device's clock, one integer a column)."""


def source_event(name: str, kind: str | None, scope: str | None, unit: str | None, columns: Sequence[str]) -> Event:
    """A working source's announcement, as the Python agent's probes make it."""
    return {
        "ev": "source", "name": name, "kind": kind, "scope": scope, "unit": unit, "columns": list(columns),
        "missing": MISSING, "window_s": None, "resolution_w": None, "max_hz": None, "wrap": None, "total": None,
        "total_why": None, "state": "ok", "why": None,
    }  # fmt: skip


def reading_event(name: str, columns: Sequence[str], rows: Rows) -> list[Event]:
    """Rows of (ns, one integer a column) as one event, none without rows."""
    if not rows:
        return []
    packed = [pack_ints([t_ns for t_ns, _ in rows])]
    packed += [pack_ints([values[at] for _, values in rows]) for at in range(len(columns))]
    return [{"ev": "reading", "source": name, "columns": ["t", *columns], "rows": len(rows), "packed": packed}]
