"""The soak: its steady segment, burst and sustained throughput, and when throttling set in (sections 3 and 6)."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from edgebench.stats.arrays import Floats, Ints
from edgebench.stats.segments import (
    MIN_SEGMENT,
    NEGLIGIBLE,
    alternates,
    change_points,
    direction,
    has_trend,
    levels_of,
    two_modes,
)

if TYPE_CHECKING:
    from edgebench.records import SteadyClass

NS = 1_000_000_000
BLOCK_NS = NS
BLOCK_ITERATIONS = 10
MIN_BLOCKS = 6
BURST_S = 10.0
THROTTLE_SHARE = 0.05
MAX_DEGREES_PER_MINUTE = 0.5
_MINUTE_NS = 60 * NS

TemperatureState = Literal["steady", "drifting", "not-assessed", "no-sensor"]


@dataclass(frozen=True)
class Temperature:
    """A sensor's series: `t_ns` (m,) on the device's monotonic clock, ascending; `degrees_c` (m,); its resolution."""

    t_ns: Ints
    degrees_c: Floats
    resolution_c: float


@dataclass(frozen=True)
class Curve:
    """The soak in blocks of max(1 s, 10 iterations); all arrays (B,).

    `first` is the index of a block's first iteration, `t_s` its start since the soak's, `fps` items/s over wall time,
    `median_ns` the median latency. A rest too short for a block belongs to the last one.
    """

    first: Ints
    t_s: Floats
    fps: Floats
    median_ns: Floats


@dataclass(frozen=True)
class Soak:
    """How a soak settled.

    `steady_from` and `warm_from` are indices of iterations: where the steady segment begins (None: there is none) and
    where the initial warm-up ends. `temperature_slope` is in degC/min over the steady segment.
    """

    kind: SteadyClass
    steady_from: int | None
    warm_from: int
    curve: Curve
    segments: tuple[int, ...]
    temperature: TemperatureState
    temperature_slope: float | None
    why: str | None = None


@dataclass(frozen=True)
class Sustained:
    """Items/s and the window that they were counted over."""

    fps: float
    window: Literal["steady", "last-third"]


def throughput(start_ns: Ints, first: int, stop: int, items: float) -> float:
    """Items/s of the iterations first..stop-1, over wall time from start to start; `items` per iteration.

    The last iteration of all has no successor: it only closes the interval. nan where fewer than two starts remain.
    """
    end = min(stop, start_ns.size - 1)
    if end <= first:
        return math.nan
    return (end - first) * items * NS / float(start_ns[end] - start_ns[first])


def curve_of(start_ns: Ints, duration_ns: Ints, items: float) -> Curve:
    """Cut a soak into blocks; `start_ns`, `duration_ns` (n,) in the order of time, `items` = batch x frames."""
    edges = _edges(start_ns)
    blocks = list(itertools.pairwise([*edges, int(start_ns.size)]))
    fps = [throughput(start_ns, a, b, items) for a, b in blocks]
    medians = [np.median(duration_ns[a:b]) for a, b in blocks]
    first = np.asarray(edges, dtype=np.int64)
    t_s = (start_ns[first] - start_ns[:1]) / NS
    return Curve(first, t_s, np.asarray(fps, dtype=np.float64), np.asarray(medians, dtype=np.float64))


def _edges(start_ns: Ints) -> list[int]:
    n = int(start_ns.size)
    edges = [0] if n else []
    while edges:
        after = int(np.searchsorted(start_ns, start_ns[edges[-1]] + BLOCK_NS))
        after = max(after, edges[-1] + BLOCK_ITERATIONS)
        # A block that would have no full successor keeps the rest.
        if n - after < BLOCK_ITERATIONS or start_ns[-1] - start_ns[after] < BLOCK_NS // 2:
            break
        edges.append(after)
    return edges


def assess_soak(start_ns: Ints, duration_ns: Ints, items: float, temperature: Temperature | None = None) -> Soak:
    """Find the steady segment of a soak: arrays (n,) of all iterations in the order of time, ns, one clock.

    The last segment must cover 30 % and 30 s (a soak under 60 s: 50 %), show no trend, and the temperature must move
    by less than 0.5 degC/min where a sensor exists and the segment is long enough to tell.
    """
    curve = curve_of(start_ns, duration_ns, items)
    found = assess_curve(curve, int(start_ns[0]), int(start_ns[-1]), temperature)
    if found.kind == "not-assessed":
        why = f"{curve.first.size} blocks of max(1 s, 10 iterations); {MIN_BLOCKS} are needed"
        return replace(found, why=why)
    found = replace(found, warm_from=int(curve.first[found.warm_from]))
    if found.steady_from is None:
        return found
    start = int(curve.first[found.steady_from])
    if found.kind != "bimodal" and two_modes(duration_ns[start:]):
        return replace(found, kind="bimodal", steady_from=start, why="single iterations have one of two speeds")
    return replace(found, steady_from=start)


def assess_curve(curve: Curve, begin_ns: int, end_ns: int, temperature: Temperature | None = None) -> Soak:
    """The same of a curve whose blocks are all that is known: `steady_from` and `warm_from` are indices of blocks.

    `median_ns` may be the blocks' means; begin and end of the soak are ns of the device's clock.
    """
    if curve.first.size < MIN_BLOCKS:
        why = f"{curve.first.size} blocks; {MIN_BLOCKS} are needed"
        return Soak("not-assessed", None, 0, curve, (), _untold(temperature), None, why)
    y = np.log(curve.median_ns)
    segments = change_points(y)
    levels = levels_of(y, segments)
    warm_from, start = int(segments[_warm_segment(levels)]), int(segments[-1])
    state, drift = _temperature_state(temperature, begin_ns + round(float(curve.t_s[start]) * NS), end_ns)
    kind, reason = _kind(curve, y, segments, (end_ns - begin_ns) / NS)
    if kind is None and state == "drifting":
        kind, reason = "never-steady", f"the temperature still moves by {drift:.2f} degC/min"
    if kind is not None:
        return Soak(kind, None, warm_from, curve, segments, state, drift, reason)
    return Soak(direction(levels), start, warm_from, curve, segments, state, drift)


def _kind(curve: Curve, y: Floats, segments: tuple[int, ...], total: float) -> tuple[SteadyClass | None, str | None]:
    """The class of a soak without a steady segment, and why; (None, None) for one that has it."""
    if alternates(curve.median_ns):
        return "bimodal", "blocks go to and fro between two speeds"
    span = total - float(curve.t_s[segments[-1]])
    needed = 0.5 * total if total < 60 else max(0.3 * total, 30.0)
    if span < needed:
        return "never-steady", f"the last change came {span:.0f} s before the end; {needed:.0f} s are needed"
    if has_trend(y[segments[-1] :]):
        return "never-steady", "latency still drifts at the end"
    return None, None


def _warm_segment(levels: Floats) -> int:
    """Index of the segment in which the device first stopped getting faster (levels: ln of latency)."""
    slower = np.flatnonzero(np.diff(levels) > -NEGLIGIBLE)
    return int(slower[0]) if slower.size else int(levels.size - 1)


def _untold(temperature: Temperature | None) -> TemperatureState:
    return "no-sensor" if temperature is None else "not-assessed"


def _temperature_state(
    temperature: Temperature | None, begin_ns: int, end_ns: int
) -> tuple[TemperatureState, float | None]:
    """Slope over [begin, end] (least squares, degC/min), told apart from 0 only in a segment that is long enough."""
    if temperature is None:
        return "no-sensor", None
    inside = (temperature.t_ns >= begin_ns) & (temperature.t_ns <= end_ns)
    needed_ns = 2 * _MINUTE_NS * temperature.resolution_c / MAX_DEGREES_PER_MINUTE
    if end_ns - begin_ns < needed_ns or np.count_nonzero(inside) < 3:
        return "not-assessed", None
    minutes = (temperature.t_ns[inside] - begin_ns) / _MINUTE_NS
    centred = minutes - minutes.mean()
    drift = float(np.dot(centred, temperature.degrees_c[inside]) / np.dot(centred, centred))
    return ("steady" if abs(drift) < MAX_DEGREES_PER_MINUTE else "drifting"), drift


def burst_fps(start_ns: Ints, soak: Soak, items: float, span_s: float = BURST_S) -> float:
    """Items/s of the first `span_s` seconds after warm-up (quick mode: 2 s); nan for a soak of one iteration."""
    first = soak.warm_from
    stop = int(np.searchsorted(start_ns, start_ns[first] + round(span_s * NS)))
    return throughput(start_ns, first, max(stop, first + 1), items)


def sustained_fps(start_ns: Ints, soak: Soak, items: float) -> Sustained:
    """Items/s over the steady segment, else over the last third of the soak's time."""
    if soak.steady_from is not None:
        return Sustained(throughput(start_ns, soak.steady_from, start_ns.size, items), "steady")
    third = start_ns[-1] - (start_ns[-1] - start_ns[0]) // 3
    first = min(int(np.searchsorted(start_ns, third)), max(0, start_ns.size - 2))
    return Sustained(throughput(start_ns, first, start_ns.size, items), "last-third")


