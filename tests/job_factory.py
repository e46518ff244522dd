"""Jobs as a device would report them, with known truth, for tests of what the host makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgebench.agent.protocol import pack_ints
from edgebench.controller.events import CollectedJob, JobEvents, sort_events
from edgebench.controller.planning import resolve_settings
from edgebench.controller.spec import ModelFacts, RunContext, VariantAsk
from edgebench.records import DeviceRef, Session, SessionDevice

S = 1_000_000_000
MS = 1_000_000


def make_context(**changes: Any) -> RunContext:
    """A default run of an imaginary model on an imaginary device; `changes` replace fields."""
    device = SessionDevice(name="board", id="ssh:x", transport="ssh")
    values: dict[str, Any] = {
        "run_id": "f" * 32,
        "session": Session(id="5" * 32, started_at="2026-11-21T00:00:00+00:00", device=device),
        "started_at": "2026-11-21T00:00:01+00:00",
        "device": DeviceRef(name="board", id="ssh:x"),
        "model_path": "/nowhere/model.onnx",
        "model": "model",
        "label": "model",
        "ask": VariantAsk(threads=1),
        "facts": ModelFacts(
            sha256="a" * 64, bytes=1000, format="onnx", params=10, macs=100, estimated_peak_bytes=2**20
        ),
        "settings": resolve_settings(),
    }
    return RunContext(**(values | changes))


class JobWriter:
    """Collects events in the order a device would emit them."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.steps = 0
        self.emit("hello", clock={"monotonic_ns": 0, "realtime_ns": 0, "resolution_ns": 1})
        self.emit("facts", facts={"machine": "aarch64"})
        self.emit("prepared", pins={"governor": {"policy0": "performance"}})

    def emit(self, ev: str, t: int = 0, **fields: Any) -> None:
        """One event."""
        self.events.append({"ev": ev, "t": t, **fields})

    def step(
        self,
        pass_: str,
        durations: Iterable[int] = (),
        *,
        starts: Sequence[int] | None = None,
        begin: int = 0,
        round_: int = 0,
        outcome: str = "ok",
        error: dict[str, Any] | None = None,
        extra: Sequence[dict[str, Any]] = (),
        cpu_share: float = 1.0,
    ) -> None:
        """One step with back-to-back iterations of these durations (ns), or those at `starts`."""
        at, self.steps = self.steps, self.steps + 1
        ns = np.asarray(list(durations), np.int64)
        begins = (
            np.asarray(starts, np.int64) if starts is not None else begin + np.concatenate([[0], np.cumsum(ns)[:-1]])
        )
        self.emit("step", step=at, variant=0, round=round_, order=0, **{"pass": pass_})
        effective = {"accelerator": "cpu", "threads": 1}
        self.emit("loaded", step=at, load_ns=5 * MS, version="1.2.3", effective=effective)
        self.emit("first", step=at, ns=7 * MS)
        for event in extra:
            self.emit(event["ev"], step=at, **{key: value for key, value in event.items() if key != "ev"})
        if ns.size:
            self.emit(
                "samples", step=at, n=ns.size, start_ns=pack_ints(begins.tolist()), duration_ns=pack_ints(ns.tolist())
            )
            wall = int(ns.sum())
            self.emit("usage", step=at, wall_ns=wall, cpu_ns=int(wall * cpu_share))
        if error:
            self.emit("error", step=at, **error)
        done = {"outcome": outcome, "code": (error or {}).get("code"), "message": (error or {}).get("message")}
        self.emit("done", step=at, **done)

    def series(self, source: dict[str, Any], t: Sequence[int], **columns: Sequence[int]) -> None:
        """A telemetry source and all its readings."""
        self.emit("source", **({"state": "ok", "columns": list(columns)} | source))
        packed = [pack_ints(t), *(pack_ints(values) for values in columns.values())]
        self.emit("reading", source=source["name"], columns=["t", *columns], rows=len(t), packed=packed)

    def finished(self, folder: Path, **end: Any) -> CollectedJob:
        """The job as the host collects it."""
        self.emit("prepared", when="after", pins={"governor": {"policy0": "performance"}})
        self.emit("end", steps_done=self.steps, restored=True, **({"code": None} | end))
        return CollectedJob(self.sorted(), folder, None)

    def sorted(self) -> JobEvents:
        """The events sorted, whatever was emitted so far."""
        return sort_events(self.events)


def noisy(rng: np.random.Generator, median_ms: float, n: int, sd: float = 0.02) -> list[int]:
    """Log-normal latencies (ns) around a median."""
    return np.exp(rng.normal(np.log(median_ms * MS), sd, n)).astype(np.int64).tolist()
