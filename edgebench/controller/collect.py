"""Brings a job's record home, now or in a later session, and gives every job found on a device its row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import msgspec

from edgebench.agent.protocol import FrameReader
from edgebench.controller.events import CollectedJob, Ints, JobEvents, sort_events
from edgebench.controller.owner import is_alive
from edgebench.controller.restore import restore_device
from edgebench.controller.session import DeviceSession, read_facts
from edgebench.controller.spec import RunContext, context_from_builtins
from edgebench.controller.view import View
from edgebench.errors import DeviceError, DeviceLocked, StoreError, UnknownName
from edgebench.records import Outcome, Run, Session
from edgebench.store.answers import SampleKey
from edgebench.store.store import Store
from edgebench.transports.base import FileMissing

START_ALLOWANCE_S = 600.0
"""From the push of a job to its start it never takes longer than this (a large model comes before it)."""

COLLECT_ALLOWANCE_S = 300.0
"""From the end of a job to its collection by its own controller, a link that has to be mended included."""

REPLACEABLE = ("device-lost", "interrupted")
"""Codes of rows that were told before the device's record could be had."""

Samples = Mapping[SampleKey, Ints]


class Shelf(Protocol):
    """Where runs are kept; the results store is one."""

    def run(self, name: str) -> Run:
        """The run of that id. Raises `UnknownName`."""
        ...

    def session(self, name: str) -> Session:
        """The session of that id. Raises `UnknownName`."""
        ...

    def add_session(self, session: Session) -> None:
        """Keep a session."""
        ...

    def add_run(self, run: Run, samples: Samples) -> None:
        """Keep a run with its samples."""
        ...

    def replace_run(self, run: Run, samples: Samples) -> None:
        """Put a run in the place of the one with its id."""
        ...


def collect_job(device: DeviceSession, context: RunContext, folder: str, nonce: str | None = None) -> CollectedJob:
    """Pull a finished job's record. Raises `DeviceLost` when the link breaks."""
    work = Path(folder)
    base = device.client.job_folder(context.run_id)
    if nonce is None:
        device.transport.pull(f"{base}/job.json", work / "job.json")
        nonce = str(msgspec.json.decode((work / "job.json").read_bytes())["nonce"])
    reader = FrameReader(nonce)
    told = reader.feed(_pull_events(device, base, work))
    if context.native is not None:
        from edgebench.controller.native.collect import collect_native

        return collect_native(device, context, work, told, reader.damaged)
    events = sort_events(told, damaged=reader.damaged)
    if events.end is None:
        _ask_what_broke_off(device, context, events)
    return CollectedJob(events, work, _pull_outputs(device, base, events, work))


def _ask_what_broke_off(device: DeviceSession, context: RunContext, events: JobEvents) -> None:
    """A device in another boot than its record's has restarted; in the same one, somebody ended its agent."""
    facts = events.facts or context.session.device.facts
    then, now = facts.get("boot_id"), read_facts(device.client).get("boot_id")
    if then and now:
        restarted = "the device restarted" if then != now else "the agent on the device was killed"
        events.break_off(f"the record broke off: {restarted}")


def _pull_events(device: DeviceSession, base: str, work: Path) -> bytes:
    """The job's events; none where its supervisor never began."""
    try:
        device.transport.pull(f"{base}/events.jsonl", work / "events.jsonl")
    except FileMissing:
        return b""
    return (work / "events.jsonl").read_bytes()


def _pull_outputs(device: DeviceSession, base: str, events: JobEvents, work: Path) -> Path | None:
    for step in events.of_pass("fidelity"):
        name = str((step.outputs or {}).get("path", ""))
        if not name or "/" in name or not name.endswith(".npz"):
            continue
        try:
            device.transport.pull(f"{base}/{name}", work / "outputs.npz")
        except FileMissing:  # its supervisor died between telling of the file and keeping it
            continue
        return work / "outputs.npz"
    return None


def keep_collected(store: Shelf, context: RunContext, run: Run, samples: Samples) -> bool:
    """Store a collected run: in place of its lost row, or anew where this store never saw it.

    A run that is stored already (its controller died before it could discard the job) stays as it is: False.
    Raises `StoreError`.
    """
    try:
        stored = store.run(run.id)
    except UnknownName:
        try:
            store.session(context.session.id)
        except UnknownName:
            store.add_session(context.session)
        store.add_run(run, samples)
        return True
    if stored.outcome.code not in REPLACEABLE:
        return False
    store.replace_run(run, samples)
    return True


