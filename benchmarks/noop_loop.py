"""The agent's loop around nothing, on any Python from 3.6: `python noop_loop.py AGENT.zip ITERATIONS`.

Prints JSON, all in ns an iteration: step_ns (median from one start to the next), cpu_ns (CPU time, the sending of
blocks included), timed_ns (median of what it takes nothing to last), bare_ns (CPU time of a plain loop that appends).
"""

# Python 3.6, as the agent is
# ruff: noqa: ANN001, ANN003, ANN201, B905, D102, PTH123, RUF007
import json
import os
import sys
import time

sys.path.insert(0, sys.argv[1])
from edgebench_agent.clock import monotonic_ns
from edgebench_agent.emitter import Emitter
from edgebench_agent.feeder import Feeder
from edgebench_agent.loop import Limits, Recorder, measure, median
from edgebench_agent.protocol import unpack_ints


class Kept(Emitter):
    """Frames and writes as always, and keeps the samples."""

    def emit(self, ev, **fields):
        Emitter.emit(self, ev, **fields)
        if ev == "samples":
            kept.append(fields)


def nothing():
    """Stand for an inference that takes no time."""


def bare(count):
    """Time `nothing` as a plain loop would; return CPU ns an iteration."""
    durations = []
    cpu = time.process_time()
    for _ in range(count):
        before = monotonic_ns()
        nothing()
        durations.append(monotonic_ns() - before)
    return (time.process_time() - cpu) * 1e9 / count


kept = []
count = int(sys.argv[2])
feeder = Feeder([{"x": None}], {}, ["y"], lambda feeds: None)
with open(os.devnull, "wb") as sink:
    recorder = Recorder(Kept(sink.fileno(), "00"), 1)
    cpu = time.process_time()
    measure(nothing, feeder.between, Limits(0, count, count), recorder)
    cpu = time.process_time() - cpu
starts = [unpack_ints(fields["start_ns"]) for fields in kept]
steps = [b - a for block in starts for a, b in zip(block, block[1:])]
timed = [one for fields in kept for one in unpack_ints(fields["duration_ns"])]
result = {"step_ns": median(steps), "cpu_ns": cpu * 1e9 / count, "timed_ns": median(timed), "bare_ns": bare(count)}
print(json.dumps(result))
