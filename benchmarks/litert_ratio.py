"""edgebench's median latency of a .tflite file against a bare `invoke` loop and against `litert-benchmark`.

Each peer in ABBA rounds of fresh processes with edgebench, one thread, the same file. `litert-benchmark` (of the LiteRT
wheel) runs the file in a CompiledModel, edgebench and the bare loop in an Interpreter.

python benchmarks/litert_ratio.py [--json]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from agent_runs import AgentRuns, figures_of
from figures import Figure, Verdict, alone, of_ratio, progress
from ratios import Rounds, Side, alternate, settled, spread

MODEL = Path(__file__).resolve().parent.parent / "models" / "sr-x2-w28-fp32.tflite"
SECONDS = 2.0
MAX_ROUNDS = 20
BAND = (0.97, 1.03)
HALF_WIDTH = 0.05
BARE = Path(__file__).with_name("bare_litert.py")
TARGET = "interval narrower than +-5 % that meets 0.97..1.03"


def measure(options: argparse.Namespace) -> list[Figure]:
    """The ratios of medians: edgebench / bare loop, edgebench / litert-benchmark."""
    with AgentRuns(MODEL, "tflite", {}) as runs:

        def ours() -> dict[str, float]:
            return figures_of(runs.invocation(SECONDS)[0])

        iterations = max(10, round(SECONDS * 1e9 / ours()["median_ns"]))
        return [
            _compared("a bare invoke loop", bare, ours, seed=1),
            _compared("litert-benchmark", tool(iterations), ours, seed=2),
        ]


def _compared(peer: str, theirs: Side, ours: Side, *, seed: int) -> Figure:
    rounds = alternate(theirs, ours, max_rounds=MAX_ROUNDS, enough=_enough, seed=seed)
    median = rounds.ratio("median_ns", less_is_better=False)
    verdict: Verdict = "MISSED" if spread(median) < HALF_WIDTH else "open"
    if settled(median, band=BAND, half_width=HALF_WIDTH):
        verdict = "met"
    return of_ratio(f"TFLite latency: edgebench / {peer}", median, target=TARGET, verdict=verdict)


def bare() -> dict[str, float]:
    """The plain loop in a fresh process."""
    done = subprocess.run([sys.executable, str(BARE), str(MODEL), str(SECONDS)], capture_output=True, check=True)
    return {"median_ns": json.loads(done.stdout)["median_ns"]}


def tool(iterations: int) -> Callable[[], dict[str, float]]:
    """`litert-benchmark` in a fresh process, for so many iterations."""

    def side() -> dict[str, float]:
        with TemporaryDirectory(prefix="edgebench-bench-") as folder:
            result = Path(folder, "result.json")
            argv = [str(Path(sys.executable).with_name("litert-benchmark")), "--model", str(MODEL)]
            argv += ["--num_runs", str(iterations), "--num_threads", "1", "--result_json", str(result)]
            subprocess.run(argv, capture_output=True, check=True)
            return {"median_ns": json.loads(result.read_text())["latency"]["median_ms"] * 1e6}

    return side


def _enough(rounds: Rounds) -> bool:
    ratio = rounds.ratio("median_ns", less_is_better=False)
    progress(f"  {ratio.rounds} rounds: {ratio.value:.4f} +-{100 * spread(ratio):.1f} %")
    return settled(ratio, band=BAND, half_width=HALF_WIDTH)


if __name__ == "__main__":
    sys.exit(alone(measure, __doc__))