def collect_leftovers(device: DeviceSession, store: Store, view: View) -> list[Run]:
    """Restore what dead sessions left on the device and store the reports of their jobs.

    Left alone: a job that runs, and one whose own controller may still collect it.
    """
    runs: list[Run] = []
    status = device.client.status()
    if any(event["ev"] == "journal" and event.get("entries") for event in status) and not leased(status):
        put_back(device, view)
    for event in status:
        if event["ev"] != "job" or event.get("state") == "running":
            continue
        run = _collect_leftover(device, event, store, view)
        if run is not None:
            runs.append(run)
            view.row(run)
    return runs


def put_back(device: DeviceSession, view: View) -> None:
    """Restore what the device's journal says; another session that has just taken the device does it itself."""
    try:
        done = restore_device(device, force=False)
    except DeviceLocked:
        return
    if done.entries:
        view.tell(f"{device.entry.name}: put back what a dead session had left changed")
    for line in done.failures():
        view.tell(f"{device.entry.name}: {line}")


def leased(status: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the device's status says that a job holds it."""
    return any(event["ev"] == "lease" and event.get("state") == "held" for event in status)


def _is_anothers(event: Mapping[str, Any], context: RunContext) -> bool:
    """Whether the controller of a job that does not run may be about to start or to collect it.

    One that is known to be dead will not; of one that cannot be known so much is assumed for a while.
    """
    if is_alive(context.controller) is False:
        return False
    quiet = event.get("quiet_s")
    allowance = START_ALLOWANCE_S if event.get("state") == "new" else COLLECT_ALLOWANCE_S
    return isinstance(quiet, int | float) and quiet < allowance


def _collect_leftover(device: DeviceSession, event: dict[str, Any], store: Store, view: View) -> Run | None:
    job = str(event["job"])
    host = event.get("host") or _pushed_context(device, job)
    if host is None and event.get("state") == "new":
        _throw_away(device, event)
        return None
    try:
        context = context_from_builtins(host)
    except msgspec.ValidationError as error:
        view.tell(f"{device.entry.name}: job {job[:8]} was written by another version and cannot be read: {error}")
        return None
    if context.run_id != job or _is_anothers(event, context):
        return None
    try:
        run, samples = _assembled(device, context, began=event.get("state") != "new")
        kept = keep_collected(store, context, run, samples)
    except DeviceError as error:
        if error.transient:
            raise
        view.tell(f"{error.message}; job {job[:8]} left where it is")
        return None
    except StoreError as error:
        view.tell(f"job {job[:8]} of {device.entry.name} is kept there: {error.message}")
        return None
    device.client.call("discard", device.client.job_folder(job))
    if not kept:
        return None
    view.tell(f"{device.entry.name}: collected {context.label}, measured in session {context.session.id[:8]}")
    return run


def _pushed_context(device: DeviceSession, job: str) -> object:
    """The context in a job's own job.json, which the sh agent does not read; None where it never arrived whole."""
    with TemporaryDirectory(prefix="edgebench-") as folder:
        target = Path(folder, "job.json")
        try:
            device.transport.pull(f"{device.client.job_folder(job)}/job.json", target)
            found = msgspec.json.decode(target.read_bytes())
        except (FileMissing, msgspec.DecodeError):
            return None
    return found.get("host") if isinstance(found, dict) else None


def _throw_away(device: DeviceSession, event: Mapping[str, Any]) -> None:
    """A folder whose job.json never arrived, unless it may still be on its way."""
    quiet = event.get("quiet_s")
    if isinstance(quiet, int | float) and quiet > START_ALLOWANCE_S:
        device.client.call("discard", device.client.job_folder(str(event["job"])))


def _assembled(device: DeviceSession, context: RunContext, *, began: bool) -> tuple[Run, Samples]:
    from edgebench.controller.assembly import (
        assemble,
    )  # loads the statistics: not before there is something to assemble

    with TemporaryDirectory(prefix="edgebench-") as folder:
        run, samples = assemble(context, collect_job(device, context, folder))
    if not began:
        outcome = Outcome(status="skipped", code="interrupted", message="its session ended before the job was started")
        run = msgspec.structs.replace(run, outcome=outcome)
    return run, samples
