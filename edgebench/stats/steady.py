"""Steady state within one invocation, and of a run (measurement, section 3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgebench.stats.arrays import Floats, Ints
from edgebench.stats.segments import alternates, change_points, direction, has_trend, levels_of, two_modes

if TYPE_CHECKING:
    from edgebench.records import SteadyClass

MIN_BLOCKS = 10
MAX_BLOCKS = 40
MIN_PER_BLOCK = 3
_GOOD_PER_BLOCK = 20
_STEADY_SHARE = 0.3
_WORST_FIRST = ("never-steady", "bimodal", "throttled", "warmup", "flat", "not-assessed")


@dataclass(frozen=True)
class Steadiness:
    """How one invocation settled.

    `start` is the index of the first steady iteration; 0, so that nothing is left out, where no steady segment was
    found or looked for. `block_first` (B,) holds the first iteration of each block, `block_ns` (B,) its median latency,
    `segments` the blocks at which segments begin. `why` explains "never-steady", "bimodal" and "not-assessed".
    """

    kind: SteadyClass
    start: int
    block_first: Ints
    block_ns: Floats
    segments: tuple[int, ...]
    why: str | None = None


@dataclass(frozen=True)
class Majority:
    """A run's class and how many of its invocations had which."""

    kind: SteadyClass
    counts: dict[str, int]


def assess_invocation(duration_ns: Ints) -> Steadiness:
    """Find the steady segment of one invocation from its latencies (ns, all of them, in the order of time).

    Blocks: 10 to 40 of equal counts, twenty iterations each where there are enough and never under three. The last
    segment must cover 30 % of the blocks and show no trend.
    """
    n = int(duration_ns.size)
    if n < MIN_BLOCKS * MIN_PER_BLOCK:
        why = f"{n} iterations; {MIN_BLOCKS} blocks of {MIN_PER_BLOCK} are needed"
        empty = np.empty(0, dtype=np.int64)
        return Steadiness("not-assessed", 0, empty, empty.astype(np.float64), (), why)
    count = min(MAX_BLOCKS, max(MIN_BLOCKS, n // _GOOD_PER_BLOCK))
    first = np.arange(count, dtype=np.int64) * n // count
    medians = np.asarray([np.median(block) for block in np.split(duration_ns, first[1:])], dtype=np.float64)
    y = np.log(medians)
    segments = change_points(y)
    levels = levels_of(y, segments)
    if alternates(medians):
        return Steadiness("bimodal", 0, first, medians, segments, "blocks go to and fro between two speeds")
    last = segments[-1]
    if count - last < _STEADY_SHARE * count:
        why = f"the last change came after {last / count:.0%} of the iterations"
        return Steadiness("never-steady", 0, first, medians, segments, why)
    if has_trend(y[last:]):
        return Steadiness("never-steady", 0, first, medians, segments, "latency still drifts at the end")
    start = int(first[last])
    if two_modes(duration_ns[start:]):
        return Steadiness("bimodal", start, first, medians, segments, "single iterations have one of two speeds")
    return Steadiness(direction(levels), start, first, medians, segments)


def majority(kinds: Sequence[SteadyClass]) -> Majority:
    """The commonest class over invocations; of equally common ones the worse. Raises ValueError for none."""
    if not kinds:
        raise ValueError("a majority needs invocations")
    counts = Counter(kinds)
    most = max(counts.values())
    kind = min((kind for kind in counts if counts[kind] == most), key=_WORST_FIRST.index)
    return Majority(kind, {str(kind): count for kind, count in counts.items()})
