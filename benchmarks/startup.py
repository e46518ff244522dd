"""From `edgebench run` to its first inference on this machine, beyond what the runtime itself takes to import and load.

    python benchmarks/startup.py [--json]

Host and device are one machine here, so both read one monotonic clock: the command's start is stamped before it is
executed, the first inference by the agent (`phase` first). Of that, the same step's own `import_ns` and `load_ns` go.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agent_runs import MODEL, SHAPE_TEXT
from figures import Figure, alone, reached

from edgebench.agent.protocol import FrameReader

REPEATS = 5
TARGET_S = 1.5
LOOK_S = 0.02
LIMIT_S = 120.0
PLAN = ("--invocations", "1", "--min-time", "60", "--soak", "0", "--no-memory", "--threads", "1")


def measure(options: argparse.Namespace) -> list[Figure]:
    """The median of fresh commands; the first ever, which pushes the agent too, beside it."""
    with TemporaryDirectory(prefix="edgebench-bench-") as folder:
        spans = [_span(Path(folder)) for _ in range(REPEATS + 1)]
    median = statistics.median(spans[1:])
    each = ", ".join(f"{span:.2f}" for span in spans[1:])
    note = f"one by one {each} s; on a new store and device {spans[0]:.2f} s"
    return [
        Figure(
            "command to first inference, less import and load",
            median,
            "s",
            rounds=REPEATS,
            target=f"<= {TARGET_S:g} s",
            verdict=reached(median, at_most=TARGET_S),
            note=note,
        )
    ]


def _span(folder: Path) -> float:
    """One command in a home of its own: seconds to its first inference, import and load of the runtime left out."""
    env = os.environ | {
        "EDGEBENCH_CONFIG": str(folder / "config"),
        "EDGEBENCH_STORE": str(folder / "store.db"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_DATA_HOME": str(folder / "data"),
    }
    argv = [str(Path(sys.executable).with_name("edgebench")), "run", str(MODEL), "--shape", f"input={SHAPE_TEXT}"]
    began_ns = time.perf_counter_ns()
    process = subprocess.Popen(
        [*argv, *PLAN, "--json", "-"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        events = _events_up_to_first(process, folder)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LIMIT_S)
    first = next(event for event in events if event["ev"] == "phase" and event["name"] == "first")
    loaded = next(event for event in events if event["ev"] == "loaded" and event["step"] == first["step"])
    return float(first["t"] - began_ns - loaded["import_ns"] - loaded["load_ns"]) / 1e9


def _events_up_to_first(process: subprocess.Popen[bytes], folder: Path) -> list[dict[str, Any]]:
    """The job's events once the first inference is among them; the agent stamps it, so looking late does no harm."""
    give_up = time.monotonic() + LIMIT_S
    while time.monotonic() < give_up and process.poll() is None:
        for path in folder.glob("cache/edgebench/device/jobs/*/events.jsonl"):
            data = path.read_bytes()
            words = data.split(b" ", 2)
            if len(words) == 3:
                events: list[dict[str, Any]] = FrameReader(words[1].decode()).feed(data)
                if any(event["ev"] == "first" for event in events):
                    return events
        time.sleep(LOOK_S)
    process.terminate()
    said = process.communicate(timeout=LIMIT_S)[1].decode("utf-8", "replace")
    raise RuntimeError(f"no first inference came: {said}")


if __name__ == "__main__":
    sys.exit(alone(measure, __doc__))
