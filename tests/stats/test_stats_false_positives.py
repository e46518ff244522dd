"""A/A comparisons on a drifting device: how often is a difference claimed that is not there?

Per-invocation medians carry 1 % of their own noise, a slow environment (AR(1) .8, sd 1 %) and a thermal drift of 4 %
over the session. Bounds are widened by three standard errors of the simulation.
"""

import math

import numpy as np
import pytest
from scipy.signal import lfilter

from edgebench.stats.rounds import compare, looks, order_of_rounds, verdict

REPETITIONS = 4000


def session(rng, slots):
    """Medians (slots,) of one and the same variant, in the order in which they were measured."""
    own = 0.01 * rng.standard_normal(slots)
    steps = rng.standard_normal(slots)
    steps[1:] *= math.sqrt(1 - 0.8**2)
    slow = 0.01 * lfilter([1], [1, -0.8], steps)
    return np.exp(own + slow + np.linspace(0, 0.04, slots))


def sides(rng, orders):
    """One figure of A and of B per round, measured in the given orders."""
    order = np.asarray(orders)
    measured = session(rng, order.size).reshape(order.shape)
    by_variant = np.take_along_axis(measured, np.argsort(order, axis=1), axis=1)
    return by_variant[:, 0], by_variant[:, 1]


def claimed(rng, orders, level=0.05):
    ratio = compare(*sides(rng, orders), less_is_better=True, level=level)
    return ratio.decide_lo > 1 or ratio.decide_hi < 1


def rate_of(hits):
    rate = float(np.mean(hits))
    return rate, math.sqrt(rate * (1 - rate) / len(hits))


@pytest.mark.parametrize("count", [5, 6, 10])
def test_interleaved_rounds_claim_a_difference_in_five_percent(count):
    rng = np.random.default_rng(count)
    rate, error = rate_of([claimed(rng, order_of_rounds(2, count, rng)) for _ in range(REPETITIONS)])
    print(f"{count} rounds: {rate:.4f} false positives, standard error {error:.4f}")
    assert 0.02 - 3 * error <= rate <= 0.05 + 3 * error


def test_a_verdict_past_the_margin_is_rarer_still():
    rng = np.random.default_rng(20)
    wrong = 0
    for _ in range(1000):
        ratio = compare(*sides(rng, order_of_rounds(2, 6, rng)), less_is_better=True)
        wrong += verdict(ratio) in {"faster", "slower"}
    assert wrong <= 0.01 * 1000


def test_three_looks_together_spend_no_more():
    rng = np.random.default_rng(30)
    hits = []
    for _ in range(REPETITIONS):
        a, b = sides(rng, order_of_rounds(2, 20, rng))
        ratios = [compare(a[:k], b[:k], less_is_better=True, level=level) for k, level in looks(20, sequential=True)]
        hits.append(any(ratio.decide_lo > 1 or ratio.decide_hi < 1 for ratio in ratios))
    rate, error = rate_of(hits)
    print(f"three looks: {rate:.4f} false positives, standard error {error:.4f}")
    assert rate <= 0.05 + 3 * error


def test_one_side_after_the_other_is_seen_to_fail():
    """Mutation: ten of A, then ten of B, paired anyhow; drift and environment become the difference."""
    rng = np.random.default_rng(40)
    hits = []
    for _ in range(400):
        measured = session(rng, 20)
        ratio = compare(measured[:10], measured[10:], less_is_better=True)
        hits.append(ratio.lo > 1 or ratio.hi < 1)
    assert np.mean(hits) > 0.3


def test_a_true_difference_is_found_and_its_interval_covers():
    rng = np.random.default_rng(50)
    found, covered = [], []
    for _ in range(2000):
        a, b = sides(rng, order_of_rounds(2, 10, rng))
        ratio = compare(a, b / 1.05, less_is_better=True)
        found.append(ratio.lo > 1)
        covered.append(ratio.lo <= 1.05 <= ratio.hi)
    rate, error = rate_of(covered)
    assert 0.93 - 3 * error <= rate <= 0.98 + 3 * error
    assert np.mean(found) > 0.9
