"""readings.txt of the sh agent, taken apart: `<centiseconds> <source> <value>...` or `... | <line>`.

It comes from a device: what is no such line, or goes back in time, is counted and left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from edgebench.phones.numbers import integer

NS_PER_CS = 10_000_000
STAMP_S = 0.01
"""Step of /proc/uptime, which the shell stamps: its times lie up to that long before what they are of."""
ONE_SIDED = math.sqrt(3)
"""Ages lie between 0 and the longest: their root mean square is that much less."""
MAX_CS = 10**11
"""Thirty years: later is garbage, and would not fit 64 bits as ns."""


@dataclass
class RawReadings:
    """By source: `rows` of (ns, words) and `blocks` of (ns, whole lines); `damaged` lines were left out."""

    rows: dict[str, list[tuple[int, list[str]]]] = field(default_factory=dict)
    blocks: dict[str, list[tuple[int, list[str]]]] = field(default_factory=dict)
    damaged: int = 0


def take_apart(lines: Iterable[str]) -> RawReadings:
    """Sort the lines by source; times are ns of the device's uptime clock, in steps of 10 ms."""
    found = RawReadings()
    latest: dict[str, int] = {}
    for line in lines:
        if not line.strip():
            continue
        stamp, _, rest = line.partition(" ")
        name, _, values = rest.partition(" ")
        t_cs = integer(stamp)
        if t_cs is None or not name or not 0 <= t_cs < MAX_CS or t_cs < latest.get(name, 0):
            found.damaged += 1
            continue
        latest[name] = t_cs
        if values == "|" or values.startswith("| "):
            _add_line(found.blocks.setdefault(name, []), t_cs * NS_PER_CS, values[2:])
        else:
            found.rows.setdefault(name, []).append((t_cs * NS_PER_CS, values.split()))
    return found


def _add_line(blocks: list[tuple[int, list[str]]], t_ns: int, line: str) -> None:
    """Add to the block of that moment, or begin it."""
    if not blocks or blocks[-1][0] != t_ns:
        blocks.append((t_ns, []))
    blocks[-1][1].append(line)
