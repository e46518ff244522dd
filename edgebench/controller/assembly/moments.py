"""Moments at which something happened on the device, to be joined with slow iterations (measurement.md, section 2)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from edgebench.controller.assembly.board import inside, timed_windows
from edgebench.controller.events import Ints, JobEvents, Series, StepEvents

Moment = tuple[int, int, str]
"""Begin and end in ns of the device's monotonic clock, and what happened."""

CLOCK_DROP = 0.95
FOREIGN_BUSY = 0.25
PRESSURE_KIB = 65536
SWAP_KIB = 1024
ACCELERATOR_CLOCKS = (
    ("gpu", "kHz", "GPU clock drop"),
    ("emc", "kHz", "memory clock drop"),
    ("tegrastats", "GR3D.kHz", "GPU clock drop"),
    ("tegrastats", "EMC.kHz", "memory clock drop"),
)


def find_moments(job: JobEvents) -> list[Moment]:
    """All that could explain a slow iteration: clock drops, throttling, memory pressure, foreign load, faults."""
    moments: list[Moment] = []
    for name, series in job.series.items():
        if name in _FINDERS:
            moments += _FINDERS[name](series)
    moments += _accelerator_drops(job)
    for step in job.steps.values():
        moments += _block_moments(step)
    return moments


def _clock_drops(series: Series) -> list[Moment]:
    moments = []
    for column in series.columns:
        if column != "t" and not column.endswith(".max"):
            moments += _drops(*series.column(column), "clock drop")
    return moments


def _drops(t: Ints, khz: Ints, what: str) -> list[Moment]:
    if khz.size < 2:
        return []
    low = khz < CLOCK_DROP * np.median(khz)
    return [(int(t[at - 1]), int(t[at]), what) for at in range(1, t.size) if low[at]]


def _accelerator_drops(job: JobEvents) -> list[Moment]:
    """Where the GPU's or the memory's clock was under what it mostly was while something was timed.

    Between passes they rest: that is no drop.
    """
    windows, moments = timed_windows(job), []
    for source, column, what in ACCELERATOR_CLOCKS:
        series = job.series.get(source)
        if series is not None:
            t, khz = series.column(column)
            kept = inside(t, windows)
            moments += _drops(t[kept], khz[kept], what)
    return moments


Happened = Callable[[int, int], bool]
"""Whether two readings in a row, before and now, tell that something happened between them."""


def _is_set(before: int, now: int) -> bool:
    return before > 0 or now > 0


def _went_up(before: int, now: int) -> bool:
    return now > before


def _between(series: Series, column: str, happened: Happened, what: str) -> list[Moment]:
    t, values = series.column(column)
    pairs = zip(pairwise(t.tolist()), pairwise(values.tolist()), strict=True)
    return [(begin, end, what) for (begin, end), (before, now) in pairs if happened(before, now)]


def _of_all(happened: Happened, name: Callable[[str], str]) -> Callable[[Series], list[Moment]]:
    """The finder of a source whose columns all mean the same kind of thing."""
    return lambda series: [
        moment for column in series.columns[1:] for moment in _between(series, column, happened, name(column))
    ]


def _over_current(column: str) -> str:
    return "under-voltage" if column == "oc1" else f"over-current {column}"


def _firmware(series: Series) -> list[Moment]:
    """A Raspberry Pi's conditions: those of now, and bits since boot that were set meanwhile."""
    moments = []
    for column in series.columns[1:]:
        what = column.removesuffix(".since")
        name = what if what == "under-voltage" else f"throttle {what}"
        moments += _between(series, column, _is_set if what == column else _went_up, name)
    return moments


def _swaps(series: Series) -> list[Moment]:
    t, free = series.column("SwapFree")
    return [(int(t[at - 1]), int(t[at]), "swapping") for at in range(1, t.size) if free[at - 1] - free[at] > SWAP_KIB]


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


def _memory(series: Series) -> list[Moment]:
    return _pressure(series) + _swaps(series)


_FINDERS: dict[str, Callable[[Series], list[Moment]]] = {
    "cpufreq": _clock_drops,
    "throttle": _of_all(_is_set, "throttle {}".format),
    "throttle-counts": _of_all(_went_up, "throttle {}".format),
    "throttle-rpi": _firmware,
    "overcurrent": _of_all(_went_up, _over_current),
    "rail-alarms": _of_all(_is_set, "over-current {}".format),
    "load": _foreign,
    "meminfo": _memory,
}


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
