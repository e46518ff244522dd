"""Rounds: order, ratio, verdict, looks, and many cells at once."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as reference

from edgebench.stats import rounds

figures = st.lists(st.tuples(st.floats(0.5, 2), st.floats(0.5, 2)), min_size=5, max_size=20)
seeds = st.integers(0, 2**32 - 1)


@given(st.integers(1, 6), st.integers(0, 12), seeds)
def test_every_round_holds_every_variant_once(variants, count, seed):
    plan = rounds.order_of_rounds(variants, count, np.random.default_rng(seed))
    assert len(plan) == count
    assert all(sorted(order) == list(range(variants)) for order in plan)
    pairs = zip(plan[::2], plan[1::2], strict=False)
    assert all(first == second[::-1] for first, second in pairs)


@given(st.integers(1, 10), seeds)
def test_two_variants_go_abba_throughout(half, seed):
    plan = rounds.order_of_rounds(2, 2 * half, np.random.default_rng(seed))
    assert all(first == second[::-1] for first, second in itertools.pairwise(plan))


def test_first_and_odd_last_order_are_random_and_seeded():
    plans = [rounds.order_of_rounds(2, 3, np.random.default_rng(seed)) for seed in range(200)]
    assert plans == [rounds.order_of_rounds(2, 3, np.random.default_rng(seed)) for seed in range(200)]
    assert {(plan[0], plan[2]) for plan in plans} == set(itertools.product([(0, 1), (1, 0)], repeat=2))


def test_later_pairs_of_three_variants_are_drawn_anew():
    plans = [rounds.order_of_rounds(3, 4, np.random.default_rng(seed)) for seed in range(50)]
    assert any(plan[2] not in plan[:2] for plan in plans)
    with pytest.raises(ValueError, match="variants"):
        rounds.order_of_rounds(0, 4, np.random.default_rng(1))


def test_ratio_above_one_favours_the_variant_in_either_direction():
    baseline, variant = [10.0] * 6, [5.0] * 6
    assert rounds.compare(baseline, variant, less_is_better=True).value == pytest.approx(2)
    assert rounds.compare(baseline, variant, less_is_better=False).value == pytest.approx(0.5)


@given(figures, st.booleans())
def test_swapping_the_sides_inverts_everything(pairs, less):
    a, b = zip(*pairs, strict=True)
    there = rounds.compare(a, b, less_is_better=less, level=0.01)
    back = rounds.compare(b, a, less_is_better=less, level=0.01)
    assert back.value == pytest.approx(1 / there.value)
    assert back.lo == pytest.approx(1 / there.hi)
    assert back.decide_lo == pytest.approx(1 / there.decide_hi)
    assert back.p == pytest.approx(there.p)
    opposite = {"faster": "slower", "slower": "faster"}
    verdict = rounds.verdict(there)
    assert rounds.verdict(back) == opposite.get(verdict, verdict)


@given(figures)
def test_interval_and_p_agree_with_the_paired_t_test(pairs):
    a, b = (np.asarray(side) for side in zip(*pairs, strict=True))
    if np.std(np.log(a / b)) < 1e-6:
        return
    found = rounds.compare(a, b, less_is_better=True)
    expected = reference.ttest_1samp(np.log(a / b), 0)
    interval = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
    assert (math.log(found.lo), math.log(found.hi)) == pytest.approx((interval.low, interval.high), abs=1e-9)
    assert (found.p < 0.05) == (found.lo > 1 or found.hi < 1)


def test_printed_interval_stays_at_95_percent_where_another_level_decides():
    rng = np.random.default_rng(3)
    a, b = rng.lognormal(0, 0.02, (2, 10))
    fixed = rounds.compare(a, b, less_is_better=True)
    strict = rounds.compare(a, b, less_is_better=True, level=0.01)
    assert (strict.lo, strict.hi) == (fixed.lo, fixed.hi) == (fixed.decide_lo, fixed.decide_hi)
    assert strict.decide_lo < strict.lo < strict.hi < strict.decide_hi
    assert strict.level == 0.01


def test_four_rounds_decide_nothing():
    found = rounds.compare([2.0] * 4, [1.0] * 4, less_is_better=True)
    assert (found.lo, found.p, found.why) == (None, None, "4 rounds; an interval needs 5")
    assert rounds.verdict(found) == "inconclusive"


@pytest.mark.parametrize(("a", "b"), [([1.0], [1.0, 2.0]), ([], []), ([1.0, 0.0], [1.0, 1.0]), ([1.0], [float("nan")])])
def test_compare_refuses_what_is_no_pair_of_figures(a, b):
    with pytest.raises(ValueError, match="figure"):
        rounds.compare(a, b, less_is_better=True)


@pytest.mark.parametrize(
    ("lo", "hi", "expected"),
    [
        (1.03, 1.10, "faster"),
        (0.80, 0.97, "slower"),
        (0.99, 1.01, "equivalent"),
        (1.005, 1.015, "equivalent"),
        (1.01, 1.05, "small"),
        (0.95, 0.99, "small"),
        (0.95, 1.05, "inconclusive"),
        (1.00, 1.05, "inconclusive"),
        (1 / 1.02 - 1e-6, 1.02, "inconclusive"),
        (1 / 1.02, 1.02, "equivalent"),
    ],
)
def test_verdicts(lo, hi, expected):
    ratio = rounds.Ratio(1.0, 0.0, 9.0, 6, 0.05, lo, hi, 0.5, 0.5)
    assert rounds.verdict(ratio) == expected
    words = {"faster": "better", "slower": "worse"}
    assert rounds.verdict(ratio, speed=False) == words.get(expected, expected)


def test_a_wider_margin_asks_for_more():
    ratio = rounds.Ratio(1.06, 1.03, 1.10, 6, 0.05, 1.03, 1.10, 0.01, 1.0)
    assert rounds.verdict(ratio) == "faster"
    assert rounds.verdict(ratio, margin=0.05) == "small"


def test_looks_spend_five_percent_at_most():
    assert rounds.looks(6, sequential=False) == ((6, 0.05),)
    assert rounds.looks(9, sequential=True) == ((9, 0.05),)
    assert rounds.looks(12, sequential=True) == ((5, 0.01), (10, 0.015))
    assert rounds.looks(20, sequential=True) == ((5, 0.01), (10, 0.015), (20, 0.025))
    assert sum(level for _, level in rounds.LOOKS) == pytest.approx(0.05)


@given(st.lists(st.floats(0, 1), max_size=40))
def test_benjamini_hochberg_agrees_with_the_reference(p_values):
    found = rounds.benjamini_hochberg(p_values)
    adjusted = reference.false_discovery_control(p_values) if p_values else np.empty(0)
    clear = np.abs(adjusted - 0.05) > 1e-9
    assert np.array_equal(np.asarray(found, dtype=bool)[clear], (adjusted <= 0.05)[clear])


def test_noise_floor_is_the_documented_one():
    d = np.array([-1.0, 1.0]) * 0.018 / math.sqrt(2)  # sample sd exactly 1.8 %
    assert rounds.noise_floor(d, 10) == pytest.approx(0.018, abs=5e-4)
    assert rounds.noise_floor(d, 20) < rounds.noise_floor(d, 10)
    with pytest.raises(ValueError, match="two rounds"):
        rounds.noise_floor(d[:1], 10)
