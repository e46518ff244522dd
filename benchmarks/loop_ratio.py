"""edgebench's median latency against that of a bare `session.run` loop, both in fresh processes, in ABBA rounds.

python benchmarks/loop_ratio.py [--json]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from agent_runs import MODEL, SHAPE_TEXT, AgentRuns, figures_of
from figures import Figure, Verdict, alone, of_ratio, progress
from ratios import Rounds, alternate, settled, spread

SECONDS = 2.0
MAX_ROUNDS = 20
BAND = (0.97, 1.03)
HALF_WIDTH = 0.05
BARE = Path(__file__).with_name("bare_loop.py")


def measure(options: argparse.Namespace) -> list[Figure]:
    """The ratio of medians, and beside it the ratio of CPU times, which neighbours on the machine disturb less."""
    with AgentRuns() as runs:
        rounds = alternate(
            bare, lambda: figures_of(runs.invocation(SECONDS)[0]), max_rounds=MAX_ROUNDS, enough=_enough, seed=1
        )
    median = rounds.ratio("median_ns", less_is_better=False)
    cpu = rounds.ratio("cpu_ns", less_is_better=False)
    verdict: Verdict = "MISSED" if spread(median) < HALF_WIDTH else "open"
    if settled(median, band=BAND, half_width=HALF_WIDTH):
        verdict = "met"
    target = "interval narrower than +-5 % that meets 0.97..1.03"
    return [
        of_ratio("latency: edgebench / bare session.run loop", median, target=target, verdict=verdict),
        of_ratio("CPU time an iteration: edgebench / bare loop", cpu),
    ]


def bare() -> dict[str, float]:
    """The plain loop in a fresh process."""
    argv = [sys.executable, str(BARE), str(MODEL), str(SECONDS), SHAPE_TEXT]
    done = subprocess.run(argv, stdout=subprocess.PIPE, check=True)
    said: dict[str, float] = json.loads(done.stdout)
    return {name: said[name] for name in ("median_ns", "cpu_ns")}


def _enough(rounds: Rounds) -> bool:
    ratio = rounds.ratio("median_ns", less_is_better=False)
    progress(f"  {ratio.rounds} rounds: {ratio.value:.4f} +-{100 * spread(ratio):.1f} %")
    return settled(ratio, band=BAND, half_width=HALF_WIDTH)


if __name__ == "__main__":
    sys.exit(alone(measure, __doc__))
