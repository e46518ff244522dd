"""What a board's own sensors tell of a run's conditions: supply, over-current, clocks that were not kept, swap.

They are looked at in the timed windows alone: what a board did while an engine was built or between passes slowed
nothing that was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgebench.controller.assembly.aggregates import chunks_of
from edgebench.controller.events import Ints, JobEvents, Series
from edgebench.records import Warn

Window = tuple[int, int]

TIMED = ("invocation", "soak", "paced")
FIVE_VOLTS_MV = (4500, 5500)
LEAST_5V_MV = 4750
"""5 V less 5 %, what a USB port must give at least; a Nano on a weak supply was seen to sag to 4.5 V before it went
off (jetson_stats, issue 131)."""
SAG = 0.90
CLOCK_KEPT = 0.95
BUSY_PERMILLE = 900
SWAP_KIB = 16 * 1024
UNDER_VOLTAGE = {"oc1": "the board's under-voltage event", "under-voltage": "the firmware's under-voltage warning"}
"""oc1 of soctherm_oc on Orin and Thor; bits 0 and 16 of a Raspberry Pi's get_throttled."""


def timed_windows(job: JobEvents) -> list[Window]:
    """Begin and end (ns) of what was timed: of each step's inferences, or of its tool's processes."""
    windows = []
    for pass_ in TIMED:
        for step in job.of_pass(pass_):
            starts, chunks, phase = step.start_ns, chunks_of(step), step.window(pass_)
            if starts.size:
                windows.append((int(starts[0]), int(starts[-1] + step.duration_ns[-1])))
            elif chunks:
                windows.append((chunks[0].begin, chunks[-1].end))
            elif phase is not None:
                windows.append(phase)
    return windows


def overlaps(begin: int, end: int, windows: Sequence[Window]) -> bool:
    """Whether a span touches any window; where no window is known every span counts."""
    return not windows or any(begin <= last and first <= end for first, last in windows)


def inside(t: Ints, windows: Sequence[Window]) -> np.ndarray:
    """Which times lie in a window, shape (n,) bool; all where no window is known."""
    if not windows:
        return np.ones(t.size, bool)
    kept: np.ndarray = np.any([(t >= first) & (t <= last) for first, last in windows], axis=0)
    return kept


def event_counts(job: JobEvents) -> dict[str, int]:
    """How often each counter of over-current went up while something was timed."""
    series, windows = _series(job, "overcurrent"), timed_windows(job)
    return {name: grown for name in _columns(series) if (grown := _grown(series, name, windows))}


def _grown(series: Series, name: str, windows: Sequence[Window]) -> int:
    """What a counter since boot grew by, between readings that touch a window."""
    t, count = series.column(name)
    steps = zip(t[:-1].tolist(), t[1:].tolist(), np.diff(count).tolist(), strict=True)
    return sum(int(step) for begin, end, step in steps if step > 0 and overlaps(begin, end, windows))


def over_current(job: JobEvents) -> str:
    """Which limits of current were exceeded, "" where none was; under-voltage is another matter."""
    counted = [f"{name} {n} times" for name, n in event_counts(job).items() if name not in UNDER_VOLTAGE]
    series, windows = _series(job, "rail-alarms"), timed_windows(job)
    for name in _columns(series):
        t, state = series.column(name)
        if (state[inside(t, windows)] > 0).any():
            counted.append(f"alarm of {name}")
    return f"over-current: {', '.join(counted)}" if counted else ""


def supply_v(job: JobEvents) -> dict[str, list[float]]:
    """First, least, greatest and last voltage of every input rail over the run."""
    series = _series(job, "supply")
    found = {}
    for name in _columns(series):
        _, mv = series.column(name)
        if mv.size:
            found[name] = [float(v) / 1000 for v in (mv[0], mv.min(), mv.max(), mv[-1])]
    return found


def brown_out(job: JobEvents) -> str:
    """How the supply gave way, "" where it held: a voltage under its limit, or the board's own warning."""
    told = []
    series, windows = _series(job, "supply"), timed_windows(job)
    for name in _columns(series):
        t, mv = series.column(name)
        limit, seen = _least_mv(mv), mv[inside(t, windows)]
        if seen.size and seen.min() < limit:
            told.append(f"{name} fell to {seen.min() / 1000:.2f} V (limit {limit / 1000:.2f} V)")
    told += [UNDER_VOLTAGE[name] for name in event_counts(job) if name in UNDER_VOLTAGE]
    if _firmware_saw(job, "under-voltage"):
        told.append(UNDER_VOLTAGE["under-voltage"])
    return ", ".join(told)


