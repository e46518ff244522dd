"""Ctrl-C, SIGTERM and a controller killed outright: rows kept, the device restored, nothing left running."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults import FaultProxy
from rooms import Room
from sshd import Sshd
from trouble import (
    RUN,
    Gate,
    add_rooted,
    events,
    finish,
    has_event,
    interrupt,
    jobs,
    large_model,
    processes,
    reach,
    start_run,
    stored,
    supervisor,
    wait_until,
)

HANG = ("--option", "session.fault=hang@run#2")
"""The first invocation (the second process of the job) hangs until it is ended."""


@pytest.fixture
def proxy(sshd: Sshd) -> Iterator[FaultProxy]:
    with FaultProxy(sshd.port) as proxy:
        yield proxy


@pytest.fixture
def local_room(tmp_path: Path) -> Room:
    return Room(tmp_path, "local")


@pytest.fixture
def ssh_room(tmp_path: Path, sshd: Sshd) -> Room:
    return Room(tmp_path, "ssh", sshd)


def statuses(room: Room) -> list[tuple[str, str | None]]:
    return [(run.outcome.status, run.outcome.code) for run in stored(room)]


def test_interrupted_while_connecting(tmp_path: Path, sshd: Sshd, proxy: FaultProxy) -> None:
    room = Room(tmp_path, "ssh", sshd, port=proxy.port)
    proxy.arm("stall", direction="down")
    running = start_run(room)
    reach(running, proxy.struck.is_set)
    done = interrupt(running)
    assert done.returncode == 130, done.stderr
    assert "Interrupted" in done.stderr
    assert done.runs == []
    assert processes(room.home) == {}


@pytest.mark.parametrize(("transport", "verb"), [("local", "-c"), ("ssh", "facts"), ("local", "status")])
def test_interrupted_before_the_first_row(tmp_path: Path, sshd: Sshd, transport: str, verb: str) -> None:
    room = Room(tmp_path, transport, sshd)
    gate = Gate(room.folder / "gate", verb)
    room.add_device("gated", python=str(gate.python))
    running = start_run(room, "gated")
    reach(running, gate.reached)
    done = interrupt(running)
    assert done.returncode == 130, done.stderr
    # without facts there is no session yet, and so no row
    assert statuses(room) == ([("skipped", "interrupted")] if verb == "status" else [])
    wait_until(lambda: not processes(room.home), what="no process is left")


def test_interrupted_while_pushing(tmp_path: Path, sshd: Sshd, proxy: FaultProxy) -> None:
    room = Room(tmp_path, "ssh", sshd, port=proxy.port)
    model = large_model(tmp_path / "large.onnx", side=1500)
    # behind the agent, a twentieth of this, and far from the model's end; slow, so that it is still pushed then
    proxy.arm("rate", after_bytes=1_500_000, bytes_per_s=2e6)
    running = room.start("run", "--device", "board", model, *RUN[3:])
    reach(running, proxy.struck.is_set)
    done = interrupt(running)
    assert done.returncode == 130, done.stderr
    assert statuses(room) == [("failed", "interrupted")]
    assert not list(room.home.glob("artifacts/*/model.onnx"))
    assert jobs(room.home) == []
    assert processes(room.home) == {}


def test_interrupted_before_start_leaves_the_rows_told(ssh_room: Room) -> None:
    room = ssh_room
    gate = Gate(room.folder / "gate", "start", nth=2)
    room.add_device("gated", python=str(gate.python))
    running = start_run(room, "gated", "--threads", "1,2,3", "--soak", "0")
    reach(running, gate.reached)
    done = interrupt(running)
    assert done.returncode == 130, done.stderr
    first, second, third = stored(room)
    assert first.outcome.status in ("ok", "unstable")
    assert (second.outcome.status, second.outcome.code) == ("failed", "interrupted")
    assert (third.outcome.status, third.outcome.code) == ("skipped", "interrupted")
    assert [run["id"] for run in done.runs] == [first.id, second.id, third.id]
    assert jobs(room.home) == []
    wait_until(lambda: not processes(room.home), what="no process is left")


@pytest.mark.parametrize(("transport", "number"), [("local", signal.SIGINT), ("ssh", signal.SIGTERM)])
def test_interrupted_while_measuring(tmp_path: Path, sshd: Sshd, transport: str, number: int) -> None:
    room = Room(tmp_path, transport, sshd)
    room.install_faulty_runtime()
    governor = add_rooted(room)
    running = start_run(room, "rooted", "--prepare", "governor=performance", "--option", "session.fault=hang@run#3")
    reach(running, has_event(room.home, ev="ready", step=2))
    assert governor.read_text().strip() == "performance"
    done = interrupt(running, number)
    assert done.returncode == 130, done.stderr
    (run,) = stored(room)
    assert (run.outcome.status, run.outcome.code) == ("failed", "interrupted")
    assert run.invocations[0].iterations  # what was measured is kept
    assert governor.read_text().strip() == "schedutil"
    assert jobs(room.home) == []
    assert processes(room.home) == {}


def test_interrupted_in_the_soak(ssh_room: Room) -> None:
    room = ssh_room
    running = start_run(room, "board", "--soak", "60")
    reach(running, has_event(room.home, ev="phase", name="soak"))
    done = interrupt(running)
    assert done.returncode == 130, done.stderr
    assert statuses(room) == [("failed", "interrupted")]
    assert jobs(room.home) == []
    assert processes(room.home) == {}


def test_interrupted_after_the_row_was_stored(local_room: Room) -> None:
    room = local_room
    gate = Gate(room.folder / "gate", "discard")
    room.add_device("gated", python=str(gate.python))
    running = start_run(room, "gated")
    reach(running, gate.reached)
    done = interrupt(running)
    assert done.returncode == 130, done.stderr
    (run,) = stored(room)
    assert run.outcome.status in ("ok", "unstable")
    assert len(run.invocations) == 2
    assert jobs(room.home) == []


def test_controller_killed_while_measuring(ssh_room: Room) -> None:
    """The supervisor goes on; the next session waits for it, stores its row under its id, then measures its own."""
    room = ssh_room
    governor = add_rooted(room)
    running = start_run(room, "rooted", "--prepare", "governor=performance", "--min-time", "1.5")
    reach(running, has_event(room.home, ev="ready", step=1))
    running.kill()
    finish(running)
    (job,) = jobs(room.home)
    assert stored(room) == []
    assert governor.read_text().strip() == "performance"
    done = finish(start_run(room, "rooted"))
    assert done.returncode in (0, 5), done.stderr
    assert "is held by" in done.stderr
    first, second = stored(room)
    assert (first.id, len(first.invocations)) == (job, 2)
    assert first.outcome.status in ("ok", "unstable")
    assert first.outcome.code is None
    assert first.session != second.session
    assert governor.read_text().strip() == "schedutil"
    assert jobs(room.home) == []


def test_controller_and_supervisor_killed(local_room: Room) -> None:
    """Nobody is left to restore the device but the next session."""
    room = local_room
    room.install_faulty_runtime()
    governor = add_rooted(room)
    running = start_run(room, "rooted", "--prepare", "governor=performance", *HANG)
    reach(running, has_event(room.home, ev="ready", step=1))
    running.kill()
    child_and_all = processes(room.home)
    pid = supervisor(room.home)
    finish(running)
    os.kill(pid, signal.SIGKILL)
    assert len(child_and_all) >= 3  # supervisor, sampler, child
    wait_until(lambda: not processes(room.home), what="child and sampler die with their supervisor")
    assert governor.read_text().strip() == "performance"
    (job,) = jobs(room.home)
    done = finish(start_run(room, "rooted"))
    assert done.returncode in (0, 5), done.stderr
    assert "put back" in done.stderr
    assert governor.read_text().strip() == "schedutil"
    first, second = stored(room)
    assert (first.id, first.outcome.status, first.outcome.code) == (job, "failed", "device-lost")
    assert second.outcome.status in ("ok", "unstable")
    assert jobs(room.home) == []


def test_controller_killed_between_push_and_start(local_room: Room) -> None:
    room = local_room
    gate = Gate(room.folder / "gate", "start")
    room.add_device("gated", python=str(gate.python))
    running = start_run(room, "gated")
    reach(running, gate.reached)
    running.kill()
    finish(running)
    gate.shut_for_good()
    (job,) = jobs(room.home)
    assert events(room.home) == []
    done = finish(start_run(room))
    assert done.returncode in (0, 5), done.stderr
    first, second = stored(room)
    assert (first.id, first.outcome.status, first.outcome.code) == (job, "skipped", "interrupted")
    assert second.outcome.status in ("ok", "unstable")
    assert jobs(room.home) == []
