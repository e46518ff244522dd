"""A job's events, sorted into what each step gave: the raw material of a report.

Device output is untrusted: what cannot be read as the protocol says is counted as damage, never guessed at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from edgebench.agent.protocol import unpack_ints
from edgebench.records import PassName

MISSING = -(2**62)
"""A sensor that gave no value at that moment, in packed readings."""

StepName = PassName | Literal["build"]
"""A pass, or the build of an engine before them."""
STEP_NAMES = (*get_args(PassName), "build")
Ints = NDArray[np.int64]
Event = Mapping[str, Any]


@dataclass
class StepEvents:
    """What one step (one process on the device) reported; times in ns of the device's monotonic clock."""

    index: int
    pass_: StepName
    variant: int = 0
    round: int = 0
    order: int = 0
    loaded: dict[str, Any] = field(default_factory=dict)
    first_ns: int | None = None
    starts: list[Ints] = field(default_factory=list)
    durations: list[Ints] = field(default_factory=list)
    computes: list[Ints] = field(default_factory=list)
    files: list[Ints] = field(default_factory=list)
    summary: dict[str, Any] | None = None
    blocks: list[dict[str, Any]] = field(default_factory=list)
    phases: list[tuple[str, int]] = field(default_factory=list)
    memory: list[dict[str, Any]] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] | None = None
    placement: dict[str, Any] | None = None
    engine: dict[str, Any] = field(default_factory=dict)
    anchor: dict[str, Any] = field(default_factory=dict)
    layers: dict[str, Any] = field(default_factory=dict)
    paced: dict[str, Any] = field(default_factory=dict)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    error: dict[str, Any] | None = None
    done: dict[str, Any] | None = None

    @property
    def start_ns(self) -> Ints:
        """Start of every iteration, shape (n,)."""
        return np.concatenate(self.starts) if self.starts else np.zeros(0, np.int64)

    @property
    def duration_ns(self) -> Ints:
        """Latency of every iteration, shape (n,)."""
        return np.concatenate(self.durations) if self.durations else np.zeros(0, np.int64)

    @property
    def compute_ns(self) -> Ints:
        """The accelerator's own time of every iteration, shape (n,); empty where nothing tells it apart."""
        computes = np.concatenate(self.computes) if self.computes else np.zeros(0, np.int64)
        return computes if computes.size == self.duration_ns.size else np.zeros(0, np.int64)

    @property
    def file_index(self) -> Ints:
        """Index of the input file of every iteration, shape (n,), empty without a folder."""
        return np.concatenate(self.files) if self.files else np.zeros(0, np.int64)

    @property
    def ok(self) -> bool:
        """Whether the step finished well."""
        return self.done is not None and self.done.get("outcome") == "ok"

    def window(self, name: str) -> tuple[int, int] | None:
        """Begin and end (ns) of the named phase: up to the next one, or to the step's result; else it never ended."""
        told = (self.done or {}).get("t") if self.ok else None
        closed = [*self.phases, ("done", told)] if isinstance(told, int) else self.phases
        for (phase, begin), (_, end) in pairwise(closed):
            if phase == name:
                return begin, end
        return None


@dataclass
class Series:
    """One telemetry source: its announcement and its readings."""

    source: dict[str, Any]
    columns: list[str] = field(default_factory=list)
    chunks: list[list[Ints]] = field(default_factory=list)

    def column(self, name: str) -> tuple[Ints, Ints]:
        """Times (ns) and values of one column, missing readings left out; each of shape (n,)."""
        if name not in self.columns or not self.chunks:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        at = self.columns.index(name)
        times = np.concatenate([chunk[0] for chunk in self.chunks])
        values = np.concatenate([chunk[at] for chunk in self.chunks])
        kept = values != MISSING
        return times[kept], values[kept]


BROKE_OFF = "the record broke off: the agent on the device was killed, or the device restarted"
"""What is known of a record without end; its device may know more."""


@dataclass
class JobEvents:
    """All that a job said."""

    hello: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    prepared: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    gate: dict[str, Any] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    steps: dict[int, StepEvents] = field(default_factory=dict)
    series: dict[str, Series] = field(default_factory=dict)
    sampler: dict[str, Any] = field(default_factory=dict)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    end: dict[str, Any] | None = None
    damaged: int = 0
    broke_off: str = BROKE_OFF

    def break_off(self, why: str) -> None:
        """Say what ended a record that has no end, and the steps in hand then."""
        self.broke_off = why
        for step in self.steps.values():
            if step.done is None and step.error is None:
                step.error = {"message": why}

    def of_pass(self, name: str) -> list[StepEvents]:
        """The steps of one pass, in order."""
        return [step for _, step in sorted(self.steps.items()) if step.pass_ == name]


