"""What the measuring loop itself costs an iteration, around a runner that does nothing; on Python 3.6 too if present.

python benchmarks/loop_cost.py [--json]
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from figures import Figure, alone, reached

from edgebench.controller.bundle import build_agent

ITERATIONS = 200_000
REPEATS = 5
TARGET_US = 5.0
NOOP = Path(__file__).with_name("noop_loop.py")


def measure(options: argparse.Namespace) -> list[Figure]:
    """A row a Python: CPU time an iteration, the sending of blocks included, median of the repeats."""
    pythons = [sys.executable, *filter(None, [find_python36()])]
    with TemporaryDirectory(prefix="edgebench-bench-") as folder:
        agent = Path(folder, "agent.zip")
        agent.write_bytes(build_agent().data)
        return [_figure(python, agent) for python in pythons]


def find_python36() -> str | None:
    """An interpreter of the agent's oldest Python that starts: where pyenv puts it, else on PATH."""
    found = [str(path) for path in sorted(Path.home().glob(".pyenv/versions/3.6.*/bin/python3.6"))]
    found += filter(None, [shutil.which("python3.6")])
    starts = (
        python for python in found if subprocess.run([python, "-V"], capture_output=True, check=False).returncode == 0
    )
    return next(starts, None)


def _figure(python: str, agent: Path) -> Figure:
    version = subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout.strip()
    runs = [_run(python, agent) for _ in range(REPEATS)]
    values = {name: statistics.median(run[name] for run in runs) / 1000 for name in runs[0]}
    note = (
        f"{values['step_ns']:.2f} us from start to start, of which {values['timed_ns']:.2f} us inside the timed region"
    )
    note += f"; a bare loop that appends to a list: {values['bare_ns']:.2f} us"
    verdict = reached(values["cpu_ns"], at_most=TARGET_US)
    return Figure(
        f"loop's cost an iteration, {version}", values["cpu_ns"], "us", target="<= 5 us", verdict=verdict, note=note
    )


def _run(python: str, agent: Path) -> dict[str, float]:
    done = subprocess.run([python, str(NOOP), str(agent), str(ITERATIONS)], stdout=subprocess.PIPE, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


if __name__ == "__main__":
    sys.exit(alone(measure, __doc__))
