"""Two sides measured in turn until their ratio is known well enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from edgebench.stats.rounds import MIN_ROUNDS, Ratio, compare, order_of_rounds

Side = Callable[[], dict[str, float]]
"""One measurement of a side: its figures by name."""


@dataclass
class Rounds:
    """What both sides gave, a figure a round: `first[name][round]`."""

    first: dict[str, list[float]] = field(default_factory=dict)
    second: dict[str, list[float]] = field(default_factory=dict)

    def ratio(self, name: str, *, less_is_better: bool = True) -> Ratio:
        """How much better `second` is than `first`: above 1 favours `second`. With times and `less_is_better=False`
        it is simply second/first.
        """
        return compare(self.first[name], self.second[name], less_is_better=less_is_better)


def settled(ratio: Ratio, *, band: tuple[float, float], half_width: float) -> bool:
    """Whether the interval is narrower than +-`half_width` (a share) and meets `band`; False without an interval."""
    if ratio.lo is None or ratio.hi is None:
        return False
    return spread(ratio) < half_width and ratio.lo <= band[1] and ratio.hi >= band[0]


def spread(ratio: Ratio) -> float:
    """Half the width of the interval as a share of the ratio; infinite without one."""
    if ratio.lo is None or ratio.hi is None:
        return float("inf")
    return (ratio.hi - ratio.lo) / 2 / ratio.value


def alternate(
    first: Side, second: Side, *, max_rounds: int, enough: Callable[[Rounds], bool] = lambda rounds: False, seed: int
) -> Rounds:
    """Measure both sides in ABBA rounds, at most `max_rounds`; `enough` is asked after whole ABBA pairs only.

    Looking again and again makes an interval a little too narrow; who reports it says how many rounds there were.
    """
    rounds = Rounds()
    order = order_of_rounds(2, max_rounds, np.random.default_rng(seed))
    for number, turn in enumerate(order, 1):
        for which in turn:
            side, kept = ((first, rounds.first), (second, rounds.second))[which]
            for name, value in side().items():
                kept.setdefault(name, []).append(value)
        if number % 2 == 0 and number >= MIN_ROUNDS and enough(rounds):
            break
    return rounds