def _least_mv(mv: Ints) -> float:
    if not mv.size:
        return 0.0
    usual = float(np.median(mv))
    return LEAST_5V_MV if FIVE_VOLTS_MV[0] <= usual <= FIVE_VOLTS_MV[1] else SAG * usual


def _firmware_saw(job: JobEvents, condition: str) -> bool:
    """Whether a Raspberry Pi's firmware had the condition while something was timed, or newly since the run began."""
    series, windows = _series(job, "throttle-rpi"), timed_windows(job)
    t, now = series.column(condition)
    return bool((now[inside(t, windows)] > 0).any()) or _grown(series, f"{condition}.since", windows) > 0


def lost_clock(job: JobEvents) -> str:
    """Which locked clock was not kept while something was timed, "" where all were (or none was locked)."""
    windows = timed_windows(job)
    told = []
    gpu = _series(job, "gpu")
    if _locked(gpu):
        told.append(_below("GPU", gpu, "kHz", "max.kHz", windows))
    cpu = _series(job, "cpufreq")
    # a PC's greatest clock is one that it reaches now and then; a board's is one that it was told to keep
    if (job.facts.get("power_mode") or _is_board(job)) and _performance(job.prepared.get("pins") or {}):
        told += [_below(name, cpu, name, f"{name}.max", windows) for name in _columns(cpu) if "." not in name]
    return ", ".join(text for text in told if text)


def clock_warnings(job: JobEvents) -> list[Warn]:
    """A GPU that was busy all the while and yet mostly below the clock that it may have: nobody locked it, so it is no
    broken pin, but the next run may find it elsewhere."""
    gpu, windows = _series(job, "gpu"), timed_windows(job)
    t, load = gpu.column("load.permille")
    busy = load[inside(t, windows)]
    text = _below("GPU", gpu, "kHz", "max.kHz", windows)
    if _locked(gpu) or not text or not busy.size or np.median(busy) < BUSY_PERMILLE:
        return []
    hint = "lock the clocks with --prepare clocks=max; look at the power mode, the supply and the temperature"
    return [Warn(code="clock-below", text=f"{text}, though busy {np.median(busy) / 10:.0f} % of the time", hint=hint)]


def _locked(gpu: Series) -> bool:
    """Whether the GPU may run at one clock only."""
    most, least = gpu.column("max.kHz")[1], gpu.column("min.kHz")[1]
    return bool(most.size and least.size and np.median(most) == np.median(least))


def _is_board(job: JobEvents) -> bool:
    return bool((job.facts.get("board") or {}).get("l4t"))


def _performance(pins: Mapping[str, object]) -> bool:
    governors = pins.get("governor") or pins.get("governors")
    values = set(governors.values()) if isinstance(governors, Mapping) else {governors}
    return values == {"performance"}


def _below(what: str, series: Series, now: str, most: str, windows: Sequence[Window]) -> str:
    """ "GPU at 612 of 921 MHz" where half of the readings in the windows are below what was asked for."""
    t, khz = series.column(now)
    asked = series.column(most)[1]
    seen = khz[inside(t, windows)]
    if not seen.size or not asked.size or np.median(seen) >= CLOCK_KEPT * np.median(asked):
        return ""
    return f"{what} at {np.median(seen) / 1000:.0f} of {np.median(asked) / 1000:.0f} MHz"


def swapped_mib(job: JobEvents) -> float | None:
    """By how much the machine's swap was fuller at most than at the beginning, MiB; None where that was not seen."""
    return _swap_growth(job, [])


def _swap_growth(job: JobEvents, windows: Sequence[Window]) -> float | None:
    """MiB from the last reading before the first window to the end of the last one; of the whole run without any."""
    t, free = _series(job, "meminfo").column("SwapFree")
    if windows and free.size:
        before = int(np.searchsorted(t, min(first for first, _ in windows), "right")) - 1
        free = free[max(before, 0) : int(np.searchsorted(t, max(last for _, last in windows), "right"))]
    return float(free[0] - free.min()) / 1024 if free.size else None


def swapping(job: JobEvents) -> str:
    """How far the machine swapped while something was timed, "" where it hardly did; a builder that swaps slows no run.

    zram is swap that takes CPU time and memory.
    """
    grown = _swap_growth(job, timed_windows(job))
    if grown is None or grown * 1024 < SWAP_KIB:
        return ""
    compressed = " (compressed in memory: zram)" if _series(job, "zram").column("held")[1].size else ""
    return f"swap grew by {grown:.0f} MiB{compressed}"


def _series(job: JobEvents, name: str) -> Series:
    """The readings of a source, empty where there is none."""
    return job.series.get(name) or Series({"name": name})


def _columns(series: Series) -> list[str]:
    return [name for name in series.columns if name != "t"]
