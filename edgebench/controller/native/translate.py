"""A sh agent's record as the events of any other job: what each process printed becomes figures, by its tool's parser.

Pure: events and texts in, events out, as `controller/events.sort_events` takes them. A process that failed, that
printed nothing known or whose delegate did not apply gives no figure: its step fails with the tool's own line.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgebench.backends.native.base import NativeTool, ToolAsk
from edgebench.controller.native.figures import Event, Process, block, paced, placement, summary, wall_ns, warnings
from edgebench.controller.native.memory import kernel_stage, tool_stage, watched_stages

KEPT_CODES = frozenset({"timeout", "interrupted", "disk-full", "oom", "device-lost"})
"""Codes that the agent knows better than the tool's text."""

TEXT_LIMIT = 1 << 20


@dataclass(frozen=True)
class Record:
    """What a job left: outputs.txt and readings.txt, and what is known of the run that it was.

    `version` is the tool's where it is known, `fps` the pace asked for; `least_iterations` is what every invocation
    should have run: fewer are told as cut short.
    """

    ask: ToolAsk
    tool: NativeTool
    outputs: bytes
    readings: bytes = b""
    version: str | None = None
    fps: float | None = None
    least_iterations: int = 0


def translate(
    events: Iterable[Mapping[str, Any]], outputs: bytes, ask: ToolAsk, tool: NativeTool, **known: Any
) -> list[Event]:
    """The events of a job of one variant; `known` are further fields of `Record`.

    Events that are not understood pass as they are. Never raises for what a device sent.
    """
    record = Record(ask, tool, outputs, **known)
    steps: dict[int, list[Process]] = {}
    passes: dict[int, str] = {}
    told: list[Event] = []
    for event in events:
        name, step = event.get("ev"), event.get("step")
        if not isinstance(step, int):
            told.append(dict(event))
            continue
        if name == "tool":
            process = _process(event, record)
            steps.setdefault(step, []).extend([process] if process else [])
        elif name == "watch":
            stages = watched_stages(_text(event, record.outputs) or "")
            told += [{"ev": "memory", "t": event.get("t", 0), "step": step, **stage} for stage in stages]
        elif name == "done":
            told += step_events(step, passes.get(step, ""), steps.get(step, []), dict(event), record)
        else:
            passes |= {step: str(event.get("pass"))} if name == "step" else {}
            told.append(dict(event))
    return told + _reduced(passes, steps, record.least_iterations)


def _text(event: Mapping[str, Any], outputs: bytes) -> str | None:
    """What outputs.txt holds of this event; None for places that cannot be."""
    offset, size = event.get("offset"), event.get("bytes")
    if not isinstance(offset, int) or not isinstance(size, int) or offset < 0 or size < 0:
        return None
    return outputs[offset : offset + min(size, TEXT_LIMIT)].decode("utf-8", "replace")


def _process(event: Mapping[str, Any], record: Record) -> Process | None:
    begin, end, text = event.get("begin"), event.get("end"), _text(event, record.outputs)
    if text is None or not isinstance(begin, int) or not isinstance(end, int) or end < begin:
        return None
    report = record.tool.parse(text, record.ask, exit_status(event))
    return Process(begin, end, report, bool(event.get("cut")))


def exit_status(event: Mapping[str, Any]) -> int:
    """A process's status as a shell gives it: its own, or 128 + the signal that killed it."""
    code, name = event.get("code"), str(event.get("signal") or "")
    if isinstance(code, int) and not isinstance(code, bool):
        return code
    if name in signal.Signals.__members__:
        return 128 + signal.Signals[name]
    number = re.fullmatch(r"(?:signal )?(\d{1,2})", name)
    return 128 + int(number[1]) if number else 1


