"""The few quantiles and tails that intervals need; scipy is imported on first use, for it takes a third of a second."""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist

Z_95 = 1.96
"""The two-sided 95 % point of the normal distribution, as the percentile formulas state it."""


@lru_cache(maxsize=256)
def student_t(probability: float, degrees: int) -> float:
    """Quantile of Student's t: the value that `probability` of the distribution lies below.

    Raises ValueError for less than one degree of freedom.
    """
    from scipy.special import stdtrit

    if degrees < 1:
        raise ValueError("Student's t needs at least one degree of freedom")
    return float(stdtrit(degrees, probability))


def student_two_sided(statistic: float, degrees: int) -> float:
    """Two-sided p value of a t statistic."""
    from scipy.special import stdtr

    return 2.0 * float(stdtr(degrees, -abs(statistic)))


def normal_two_sided(z: float) -> float:
    """Two-sided p value of a standard normal statistic."""
    return 2.0 * NormalDist().cdf(-abs(z))


def binomial_at_most(count: int, trials: int, probability: float) -> float:
    """P[Bin(trials, probability) <= count]."""
    from scipy.special import bdtr

    return 1.0 if count >= trials else float(bdtr(count, trials, probability))
