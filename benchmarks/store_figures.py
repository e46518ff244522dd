"""The store's figures (`store.py` tells how they are made): 2,000 runs, or 100,000 with --full.

python benchmarks/store_figures.py [--json] [--full]
"""

from __future__ import annotations

import argparse
import statistics
import sys
from tempfile import TemporaryDirectory

import store
from figures import Figure, alone, reached

from edgebench.store import open_store

RUNS, FULL_RUNS = 2_000, 100_000


def measure(options: argparse.Namespace) -> list[Figure]:
    """Medians of the three calls that have a target."""
    runs = FULL_RUNS if options.full else RUNS
    with TemporaryDirectory(prefix="edgebench-bench-") as folder, open_store(f"{folder}/store.db") as opened:
        store.fill(opened, runs)
        spans = store.measure(opened, runs)
    return [_figure(name, spans[name], target, runs) for name, target in store.TARGETS_MS.items()]


def _figure(name: str, values: list[float], target_ms: float, runs: int) -> Figure:
    median = statistics.median(values)
    title = f"store of {runs} runs: {name}"
    verdict = reached(median, at_most=target_ms)
    return Figure(title, median, "ms", rounds=len(values), target=f"<= {target_ms:g} ms", verdict=verdict)


if __name__ == "__main__":
    sys.exit(alone(measure, __doc__))
