"""One row on one device: push, start, follow (through dropped links), collect, store; and its end in trouble.

From the moment a row has an id it gets an outcome under that id, whatever happens: what the device went on to
measure after its row was told as lost takes that row's place later.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Literal, TypeVar

from edgebench.controller.agent_client import Following
from edgebench.controller.assembly import assemble, failed_run
from edgebench.controller.assembly.latency import outcome_code
from edgebench.controller.collect import Shelf, collect_job, keep_collected, leased, put_back
from edgebench.controller.deploy import push_job, push_model
from edgebench.controller.gates import GATE_KEY
from edgebench.controller.native.deploy import push_native, push_native_job
from edgebench.controller.planning import build_job, lease_seconds, planned_seconds
from edgebench.controller.rows import PreparedRow
from edgebench.controller.session import DeviceSession, holder_name
from edgebench.controller.view import View
from edgebench.errors import DeviceError, DeviceLocked, DeviceLost, DeviceUnfit, RowFailure, UnknownName
from edgebench.records import Run
from edgebench.units import seconds_text

RECONNECTS = 3
"""How often a link is mended in a row without anything having come over it in between."""

WITHOUT_CABLE = (
    "or over Wi-Fi, without plugging it in: Developer options > Wireless debugging > Pair device with pairing code,",
    "    adb pair PHONE:PORT CODE    and    adb connect PHONE:PORT    (the name stays: it goes by the serial number)",
)
"""The other way back to a phone whose cable is out."""

LEASE_SLACK_S = 5.0
WAITS = 100

T = TypeVar("T")


def persist(device: DeviceSession, view: View, action: Callable[[], T], progress: Callable[[], int] = int) -> T:
    """Do `action`, and again over a new link where the old one broke; it must bear being done twice.

    `progress()` counts what came over the link: as long as it grows, there is no end of trying. Raises `DeviceLost`.
    """
    failures, before = 0, progress()
    while True:
        try:
            return action()
        except DeviceLost as lost:
            failures = 1 if progress() > before else failures + 1
            before = progress()
            if failures > RECONNECTS:
                raise
            view.tell(f"{lost.message}; reconnecting")
            device.reconnect()


def await_device(device: DeviceSession, view: View) -> None:
    """Wait while another session's job runs on the device, at most for its lease. Raises `DeviceLocked`."""
    for _ in range(WAITS):
        status = device.client.status()
        if not leased(status):
            return
        lease = next(event for event in status if event["ev"] == "lease")
        _wait(device, view, str(lease.get("holder")), float(lease.get("remaining_s") or 0.0))
    raise DeviceLocked(device.entry.name, "other sessions hold it without end", hint=_force_hint(device))


def _wait(device: DeviceSession, view: View, holder: str, left_s: float) -> None:
    name = device.entry.name
    view.tell(f"{name} is held by {holder} for at most {left_s:.0f} s more; waiting ({_force_hint(device)})")
    seconds = left_s + LEASE_SLACK_S
    device.client.home_call("await-lease", "--seconds", f"{seconds:.0f}", timeout_s=seconds + 60)


def _force_hint(device: DeviceSession) -> str:
    return f"`edgebench devices restore {device.entry.name} --force` ends it"


