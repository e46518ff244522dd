"""What `run` does with its options: examine, plan, measure device by device, show, and choose the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edgebench import __version__
from edgebench.cli.output import check_target, err, fail, out, verbosity, write_document
from edgebench.cli.progress import make_view
from edgebench.controller.devices import DeviceEntry, load_devices, select_devices
from edgebench.controller.execute import DeviceResult, Executor, run_on_device
from edgebench.controller.planning import job_steps, planned_seconds
from edgebench.controller.requests import RunOptions, build_requests
from edgebench.controller.rows import RowRequest
from edgebench.controller.session import new_id, now_text
from edgebench.errors import Interrupted, UnknownName, UsageError
from edgebench.records import Report, Run, Session, SessionDevice, to_json
from edgebench.report.details import detail_lines
from edgebench.report.table import WIDE, notes, runs_table
from edgebench.store import open_store
from edgebench.store.store import Store
from edgebench.units import seconds_text


@dataclass(frozen=True)
class Job:
    """One `run` command, parsed."""

    models: Sequence[Path]
    devices: Sequence[str]
    options: RunOptions
    store: str | None = None
    json: str | None = None
    samples: bool = False
    dry_run: bool = False
    detach: bool = False
    allow_reboot: bool = False
    flops_as: str = "macs"


def measure(job: Job) -> int:
    """Carry the command out; return its exit code. Raises `UsageError` before any device is touched."""
    check_target(job.json)
    entries = select_devices(job.devices, load_devices())
    _check_kind(job, entries)
    requests = build_requests(job.models, job.options)
    if job.dry_run:
        _show_plan(job, entries, requests)
        return 0
    _check_detach(job, requests)
    with open_store(job.store) as store:
        _check_parent(store, job.options.parent)
        results = _on_devices(job, store, entries, requests)
        _show(job, store, results)
    return exit_code(results)


def _check_detach(job: Job, requests: Sequence[RowRequest]) -> None:
    """A device carries one job at a time, and nobody would be there to start the next."""
    if job.detach and len(requests) > 1:
        text = f"--detach leaves one variant to a device; {len(requests)} were asked for"
        raise UsageError(text, hint="run them one after the other, or without --detach")
    if job.detach and job.allow_reboot:
        text = "--allow-reboot waits to restart the board again at the end; --detach does not wait"
        raise UsageError(text, hint="leave one of them out")


def _check_kind(job: Job, entries: Sequence[DeviceEntry]) -> None:
    """Refuse for other devices what only phones have, and for phones what only boards have."""
    affinity = job.options.prepare.get("affinity", "")
    of_boards = [key for key in ("power-mode", "clocks", "fan") if key in job.options.prepare]
    for entry in entries:
        if entry.transport == "adb":
            if of_boards:
                text = f"--prepare {of_boards[0]} is for boards; {entry.name} is a phone"
                raise UsageError(text, hint="phones take governor, affinity, airplane, temperature-gate")
            continue
        if job.options.settings.unplugged:
            raise UsageError(f"{entry.name} is no phone behind adb", hint="leave --unplugged out")
        if affinity.isalpha():
            text = f"--prepare affinity takes CPU numbers, not {affinity!r}: {entry.name} is no phone"
            raise UsageError(text, hint="for example affinity=0-3,6")


def _check_parent(store: Store, parent: str | None) -> None:
    """A parent may be a label that is yet to come, but a typo should be seen. Prints a line, refuses nothing."""
    if parent is None:
        return
    try:
        store.run(parent)
    except UnknownName:
        if not any(row.label == parent for row in store.latest()):
            err().print(f"--parent {parent}: no stored run and no label is called so (yet)", markup=False)


def _on_devices(
    job: Job, store: Store, entries: Sequence[DeviceEntry], requests: Sequence[RowRequest]
) -> list[DeviceResult]:
    results = []
    for entry in entries:
        view = make_view({entry.name} if entry.transport == "local" else set(), progress=verbosity() >= 0)
        try:
            executor = Executor(store, view, detach=job.detach, allow_reboot=job.allow_reboot)
            results.append(run_on_device(executor, entry, requests))
        finally:
            view.close()
        if results[-1].error is not None:
            fail(results[-1].error)
        if results[-1].interrupted:
            break
    return results


def _show(job: Job, store: Store, results: Sequence[DeviceResult]) -> None:
    runs = [run for result in results for run in result.runs]
    if job.json is not None:
        shown = [with_samples(store, run) for run in runs] if job.samples else runs
        write_document(to_json(report_of(results, shown), indent=1), job.json)
    if job.json != "-" and verbosity() > -2 and runs:
        console = out()
        wide = console.width >= WIDE
        console.print(runs_table(runs, flops_as=job.flops_as, reasons=wide))
        if len(runs) == 1:
            for line in detail_lines(runs[0]):
                console.print(line, markup=False, style="dim")
        for line in notes(runs, reasons=wide):
            console.print(f"  {line}", markup=False)
        console.print(f"stored: session {runs[0].session[:8]}, `edgebench history {runs[0].id[:8]}`", style="dim")
    if any(result.interrupted for result in results):
        fail(Interrupted())


def report_of(results: Sequence[DeviceResult], runs: list[Run]) -> Report:
    """The report document: the first session that was opened stands for the command."""
    sessions = [result.session for result in results if result.session is not None]
    return Report(
        edgebench=__version__, session=sessions[0] if sessions else _no_session(results), runs=runs, sessions=sessions
    )


def _no_session(results: Sequence[DeviceResult]) -> Session:
    """A session that no device let us begin."""
    name = results[0].name if results else "none"
    return Session(id=new_id(), started_at=now_text(), device=SessionDevice(name=name, id="unknown", transport="none"))


def with_samples(store: Store, run: Run) -> Run:
    """The run with every invocation's raw nanoseconds."""
    keys = {key.invocation for key in store.sample_keys(run.id) if key.pass_ == "invocation" and key.name == "latency"}
    filled = [
        msgspec.structs.replace(one, latency_ns=store.samples(run.id, one.index).tolist()) if one.index in keys else one
        for one in run.invocations
    ]
    return msgspec.structs.replace(run, invocations=filled)


