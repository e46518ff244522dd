"""Sessions on a real agent with trouble at every single thing that passes between host and device."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from faults import FaultProxy
from rooms import MODELS
from sshd import Sshd
from trouble import events, large_model, processes, wait_until

from edgebench.controller.devices import DeviceEntry
from edgebench.controller.execute import DeviceResult, Executor, run_on_device
from edgebench.controller.owner import this_controller
from edgebench.controller.planning import resolve_settings
from edgebench.controller.requests import RunOptions, build_requests
from edgebench.controller.rows import RowRequest
from edgebench.controller.view import SilentView
from edgebench.errors import DeviceLost, DeviceUnreachable
from edgebench.records import Run
from edgebench.store import open_store
from edgebench.store.store import Store
from edgebench.transports.base import Transport
from edgebench.transports.local import LocalTransport
from edgebench.transports.places import Place
from edgebench.transports.ssh import SshTransport

FIRST_AFTER_CONNECTING = 4
"""Probe, make a folder, push the agent: then it is there, and a link that breaks is mended."""


def requests(model: Path = MODELS / "sr-x2-w16.onnx", threads: tuple[int, ...] = (1,), **more: Any) -> list[RowRequest]:
    settings = {"invocations": 1, "min_time_s": 0.02, "soak_s": 0, "memory": False, "power": "off"} | more
    shapes = {} if model.stem == "large" else {"input": (1, 3, 16, 16)}
    return build_requests([model], RunOptions(resolve_settings(**settings), threads=threads, shapes=shapes))


def is_measured(run: Run) -> bool:
    """Complete; "unstable" says that such a short run never got steady."""
    return run.outcome.status in ("ok", "unstable")


class Trouble:
    """What goes wrong: at operation `nth` (from 1) between host and device, before it is done or after."""

    def __init__(self, nth: int, error: Callable[[], BaseException], *, after: bool, for_good: bool = False) -> None:
        self.count = 0
        self.struck = False
        self._nth, self._error, self._after, self._for_good = nth, error, after, for_good

    def connect(self, place: Place) -> Transport:
        if self._for_good and self.struck:
            raise DeviceUnreachable(place.name, "switched off")
        return TroubledTransport(place.name, self)

    def around(self, action: Callable[[], Any]) -> Any:
        self.count += 1
        mine = self.count == self._nth or (self._for_good and self.struck)
        if not mine:
            return action()
        if self._after and not self.struck:
            done = action()
            if hasattr(done, "stop"):  # a stream, begun and then lost
                done.__exit__()
        self.struck = True
        raise self._error()


class TroubledTransport(LocalTransport):
    """This machine, over a link of which `trouble` decides."""

    def __init__(self, name: str, trouble: Trouble) -> None:
        super().__init__(name)
        self._trouble = trouble

    def exec(self, *args: Any, **more: Any) -> Any:
        return self._trouble.around(lambda: super(TroubledTransport, self).exec(*args, **more))

    def push(self, *args: Any, **more: Any) -> Any:
        return self._trouble.around(lambda: super(TroubledTransport, self).push(*args, **more))

    def pull(self, *args: Any, **more: Any) -> Any:
        return self._trouble.around(lambda: super(TroubledTransport, self).pull(*args, **more))

    def stream(self, *args: Any, **more: Any) -> Any:
        return self._trouble.around(lambda: super(TroubledTransport, self).stream(*args, **more))


class Desk:
    """A store, one device on this machine, and sessions with it."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self.store = store
        self.entry = DeviceEntry("board", transport="local", python=sys.executable, home=str(self.home))

    def session(self, trouble: Trouble | None = None, rows: list[RowRequest] | None = None) -> DeviceResult:
        connect = trouble.connect if trouble else None
        return run_on_device(Executor(self.store, SilentView(), connect), self.entry, rows or requests())

    @property
    def jobs(self) -> list[str]:
        """Those whose job.json arrived."""
        return sorted(path.parent.name for path in self.home.glob("jobs/*/job.json"))

    def check_rows(self, result: DeviceResult, planned: int) -> None:
        """Every planned row of a session has exactly one outcome, and the report says what the store says."""
        if result.session is None:
            return
        rows = self.store.session_runs(result.session.id)
        assert [run.id for run in rows] == [run.id for run in result.runs]
        assert len(rows) == planned
        for run in rows:
            assert is_measured(run) == (run.outcome.code is None), run.outcome


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_store(str(tmp_path / "store.db")) as store:
        yield Desk(tmp_path, store)


def operations(desk: Desk) -> int:
    """How many operations a session of one row has."""
    trouble = Trouble(0, KeyboardInterrupt, after=False)
    assert all(map(is_measured, desk.session(trouble).runs))
    return trouble.count


def lost() -> DeviceLost:
    return DeviceLost("board", "cut")


def test_interrupted_at_every_operation(desk: Desk) -> None:
    """Finished rows stay, the one in hand and those never tried are told, nothing is left on the device."""
    sessions = []
    for nth in range(1, operations(desk) + 3):
        trouble = Trouble(nth, KeyboardInterrupt, after=bool(nth % 2))
        result = desk.session(trouble, requests(threads=(1, 2)))
        assert trouble.struck
        assert result.interrupted, f"operation {nth}"
        assert desk.jobs == [], f"operation {nth}"
        assert processes(desk.home) == {}, f"operation {nth}"
        if nth <= FIRST_AFTER_CONNECTING:
            assert result.session is None
            continue
        desk.check_rows(result, planned=2)
        sessions.append([run.outcome.code or "measured" for run in result.runs])
        assert result.runs[-1].outcome.code == "interrupted"
        assert {run.outcome.status for run in result.runs} <= {"ok", "unstable", "failed", "skipped"}
    assert [run.outcome.status for run in result.runs[1:]] == ["failed"]
    assert sessions[0] == ["interrupted", "interrupted"]
    assert sessions[-1] == ["measured", "interrupted"]


