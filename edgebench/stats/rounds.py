"""Rounds of a comparison: their order, the ratio of two variants and the verdict (measurement, sections 1 and 5)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgebench.stats.arrays import Floats
from edgebench.stats.distributions import student_t, student_two_sided

MIN_ROUNDS = 5
MARGIN = 0.02
FIXED_LEVEL = 0.05
LOOKS = ((5, 0.01), (10, 0.015), (20, 0.025))
"""Sequential mode: after how many rounds one looks, and at which level; the levels add up to 5 %."""
_SEQUENTIAL_FROM = 10
_POWER = 0.8

Verdict = Literal["faster", "slower", "better", "worse", "equivalent", "small", "inconclusive"]


@dataclass(frozen=True)
class Ratio:
    """How variant B compares with baseline A; above 1 favours B.

    `lo`, `hi` are the 95 % interval that is printed; `decide_lo`, `decide_hi` the interval at `level`, which decides.
    `p` is the two-sided p value of "no difference". All None, with `why`, under five rounds.
    """

    value: float
    lo: float | None
    hi: float | None
    rounds: int
    level: float
    decide_lo: float | None
    decide_hi: float | None
    p: float | None
    wins: float
    why: str | None = None


def order_of_rounds(variants: int, rounds: int, rng: np.random.Generator) -> tuple[tuple[int, ...], ...]:
    """The order of the variants (by index) in every round.

    Two variants: the first order is random and each round reverses the one before (ABBA). Three or more: pairs of a
    random permutation and its reverse. An odd last round is random. Raises ValueError for no variants.
    """
    if variants < 1:
        raise ValueError("a round needs variants")
    plan: list[tuple[int, ...]] = []
    for number in range(rounds):
        odd_last = number == rounds - 1 and number % 2 == 0
        fresh = odd_last or number == 0 or (number % 2 == 0 and variants > 2)
        plan.append(tuple(rng.permutation(variants).tolist()) if fresh else plan[-1][::-1])
    return tuple(plan)


def looks(max_rounds: int, *, sequential: bool) -> tuple[tuple[int, float], ...]:
    """(rounds, level) of every look at the data: one at .05, or those of sequential mode from ten rounds on."""
    if not sequential or max_rounds < _SEQUENTIAL_FROM:
        return ((max_rounds, FIXED_LEVEL),)
    return tuple(look for look in LOOKS if look[0] <= max_rounds)


def log_ratios(baseline: Sequence[float], variant: Sequence[float], *, less_is_better: bool) -> Floats:
    """d_j = ln(A_j/B_j) where less is better, ln(B_j/A_j) where more is; one figure of each side per round.

    Raises ValueError for sides of different lengths, no rounds, or figures that are not positive and finite.
    """
    a = np.asarray(baseline, dtype=np.float64)
    b = np.asarray(variant, dtype=np.float64)
    if a.size == 0 or a.shape != b.shape:
        raise ValueError("both sides need one figure per round")
    figures = np.concatenate([a, b])
    if not (np.isfinite(figures).all() and (figures > 0).all()):
        raise ValueError("a ratio needs positive, finite figures")
    return np.log(a / b) if less_is_better else np.log(b / a)


def compare(
    baseline: Sequence[float],
    variant: Sequence[float],
    *,
    less_is_better: bool,
    level: float = FIXED_LEVEL,
) -> Ratio:
    """Ratio exp(mean d) of variant to baseline with a paired t interval; one figure of each side per round.

    Raises ValueError as `log_ratios` does.
    """
    d = log_ratios(baseline, variant, less_is_better=less_is_better)
    k = int(d.size)
    centre = float(d.mean())
    wins = float(np.mean(d > 0))
    if k < MIN_ROUNDS:
        why = f"{k} rounds; an interval needs {MIN_ROUNDS}"
        return Ratio(math.exp(centre), None, None, k, level, None, None, None, wins, why)
    error = float(d.std(ddof=1)) / math.sqrt(k)
    lo, hi = _interval(centre, error, k, FIXED_LEVEL)
    decide_lo, decide_hi = _interval(centre, error, k, level)
    return Ratio(math.exp(centre), lo, hi, k, level, decide_lo, decide_hi, _p_value(centre, error, k), wins)


def _interval(centre: float, error: float, k: int, level: float) -> tuple[float, float]:
    half = student_t(1 - level / 2, k - 1) * error
    return math.exp(centre - half), math.exp(centre + half)


def _p_value(centre: float, error: float, k: int) -> float:
    if error == 0:
        return 1.0 if centre == 0 else 0.0
    return student_two_sided(centre / error, k - 1)


def verdict(ratio: Ratio, margin: float = MARGIN, *, speed: bool = True) -> Verdict:
    """Say what the deciding interval shows against a margin (a share: .02 is 2 %).

    `speed` words it faster/slower, else better/worse. Without an interval: inconclusive.
    """
    lo, hi = ratio.decide_lo, ratio.decide_hi
    if lo is None or hi is None:
        return "inconclusive"
    if lo > 1 + margin:
        return "faster" if speed else "better"
    if hi < 1 / (1 + margin):
        return "slower" if speed else "worse"
    if lo >= 1 / (1 + margin) and hi <= 1 + margin:
        return "equivalent"
    return "small" if lo > 1 or hi < 1 else "inconclusive"


def noise_floor(ratios: Floats, rounds: int) -> float:
    """The smallest true difference (a share) that `rounds` rounds would detect with power .8.

    `ratios` are the `log_ratios` of an A/A study: exp((t_{.975,k-1} + t_{.8,k-1}) s / sqrt(k)) - 1.
    Raises ValueError for fewer than two rounds on either side.
    """
    if ratios.size < 2 or rounds < 2:
        raise ValueError("a noise floor needs at least two rounds")
    t = student_t(1 - FIXED_LEVEL / 2, rounds - 1) + student_t(_POWER, rounds - 1)
    return math.expm1(t * float(ratios.std(ddof=1)) / math.sqrt(rounds))


def benjamini_hochberg(p_values: Sequence[float], rate: float = 0.05) -> tuple[bool, ...]:
    """Which of many cells survive at a false discovery rate (Benjamini and Hochberg, 1995), in the given order."""
    p = np.asarray(p_values, dtype=np.float64)
    ranks = np.argsort(p, kind="stable")
    below = np.flatnonzero(p[ranks] <= rate * np.arange(1, p.size + 1) / max(p.size, 1))
    survives = np.zeros(p.size, dtype=bool)
    if below.size:
        survives[ranks[: below[-1] + 1]] = True
    return tuple(survives.tolist())