def exit_code(results: Sequence[DeviceResult]) -> int:
    """The one exit code of interface.md: the first that applies."""
    runs = [run for result in results for run in result.runs]
    left = [run for result in results if result.detached for run in result.runs if run.outcome.status == "skipped"]
    good = left + [run for run in runs if run.outcome.status == "ok"]
    usable = left + [run for run in runs if run.outcome.status in ("ok", "unstable")]
    lost = [result for result in results if result.error is not None]
    if any(result.interrupted for result in results):
        return 130
    if lost and len(lost) == len(results):
        return 3
    if not usable:
        return 4
    return 5 if lost or len(good) < len(runs) else 0


def _show_plan(job: Job, entries: Sequence[DeviceEntry], requests: Sequence[RowRequest]) -> None:
    total = sum(planned_seconds(request.settings) for request in requests) * len(entries)
    if job.json is not None:
        rows = [
            {"device": entry.name, "label": request.label, "ask": request.ask, "steps": job_steps(request.settings)}
            for entry in entries
            for request in requests
        ]
        text = msgspec.json.format(msgspec.json.encode({"rows": rows, "seconds": total}), indent=1).decode()
        write_document(text, job.json)
        if job.json == "-":
            return
    for entry in entries:
        for request in requests:
            steps = job_steps(request.settings)
            passes = ", ".join(_counted([str(step["pass"]) for step in steps]))
            shapes = " ".join(f"{name}={'x'.join(map(str, dims))}" for name, dims in request.ask.shapes.items())
            text = (
                f"{entry.name}: {request.label} ({request.ask.backend}, {request.ask.accelerator}) {shapes}: {passes}"
            )
            out().print(text, markup=False)
    err().print(f"about {seconds_text(total)}; nothing was run (--dry-run)", markup=False)


def _counted(names: Sequence[str]) -> list[str]:
    return [f"{names.count(name)} x {name}" if names.count(name) > 1 else name for name in dict.fromkeys(names)]
