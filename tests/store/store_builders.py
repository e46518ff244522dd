"""Records for the tests of the store, and a program that other processes run: `store_builders.py PATH PREFIX COUNT`."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from edgebench.records import (
    ArtifactRef,
    Asked,
    DeviceRef,
    Environment,
    Grade,
    Invocation,
    Metric,
    Outcome,
    PlanStep,
    Run,
    Session,
    SessionDevice,
    Variant,
)
from edgebench.store import SampleKey, open_store

START = "2026-03-01T12:00:00Z"


def make_session(name: str = "session-1", **fields: Any) -> Session:
    device = SessionDevice(name="pi", id="serial-7", profile="raspberry-pi-5", transport="ssh", facts={"kernel": "6.6"})
    plan = [PlanStep(round=index, variant="plain", pass_="invocation", order=0) for index in range(2)]
    return Session(**{"id": name, "started_at": START, "device": device, "plan": plan, **fields})


def make_variant(**fields: Any) -> Variant:
    base = {
        "model": "esrgan",
        "label": "plain",
        "artifact": ArtifactRef(sha256="ab" * 32, bytes=1234, format="onnx"),
        "backend": "onnxruntime",
        "accelerator": Asked(requested="cpu", effective="cpu"),
        "shapes": {"x": [1, 3, 48, 48]},
    }
    return Variant(**{**base, **fields})


def make_run(
    name: str = "run-000001", *, p50: float = 12.5, status: str = "ok", code: str | None = None, **fields: Any
) -> Run:
    metrics = {
        "latency_p50": Metric(value=p50, unit="ms", lo=p50 * 0.99, hi=p50 * 1.01, k=2, n=200, statistic="p50"),
        "power_mean": Metric(unit="W", state="unsupported", why="no source"),
    }
    base = {
        "id": name,
        "session": "session-1",
        "started_at": START,
        "device": DeviceRef(name="pi", id="serial-7", profile="raspberry-pi-5"),
        "variant": make_variant(),
        "outcome": Outcome(status=status, code=code),
        "grade": Grade(letter="B"),
        "metrics": metrics if status == "ok" else {},
        "invocations": [Invocation(index=index, round=index, order=0, iterations=100) for index in range(2)],
        "environment": Environment(fingerprint="f00d"),
        "tags": {"suite": "nightly"},
    }
    return Run(**{**base, **fields})


def make_samples(seed: int = 1, count: int = 100, invocations: int = 2) -> dict[SampleKey, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {SampleKey(index): rng.lognormal(16.3, 0.05, count).astype(np.int64) for index in range(invocations)}


def main(path: str, prefix: str, count: int) -> None:
    """Store runs, printing each id after its commit."""
    with open_store(path) as store:
        store.add_session(make_session(f"session-{prefix}"))
        for index in range(count):
            run = make_run(f"{prefix}-{index:06}", session=f"session-{prefix}")
            store.add_run(run, make_samples(index))
            print(run.id, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
