"""A phone's power of its rails' counters: the `power:...` source and its looks.

What the shell stamps is when it began to look. Where the chip's driver tells when it latched its counters, that is the
time of a look: neither the driver's cache nor a sampler that had to wait for its turn on a busy phone then counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgebench.controller.events import MISSING
from edgebench.controller.native.announce import Event, Rows, reading_event, source_event
from edgebench.controller.native.lines import ONE_SIDED, STAMP_S, RawReadings
from edgebench.phones.rails import parse_energy_time, parse_energy_value, parse_meter_line

NS = 1_000_000_000
NS_PER_MS = 1_000_000
CACHE_S = 0.05
"""Age that the driver lets its counters have (gs201 odpm.c), where it does not tell it."""
SAME_LOOK_NS = 100_000_000
"""Two files are read right after each other; looks further apart were not of the same round of the sampler."""
OWN_TIME_OFF_NS = 3 * NS
"""A latched time further from the sampler's is of another clock: at its slowest rate the driver caches 2.6 s."""
EDGE_SHARE = math.sqrt(1 / 30)
"""A load that begins a share x into the time between two looks seems to miss x (1 - x) of it: the root mean square."""
EDGE_LOOKS = 1
"""Looks at either end of an idle that may be of the load beside it: files are read, and counters put in step, within
the time from one look to the next."""

Look = tuple[int, dict[str, int]]
"""(ns, {rail: uJ})"""


def rail_events(raw: RawReadings, name: str, chosen: Mapping[str, Any]) -> list[Event]:
    """The source and its readings in uJ, which charging does not touch; empty where there are not even two looks."""
    looks, age_s = _looks(raw, name, int(chosen.get("files") or 0))
    columns = [str(column) for column in chosen.get("columns") or ()]
    rows: Rows = [(t_ns, [energies.get(column, MISSING) for column in columns]) for t_ns, energies in looks]
    if len(rows) < 2:
        return []
    seconds = (rows[-1][0] - rows[0][0]) / NS
    rate = (len(rows) - 1) / seconds if seconds > 0 else None
    source = source_event(name, "accumulating", "rails", "uJ", columns)
    source |= {
        "total": list(chosen.get("total") or ()) or None,
        "total_why": None if chosen.get("total") else "no profile says which rails add up",
        "rate_hz": rate,
        "clock_s": math.hypot(STAMP_S / ONE_SIDED, age_s / ONE_SIDED, EDGE_SHARE / rate if rate else 0.0),
        "edge_looks": EDGE_LOOKS,
    }
    return [source, *reading_event(name, columns, rows)]


def _looks(raw: RawReadings, name: str, files: int) -> tuple[list[Look], float]:
    """The looks, and how old (s) the counters may be at their times."""
    if name == "power:powerstats":
        return [(t_ns, _metered(lines)) for t_ns, lines in raw.blocks.get(name, ())], CACHE_S
    texts = [[(t_ns, "\n".join(lines)) for t_ns, lines in raw.blocks.get(f"{name}{at}", ())] for at in range(files)]
    own = [latched(file) for file in texts]
    if texts and all(own):
        return in_step(own), 0.0
    stamped = [[(t_ns, parse_energy_value(text)) for t_ns, text in file] for file in texts]
    return _same_round(stamped), CACHE_S


def _metered(lines: Sequence[str]) -> dict[str, int]:
    rows = [parse_meter_line(line) for line in lines]
    return {row[0].name: row[1] for row in rows if row}


def latched(file: Sequence[tuple[int, str]]) -> list[Look]:
    """Looks of an `energy_value` file at the times that it tells itself, each once; empty where it mostly tells none.

    `file` has (ns of the sampler's stamp, text). What was shown again from the cache is no second look.
    """
    looks: list[Look] = []
    told = 0
    for stamp_ns, text in file:
        own_ms = parse_energy_time(text)
        if own_ms is None or abs(own_ms * NS_PER_MS - stamp_ns) > OWN_TIME_OFF_NS:
            continue
        told += 1
        if not looks or own_ms * NS_PER_MS > looks[-1][0]:
            looks.append((own_ms * NS_PER_MS, parse_energy_value(text)))
    return looks if 2 * told > len(file) else []


def in_step(files: Sequence[Sequence[Look]]) -> list[Look]:
    """The first file's looks with what the others had counted by then, a straight line between their own looks."""
    first, *others = files
    merged = [(t_ns, dict(energies)) for t_ns, energies in first]
    at_ns = np.asarray([t_ns for t_ns, _ in first], np.int64)
    for other in others:
        for rail in sorted({rail for _, energies in other for rail in energies}):
            pairs = [(t_ns, energies[rail]) for t_ns, energies in other if rail in energies]
            times, counts = (np.asarray(part, np.int64) for part in zip(*pairs, strict=True))
            values = np.interp(at_ns - times[0], times - times[0], counts)
            for index in np.flatnonzero(_near(at_ns, times)):
                merged[index][1][rail] = round(float(values[index]))
    return merged


def _near(at_ns: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Which moments lie between two looks, one of them of the same round."""
    right = np.clip(np.searchsorted(times, at_ns), 0, times.size - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.minimum(abs(times[right] - at_ns), abs(times[left] - at_ns))
    between = (at_ns >= times[0]) & (at_ns <= times[-1])
    return np.asarray(between & (nearest <= SAME_LOOK_NS), bool)


def _same_round(files: Sequence[Sequence[Look]]) -> list[Look]:
    """The first file's looks with what the others said right after: the same round of the sampler read them."""
    if not files:
        return []
    merged = [(t_ns, dict(energies)) for t_ns, energies in files[0]]
    for other in files[1:]:
        at = 0
        for t_ns, energies in merged:
            while at < len(other) and other[at][0] < t_ns:
                at += 1
            if at < len(other) and other[at][0] - t_ns <= SAME_LOOK_NS:
                energies |= other[at][1]
    return merged
