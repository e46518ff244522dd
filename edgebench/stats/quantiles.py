"""Percentiles, their effective sample size, their intervals, and when they may be printed (measurement, section 4)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgebench.stats.arrays import Floats, Samples
from edgebench.stats.distributions import Z_95, binomial_at_most, student_t

MIN_INVOCATIONS = 5
LOW_COVERAGE_RATIO = 2.0
"""Spread within over spread between invocations, below which the tail interval's coverage falls under 91 %."""

HiState = Literal["above-max"]


@dataclass(frozen=True)
class RankInterval:
    """A 95 % interval that begins and ends at samples, in the samples' unit.

    `hi` is None with `hi_state` "above-max" where the upper rank lies beyond the largest sample; both ends are None,
    with `why`, where there is no interval. `note` warns that the coverage is known to be lower.
    """

    lo: float | None
    hi: float | None
    hi_state: HiState | None = None
    why: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class TailState:
    """Whether a percentile may be printed.

    `needed` is the effective size from which the state would be better by one step (None when "ok"); `upper_from` the
    size from which the interval has an upper end.
    """

    state: Literal["ok", "low-n", "too-few"]
    needed: int | None
    upper_from: int


def _rank(share: float, n: int) -> int:
    """ceil(share * n) without the last bit of floating point: .07 of 100 is the 7th, not the 8th."""
    return max(1, math.ceil(share * n - 1e-9))


def quantile(ordered: Samples, p: float) -> float:
    """Nearest-rank quantile x(ceil(p n)) of samples sorted in ascending order; `p` in (0, 1].

    Raises ValueError for no samples or `p` outside the range.
    """
    if ordered.size == 0 or not 0 < p <= 1:
        raise ValueError("a quantile needs samples and a probability in (0, 1]")
    return float(ordered[_rank(p, ordered.size) - 1])


def median(samples: Samples) -> float:
    """Median by the midpoint rule. Raises ValueError for no samples."""
    if samples.size == 0:
        raise ValueError("a median needs samples")
    return float(np.median(samples))


def correlation_time(series: Floats) -> float:
    """Integrated autocorrelation time tau = 1 + 2 sum r_k, at least 1; `series` in the order of time.

    Autocorrelations come by FFT; the sum follows Geyer's initial positive sequence (Practical Markov chain Monte Carlo,
    1992, section 3.3): pairs r_0 + r_1, r_2 + r_3, ... until the first that is not positive, lags up to n/4.
    """
    n = series.size
    centred = series - series.mean()
    power = float(np.dot(centred, centred))
    if n < 8 or power <= 0.0:
        return 1.0
    lags = n // 4 // 2 * 2
    length = 1 << (n + lags - 1).bit_length()
    spectrum = np.fft.rfft(centred, length)
    correlations = np.fft.irfft(spectrum * np.conj(spectrum), length)[:lags] / power
    pairs = correlations.reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs <= 0.0)
    stop = int(ends[0]) if ends.size else pairs.size
    return max(1.0, -1.0 + 2.0 * float(pairs[:stop].sum()))


def effective_size(samples: Samples, q: float) -> float:
    """n_eff = min(n, n / tau) of the indicator x_i > q; `samples` in the order of time, `q` in their unit."""
    indicator = (samples > q).astype(np.float64)
    return float(min(samples.size, samples.size / correlation_time(indicator)))


def rank_interval(ordered: Samples, p: float, n_eff: float) -> RankInterval:
    """95 % interval of one invocation's quantile `p`, from samples sorted in ascending order.

    Ranks floor(np - z s) and ceil(np + z s) + 1 with s = sqrt(np(1-p) n/n_eff); the lower is at least 1, and beyond n
    there is no upper end. Raises ValueError for no samples or an n_eff that is not positive.
    """
    n = ordered.size
    if n == 0 or n_eff <= 0:
        raise ValueError("a rank interval needs samples and a positive effective size")
    half = Z_95 * math.sqrt(n * p * (1 - p) * n / n_eff)
    return _between(ordered, math.floor(n * p - half), math.ceil(n * p + half) + 1)


