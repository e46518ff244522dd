"""Coverage of the intervals of percentiles, by simulation with a known truth.

Latencies are log-normal, sd 10 % within an invocation (Gaussian AR(1), then exponentiated) and 1 % between invocations.
Accepted bounds are those of the measurement page, widened by three standard errors of the simulation and nothing else.
"""

import math
from statistics import NormalDist

import numpy as np
import pytest
from scipy.signal import lfilter

from edgebench.stats.invocations import across
from edgebench.stats.quantiles import effective_size, median, quantile, rank_interval, tail_interval, tail_state

WITHIN, BETWEEN = 0.10, 0.01
ITERATIONS = 2000
Z_99 = NormalDist().inv_cdf(0.99)
FULL, SHORT = 4000, 400


def draw(rng, invocations, iterations, correlation, between=BETWEEN):
    """Latencies (invocations, iterations) of unit median."""
    noise = rng.standard_normal((invocations, iterations))
    if correlation:
        noise[:, 1:] *= math.sqrt(1 - correlation**2)  # the first value starts in the stationary distribution
        noise = lfilter([1], [1, -correlation], noise, axis=1)
    return np.exp(WITHIN * noise + between * rng.standard_normal((invocations, 1)))


def covers(interval, truth):
    """A missing upper end covers."""
    return interval.lo <= truth and (interval.hi is None or truth <= interval.hi)


def assert_within(hits, low, high, told):
    share = float(np.mean(hits))
    three_errors = 3 * math.sqrt(share * (1 - share) / len(hits))
    print(f"{told}: covers {share:.4f} of {len(hits)}, standard error {three_errors / 3:.4f}")
    assert low - three_errors <= share <= high + three_errors


def run_hits(invocations, correlation, repetitions):
    rng = np.random.default_rng([invocations, round(10 * correlation), repetitions])
    tail = math.exp(Z_99 * math.hypot(WITHIN, BETWEEN))
    p50, p99 = [], []
    for _ in range(repetitions):
        run = draw(rng, invocations, ITERATIONS, correlation)
        p50.append(covers(across([median(x) for x in run]), 1.0))
        p99.append(covers(tail_interval(list(run), 0.99), tail))
    return p50, p99


@pytest.mark.parametrize(
    ("invocations", "correlation", "repetitions"),
    [
        (6, 0.0, SHORT),
        (6, 0.9, SHORT),
        (10, 0.5, SHORT),
        *(
            pytest.param(k, correlation, FULL, marks=pytest.mark.heavy)
            for k in (6, 10)
            for correlation in (0.0, 0.5, 0.9)
        ),
    ],
)
def test_a_runs_p50_and_p99_cover(invocations, correlation, repetitions):
    p50, p99 = run_hits(invocations, correlation, repetitions)
    assert_within(p50, 0.93, 0.97, f"run p50, k {invocations}, correlation {correlation}")
    assert_within(p99, 0.93, 0.97, f"run p99, k {invocations}, correlation {correlation}")


def one_hits(iterations, correlation, repetitions):
    """Hits of one invocation's p50, and of its p99 wherever that may be printed; share of p99 without an upper end."""
    rng = np.random.default_rng([iterations, round(10 * correlation), repetitions])
    p50, p99, open_ended = [], [], []
    for _ in range(repetitions):
        samples = draw(rng, 1, iterations, correlation, between=0.0)[0]
        ordered = np.sort(samples)
        p50.append(covers(rank_interval(ordered, 0.5, effective_size(samples, median(samples))), 1.0))
        n_eff = effective_size(samples, quantile(ordered, 0.99))
        if tail_state(0.99, n_eff).state != "too-few":
            interval = rank_interval(ordered, 0.99, n_eff)
            p99.append(covers(interval, math.exp(Z_99 * WITHIN)))
            open_ended.append(interval.hi is None)
    return p50, p99, float(np.mean(open_ended))


@pytest.mark.parametrize("repetitions", [pytest.param(FULL, marks=pytest.mark.heavy), SHORT])
@pytest.mark.parametrize(("iterations", "correlation"), [(2000, 0.0), (2000, 0.5), (2000, 0.9), (10000, 0.9)])
def test_one_invocations_p50_and_p99_cover(iterations, correlation, repetitions):
    p50, p99, open_ended = one_hits(iterations, correlation, repetitions)
    told = f"{iterations} iterations, correlation {correlation}"
    assert_within(p50, 0.93, 0.97, f"one invocation's p50, {told}")
    assert_within(p99, 0.91, 0.99, f"one invocation's p99, {told}, {open_ended:.3f} without upper end")


@pytest.mark.parametrize("repetitions", [SHORT])
def test_without_correction_the_median_covers_half(repetitions):
    """The mutation that this suite must see: ranks of independent iterations cover 46 % at correlation .9."""
    rng = np.random.default_rng(7)
    hits = []
    for _ in range(repetitions):
        samples = draw(rng, 1, ITERATIONS, 0.9, between=0.0)[0]
        hits.append(covers(rank_interval(np.sort(samples), 0.5, ITERATIONS), 1.0))
    assert_within(hits, 0.38, 0.54, "uncorrected")


def test_where_within_equals_between_the_tail_covers_less_and_says_so():
    rng = np.random.default_rng(8)
    hits, noted = [], []
    for _ in range(SHORT):
        run = list(draw(rng, 6, ITERATIONS, 0.5, between=WITHIN))
        interval = tail_interval(run, 0.99)
        hits.append(covers(interval, math.exp(Z_99 * math.hypot(WITHIN, WITHIN))))
        noted.append(interval.note is not None)
    assert_within(hits, 0.84, 0.93, "within equal to between")
    assert np.mean(noted) > 0.9
