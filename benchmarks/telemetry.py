"""What telemetry costs: the latency with the sampler on against off, in ABBA rounds, and the sampler's own CPU time.

python benchmarks/telemetry.py [--json]
"""

from __future__ import annotations

import argparse
import statistics
import sys

from agent_runs import AgentRuns, figures_of
from figures import Figure, alone, of_ratio, progress
from ratios import Rounds, alternate, spread

SECONDS = 3.0
MAX_ROUNDS = 20
SHIFT = 0.01
CORE_SHARE = 2.0


def measure(options: argparse.Namespace) -> list[Figure]:
    """The shift of the median, and the sampler's share of a core while it ran."""
    shares: list[float] = []
    with AgentRuns() as runs:

        def side(sampler: bool) -> dict[str, float]:
            step, job = runs.invocation(SECONDS, sampler=sampler)
            if sampler:
                shares.append(100 * job.sampler["cpu_ns"] / job.sampler["wall_ns"])
            return figures_of(step)

        rounds = alternate(lambda: side(False), lambda: side(True), max_rounds=MAX_ROUNDS, enough=_enough, seed=2)
    median = rounds.ratio("median_ns", less_is_better=False)
    note = "" if _within(rounds) or not _unclear(rounds) else "the interval is too wide to tell"
    share = statistics.median(shares)
    return [
        of_ratio(
            "latency: sampler on / off", median, target="interval within 0.99..1.01", met=_within(rounds), note=note
        ),
        of_ratio("CPU time an iteration: sampler on / off", rounds.ratio("cpu_ns", less_is_better=False)),
        Figure(
            "sampler's share of a core (median of its runs)",
            share,
            "%",
            rounds=len(shares),
            target=f"<= {CORE_SHARE:g} %",
            met=share <= CORE_SHARE,
        ),
    ]


def _within(rounds: Rounds) -> bool:
    ratio = rounds.ratio("median_ns", less_is_better=False)
    return ratio.lo is not None and ratio.hi is not None and ratio.lo >= 1 - SHIFT and ratio.hi <= 1 + SHIFT


def _unclear(rounds: Rounds) -> bool:
    """Whether the interval holds shifts inside the target as well as outside."""
    ratio = rounds.ratio("median_ns", less_is_better=False)
    return ratio.lo is None or ratio.hi is None or (ratio.lo <= 1 + SHIFT and ratio.hi >= 1 - SHIFT)


def _enough(rounds: Rounds) -> bool:
    ratio = rounds.ratio("median_ns", less_is_better=False)
    progress(f"  {ratio.rounds} rounds: {ratio.value:.4f} +-{100 * spread(ratio):.1f} %")
    return _within(rounds)


if __name__ == "__main__":
    sys.exit(alone(measure, __doc__))