@pytest.mark.heavy
@pytest.mark.heavy
def test_a_link_that_breaks_at_every_operation_and_is_mended(desk: Desk) -> None:
    """The operation was done, its answer was lost: the row is complete all the same, and there is only one."""
    for nth in range(1, operations(desk) + 1):
        trouble = Trouble(nth, lost, after=True)
        result = desk.session(trouble)
        assert trouble.struck
        assert result.error is None, f"operation {nth}: {result.error}"
        desk.check_rows(result, planned=1)
        assert all(map(is_measured, result.runs)), f"operation {nth}"
        assert desk.jobs == [], f"operation {nth}"


@pytest.mark.heavy
@pytest.mark.heavy
def test_a_link_that_breaks_at_every_operation_for_good(desk: Desk) -> None:
    """What the device went on to measure takes the lost row's place when somebody comes again."""
    count = operations(desk)
    told = {}
    for nth in range(FIRST_AFTER_CONNECTING + 1, count + 1):
        result = desk.session(Trouble(nth, lost, after=bool(nth % 2), for_good=True))
        desk.check_rows(result, planned=1)
        codes = [run.outcome.code for run in result.runs]
        if nth < count:  # the last one throws away what is stored: the next session can do that as well
            assert isinstance(result.error, DeviceLost), f"operation {nth}"
            assert result.error.hint
            assert codes == ["device-lost"], f"operation {nth}"
        told |= {run.id: run for run in result.runs}
        waiting = desk.jobs
        assert len(waiting) <= 1
        wait_until(lambda: not processes(desk.home), what="the device ends its job by itself")
        began = bool(events(desk.home))
        after = desk.session()
        assert after.error is None
        assert all(map(is_measured, after.runs)), f"operation {nth}"
        assert desk.jobs == []
        for job in waiting:
            now = desk.store.run(job)
            assert now.session == told[job].session
            assert is_measured(now) if began else now.outcome.status == "skipped", f"operation {nth}: {now.outcome}"
    for folder in desk.home.glob("jobs/*"):  # job.json never arrived: a day later nobody is on the way with it
        os.utime(folder, (0, 0))
    desk.session()
    assert list(desk.home.glob("jobs/*")) == []


def test_a_job_is_not_collected_from_under_a_living_controller(desk: Desk) -> None:
    trouble = Trouble(FIRST_AFTER_CONNECTING + 10, lost, after=True, for_good=True)
    (run,) = desk.session(trouble).runs
    wait_until(lambda: not processes(desk.home))
    (path,) = desk.home.glob("jobs/*/job.json")
    job = json.loads(path.read_bytes())
    assert job["host"]["controller"] == this_controller()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        start = Path(f"/proc/{other.pid}/stat").read_text().rpartition(")")[2].split()[19]
        job["host"]["controller"] = f"{this_controller().split('/')[0]}/{other.pid}/{start}"
        path.write_text(json.dumps(job))
        assert all(map(is_measured, desk.session().runs))
        assert desk.jobs == [run.id]
        other.communicate(b"\n")
    desk.session()
    assert desk.jobs == []
    assert is_measured(desk.store.run(run.id))


class Arming(SilentView):
    """Has the link stall when the first block of an invocation is told."""

    def __init__(self, proxy: FaultProxy) -> None:
        self.told: list[str] = []
        self._proxy: FaultProxy | None = proxy

    def event(self, device: str, label: str, event: Mapping[str, Any]) -> None:
        if event["ev"] == "block" and event["step"] == 1 and self._proxy is not None:
            self._proxy.arm("stall", direction="down")
            self._proxy = None

    def tell(self, text: str) -> None:
        self.told.append(text)


@pytest.mark.heavy
def test_a_stalled_link_is_noticed_and_replaced(tmp_path: Path) -> None:
    """In the push by the transfer's watchdog, while measuring by the silence limit; the row is complete."""
    with (
        Sshd(tmp_path / "sshd") as sshd,
        FaultProxy(sshd.port) as proxy,
        open_store(str(tmp_path / "store.db")) as store,
    ):
        sshd.know(proxy.port)
        home = tmp_path / "home"
        home.mkdir()
        entry = DeviceEntry("board", transport="ssh", host="127.0.0.1", python=sys.executable, home=str(home))
        view = Arming(proxy)

        def connect(place: Place) -> Transport:
            return SshTransport(sshd.place("board", port=proxy.port), sshd.settings(stall_s=2.0))

        proxy.arm("stall", after_bytes=1_500_000)
        rows = requests(large_model(tmp_path / "large.onnx"), invocations=2, min_time_s=1.5)
        result = run_on_device(Executor(store, view, connect, silence_s=6.0), entry, rows)
    assert result.error is None
    (run,) = result.runs
    assert run.outcome.code is None, run.outcome
    assert [one.outcome.status for one in run.invocations] == ["ok", "ok"]
    assert ["no byte for 2 s" in view.told[0], "no output for 6 s" in view.told[1]] == [True, True], view.told
    assert len(view.told) == 2, view.told
