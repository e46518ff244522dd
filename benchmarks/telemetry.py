"""What telemetry costs: the latency with the sampler on against off, in ABBA rounds, and the sampler's own CPU time.

python benchmarks/telemetry.py [--json]
"""

from __future__ import annotations

import argparse
import statistics
import sys

from agent_runs import AgentRuns, figures_of
from figures import Figure, Verdict, alone, of_ratio, progress, reached
from ratios import Rounds, alternate, spread

from edgebench.stats.rounds import Ratio

SECONDS = 2.0
MAX_ROUNDS = 20
SHIFT = 0.01
CORE_SHARE = 2.0


def measure(options: argparse.Namespace) -> list[Figure]:
    """The shift of the median, and the sampler's share of a core while it ran."""
    shares: list[float] = []
    with AgentRuns() as runs:
        stand_in = runs.read_power()

        def side(sampler: bool) -> dict[str, float]:
            step, job = runs.invocation(SECONDS, sampler=sampler)
            if sampler:
                shares.append(100 * job.sampler["cpu_ns"] / job.sampler["wall_ns"])
            return figures_of(step)

        rounds = alternate(lambda: side(False), lambda: side(True), max_rounds=MAX_ROUNDS, enough=_enough, seed=2)
    median = rounds.ratio("median_ns", less_is_better=False)
    share = statistics.median(shares)
    return [
        of_ratio(
            "latency: sampler on / off", median, target="at most 1 % of the median", verdict=shift_verdict(median)
        ),
        of_ratio("CPU time an iteration: sampler on / off", rounds.ratio("cpu_ns", less_is_better=False)),
        Figure(
            "sampler's share of a core (median of its runs)",
            share,
            "%",
            rounds=len(shares),
            target=f"<= {CORE_SHARE:g} %",
            verdict=reached(share, at_most=CORE_SHARE),
            note="power is read at 10 Hz, from a file that stands in for a sensor" if stand_in else "",
        ),
    ]


def shift_verdict(ratio: Ratio) -> Verdict:
    """Whether the latency shifts by at most `SHIFT` either way, as the interval shows it."""
    if ratio.lo is None or ratio.hi is None:
        return "open"
    if 1 - SHIFT <= ratio.lo <= ratio.hi <= 1 + SHIFT:
        return "met"
    return "MISSED" if ratio.lo > 1 + SHIFT or ratio.hi < 1 - SHIFT else "open"


def _enough(rounds: Rounds) -> bool:
    ratio = rounds.ratio("median_ns", less_is_better=False)
    progress(f"  {ratio.rounds} rounds: {ratio.value:.4f} +-{100 * spread(ratio):.1f} %")
    return shift_verdict(ratio) == "met"


if __name__ == "__main__":
    sys.exit(alone(measure, __doc__))
