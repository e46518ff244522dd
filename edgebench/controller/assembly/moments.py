"""Moments at which something happened on the device, to be joined with slow iterations (measurement.md, section 2)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from edgebench.controller.events import JobEvents, Series, StepEvents

Moment = tuple[int, int, str]
"""Begin and end in ns of the device's monotonic clock, and what happened."""

CLOCK_DROP = 0.95
FOREIGN_BUSY = 0.25
PRESSURE_KIB = 65536


def find_moments(job: JobEvents) -> list[Moment]:
    """All that could explain a slow iteration: clock drops, throttling, memory pressure, foreign load, faults."""
    moments: list[Moment] = []
    for name, series in job.series.items():
        if name == "cpufreq":
            moments += _clock_drops(series)
        elif name in ("throttle", "throttle-counts", "overcurrent"):
            moments += _throttles(series, counter=name != "throttle")
        elif name == "load":
            moments += _foreign(series)
        elif name == "meminfo":
            moments += _pressure(series)
    for step in job.steps.values():
        moments += _block_moments(step)
    return moments


def _clock_drops(series: Series) -> list[Moment]:
    moments = []
    for column in series.columns:
        if column == "t" or column.endswith(".max"):
            continue
        t, khz = series.column(column)
        if khz.size > 1:
            low = khz < CLOCK_DROP * np.median(khz)
            moments += [(int(t[at - 1]), int(t[at]), "clock drop") for at in range(1, t.size) if low[at]]
    return moments


def _throttles(series: Series, *, counter: bool) -> list[Moment]:
    moments = []
    for column in series.columns[1:]:
        t, state = series.column(column)
        for at, (before, now) in enumerate(pairwise(state.tolist())):
            if (now > before) if counter else (before > 0 or now > 0):
                moments.append((int(t[at]), int(t[at + 1]), f"throttle {column}"))
    return moments


def _foreign(series: Series) -> list[Moment]:
    shares = foreign_shares(series)
    return [(begin, end, "foreign load") for begin, end, share in shares if share > FOREIGN_BUSY]


def foreign_shares(series: Series) -> list[tuple[int, int, float]]:
    """Share of all CPU time that neither was idle nor the job's, between consecutive readings: (begin, end, share)."""
    t, busy = series.column("busy")
    _, total = series.column("total")
    own_t, own = series.column("own")
    if not (t.size == total.size == own.size == own_t.size):
        return []
    found = []
    for at in range(1, t.size):
        whole = int(total[at] - total[at - 1])
        if whole > 0:
            foreign = int(busy[at] - busy[at - 1]) - int(own[at] - own[at - 1])
            found.append((int(t[at - 1]), int(t[at]), max(0.0, foreign / whole)))
    return found


def _pressure(series: Series) -> list[Moment]:
    name = "MemAvailable" if "MemAvailable" in series.columns else ""
    t, kib = series.column(name)
    return [(int(t[at - 1]), int(t[at]), "memory pressure") for at in range(1, t.size) if kib[at] < PRESSURE_KIB]


def _block_moments(step: StepEvents) -> list[Moment]:
    moments = []
    for block in step.blocks:
        begin, end = block.get("t0"), block.get("t1")
        if not isinstance(begin, int) or not isinstance(end, int):
            continue
        if block.get("major_faults"):
            moments.append((begin, end, "page faults from disk"))
        if int(block.get("involuntary") or 0) > 2 * max(1, int(block.get("n") or 1)):
            moments.append((begin, end, "context switches"))
    return moments
