"""A phone's link in trouble, as a user meets it: who is meant, what to press, and rows brought home all the same."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tflite_models as lite
from phone_rooms import BRIEF, PhoneRoom
from phone_trouble import GPU, MODEL, HeldPhone, enter, held_phone
from rooms import Done
from trouble import finish, reach, wait_until

from edgebench.controller.devices import load_devices
from edgebench.controller.execute import DeviceResult, Executor, run_on_device
from edgebench.controller.planning import resolve_settings
from edgebench.controller.requests import RunOptions, build_requests
from edgebench.controller.view import SilentView
from edgebench.mock.phone.adbd.auth import Guard
from edgebench.mock.phone.adbd.faults import Fault, When
from edgebench.store import open_store
from edgebench.transports.adb import AdbTransport
from edgebench.transports.adb_server import AdbSettings

LONG = ("--invocations", "6")
"""Long enough to break in the middle of it."""


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhoneRoom]:
    with PhoneRoom(tmp_path_factory.mktemp("trouble")) as room:
        yield room


def start(room: PhoneRoom, *args: object) -> subprocess.Popen[str]:
    """A run in the background."""
    return room.start("run", "--device", room.name, MODEL, *BRIEF, *args, "--json", "-")


def broken_while_measuring(room: PhoneRoom, held: HeldPhone, *args: object, by: Any) -> Done:
    """A run during which `by()` happens as soon as the tool runs."""
    running = start(room, *LONG, *args)
    reach(running, held.runs_its_tool)
    by()
    return finish(running, 100)


def is_whole(run: dict, invocations: int = 6) -> bool:
    """Measured from a whole record: all invocations, an end, nothing damaged."""
    return (
        run["outcome"]["status"] == "ok"
        and len(run["invocations"]) == invocations
        and all(one["outcome"]["status"] == "ok" for one in run["invocations"])
        and run["metrics"]["latency_mean"]["value"] > 0
        and not {"damaged-record", "invocations-failed"} & {reason["code"] for reason in run["grade"]["reasons"]}
    )


def large(path: Path) -> Path:
    """A model of 3 MiB that runs in no time."""
    graph = lite.Graph()
    x, y = graph.tensor("x", (1, 4)), graph.tensor("y", (1, 4))
    rows = 3 << 16
    weights = np.random.default_rng(3).standard_normal((rows, 4)).astype(np.float32)
    big = graph.tensor("big", (1, rows))
    graph.op("FULLY_CONNECTED", (x, graph.constant("w", weights)), (big,))
    graph.op("NEG", (x,), (y,))
    return graph.save(path, [x], [y])


@pytest.mark.heavy
def test_a_serial_that_is_not_there_is_told_with_those_that_are(room: PhoneRoom) -> None:
    with held_phone(room) as held:
        enter(room, "other", serial="HD1901")
        done = room.edgebench("run", "--device", "other", MODEL, *BRIEF)
    assert done.returncode == 3
    assert "the phone HD1901 is not there" in done.stderr
    assert held.phone.serial in done.stderr


def test_two_phones_and_none_named(room: PhoneRoom) -> None:
    with held_phone(room, seed=1) as one, held_phone(room, name="second", seed=2) as two:
        enter(room, "any")
        done = room.edgebench("run", "--device", "any", MODEL, *BRIEF)
    assert done.returncode == 2, done.stderr
    assert "adb lists 2 phones" in done.stderr
    assert one.phone.serial in done.stderr
    assert two.phone.serial in done.stderr
    assert "`--adb " in done.stderr


def test_unauthorized_says_what_to_press_and_afterwards_it_runs(room: PhoneRoom) -> None:
    with held_phone(room, guard=Guard(is_open=False), connected=False) as held:
        room.adb.run("connect", held.daemon.address)
        wait_until(lambda: room.adb.state(held.daemon) == "unauthorized")
        done = room.run(MODEL, *GPU)
        assert done.returncode == 3, done.stderr
        assert "does not allow USB debugging from this computer yet" in done.stderr
        assert "press `Allow`" in done.stderr
        assert "reconnecting" not in done.stderr
        wait_until(held.daemon.asking)
        held.daemon.accept()
        room.adb.await_state(held.daemon, "device")
        assert room.run(MODEL, *GPU).returncode == 0


def test_a_cable_out_for_a_moment_costs_nothing(room: PhoneRoom) -> None:
    with held_phone(room) as held:
        done = broken_while_measuring(room, held, *GPU, by=held.daemon.cut)
        assert not held.jobs
    assert done.returncode == 0, done.stderr
    assert is_whole(done.runs[0]), done.runs[0]["outcome"]
    assert done.stderr.count("reconnecting") == 1


@pytest.mark.heavy
@pytest.mark.parametrize(
    "when",
    [
        When("push", nth=1, byte=1000),
        When("push", nth=2, byte=1 << 20),
        When("push", nth=4, byte=10),
        When("pull", nth=1, byte=100),
        When("pull", nth=2, byte=10),
    ],
    ids=["agent", "model", "job", "events", "outputs"],
)
def test_a_link_that_breaks_in_a_file_is_mended(room: PhoneRoom, when: When) -> None:
    model = large(room.folder / "large.tflite")
    with held_phone(room) as held:
        held.daemon.faults.put(Fault("drop", when))
        done = room.run(model)
        assert not held.jobs
        assert not [path for path in held.home.rglob("*") if "part" in path.name], "a half file lies there"
    assert done.returncode == 0, done.stderr
    assert is_whole(done.runs[0], 2), done.runs[0]["outcome"]
    assert done.stderr.count("reconnecting") == 1


@pytest.mark.heavy
def test_another_program_restarts_the_adb_server(room: PhoneRoom) -> None:
    with held_phone(room) as held:

        def restart() -> None:
            room.adb.run("kill-server")
            room.adb.run("start-server")

        done = broken_while_measuring(room, held, *GPU, by=restart)
        assert not held.jobs
    assert done.returncode == 0, done.stderr
    assert is_whole(done.runs[0]), done.runs[0]["outcome"]


@pytest.mark.heavy
def test_a_phone_that_restarts_fails_its_row_and_measures_the_next(room: PhoneRoom) -> None:
    with held_phone(room) as held:
        settings = held.phone.folder / "state/settings"
        before = {path: path.read_text() for path in settings.glob("*/*")}
        done = broken_while_measuring(room, held, "--accelerator", "cpu,gpu", by=lambda: held.daemon.reboot(1.0))
        assert not held.jobs
        assert {path: path.read_text() for path in settings.glob("*/*")} == before
    assert done.returncode == 5, done.stderr
    first, second = done.runs
    assert first["outcome"]["status"] in ("failed", "unstable")
    assert first["outcome"]["code"] == "device-lost"
    assert "restarted" in first["outcome"]["message"]
    assert is_whole(second), second["outcome"]


@pytest.mark.heavy
def test_one_that_does_not_come_back_leaves_every_row_an_outcome(room: PhoneRoom) -> None:
    with held_phone(room) as held:
        began = time.monotonic()
        done = broken_while_measuring(
            room, held, "--accelerator", "cpu,gpu", by=lambda: held.daemon.faults.put(Fault("frozen"))
        )
        assert time.monotonic() - began < 90
    assert done.returncode == 3, done.stderr
    assert "does not answer" in done.stderr
    assert [(run["outcome"]["status"], run["outcome"]["code"]) for run in done.runs] == [
        ("failed", "device-lost"),
        ("skipped", "device-lost"),
    ]


@pytest.mark.heavy
def test_offline_when_it_begins(room: PhoneRoom) -> None:
    with held_phone(room) as held:
        held.daemon.faults.put(Fault("offline"))
        done = room.run(MODEL, *GPU)
    assert done.returncode == 3
    assert "offline" in done.stderr
    assert "unplug it and plug it in again" in done.stderr


def test_no_room_for_the_model_is_a_row_and_leaves_nothing(room: PhoneRoom) -> None:
    with held_phone(room) as held:
        held.daemon.faults.put(Fault("disk-full", When("push", nth=2, byte=1000)))
        done = room.run(MODEL, *GPU)
        assert not held.jobs
        assert not [path for path in held.home.glob("artifacts/**/*") if path.is_file()]
    assert done.returncode == 4, done.stderr
    assert (done.runs[0]["outcome"]["status"], done.runs[0]["outcome"]["code"]) == ("failed", "disk-full")
    assert "free some space there" in done.runs[0]["outcome"]["message"]


@pytest.mark.heavy
def test_no_room_at_all(room: PhoneRoom) -> None:
    with held_phone(room) as held:
        held.daemon.faults.put(Fault("disk-full"))
        done = room.run(MODEL, *GPU)
        assert not [path for path in held.home.rglob("*") if path.is_file()]
    assert done.returncode == 3
    assert "no space left" in done.stderr
    assert "free some space there" in done.stderr


@dataclass
class Breaking(SilentView):
    """Puts a fault as soon as an event of that sort comes from the phone, and keeps what the user is told."""

    held: HeldPhone
    fault: Fault
    ev: str
    told: list[str] = field(default_factory=list)
    struck: bool = False

    def event(self, device: str, label: str, event: Any) -> None:
        if event.get("ev") == self.ev and not self.struck:
            self.struck = True
            self.held.daemon.faults.put(self.fault)

    def tell(self, text: str) -> None:
        self.told.append(text)


def session(room: PhoneRoom, view: Breaking) -> DeviceResult:
    """A session whose patience is short: nothing for a second is silence, and who is gone is tried once."""
    entry = load_devices(room.config / "devices.toml")[room.name]
    settings = resolve_settings(invocations=6, min_time_s=0.3, soak_s=0, memory=False, power="off")
    rows = build_requests([MODEL], RunOptions(settings, accelerators=("gpu",)))
    patience = AdbSettings(connect_s=1.0, environment=room.env)
    with open_store(str(room.store)) as store:
        executor = Executor(store, view, lambda place: AdbTransport(place, patience), silence_s=1.0)
        return run_on_device(executor, entry, rows)


@pytest.mark.heavy
@pytest.mark.parametrize("kind", ["frozen", "offline"])
def test_what_it_went_on_to_measure_is_brought_home_by_the_next_session(room: PhoneRoom, kind: Any) -> None:
    with held_phone(room) as held:
        view = Breaking(held, Fault(kind), "phase")
        result = session(room, view)
        (lost,) = result.runs
        assert result.error is not None
        assert lost.outcome.code == "device-lost"
        assert not [name for name, metric in lost.metrics.items() if name.startswith("latency") and metric.value]
        held.daemon.faults.clear()
        room.adb.await_state(held.daemon, "device")
        wait_until(held.has_ended)
        again = Breaking(held, view.fault, "phase", struck=True)
        assert session(room, again).error is None
        assert any("collected" in text for text in again.told), again.told
        assert not held.jobs
    assert is_whole(next(run for run in room.history() if run["id"] == lost.id))
