"""Nothing on the host runs inside a measured block: between two events nobody wakes up."""

from __future__ import annotations

import os
import pty
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rooms import Room
from trouble import RUN, finish, has_event, processes, reach

SETTLED_S = 0.3
"""After an event this long is given to those who are told of it, on a machine that has other things to do."""

GAP_S = 0.9
"""A gap between events that is looked at: whoever ticks once a second or more often is seen in most of them."""


def switches(pid: int) -> int:
    """How often the threads of a process have gone to sleep by themselves: each time they had been awake."""
    total = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        line = next(line for line in status.read_text().splitlines() if line.startswith("voluntary"))
        total += int(line.split()[1])
    return total


def follower(home: Path) -> int:
    """The process on the device that hands the job's events to the controller."""
    return next(pid for pid, words in processes(home).items() if " follow " in words)


def gaps(record: Path, pids: list[int], terminal: int, seconds: float) -> Iterator[list[int]]:
    """For each gap between events: how often each process slept anew in it, from when it had settled."""
    until = time.monotonic() + seconds
    size, since, first, last = -1, 0.0, None, [0]
    while time.monotonic() < until:
        time.sleep(0.02)  # the pace of looking; nothing is waited for
        now = [switches(pid) for pid in pids]
        if record.stat().st_size != size:
            if first is not None and time.monotonic() - since > GAP_S:
                yield [b - a for a, b in zip(first, last, strict=True)]
            size, since, first = record.stat().st_size, time.monotonic(), None
        elif first is None and time.monotonic() - since > SETTLED_S:
            first = now
        last = now
        _drain(terminal)


def _drain(terminal: int) -> None:
    """Take what the live view drew, so that it never has to wait for us."""
    os.set_blocking(terminal, False)
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        return


@pytest.mark.alone
def test_nobody_wakes_between_events(tmp_path: Path) -> None:
    """Controller and follower on the machine that measures, at a terminal, with the live view."""
    room = Room(tmp_path, "local")
    terminal, far_end = pty.openpty()
    try:
        running = room.start(
            "run", "--device", "board", *RUN, "--invocations", "1", "--min-time", "12",
            stderr=far_end, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(far_end)
        reach(running, has_event(room.home, ev="block", step=1))
        (record,) = room.home.glob("jobs/*/events.jsonl")
        found = list(gaps(record, [follower(room.home), running.pid], terminal, seconds=7.5))
        running.terminate()
        finish(running)
    finally:
        os.close(terminal)
    quiet = [gap for gap in found if not any(gap)]
    assert len(found) >= 3, "events come at block ends, seconds apart"
    assert len(quiet) >= 2 / 3 * len(found), found
