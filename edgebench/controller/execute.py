"""Carries rows out on one device: push, start, follow (through dropped links), collect, assemble, store.

Every row gets an outcome, and is stored before the next begins.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory

from edgebench.controller.agent_client import Following
from edgebench.controller.assembly import assemble, failed_run
from edgebench.controller.assembly.latency import outcome_code
from edgebench.controller.collect import collect_job, collect_leftovers
from edgebench.controller.deploy import push_job, push_model
from edgebench.controller.devices import DeviceEntry
from edgebench.controller.planning import build_job, plan_rows
from edgebench.controller.rows import PreparedRow, RowRequest, prepare_row
from edgebench.controller.session import Connect, DeviceSession, holder_name
from edgebench.controller.view import View
from edgebench.errors import DeviceError, DeviceLocked, DeviceLost, Interrupted, RowFailure
from edgebench.records import PlanStep, Run, Session
from edgebench.store.store import Store

RECONNECT_ATTEMPTS = 3
SILENCE_S = 180.0
"""Longer than any silence of a healthy job (idle phases included): then the link counts as stalled."""


@dataclass
class DeviceResult:
    """What became of one device: its session, its rows, and the error that ended it early."""

    name: str
    session: Session | None = None
    runs: list[Run] = field(default_factory=list)
    error: DeviceError | None = None
    interrupted: bool = False


@dataclass(frozen=True)
class Executor:
    """Where results go, who watches, and how devices are reached."""

    store: Store
    view: View
    connect: Connect | None = None
    silence_s: float = SILENCE_S


def run_on_device(executor: Executor, entry: DeviceEntry, requests: Sequence[RowRequest]) -> DeviceResult:
    """Measure every requested row on one device. Device errors end the device, not the program."""
    result = DeviceResult(entry.name)
    try:
        with DeviceSession(entry, executor.view, executor.connect) as device:
            _run_rows(executor, device, requests, result)
    except KeyboardInterrupt:
        result.interrupted = True
    except DeviceError as error:
        result.error = error
    return result


def _run_rows(executor: Executor, device: DeviceSession, requests: Sequence[RowRequest], result: DeviceResult) -> None:
    collect_leftovers(device, executor.store, executor.view)
    session = device.record()
    plan = [row for request in requests for row in plan_rows(request.label, request.settings)]
    session = _with_plan(session, plan)
    result.session = session
    executor.store.add_session(session)
    for at, request in enumerate(requests):
        try:
            result.runs.append(_run_row(executor, device, session, request))
        except (KeyboardInterrupt, Interrupted, DeviceError) as error:
            _skip_rest(executor, device, session, requests, at, result, error)
            raise


def _with_plan(session: Session, plan: list[PlanStep]) -> Session:
    import msgspec

    return msgspec.structs.replace(session, plan=plan)


def _skip_rest(
    executor: Executor,
    device: DeviceSession,
    session: Session,
    requests: Sequence[RowRequest],
    at: int,
    result: DeviceResult,
    error: BaseException,
) -> None:
    """Give an outcome to the row in hand, if it has none yet, and to those never tried."""
    code = outcome_code(error.code, "device-lost") if isinstance(error, DeviceError) else "interrupted"
    message = error.message if isinstance(error, DeviceError) else "interrupted before it was tried"
    stored = {run.id for run in executor.store.session_runs(session.id)}
    result.runs = executor.store.session_runs(session.id)
    for request in requests[max(at, len(stored)) :]:
        run = failed_run(session, device.ref, request, code, message, status="skipped")
        executor.store.add_run(run, {})
        result.runs.append(run)
        executor.view.row(run)


def _run_row(executor: Executor, device: DeviceSession, session: Session, request: RowRequest) -> Run:
    try:
        row = prepare_row(device, session, request, executor.view)
    except RowFailure as failure:
        run = failed_run(session, device.ref, request, outcome_code(failure.code, "internal"), _with_hint(failure))
        executor.store.add_run(run, {})
    else:
        run = _measure(executor, device, row)
    executor.view.row(run)
    return run


def _with_hint(failure: RowFailure) -> str:
    return f"{failure.message} ({failure.hint})" if failure.hint else failure.message


def _measure(executor: Executor, device: DeviceSession, row: PreparedRow) -> Run:
    nonce = secrets.token_hex(8)
    context = row.context
    try:
        variant = push_model(device, row, executor.view)
        job = build_job(
            context,
            nonce=nonce,
            holder=holder_name(context.session.id),
            variant=variant,
            root=device.entry.root,
            prepare=row.prepare,
        )
        push_job(device, job)
        _start(executor, device, context.run_id)
    except RowFailure as failure:
        run = failed_run(
            context.session, device.ref, row.request, outcome_code(failure.code, "internal"), _with_hint(failure)
        )
        executor.store.add_run(run, {})
        return run
    following = Following(device.client, context.run_id, nonce, 0, executor.silence_s)
    try:
        _follow(executor, device, following, context.label)
    except KeyboardInterrupt:
        _stop_and_keep(executor, device, row)
        raise
    except DeviceLost as lost:
        _remember_lost(executor, device, row, lost)
        raise
    return _collect(executor, device, row)


def _start(executor: Executor, device: DeviceSession, job: str) -> None:
    """Start the job; while another session holds the device, say who and wait, at most for its lease."""
    for _ in range(100):
        answer = device.client.start(job)
        if answer["ev"] == "started":
            return
        left = float(answer.get("remaining_s") or 0.0)
        executor.view.tell(
            f"{device.entry.name} is held by {answer.get('holder', 'another session')} "
            f"for at most {left:.0f} s more; waiting (Ctrl-C gives up; `edgebench devices restore --force` ends it)"
        )
        device.client.home_call("await-lease", "--seconds", f"{left + 5:.0f}", timeout_s=left + 60)
    raise DeviceLocked(device.entry.name, "other sessions hold it without end")


def _follow(executor: Executor, device: DeviceSession, following: Following, label: str) -> None:
    """Hand events to the view until the job ends; reconnect when the link drops."""
    lost: DeviceLost | None = None
    for attempt in range(RECONNECT_ATTEMPTS + 1):
        try:
            if attempt:
                executor.view.tell(
                    f"{device.entry.name}: {lost.message if lost else ''}; the run goes on, reconnecting"
                )
                device.close()
                device.connect()
                following.client = device.client
            before = following.reader.offset
            for event in following.events():
                executor.view.event(device.entry.name, label, event)
            return
        except DeviceLost as error:
            lost = error
            if following.reader.offset > before:
                continue
        except DeviceError as error:
            raise DeviceLost(device.entry.name, f"lost, and not reached again: {error.message}") from error
    raise lost or DeviceLost(device.entry.name)


def _collect(executor: Executor, device: DeviceSession, row: PreparedRow) -> Run:
    executor.view.phase(device.entry.name, "collect")
    with TemporaryDirectory(prefix="edgebench-") as folder:
        try:
            job = collect_job(device, row.context, folder)
        except DeviceLost as lost:
            _remember_lost(executor, device, row, lost)
            raise
        run, samples = assemble(row.context, job)
    executor.store.add_run(run, samples)
    device.client.call("discard", device.client.job_folder(row.context.run_id))
    return run


def _stop_and_keep(executor: Executor, device: DeviceSession, row: PreparedRow) -> None:
    """Ctrl-C: end the job on the device (which restores it), keep what was measured."""
    client = device.client
    executor.view.phase(device.entry.name, "restore", "interrupted")
    try:
        client.call("stop", client.job_folder(row.context.run_id))
        run = _collect(executor, device, row)
        executor.view.row(run)
    except DeviceError as error:
        executor.view.tell(f"{error.message}; the device restores itself, the next session collects the rest")


def _remember_lost(executor: Executor, device: DeviceSession, row: PreparedRow, lost: DeviceLost) -> None:
    """A row for a run whose report is still on the device; collected, it takes this row's place."""
    message = f"{lost.message}; if the device goes on, the next session collects its report"
    run = failed_run(row.context.session, device.ref, row.request, "device-lost", message, run_id=row.context.run_id)
    executor.store.add_run(run, {})
    executor.view.row(run)
