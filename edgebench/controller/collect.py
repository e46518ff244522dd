"""Brings a job's record home, now or in a later session, and gives every job found on a device its row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from edgebench.agent.protocol import FrameReader
from edgebench.controller.events import Ints, JobEvents, sort_events
from edgebench.controller.session import DeviceSession
from edgebench.controller.spec import RunContext, context_from_builtins
from edgebench.controller.view import View
from edgebench.errors import DeviceError, StoreError, UnknownName
from edgebench.records import Run
from edgebench.store.answers import SampleKey
from edgebench.store.store import Store
from edgebench.transports.base import FileMissing

START_ALLOWANCE = timedelta(minutes=10)
"""From the push of a job to its start it never takes longer than this (a large model comes before it)."""


@dataclass(frozen=True)
class CollectedJob:
    """A job's events and the folder its output files were pulled into."""

    events: JobEvents
    folder: Path
    outputs: Path | None


def collect_job(device: DeviceSession, context: RunContext, folder: str, nonce: str | None = None) -> CollectedJob:
    """Pull a finished job's record. Raises `DeviceLost` when the link breaks."""
    work = Path(folder)
    base = device.client.job_folder(context.run_id)
    device.transport.pull(f"{base}/job.json", work / "job.json")
    known = nonce or str(msgspec.json.decode((work / "job.json").read_bytes())["nonce"])
    reader = FrameReader(known)
    events = sort_events(reader.feed(_pull_events(device, base, work)))
    events.damaged += reader.damaged
    return CollectedJob(events, work, _pull_outputs(device, base, events, work))


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
        if name and "/" not in name and name.endswith(".npz"):
            device.transport.pull(f"{base}/{name}", work / "outputs.npz")
            return work / "outputs.npz"
    return None


def collect_leftovers(device: DeviceSession, store: Store, view: View) -> list[Run]:
    """Restore what dead sessions left on the device and store the reports of their jobs.

    A job that is still running is left alone: whoever wants the device next waits for it at `start`.
    """
    runs: list[Run] = []
    status = device.client.status()
    if any(event["ev"] == "journal" and event.get("entries") for event in status) and not _leased(status):
        device.client.home_call("restore")
        view.tell(f"{device.entry.name}: put back what a dead session had left changed")
    for event in status:
        if event["ev"] != "job" or event.get("state") == "running" or _just_pushed(event):
            continue
        run = _collect_leftover(device, event, store, view)
        if run is not None:
            runs.append(run)
            view.row(run)
    return runs


def _just_pushed(event: dict[str, Any]) -> bool:
    """A job that nobody has started yet: another controller may be about to."""
    if event.get("state") != "new":
        return False
    started = str((event.get("host") or {}).get("started_at", ""))
    try:
        age = datetime.now(UTC) - datetime.fromisoformat(started)
    except (ValueError, TypeError):
        return False
    return age < START_ALLOWANCE


def _leased(status: list[dict[str, Any]]) -> bool:
    return any(event["ev"] == "lease" and event.get("state") == "held" for event in status)


def keep_collected(store: Store, context: RunContext, run: Run, samples: Mapping[SampleKey, Ints]) -> None:
    """Store a run collected late: in place of its lost row, or anew where this store never saw it.

    A run that is stored already (its controller died before it could discard the job) stays as it is.
    """
    try:
        stored = store.run(run.id)
    except UnknownName:
        try:
            store.session(context.session.id)
        except UnknownName:
            store.add_session(context.session)
        store.add_run(run, samples)
        return
    if stored.outcome.code in ("device-lost", "interrupted"):
        store.replace_run(run, samples)


def _collect_leftover(device: DeviceSession, event: dict[str, Any], store: Store, view: View) -> Run | None:
    from edgebench.controller.assembly import assemble

    job = str(event["job"])
    try:
        context = context_from_builtins(event["host"])
    except (KeyError, msgspec.ValidationError) as error:
        view.tell(f"{device.entry.name}: job {job[:8]} was written by another version and cannot be read: {error}")
        return None
    if context.run_id != job:
        return None
    try:
        with TemporaryDirectory(prefix="edgebench-") as folder:
            run, samples = assemble(context, collect_job(device, context, folder))
    except DeviceError as error:
        if error.transient:
            raise
        view.tell(f"{error.message}; job {job[:8]} left where it is")
        return None
    try:
        keep_collected(store, context, run, samples)
    except StoreError as error:
        view.tell(f"job {job[:8]} of {device.entry.name} is kept there: {error.message}")
        return None
    device.client.call("discard", device.client.job_folder(job))
    view.tell(f"{device.entry.name}: collected {context.label}, measured in session {context.session.id[:8]}")
    return run
