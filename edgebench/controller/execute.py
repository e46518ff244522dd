"""Carries rows out on one device, one after the other. Every row gets an outcome, stored before the next begins."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from edgebench.controller.assembly import failed_run
from edgebench.controller.assembly.latency import outcome_code
from edgebench.controller.collect import collect_leftovers
from edgebench.controller.devices import DeviceEntry
from edgebench.controller.ladder import settle_accelerator
from edgebench.controller.measure import RowInHand, await_device, persist
from edgebench.controller.planning import plan_rows
from edgebench.controller.rows import RowRequest, prepare_row
from edgebench.controller.session import Connect, DeviceSession
from edgebench.controller.view import View
from edgebench.errors import DeviceError, DeviceLost, RowFailure
from edgebench.records import Run, Session
from edgebench.store.store import Store
from edgebench.transports.base import Clock

SILENCE_S = 180.0
"""Longer than any silence of a healthy job (idle phases included): then the link counts as stalled."""

LOST_HINT = (
    "see to its power, its cable or network, then run again: the next session collects what it went on to measure"
)


@dataclass
class DeviceResult:
    """What became of one device: its session, its rows, and the error that ended it early."""

    name: str
    session: Session | None = None
    runs: list[Run] = field(default_factory=list)
    error: DeviceError | None = None
    interrupted: bool = False
    detached: bool = False


@dataclass(frozen=True)
class Executor:
    """Where results go, who watches, how devices are reached, and after what silence (s) a link counts as stalled.

    `detach`: a row is started and left to the device; whoever has it next collects the report. `allow_reboot`: a board
    may be restarted for a power mode, before its rows and after them.
    """

    store: Store
    view: View
    connect: Connect | None = None
    silence_s: float = SILENCE_S
    detach: bool = False
    allow_reboot: bool = False


def run_on_device(executor: Executor, entry: DeviceEntry, requests: Sequence[RowRequest]) -> DeviceResult:
    """Measure every requested row on one device. Device errors end the device, not the program."""
    result = DeviceResult(entry.name, detached=executor.detach)
    try:
        with DeviceSession(entry, executor.view, executor.connect) as device:
            _run_session(executor, device, requests, result)
    except KeyboardInterrupt:
        result.interrupted = True
    except DeviceError as error:
        if isinstance(error, DeviceLost) and error.hint is None:
            error.hint = LOST_HINT
        result.error = error
    return result


def _run_session(
    executor: Executor, device: DeviceSession, requests: Sequence[RowRequest], result: DeviceResult
) -> None:
    plan = [row for request in requests for row in plan_rows(request.label, request.settings)]
    floor = executor.store.noise_floor(device.device_id)
    session = msgspec.structs.replace(device.record(), plan=plan, noise_floor=floor)
    executor.store.add_session(session)
    result.session = session
    tried = 0
    try:
        persist(device, executor.view, lambda: await_device(device, executor.view))
        persist(device, executor.view, lambda: collect_leftovers(device, executor.store, executor.view))
        with power_mode(executor, device, requests):
            for request in requests:
                tried += 1
                result.runs.append(_run_row(executor, device, session, request))
    except (KeyboardInterrupt, DeviceError) as error:
        result.runs = _give_up(executor, device, session, requests, tried, error)
        raise


@contextmanager
def power_mode(
    executor: Executor, device: DeviceSession, requests: Sequence[RowRequest], *, clock: Clock = time
) -> Iterator[None]:
    """Around the rows: a power mode that takes a restart of the board, where that is allowed; every other is a row's.

    An interrupt or a lost device leaves it as it is, and says how it is put back. Raises `DeviceLost`, `DeviceUnfit`.
    """
    wanted = next((row.prepare["power-mode"] for row in requests if "power-mode" in row.prepare), None)
    if wanted is None or not executor.allow_reboot or device.client.is_shell:
        yield
        return
    from edgebench.controller.reboot import put_back, set_power_mode

    name = device.entry.name
    change = set_power_mode(device, wanted, clock=clock)
    if change.refused:
        executor.view.tell(f"{name}: power mode {wanted} could not be set: {change.refused}")
    try:
        yield
    except BaseException:
        if change.rebooted:
            executor.view.tell(
                f"{name}: still in power mode {wanted}: `edgebench devices restore {name} --allow-reboot`"
            )
        raise
    if change.rebooted:
        for line in put_back(device, clock=clock).failures():
            executor.view.tell(f"{name}: {line}")


def _run_row(executor: Executor, device: DeviceSession, session: Session, request: RowRequest) -> Run:
    view = executor.view
    try:
        settled = settle_accelerator(device, session, request, view)
        row = persist(device, view, lambda: prepare_row(device, session, settled, view))
    except RowFailure as failure:
        message = f"{failure.message} ({failure.hint})" if failure.hint else failure.message
        run = failed_run(session, device.ref, request, outcome_code(failure.code, "internal"), message)
        executor.store.add_run(run, {})
    else:
        hand = RowInHand(executor.store, view, device, row, executor.silence_s)
        run = hand.leave_behind() if executor.detach else hand.measure()
    view.row(run)
    return run


def _give_up(
    executor: Executor,
    device: DeviceSession,
    session: Session,
    requests: Sequence[RowRequest],
    tried: int,
    error: BaseException,
) -> list[Run]:
    """Give an outcome to the row in hand, if it has none yet, and to those never tried; return all rows."""
    lost = error if isinstance(error, DeviceError) else None
    code = outcome_code(lost.code, "device-lost") if lost else "interrupted"
    message = lost.message if lost else "interrupted before it was tried"
    done = len(executor.store.session_runs(session.id))
    for at, request in enumerate(requests[done:], start=done):
        status: Literal["failed", "skipped"] = "failed" if at < tried else "skipped"
        run = failed_run(session, device.ref, request, code, message, status=status)
        executor.store.add_run(run, {})
        executor.view.row(run)
    return executor.store.session_runs(session.id)
