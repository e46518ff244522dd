"""Change points, trends and modes of a series: what steady state is judged by (measurement, section 3)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from edgebench.stats.arrays import Floats, Samples
from edgebench.stats.distributions import normal_two_sided

if TYPE_CHECKING:
    from edgebench.records import SteadyClass

MIN_SEGMENT = 3
NEGLIGIBLE = 0.01
"""A change of level, or a slope over a segment, that is too small to matter (a share)."""
TREND_P = 0.01
TREND_FROM = 6
_TREND_POINTS = 400
_MODE_SHARE = 0.1
_MODE_DISTANCE = 5.0
_MODE_GAP = 0.02
_MODE_CHANGES = 3


def change_points(y: Floats) -> tuple[int, ...]:
    """Where the segments of `y` begin (the first at 0), by PELT with an L2 cost and segments of at least 3 points.

    The penalty is 3 ln(n) sigma^2, sigma from the median absolute first difference (which steps hardly touch), but
    never so small that a step under 1 % in a shortest segment would count. `y` are natural logarithms.
    """
    from ruptures import KernelCPD  # a second to import

    n = y.size
    if n < 2 * MIN_SEGMENT:
        return (0,)
    sigma = 1.4826 * float(np.median(np.abs(np.diff(y)))) / math.sqrt(2)
    penalty = max(3 * math.log(n) * sigma**2, MIN_SEGMENT * NEGLIGIBLE**2)
    ends = KernelCPD(kernel="linear", min_size=MIN_SEGMENT).fit(y.reshape(-1, 1)).predict(pen=penalty)
    return (0, *(int(end) for end in ends[:-1]))


def levels_of(y: Floats, starts: tuple[int, ...]) -> Floats:
    """Mean of `y` over every segment that begins at `starts`."""
    return np.asarray([part.mean() for part in np.split(y, starts[1:])], dtype=np.float64)


def mann_kendall_p(y: Floats) -> float:
    """Two-sided p value of the Mann-Kendall test for a monotonic trend (normal approximation, corrected for ties)."""
    n = y.size
    s = float(np.triu(np.sign(y[None, :] - y[:, None]), 1).sum())
    ties = np.unique(y, return_counts=True)[1].astype(np.float64)
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    if variance <= 0 or s == 0:
        return 1.0
    return normal_two_sided((abs(s) - 1) / math.sqrt(variance))


def slope(y: Floats) -> float:
    """Theil-Sen slope per point: the median of the slopes of all pairs; 0 for a single point."""
    if y.size < 2:
        return 0.0
    i, j = np.triu_indices(y.size, 1)
    return float(np.median((y[j] - y[i]) / (j - i)))


def has_trend(y: Floats) -> bool:
    """Whether `y` (natural logarithms) drifts by 1 % or more over its length, and by more than chance.

    Chance is judged by Mann-Kendall at p < .01 from six points on; with fewer the slope alone decides. A series of
    more than 400 points is first averaged into 400 groups.
    """
    if y.size > _TREND_POINTS:
        y = np.asarray([group.mean() for group in np.array_split(y, _TREND_POINTS)], dtype=np.float64)
    if abs(slope(y)) * y.size < NEGLIGIBLE:
        return False
    return y.size < TREND_FROM or mann_kendall_p(y) < TREND_P


def alternates(block_ns: Floats) -> bool:
    """Whether blocks (ns, in the order of time) go to and fro between two heaps: three changes of side or more."""
    border = _border(block_ns)
    return border is not None and int(np.count_nonzero(np.diff(np.log(block_ns) > border))) >= _MODE_CHANGES


def two_modes(samples: Samples) -> bool:
    """Whether positive samples (any order) fall into two separate heaps."""
    return _border(samples) is not None


def _border(samples: Samples) -> float | None:
    """Where the logarithms of positive samples part into two heaps; None where they are one.

    The best split in two (least squares of the logarithms) must leave 10 % on either side, its halves must lie 2 %
    apart and by more than 5 of their spreads: Ashman's D = sqrt(2) |m1 - m2| / sqrt(s1^2 + s2^2), which is 2.7 for the
    halves of a normal and 3.5 for those of a uniform distribution.
    """
    logs = np.sort(np.log(samples))
    n = logs.size
    if n < 2 * MIN_SEGMENT:
        return None
    left = np.arange(1, n)
    sums = np.cumsum(logs - logs.mean())[:-1]
    cut = int(np.argmax(sums**2 / (left * (n - left)))) + 1
    if min(cut, n - cut) < _MODE_SHARE * n:
        return None
    gap = float(logs[cut:].mean() - logs[:cut].mean())
    noise = math.sqrt(float(logs[:cut].var() + logs[cut:].var()))
    separate = gap > _MODE_GAP and math.sqrt(2) * gap > _MODE_DISTANCE * noise
    return float(logs[cut - 1] + logs[cut]) / 2 if separate else None


def direction(levels: Floats) -> SteadyClass:
    """What came before the last of some levels (ln of latency): nothing, a faster time, or only slower ones."""
    if levels.size == 1:
        return "flat"
    return "throttled" if levels[-1] > levels[:-1].min() + NEGLIGIBLE else "warmup"
