"""How long `edgebench --help` takes, and beside it the bare interpreter.

python benchmarks/help_time.py [--json]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from figures import Figure, alone, reached

REPEATS = 10
TARGET_S = 0.25


def measure(options: argparse.Namespace) -> list[Figure]:
    """Medians of commands run in turn: wall time, and the CPU time of `--help`."""
    command = [str(Path(sys.executable).with_name("edgebench")), "--help"]
    both = [(_spent(command), _spent([sys.executable, "-c", "pass"])) for _ in range(REPEATS)]
    wall = statistics.median(one[0] for one, _ in both)
    cpu = statistics.median(one[1] for one, _ in both)
    bare = statistics.median(other[0] for _, other in both)
    note = f"{cpu:.3f} s of CPU time; `python -c pass` beside it: {bare:.3f} s wall"
    return [
        Figure(
            "edgebench --help, wall",
            wall,
            "s",
            rounds=REPEATS,
            target=f"<= {TARGET_S:g} s",
            verdict=reached(wall, at_most=TARGET_S),
            note=note,
        )
    ]


def _spent(argv: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of a command."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    wall, after = time.perf_counter() - began, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu


if __name__ == "__main__":
    sys.exit(alone(measure, __doc__))