def _between(ordered: Samples, lower: int, upper: int, note: str | None = None) -> RankInterval:
    lo = float(ordered[max(lower, 1) - 1])
    if upper > ordered.size:
        return RankInterval(lo, None, "above-max", note=note)
    return RankInterval(lo, float(ordered[upper - 1]), note=note)


def tail_interval(invocations: Sequence[Samples], p: float) -> RankInterval:
    """95 % interval of a run's quantile `p` (p90 and beyond), from all steady iterations of each invocation.

    In rank space over invocations: h = t_{.975,k-1} sd_j(share of invocation j at or below q) / sqrt(k), ranks
    floor(N(p-h)) and ceil(N(p+h)) + 1. None under five invocations. Where the spread within invocations is not well
    above the spread between them, `note` says that the interval covers less than it claims.
    Raises ValueError for an invocation without samples.
    """
    k = len(invocations)
    if any(samples.size == 0 for samples in invocations):
        raise ValueError("an invocation without iterations has no tail")
    if k < MIN_INVOCATIONS:
        return RankInterval(None, None, why=f"{k} invocations; an interval needs {MIN_INVOCATIONS}")
    ordered: Floats = np.sort(np.concatenate(invocations)).astype(np.float64)
    q = quantile(ordered, p)
    shares = [float(np.mean(samples <= q)) for samples in invocations]
    half = student_t(0.975, k - 1) * float(np.std(shares, ddof=1)) / math.sqrt(k)
    n = ordered.size
    return _between(ordered, math.floor(n * (p - half)), math.ceil(n * (p + half)) + 1, _coverage_note(invocations))


def _coverage_note(invocations: Sequence[Samples]) -> str | None:
    within = float(np.mean([np.std(np.log(samples)) for samples in invocations]))
    between = float(np.std([math.log(median(samples)) for samples in invocations], ddof=1))
    if between > 0 and within < LOW_COVERAGE_RATIO * between:
        return "invocations differ about as much as iterations do: the interval covers 84-93 % rather than 95 %"
    return None


def tail_state(p: float, n_eff: float) -> TailState:
    """Whether the quantile `p` of a run with `n_eff` effective iterations may be printed.

    From ceil(ln .025 / ln p) iterations on (p99: 368) a two-sided interval exists; "low-n" until its half-width in
    rank space is within (1-p)/2, which is n >= 4 z^2 p/(1-p) (p99: 1522).
    """
    exists = math.ceil(math.log(0.025) / math.log(p))
    useful = math.ceil(4 * Z_95**2 * p / (1 - p) - 1e-9)
    upper_from = _upper_end_from(p)
    if n_eff < exists:
        return TailState("too-few", exists, upper_from)
    if n_eff < useful:
        return TailState("low-n", useful, upper_from)
    return TailState("ok", None, upper_from)


def _upper_end_from(p: float) -> int:
    """Smallest n with ceil(np + z sqrt(np(1-p))) + 1 <= n (p99: 563, p99.9: 5662)."""
    n = 1
    while math.ceil(n * p + Z_95 * math.sqrt(n * p * (1 - p)) - 1e-9) + 1 > n:
        n += 1
    return n


def holds_below(samples: Samples, n_eff: float, limit: float, p: float = 0.99, confidence: float = 0.99) -> bool:
    """Whether "quantile p <= limit" holds at the given confidence; `limit` in the samples' unit.

    True iff P[Bin(floor(n_eff), 1-p) <= ceil(#(x > limit) n_eff / n)] <= 1 - confidence. For p99 at 99 % and one
    iteration over, this is MLPerf's 662.
    """
    if samples.size == 0:
        return False
    over = int(np.count_nonzero(samples > limit))
    scaled = math.ceil(over * n_eff / samples.size - 1e-9)
    return binomial_at_most(scaled, math.floor(n_eff), 1 - p) <= 1 - confidence