@dataclass
class RowInHand:
    """A row being measured. `measure` returns its run, stored; on an interrupt or a lost device it is stored, too.

    `has_job`: whether the device may have its job; before that there is nothing there to end.
    """

    store: Shelf
    view: View
    device: DeviceSession
    row: PreparedRow
    silence_s: float
    has_job: bool = False

    @property
    def id(self) -> str:
        """The row's id: of its run, and of its job on the device."""
        return self.row.context.run_id

    def measure(self) -> Run:
        """Measure the row. Raises KeyboardInterrupt and `DeviceError`, the row having got its outcome."""
        return self._with_outcome(self._measure)

    def leave_behind(self) -> Run:
        """Start the row and leave it to the device; its run is skipped until a later session collects it."""
        return self._with_outcome(self._leave_behind)

    def _with_outcome(self, action: Callable[[], Run]) -> Run:
        try:
            return action()
        except (RowFailure, DeviceUnfit) as failure:
            message = f"{failure.message} ({failure.hint})" if failure.hint else failure.message
            return self._tell(failure.code, message)
        except KeyboardInterrupt:
            self._interrupted()
            raise
        except DeviceError as error:
            self._lost(error)
            raise

    def _begin(self) -> str:
        """Push and start the row's job; return its nonce."""
        nonce = secrets.token_hex(8)
        self._linked(lambda: self._push(nonce))
        self._linked(self._start)
        return nonce

    def _leave_behind(self) -> Run:
        self._begin()
        name = self.device.entry.name
        seconds = seconds_text(planned_seconds(self.row.context.settings))
        self.view.tell(f"{name}: {self.row.context.label} runs there, about {seconds}; the link may go")
        self.view.tell(
            f"{name}: the next `edgebench run` on it brings the report, or `edgebench devices restore {name}`"
        )
        return self._tell("interrupted", "detached: it runs on the device; its next session collects it", "skipped")

    def _measure(self) -> Run:
        nonce = self._begin()
        if self.row.context.settings.unplugged:
            self._ask_to_unplug()
        ended = self._follow(nonce)
        run = self._linked(lambda: self._collect(nonce))
        if not ended:
            with suppress(DeviceLost):
                put_back(self.device, self.view)
        with suppress(DeviceLost):  # what is left there is thrown away by the next session
            self._discard()
        return run

    def _linked(self, action: Callable[[], T]) -> T:
        return persist(self.device, self.view, action)

    def _push(self, nonce: str) -> None:
        device, variant = self.device, {}
        if self.row.context.native is None:
            variant = push_model(device, self.row, self.view)
        else:
            self.row = push_native(device, self.row, self.view)
        self.has_job = True
        holder = holder_name(self.row.context.session.id)
        job = build_job(
            self.row.context,
            nonce=nonce,
            holder=holder,
            variant=variant,
            root=device.entry.root,
            prepare={key: value for key, value in self.row.prepare.items() if key != GATE_KEY},
            gate=self.row.gate,
        )
        push_job(device, job)
        if self.row.context.native is not None:
            push_native_job(device, self.row, nonce=nonce, holder=holder)

    def _start(self) -> None:
        """Start the job; while another session holds the device, say who and wait."""
        for _ in range(WAITS):
            answer = self.device.client.start(self.id)
            if answer["ev"] == "started":
                return
            holder = str(answer.get("holder", "another session"))
            _wait(self.device, self.view, holder, float(answer.get("remaining_s") or 0.0))
        raise DeviceLocked(self.device.entry.name, "other sessions hold it without end", hint=_force_hint(self.device))

    def _follow(self, nonce: str) -> bool:
        """Hand events to the view until the job ends; False when its supervisor died before."""
        following = Following(self.device.client, self.id, nonce, 0, self.silence_s)

        def listen() -> None:
            following.client = self.device.client
            with closing(following.events()) as events:
                for event in events:
                    self.view.event(self.device.entry.name, self.row.context.label, event)

        persist(self.device, self.view, listen, lambda: following.reader.offset)
        return following.ended

    def _collect(self, nonce: str | None = None) -> Run:
        self.view.phase(self.device.entry.name, "collect")
        with TemporaryDirectory(prefix="edgebench-") as folder:
            run, samples = assemble(self.row.context, collect_job(self.device, self.row.context, folder, nonce))
        keep_collected(self.store, self.row.context, run, samples)
        return run

    def _discard(self) -> None:
        self.device.client.call("discard", self.device.client.job_folder(self.id))

    def _interrupted(self) -> None:
        """Ctrl-C: end the job on the device (which restores it), keep what was measured."""
        self.view.phase(self.device.entry.name, "restore", "interrupted")
        try:
            began = self.has_job and self._linked_once(self._stop)
            run = self._collect() if began else self._tell("interrupted", "interrupted before it was started")
            self.view.row(run)
            if self.has_job:
                self._discard()
        except (DeviceError, KeyboardInterrupt) as error:
            why = error.message if isinstance(error, DeviceError) else "interrupted twice"
            self.view.tell(f"{why}; the device restores itself, the next session collects the rest")
            self._tell("interrupted", "interrupted; what the device measured was not collected")

    def _linked_once(self, action: Callable[[], T]) -> T:
        """Do `action`, once more over a new link where there is none any more: whoever interrupts waits for no more."""
        try:
            return action()
        except DeviceLost:
            self.device.close()
            self.device.connect(0)
            return action()

    def _stop(self) -> bool:
        """End the job if it runs; return whether it has begun at all."""
        client = self.device.client
        events = client.call("stop", client.job_folder(self.id))
        return any(event["ev"] == "job" and event.get("state") != "new" for event in events)

    def _lost(self, error: DeviceError) -> None:
        message = error.message
        if isinstance(error, DeviceLost):
            message += "; what the device goes on to measure is collected by the next session"
        self.view.row(self._tell(error.code, message))

    def _ask_to_unplug(self) -> None:
        """The device waits for its cable to go; from here on it may be away as long as its lease lasts."""
        settings, name = self.row.context.settings, self.device.entry.name
        self.device.patience_s = lease_seconds(settings)
        again = seconds_text(planned_seconds(settings))
        self.view.tell(f"{name}: pull the cable now; plug it in again in {again}, and the report is brought home")
        for line in WITHOUT_CABLE:
            self.view.tell(f"{name}: {line}")

    def _tell(self, code: str, message: str, status: Literal["failed", "skipped"] = "failed") -> Run:
        """The stored run; where there is none yet, one that ended so."""
        with suppress(UnknownName):
            return self.store.run(self.id)
        context = self.row.context
        said = outcome_code(code, "internal")
        run = failed_run(
            context.session, self.device.ref, self.row.request, said, message, status=status, run_id=self.id
        )
        self.store.add_run(run, {})
        return run
