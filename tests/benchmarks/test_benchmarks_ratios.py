"""The ratio that rounds give, and when they are enough."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from ratios import Rounds, alternate, settled, spread

BAND = (0.97, 1.03)


def rounds_of(first: list[float], second: list[float]) -> Rounds:
    return Rounds({"s": first}, {"s": second})


def sides(ratio: float, noise: float, seed: int):
    """Two sides whose times differ by `ratio`, with a drift that both see and noise of their own."""
    rng = np.random.default_rng(seed)
    turns: list[str] = []

    def side(name: str, seconds: float):
        def measure() -> dict[str, float]:
            turns.append(name)
            drift = 1 + 0.5 * math.sin(len(turns) / 9)
            return {"s": seconds * drift * math.exp(noise * rng.standard_normal())}

        return measure

    return side("a", 1.0), side("b", ratio), turns


def test_the_ratio_is_second_over_first_for_what_is_wanted_small():
    rounds = rounds_of([1.0] * 5, [2.0] * 5)
    assert rounds.ratio("s", less_is_better=False).value == pytest.approx(2.0)
    assert rounds.ratio("s").value == pytest.approx(0.5)


def test_a_ratio_is_settled_only_when_narrow_and_near_one():
    narrow_near = rounds_of([1.0, 1.01, 0.99, 1.0, 1.0], [1.0] * 5).ratio("s", less_is_better=False)
    narrow_far = rounds_of([1.0, 1.01, 0.99, 1.0, 1.0], [1.2] * 5).ratio("s", less_is_better=False)
    wide_near = rounds_of([1.0, 1.3, 0.7, 1.0, 1.0], [1.0] * 5).ratio("s", less_is_better=False)
    assert settled(narrow_near, band=BAND, half_width=0.05)
    assert not settled(narrow_far, band=BAND, half_width=0.05)
    assert not settled(wide_near, band=BAND, half_width=0.05)


def test_an_interval_that_only_touches_the_band_meets_it():
    near = rounds_of([1.0, 1.02, 0.98, 1.0, 1.0], [1.04] * 5).ratio("s", less_is_better=False)
    assert near.value > BAND[1] > near.lo
    assert settled(near, band=BAND, half_width=0.05)


def test_too_few_rounds_settle_nothing():
    four = rounds_of([1.0] * 4, [1.0] * 4).ratio("s")
    assert not settled(four, band=BAND, half_width=0.05)
    assert spread(four) == math.inf


def test_rounds_reverse_each_other_so_that_a_drift_cancels():
    first, second, turns = sides(1.1, 0.0, seed=0)
    rounds = alternate(first, second, max_rounds=8, seed=3)
    pairs = [tuple(turns[at : at + 2]) for at in range(0, 16, 2)]
    assert all(set(pair) == {"a", "b"} for pair in pairs)
    assert all(one == other[::-1] for one, other in itertools.pairwise(pairs))
    assert rounds.ratio("s", less_is_better=False).value == pytest.approx(1.1, rel=0.03)


def test_rounds_end_with_the_first_whole_pair_that_is_enough():
    first, second, turns = sides(1.0, 0.001, seed=1)
    asked: list[int] = []

    def enough(rounds: Rounds) -> bool:
        asked.append(len(rounds.first["s"]))
        return len(asked) == 2

    alternate(first, second, max_rounds=20, enough=enough, seed=3)
    assert asked == [6, 8]
    assert len(turns) == 16


def test_rounds_end_at_their_bound():
    first, second, _ = sides(1.0, 0.5, seed=2)
    rounds = alternate(first, second, max_rounds=6, seed=3)
    assert (len(rounds.first["s"]), len(rounds.second["s"])) == (6, 6)


def test_looking_often_keeps_nearly_the_coverage_that_is_claimed():
    """A true ratio of 1.02 under noise of 5 %, stopped as soon as it settles: the interval still holds it."""
    studies, held = 300, 0
    for seed in range(studies):
        first, second, _ = sides(1.02, 0.05, seed=seed)
        rounds = alternate(
            first,
            second,
            max_rounds=20,
            enough=lambda r: settled(r.ratio("s", less_is_better=False), band=BAND, half_width=0.05),
            seed=seed,
        )
        ratio = rounds.ratio("s", less_is_better=False)
        held += ratio.lo <= 1.02 <= ratio.hi
    assert held / studies >= 0.92