def sustained_drop(burst: float, sustained: float) -> float:
    """1 - sustained/burst: the share of its burst throughput that a device loses."""
    return 1 - sustained / burst


def throttle_onset_s(curve: Curve) -> float | None:
    """Seconds into the soak of the first change point after which throughput stays over 5 % below its best before.

    Change points are those of ln(block FPS); None where there is no such point, or fewer than three blocks follow it.
    """
    if curve.fps.size < MIN_BLOCKS:
        return None
    y = np.log(curve.fps)
    segments = change_points(y)
    levels = levels_of(y, segments)
    limit = math.log(1 - THROTTLE_SHARE)
    for index in range(1, levels.size):
        floor = levels[:index].max() + limit
        if levels[index:].max() < floor:
            # A shortest segment may begin a block or two early: what counts is its first block that is slow itself.
            block = segments[index] + int(np.argmax(y[segments[index] :] < floor))
            return float(curve.t_s[block]) if y.size - block >= MIN_SEGMENT else None
    return None


def share_beside(wall_ns: float, busy_ns: float) -> float:
    """Share of a time that went into something else than the work in it, within 0..1; 0 of no time at all.

    >>> share_beside(10, 8), share_beside(10, 11), share_beside(0, 0)
    (0.2, 0.0, 0.0)
    """
    return min(1.0, max(0.0, (wall_ns - busy_ns) / wall_ns)) if wall_ns > 0 else 0.0
