"""One device, several who want it; and an agent that is killed in the middle."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

from rooms import Room
from sshd import Sshd
from trouble import (
    add_rooted,
    finish,
    has_event,
    interrupt,
    jobs,
    processes,
    reach,
    start_run,
    stored,
    supervisor,
    wait_until,
)

HANG = ("--option", "session.fault=hang@run#2")
"""The first invocation (the second process of the job) hangs until it is ended."""


def test_a_second_controller_waits_and_then_measures(tmp_path: Path, sshd: Sshd) -> None:
    """The lock is the device's: one comes by SSH, the other sits on the device itself."""
    room = Room(tmp_path, "ssh", sshd)
    room.install_faulty_runtime()
    first = start_run(room, "board", *HANG)
    reach(first, has_event(room.home, ev="ready", step=1))
    (tmp_path / "near").mkdir()
    near = Room(tmp_path / "near", "local")
    near.add_device("same", home=str(room.home))
    second = start_run(near, "same")
    assert second.stderr is not None
    said = second.stderr.readline()
    assert re.search(r"is held by \S+@\S+ \(session [0-9a-f]{8}\) for at most \d+ s more; waiting", said), said
    assert "restore same --force" in said
    assert len(jobs(room.home)) == 1  # nothing is pushed while another measures
    ended = interrupt(first)
    assert ended.returncode == 130, ended.stderr
    done = finish(second)
    assert done.returncode in (0, 5), done.stderr
    (run,) = stored(near)
    assert run.outcome.status in ("ok", "unstable")
    assert [one.outcome.code for one in stored(room)] == ["interrupted"]
    assert jobs(room.home) == []


def test_restore_force_ends_a_live_session(room: Room) -> None:
    room.install_faulty_runtime()
    governor = add_rooted(room)
    running = start_run(room, "rooted", "--prepare", "governor=performance", *HANG)
    reach(running, has_event(room.home, ev="ready", step=1))
    refused = room.edgebench("devices", "restore", "rooted")
    assert refused.returncode == 3, refused.stderr
    assert "held by" in refused.stderr
    assert "--force" in refused.stderr
    assert governor.read_text().strip() == "performance"
    forced = room.edgebench("devices", "restore", "rooted", "--force")
    assert forced.returncode == 0, forced.stderr
    assert governor.read_text().strip() == "schedutil"
    done = finish(running)
    assert done.returncode == 4, done.stderr
    (run,) = stored(room)
    assert (run.outcome.status, run.outcome.code) == ("failed", "interrupted")
    assert jobs(room.home) == []
    assert processes(room.home) == {}


def test_supervisor_killed_while_measuring(room: Room) -> None:
    """The row says so, the device is restored, and the session's next row runs."""
    room.install_faulty_runtime()
    governor = add_rooted(room)
    options = ("--prepare", "governor=performance", "--threads", "1,2", "--option", "session.fault=hang@run#3")
    running = start_run(room, "rooted", *options)
    reach(running, has_event(room.home, ev="ready", step=2))
    (first,) = jobs(room.home)
    os.kill(supervisor(room.home), signal.SIGKILL)
    reach(running, lambda: jobs(room.home) not in ([], [first]))
    reach(running, has_event(room.home, ev="ready", step=2))
    os.kill(supervisor(room.home), signal.SIGKILL)
    done = finish(running)
    assert done.returncode == 5, done.stderr
    one, two = stored(room)
    for run in (one, two):
        assert (run.outcome.status, run.outcome.code) == ("unstable", "device-lost")
        assert "agent on the device was killed" in (run.outcome.message or "")
        assert [invocation.outcome.status for invocation in run.invocations] == ["ok", "failed"]
    assert one.id == first
    assert governor.read_text().strip() == "schedutil"
    assert jobs(room.home) == []
    wait_until(lambda: not processes(room.home), what="child and sampler die with their supervisor")