@dataclass(frozen=True)
class CollectedJob:
    """A job's events and the folder its output files were pulled into."""

    events: JobEvents
    folder: Path
    outputs: Path | None


def sort_events(events: Iterable[Event], *, damaged: int = 0) -> JobEvents:
    """Sort a job's events; what breaks the protocol is counted in `damaged`."""
    job = JobEvents(damaged=damaged)
    for event in events:
        try:
            _take(job, event)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            job.damaged += 1
    _end_open_steps(job)
    return job


def _end_open_steps(job: JobEvents) -> None:
    """What ended the job early also ended the step in hand, which could not say so itself (a full disk)."""
    end = job.end or {}
    for step in job.steps.values():
        if end.get("code") and step.done is None:
            step.done = {"outcome": "failed", "code": end["code"], "message": end.get("message")}


def _take(job: JobEvents, event: Event) -> None:
    name = str(event["ev"])
    if name == "step":
        index = int(event["step"])
        if event["pass"] not in STEP_NAMES:
            raise ValueError("unknown pass")
        job.steps[index] = StepEvents(
            index, event["pass"], int(event["variant"]), int(event["round"]), int(event["order"])
        )
    elif "step" in event:
        _STEP_TAKERS.get(name, _ignore)(job.steps[int(event["step"])], event)
    else:
        _JOB_TAKERS.get(name, _ignore)(job, event)


def _ignore(target: object, event: Event) -> None:
    """An event of a newer agent: not an error."""


def _samples(step: StepEvents, event: Event) -> None:
    starts = np.asarray(unpack_ints(event["start_ns"]), np.int64)
    durations = np.asarray(unpack_ints(event["duration_ns"]), np.int64)
    if starts.shape != durations.shape or (durations < 0).any():
        raise ValueError("samples do not match")
    step.starts.append(starts)
    step.durations.append(durations)
    if event.get("compute_ns") is not None:
        step.computes.append(np.asarray(unpack_ints(event["compute_ns"]), np.int64))
    if event.get("file") is not None:
        step.files.append(np.asarray(unpack_ints(event["file"]), np.int64))


def _reading(job: JobEvents, event: Event) -> None:
    series = job.series.setdefault(str(event["source"]), Series({"name": event["source"]}))
    series.columns = [str(name) for name in event["columns"]]
    chunk = [np.asarray(unpack_ints(part), np.int64) for part in event["packed"]]
    if len(chunk) != len(series.columns) or len({part.size for part in chunk}) > 1:
        raise ValueError("reading does not match its columns")
    series.chunks.append(chunk)


def _source(job: JobEvents, event: Event) -> None:
    job.series.setdefault(str(event["name"]), Series(dict(event))).source = dict(event)


def _prepared(job: JobEvents, event: Event) -> None:
    if event.get("when") == "after":
        job.after = dict(event)
    else:
        job.prepared = dict(event)


_STEP_TAKERS: dict[str, Callable[[StepEvents, Event], None]] = {
    "loaded": lambda step, event: step.loaded.update(event),
    "first": lambda step, event: setattr(step, "first_ns", int(event["ns"])),
    "samples": _samples,
    "summary": lambda step, event: setattr(step, "summary", dict(event)),
    "block": lambda step, event: step.blocks.append(dict(event)),
    "phase": lambda step, event: step.phases.append((str(event["name"]), int(event["t"]))),
    "memory": lambda step, event: step.memory.append(dict(event)),
    "usage": lambda step, event: step.usage.update(event),
    "outputs": lambda step, event: setattr(step, "outputs", dict(event)),
    "placement": lambda step, event: setattr(step, "placement", dict(event)),
    "engine": lambda step, event: step.engine.update(event),
    "anchor": lambda step, event: step.anchor.update(event),
    "layers": lambda step, event: step.layers.update(event),
    "paced": lambda step, event: step.paced.update(event),
    "warning": lambda step, event: step.warnings.append(dict(event)),
    "error": lambda step, event: setattr(step, "error", dict(event)),
    "done": lambda step, event: setattr(step, "done", dict(event)),
}

_JOB_TAKERS: dict[str, Callable[[JobEvents, Event], None]] = {
    "hello": lambda job, event: job.hello.update(event),
    "facts": lambda job, event: job.facts.update(event["facts"]),
    "prepared": _prepared,
    "gate": lambda job, event: job.gate.update(event),
    "plan": lambda job, event: job.plan.update(event),
    "source": _source,
    "reading": _reading,
    "sampler": lambda job, event: job.sampler.update(event),
    "warning": lambda job, event: job.warnings.append(dict(event)),
    "error": lambda job, event: job.errors.append(dict(event)),
    "end": lambda job, event: setattr(job, "end", dict(event)),
}