def step_events(step: int, pass_: str, processes: Sequence[Process], done: Event, record: Record) -> list[Event]:
    """What a child of the Python agent would have said of this step, its `done` last."""
    told = [_told(step, "warning", processes, **warning) for warning in warnings(processes)]
    failed = next((process for process in processes if process.report.code), None)
    if failed is not None or (done.get("outcome") != "ok" and not _outlived(processes, done)):
        return [*told, _failure(step, processes, failed, done)]
    if not processes:
        return [*told, done]
    first = processes[0].report
    told.append(_loaded(step, processes, record))
    told.append(_told(step, "usage", processes, phase="measure", **_usage(processes)))
    if first.first_ns is not None:
        told.append(_told(step, "first", processes, ns=round(first.first_ns)))
    told += _figures(step, pass_, processes)
    if pass_ == "paced" and record.fps:
        told.append(_told(step, "paced", processes, **paced(processes, record.fps)))
    if first.delegation is not None:
        told.append(_told(step, "placement", processes, **placement(first.delegation, record.ask.accelerator)))
    if pass_ == "memory":
        kernel = kernel_stage(record.readings, processes[0].begin, processes[-1].end)
        stages = ([kernel] if kernel else []) + tool_stage(first.memory_mib)
        told += [_told(step, "memory", processes, **stage) for stage in stages]
    return [*told, {**done, "outcome": "ok", "code": None, "message": None}]


def _told(step: int, ev: str, processes: Sequence[Process], **fields: Any) -> Event:
    return {"ev": ev, "t": processes[-1].end, "step": step, **fields}


def _outlived(processes: Sequence[Process], done: Event) -> bool:
    """Whether all had been measured before the last process crashed: its parser said so, for it gave figures."""
    measured = bool(processes) and all(process.report.inference is not None for process in processes)
    return measured and done.get("code") == "crashed"


def _failure(step: int, processes: Sequence[Process], failed: Process | None, done: Event) -> Event:
    """`done` with the tool's own words, unless the agent knows better (a limit, a full disk, its user)."""
    if failed is None or done.get("code") in KEPT_CODES:
        return done
    report = failed.report
    message = report.message or done.get("message")
    if failed.cut:
        message = f"{message}; its output was longer than 1 MiB and is cut"
    return {**done, "ev": "done", "step": step, "outcome": "failed", "code": report.code, "message": message}


def _loaded(step: int, processes: Sequence[Process], record: Record) -> Event:
    report = processes[0].report
    effective: Event = {"accelerator": record.ask.accelerator}
    threads = report.threads or record.ask.threads
    effective |= {"threads": threads} if threads else {}
    effective |= {"compute": report.compute} if report.compute else {}
    fields: Event = {"effective": effective, "runtime": report.tool, "version": report.version or record.version}
    if report.init_ns is not None:
        fields["load_ns"] = round(report.init_ns)
    return _told(step, "loaded", processes, **fields)


def _usage(processes: Sequence[Process]) -> Event:
    return {"n": sum(p.report.inference.n for p in processes if p.report.inference), "wall_ns": wall_ns(processes)}


def _figures(step: int, pass_: str, processes: Sequence[Process]) -> list[Event]:
    told = []
    for process in processes:
        stats = process.report.inference
        if stats is None:
            continue
        if pass_ == "soak":
            told.append(_told(step, "block", [process], **block(process, stats)))
        else:
            told.append(_told(step, "summary", [process], **summary(stats), dialect=process.report.dialect))
    return told


def _reduced(passes: Mapping[int, str], steps: Mapping[int, Sequence[Process]], least: int) -> list[Event]:
    """A `plan` event where an invocation ended before its least number of iterations, as `--max-time` may make it."""
    ran = [
        process.report.inference.n
        for step, processes in steps.items()
        if passes.get(step) == "invocation"
        for process in processes
        if process.report.inference is not None
    ]
    if not ran or min(ran) >= least:
        return []
    return [{"ev": "plan", "t": 0, "eta_s": 0, "steps": len(passes), "reduced": {"min_iterations": [min(ran), least]}}]
