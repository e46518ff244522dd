"""Energy in a window of a power trace, by kind of source (measurement, section 7)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgebench.stats.arrays import Floats, Ints
from edgebench.stats.distributions import student_t

NS = 1_000_000_000
MIN_SAMPLES = 20
MIN_BLOCKS = 10
BLOCK_S = 2.0
BLOCK_SAMPLES = 10
_CORRELATED = 0.2

SourceKind = Literal["instantaneous", "windowed", "accumulating"]


@dataclass(frozen=True)
class Trace:
    """Readings of one source: `t_ns` (m,) ascending on the device's monotonic clock, `values` (m,).

    Values are watts at that instant, watts averaged over the `window_ns` before it ("windowed"), or a counter of
    joules ("accumulating"), which starts again at 0 beyond `counter_range_joules` where given. `rate_hz` is the
    sensor's own rate: reading it more often gives no more samples.
    """

    kind: SourceKind
    t_ns: Ints
    values: Floats
    window_ns: int = 0
    counter_range_joules: float | None = None
    rate_hz: float | None = None


@dataclass(frozen=True)
class WindowEnergy:
    """Energy and mean power of one window.

    `watts` and `joules` are None together, with `why`; `lo_watts`, `hi_watts` (95 %) and `u_stat_watts` (standard
    error of the mean power) are None together, with `interval_why`. `samples` are the sensor's, inside the window.
    """

    seconds: float
    samples: int
    joules: float | None = None
    watts: float | None = None
    lo_watts: float | None = None
    hi_watts: float | None = None
    u_stat_watts: float | None = None
    blocks: int = 0
    why: str | None = None
    interval_why: str | None = None


def measure_window(trace: Trace, t0_ns: int, t1_ns: int) -> WindowEnergy:
    """Energy of a trace between two instants of the same clock.

    A value needs 20 samples in the window and readings on both sides of it; an interval also ten blocks of at least
    2 s and (on average) ten samples. Raises ValueError for an empty window or arrays of different lengths.
    """
    if t1_ns <= t0_ns or trace.t_ns.size != trace.values.size:
        raise ValueError("a window needs a positive length and one value per time")
    seconds = (t1_ns - t0_ns) / NS
    t_ns = trace.t_ns - trace.window_ns // 2 if trace.kind == "windowed" else trace.t_ns
    samples = int(np.count_nonzero((t_ns >= t0_ns) & (t_ns <= t1_ns)))
    if trace.rate_hz is not None:
        samples = min(samples, round(seconds * trace.rate_hz))
    if samples < MIN_SAMPLES:
        return WindowEnergy(seconds, samples, why=f"{samples} sensor samples in the window; {MIN_SAMPLES} are needed")
    if t_ns[0] > t0_ns or t_ns[-1] < t1_ns:
        return WindowEnergy(seconds, samples, why="the samples do not cover the whole window")
    relative_s = (t_ns - t0_ns) / NS
    if trace.kind == "accumulating":
        counter = _unwrapped(trace.values, trace.counter_range_joules)
        if counter is None:
            return WindowEnergy(seconds, samples, why="the energy counter went backwards")
    else:
        counter = _cumulative_joules(relative_s, trace.values)
    blocks = min(int(seconds / BLOCK_S), samples // BLOCK_SAMPLES)
    edges = np.linspace(0.0, seconds, max(blocks, 1) + 1)
    slope = trace.values if trace.kind != "accumulating" else None
    energy = np.diff(_counter_at(edges, relative_s, counter, slope))
    return _with_interval(energy, seconds, samples, blocks, _least_error(trace, t_ns, t0_ns, t1_ns))


def _least_error(trace: Trace, t_ns: Ints, t0_ns: int, t1_ns: int) -> float:
    """Standard error (W) that a sensor with a rate of its own has at least: that of as many independent looks.

    It looks at regular times, not at drawn ones: a load nearly in step with them seems steadier than it is.
    """
    if trace.kind != "instantaneous" or trace.rate_hz is None:
        return 0.0
    inside = trace.values[(t_ns >= t0_ns) & (t_ns <= t1_ns)]
    looks = min(inside.size, round((t1_ns - t0_ns) / NS * trace.rate_hz))
    return float(inside.std(ddof=1)) / math.sqrt(looks)


def _cumulative_joules(t_s: Floats, watts: Floats) -> Floats:
    """Energy since the first sample at every sample, by the trapezoidal rule."""
    return np.concatenate([[0.0], np.cumsum(np.diff(t_s) * (watts[1:] + watts[:-1]) / 2)])


def _unwrapped(joules: Floats, counter_range: float | None) -> Floats | None:
    steps = np.diff(joules)
    if (steps < 0).any():
        if counter_range is None:
            return None
        steps = np.where(steps < 0, steps + counter_range, steps)
    return np.concatenate([[0.0], np.cumsum(steps)])


def _counter_at(edges: Floats, t_s: Floats, counter: Floats, watts: Floats | None) -> Floats:
    """Energy at `edges` between samples: linear for a counter; quadratic where `watts` are linear between samples."""
    if watts is None:
        return np.interp(edges, t_s, counter)
    left = np.clip(np.searchsorted(t_s, edges, side="right") - 1, 0, t_s.size - 1)
    power = (watts[left] + np.interp(edges, t_s, watts)) / 2
    return np.asarray(counter[left] + (edges - t_s[left]) * power, dtype=np.float64)


def _with_interval(energy: Floats, seconds: float, samples: int, blocks: int, least_watts: float) -> WindowEnergy:
    joules = float(energy.sum())
    watts = joules / seconds
    if blocks < MIN_BLOCKS:
        why = f"{seconds:.0f} s with {samples} samples; an interval needs {MIN_BLOCKS} blocks of 2 s and 10 samples"
        return WindowEnergy(seconds, samples, joules, watts, blocks=blocks, interval_why=why)
    per_block = energy * blocks / seconds
    u_stat = float(per_block.std(ddof=1)) / math.sqrt(blocks) * math.sqrt(_inflation(per_block))
    u_stat = max(u_stat, least_watts)
    half = student_t(0.975, blocks - 1) * u_stat
    return WindowEnergy(seconds, samples, joules, watts, watts - half, watts + half, u_stat, blocks)


def _inflation(per_block: Floats) -> float:
    """Variance inflation (1+r)/(1-r) of a mean of blocks whose lag-1 autocorrelation r exceeds .2."""
    centred = per_block - per_block.mean()
    power = float(np.dot(centred, centred))
    r = float(np.dot(centred[1:], centred[:-1])) / power if power > 0 else 0.0
    return (1 + r) / (1 - r) if r > _CORRELATED else 1.0
