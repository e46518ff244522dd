"""Outliers are counted, located and joined with what happened then; none is ever dropped (measurement, section 2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgebench.stats.arrays import Ints, Samples
from edgebench.stats.quantiles import median

FACTORS = (2, 5, 10)
Moment = tuple[int, int, str]
"""Something that happened on the device: start_ns, end_ns (inclusive, equal for a point in time) and its kind."""


@dataclass(frozen=True)
class Outliers:
    """Samples over 2, 5 and 10 times the median (in the samples' unit).

    `counts` and `shares` follow `FACTORS`; `indices` are those over twice the median, in the order of time.
    """

    median: float
    counts: tuple[int, int, int]
    shares: tuple[float, float, float]
    indices: tuple[int, ...]


@dataclass(frozen=True)
class Causes:
    """What coincided with each outlier: one sorted tuple of kinds per outlier, outliers per kind, and the rest."""

    per_outlier: tuple[tuple[str, ...], ...]
    per_kind: dict[str, int]
    unexplained: int


def find_outliers(samples: Samples) -> Outliers:
    """Count and locate the samples over 2, 5 and 10 times the median. Raises ValueError for no samples."""
    middle = median(samples)
    two, five, ten = (int(np.count_nonzero(samples > factor * middle)) for factor in FACTORS)
    indices = tuple(int(index) for index in np.flatnonzero(samples > FACTORS[0] * middle))
    n = samples.size
    return Outliers(middle, (two, five, ten), (two / n, five / n, ten / n), indices)


def join(start_ns: Ints, duration_ns: Ints, moments: Sequence[Moment]) -> Causes:
    """Name for every outlier the kinds of the moments that overlap it, all on one clock.

    `start_ns` and `duration_ns` are those of the outliers alone. Coinciding is no proof of a cause, and an outlier may
    coincide with several. Raises ValueError for arrays of different lengths.
    """
    if start_ns.size != duration_ns.size:
        raise ValueError("every outlier needs a start and a duration")
    kinds: list[set[str]] = [set() for _ in range(start_ns.size)]
    end_ns = start_ns + duration_ns
    for begin, end, kind in moments:
        for index in np.flatnonzero((start_ns <= end) & (end_ns >= begin)):
            kinds[int(index)].add(kind)
    per_kind = Counter(kind for found in kinds for kind in found)
    per_outlier = tuple(tuple(sorted(found)) for found in kinds)
    return Causes(per_outlier, dict(sorted(per_kind.items())), sum(not found for found in kinds))
