"""The link to a device: never there, cut in every phase, back again, gone for good."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults import FaultProxy
from rooms import Room
from sshd import Sshd, make_key
from trouble import RUN, events, finish, has_event, jobs, large_model, reach, start_run, stored, wait_until


@pytest.fixture
def proxy(sshd: Sshd) -> Iterator[FaultProxy]:
    with FaultProxy(sshd.port) as proxy:
        yield proxy


def say_host_key(path: Path, port: int, public_key: Path) -> str:
    kind, blob = public_key.read_text().split()[:2]
    path.write_text(f"[127.0.0.1]:{port} {kind} {blob}\n")
    return str(path)


def test_devices_that_cannot_be_reached_say_why_and_what_to_do(tmp_path: Path, sshd: Sshd) -> None:
    """One line of what is wrong and one of what to do for each; what is in order is measured all the same."""
    room = Room(tmp_path, "ssh", sshd)
    other = make_key(tmp_path / "other")
    nothing = tmp_path / "nothing"
    nothing.write_text("")
    wrong = say_host_key(tmp_path / "wrong", sshd.port, other.with_suffix(".pub"))
    room.add_device("wrong-key", known_hosts=wrong)
    room.add_device("unknown-key", known_hosts=str(nothing))
    room.add_device("refused", key=str(other))
    room.add_device("no-name", host="no-such-host.invalid")
    with FaultProxy(sshd.port) as closed:
        port = closed.port
    room.add_device("down", port=port)
    bad = ("wrong-key", "unknown-key", "refused", "no-name", "down")
    done = room.edgebench("run", *(f"--device={name}" for name in bad), *RUN)
    assert done.returncode == 3, done.stderr
    assert done.runs == []
    said = dict(re.findall(r"^error: (\S+): (.*\n(?:hint: .*\n)?)", done.stderr, re.MULTILINE))
    expected = {
        "wrong-key": (r"host key of \S+ changed: it was ssh-ed25519 SHA256:.*, now", r"hint: .*ssh-keygen -R"),
        "unknown-key": (r"host key of \S+ is unknown: ssh-ed25519 SHA256:", r"hint: accept it: `edgebench devices add"),
        "refused": (r"login as \S+ refused", r"hint: install your public key there"),
        "no-name": (r"unknown host name 'no-such-host.invalid'", r"hint: check `host` in devices.toml"),
        "down": (rf"127.0.0.1 port {port} refuses connections", r"hint: start its SSH server"),
    }
    assert set(said) == set(expected), done.stderr
    for name, (message, hint) in expected.items():
        first, second = said[name].splitlines()
        assert re.search(message, first), first
        assert re.match(hint, second), second
    assert len(done.stderr.splitlines()) == 2 * len(bad)


@pytest.mark.parametrize(("one", "other"), [("rst", "fin"), ("fin", "rst")])
def test_a_link_that_comes_back_costs_nothing(tmp_path: Path, one: str, other: str) -> None:
    """Cut in the push, while measuring and while the record is brought home: the row is complete."""
    with Sshd(tmp_path / "sshd") as sshd, FaultProxy(sshd.port) as proxy:
        room = Room(tmp_path, "ssh", sshd, port=proxy.port)
        gate = _collecting_gate(sshd)
        proxy.arm(one, after_bytes=1_500_000)  # in the model: the agent is a tenth of that
        model = large_model(tmp_path / "large.onnx")
        running = room.start("run", "--device", "board", model, *RUN[3:], "--min-time", "1.5")
        reach(running, proxy.struck.is_set)
        reach(running, has_event(room.home, ev="block", step=1))
        proxy.arm(other, direction="down")
        reach(running, proxy.struck.is_set)
        reach(running, (gate / "reached").exists)
        proxy.arm(one, direction="down")
        (gate / "go").write_text("go\n")
        reach(running, proxy.struck.is_set)
        done = finish(running)
    assert done.returncode in (0, 5), done.stderr
    assert done.stderr.count("reconnecting") == 3, done.stderr
    (run,) = stored(room)
    assert run.outcome.code is None, run.outcome
    assert [invocation.outcome.status for invocation in run.invocations] == ["ok", "ok"]
    assert all(invocation.iterations for invocation in run.invocations)
    assert jobs(room.home) == []


def _collecting_gate(sshd: Sshd) -> Path:
    """The device's shell stands still, once, when a job's record is about to be brought home."""
    gate = sshd.home / "gate"
    gate.mkdir()
    os.mkfifo(gate / "go")
    (sshd.home / ".bashrc").write_text(
        'case "$BASH_EXECUTION_STRING" in *cat*events.jsonl*)\n'
        f'  [ -e {gate}/reached ] || {{ : >{gate}/reached; read -r word <{gate}/go; }};;\nesac\ncd "$HOME"\n'
    )
    return gate


@pytest.mark.heavy
def test_a_link_that_stays_gone(tmp_path: Path, sshd: Sshd, proxy: FaultProxy) -> None:
    """The row is told as lost, the device goes on, and the next session puts what it measured in the row's place."""
    room = Room(tmp_path, "ssh", sshd, port=proxy.port)
    known = tmp_path / "known"
    known.write_text(sshd.known_hosts.read_text())
    room.add_device("lone", port=proxy.port, known_hosts=str(known))
    running = start_run(room, "lone", "--min-time", "1.5", "--threads", "1,2")
    reach(running, has_event(room.home, ev="block", step=1))
    keys = known.read_text()
    known.write_text("")  # a door that is shut for good, and at once
    proxy.arm("rst", direction="down")
    done = finish(running)
    assert done.returncode == 3, done.stderr
    assert "error: lone: lost, and not reached again: the host key of" in done.stderr
    first, second = stored(room)
    assert (first.outcome.status, first.outcome.code) == ("failed", "device-lost")
    assert "collected by the next session" in (first.outcome.message or "")
    assert (second.outcome.status, second.outcome.code) == ("skipped", "device-lost")
    assert jobs(room.home) == [first.id]
    wait_until(lambda: [event for event in events(room.home) if event["ev"] == "end"], what="the device goes on")
    known.write_text(keys)
    after = finish(start_run(room, "lone"))
    assert after.returncode in (0, 5), after.stderr
    assert f"measured in session {first.session[:8]}" in after.stderr
    collected = next(run for run in stored(room) if run.id == first.id)
    assert collected.outcome.code is None
    assert [invocation.outcome.status for invocation in collected.invocations] == ["ok", "ok"]
    assert collected.session == first.session
    assert jobs(room.home) == []
    assert len(stored(room)) == 3


def test_a_link_cut_while_the_agent_travels(tmp_path: Path, sshd: Sshd, proxy: FaultProxy) -> None:
    """No session has begun, and the link is mended once: the row is measured as if nothing had been."""
    room = Room(tmp_path, "ssh", sshd, port=proxy.port)
    proxy.arm("rst", after_bytes=30_000)
    done = finish(start_run(room))
    assert proxy.struck.is_set()
    assert done.returncode in (0, 5), done.stderr
    assert re.search(r"^board: the link broke .*; reconnecting$", done.stderr, re.MULTILINE), done.stderr
    (run,) = stored(room)
    assert run.outcome.status in ("ok", "unstable")
