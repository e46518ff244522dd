"""Percentiles: definitions against numpy and against the counts that the literature states."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as reference

from edgebench.stats import distributions, quantiles

times = st.lists(st.integers(1, 10**9), min_size=1, max_size=200).map(lambda v: np.asarray(v, dtype=np.int64))
probabilities = st.integers(1, 99).map(lambda share: share / 100)


@given(times, st.integers(1, 100))
def test_quantile_is_the_nearest_rank(samples, percent):
    rank = -(-percent * samples.size // 100)  # exact integer ceiling
    assert quantiles.quantile(np.sort(samples), percent / 100) == sorted(samples)[rank - 1]


@given(times, st.sampled_from([0.125, 0.25, 0.5, 0.75, 0.875]))
def test_quantile_agrees_with_numpy_where_the_share_is_exact(samples, p):
    assert quantiles.quantile(np.sort(samples), p) == np.quantile(samples, p, method="inverted_cdf")


def test_nearest_rank_and_midpoint_differ_where_they_should():
    ten = np.arange(1, 11)
    assert quantiles.quantile(ten, 0.99) == 10
    assert quantiles.quantile(ten, 0.5) == 5
    assert quantiles.median(ten) == 5.5


@pytest.mark.parametrize("p", [0, -0.1, 1.01])
def test_quantile_refuses_a_share_outside_its_range(p):
    with pytest.raises(ValueError, match="probability"):
        quantiles.quantile(np.arange(3), p)


def test_no_samples_have_no_quantile():
    empty = np.empty(0)
    for call in (lambda: quantiles.quantile(empty, 0.5), lambda: quantiles.median(empty)):
        with pytest.raises(ValueError, match="samples"):
            call()


@given(times, probabilities, st.floats(0.05, 1))
def test_rank_interval_holds_the_quantile_and_never_invents_an_end(samples, p, share):
    ordered = np.sort(samples)
    found = quantiles.rank_interval(ordered, p, share * ordered.size)
    assert found.lo in samples
    assert found.lo <= quantiles.quantile(ordered, p)
    if found.hi is None:
        assert found.hi_state == "above-max"
    else:
        assert found.hi in samples
        assert found.hi >= quantiles.quantile(ordered, p)


@given(times, probabilities, st.integers(2, 1000))
def test_intervals_follow_the_unit(samples, p, factor):
    ordered = np.sort(samples)
    plain = quantiles.rank_interval(ordered, p, ordered.size)
    scaled = quantiles.rank_interval(ordered * factor, p, ordered.size)
    assert scaled.lo == plain.lo * factor
    assert (scaled.hi is None) == (plain.hi is None)


def test_a_smaller_effective_size_widens_the_interval():
    ordered = np.arange(1.0, 1001.0)
    narrow = quantiles.rank_interval(ordered, 0.5, 1000)
    wide = quantiles.rank_interval(ordered, 0.5, 100)
    # ranks by hand: 500 -+ 1.96 sqrt(250) = 469.01, 530.99 -> 469 and 532
    assert (narrow.lo, narrow.hi) == (469, 532)
    # 500 -+ 1.96 sqrt(2500) = 402, 598 -> 402 and 599
    assert (wide.lo, wide.hi) == (402, 599)


def test_rank_interval_refuses_what_it_cannot_use():
    with pytest.raises(ValueError, match="effective size"):
        quantiles.rank_interval(np.arange(5.0), 0.5, 0)


@pytest.mark.parametrize(
    ("p", "exists", "useful", "upper_from"),
    [
        (0.5, 6, 16, None),
        (0.9, 36, 139, None),
        (0.95, 72, 292, None),
        (0.99, 368, 1522, 563),
        (0.999, 3688, None, 5662),
    ],
)
def test_printing_gate_has_the_documented_counts(p, exists, useful, upper_from):
    few = quantiles.tail_state(p, exists - 0.01)
    assert (few.state, few.needed) == ("too-few", exists)
    if useful is not None:
        low = quantiles.tail_state(p, useful - 0.01)
        assert (low.state, low.needed) == ("low-n", useful)
        assert quantiles.tail_state(p, useful).state == "ok"
    assert quantiles.tail_state(p, exists).state == "low-n"
    if upper_from is not None:
        assert few.upper_from == upper_from


@pytest.mark.parametrize("p", [0.99, 0.999])
def test_upper_end_appears_exactly_where_the_gate_says(p):
    n = quantiles.tail_state(p, 1).upper_from
    assert quantiles.rank_interval(np.arange(float(n)), p, n).hi is not None
    assert quantiles.rank_interval(np.arange(float(n - 1)), p, n - 1).hi is None


def test_limit_holds_by_mlperfs_rule_from_662_iterations_with_one_over():
    def one_over(n):
        return np.asarray([1.0] * (n - 1) + [3.0])

    assert quantiles.holds_below(one_over(662), 662, 2.0)
    assert not quantiles.holds_below(one_over(661), 661, 2.0)
    assert not quantiles.holds_below(one_over(662), 331, 2.0)  # correlated: half as much evidence
    assert not quantiles.holds_below(np.empty(0), 0, 2.0)
    # two over need 838 independent iterations; four over among twice as many correlated ones are as good
    doubled = np.asarray([1.0] * 1672 + [3.0] * 4)
    assert quantiles.holds_below(doubled, 838, 2.0)
    assert not quantiles.holds_below(doubled, 837, 2.0)


@given(st.integers(1, 400), st.integers(0, 20))
def test_binomial_tail_agrees_with_the_reference(trials, count):
    expected = reference.binom.cdf(count, trials, 0.01)
    assert distributions.binomial_at_most(count, trials, 0.01) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("degrees", [1, 4, 9, 30])
def test_students_t_agrees_with_the_reference(degrees):
    assert distributions.student_t(0.975, degrees) == pytest.approx(reference.t.ppf(0.975, degrees), rel=1e-9)
    assert distributions.student_two_sided(-2.1, degrees) == pytest.approx(2 * reference.t.sf(2.1, degrees), rel=1e-9)
    with pytest.raises(ValueError, match="degree"):
        distributions.student_t(0.975, 0)


def test_effective_size_of_alternating_and_constant_samples_is_n():
    alternating = np.tile([1.0, 2.0], 500)
    assert quantiles.effective_size(alternating, 1.5) == 1000
    assert quantiles.effective_size(np.ones(1000), 1.0) == 1000
    assert quantiles.effective_size(np.arange(5.0), 2.0) == 5


def test_effective_size_of_repeated_samples_is_the_number_of_independent_ones():
    rng = np.random.default_rng(4)
    independent = rng.standard_normal(4000)
    repeated = np.repeat(independent, 5)
    # Every value five times in a row: tau of the indicator is exactly 5 in expectation.
    assert quantiles.effective_size(repeated, 0.0) == pytest.approx(4000, rel=0.1)


def test_tail_interval_by_hand():
    invocations = [np.arange(1.0, 101.0) + shift for shift in (0, 1, 2, 3, 4)]
    pooled = np.sort(np.concatenate(invocations))
    q = pooled[math.ceil(0.9 * 500) - 1]
    shares = [(x <= q).mean() for x in invocations]
    half = reference.t.ppf(0.975, 4) * np.std(shares, ddof=1) / math.sqrt(5)
    found = quantiles.tail_interval(invocations, 0.9)
    assert found.lo == pooled[math.floor(500 * (0.9 - half)) - 1]
    assert found.hi == pooled[math.ceil(500 * (0.9 + half))]
    assert found.note is None


def test_tail_interval_needs_five_invocations_and_says_so():
    found = quantiles.tail_interval([np.arange(1.0, 50.0)] * 4, 0.99)
    assert (found.lo, found.hi) == (None, None)
    assert found.why == "4 invocations; an interval needs 5"
    with pytest.raises(ValueError, match="without iterations"):
        quantiles.tail_interval([np.arange(1.0, 9.0), np.empty(0)], 0.99)


def test_tail_interval_above_all_samples_has_no_upper_end():
    invocations = [np.arange(1.0, 101.0) + 30 * j for j in range(5)]
    found = quantiles.tail_interval(invocations, 0.99)
    assert (found.hi, found.hi_state) == (None, "above-max")


def test_tail_interval_warns_where_invocations_differ_as_much_as_iterations():
    rng = np.random.default_rng(5)

    def run(between):
        return [np.exp(0.1 * rng.standard_normal(500) + shift) for shift in between * np.array([-1, -0.5, 0, 0.5, 1])]

    assert quantiles.tail_interval(run(0.02), 0.99).note is None
    assert "84-93 %" in quantiles.tail_interval(run(0.15), 0.99).note
