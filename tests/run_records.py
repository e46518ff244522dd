"""Hand-made records for the tests of what shows them: one run as `edgebench run` stores it, and its variations."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgebench.records import (
    ArtifactRef,
    Asked,
    CurvePoint,
    DeviceRef,
    Environment,
    Grade,
    GradeReason,
    Invocation,
    MemoryInfo,
    MemoryStage,
    Metric,
    Outcome,
    Placement,
    PowerInfo,
    Precision,
    PrecisionParts,
    Run,
    Session,
    SessionDevice,
    Soak,
    SteadyMark,
    SteadySummary,
    Summary,
    Variant,
    Warn,
)
from edgebench.store import SampleKey
from edgebench.store.store import Store

NS = 1_000_000_000
MONOTONIC_NS = 54_321 * NS
REALTIME_NS = 1_790_000_000 * NS
SOAK_AT_NS = MONOTONIC_NS + 100 * NS
"""The soak begins 100 s after the clock pair was read."""


def make_session(name: str = "5e55104a0000", **fields: Any) -> Session:
    device = SessionDevice(name="nano", id="serial-7", profile="jetson-nano", transport="ssh", facts={"kernel": "4.9"})
    return Session(**{"id": name, "started_at": "2026-11-20T09:59:00Z", "device": device, **fields})


def make_variant(**fields: Any) -> Variant:
    effective = PrecisionParts(weights="fp32", activations="fp32", io="fp32", compute="fp32")
    base = {
        "model": "esrgan",
        "label": "plain",
        "artifact": ArtifactRef(sha256="ab" * 32, bytes=47_373, format="onnx"),
        "backend": "onnxruntime",
        "backend_version": "1.19.2",
        "accelerator": Asked(requested="cpu", effective="cpu"),
        "precision": Precision(effective=effective),
        "threads": Asked(requested=4, effective=4),
        "shapes": {"x": [1, 3, 180, 320]},
    }
    return Variant(**{**base, **fields})


def make_metrics(p50: float = 12.5) -> dict[str, Metric]:
    once = "one pass: no interval across invocations"
    return {
        "latency_p50": Metric(value=p50, unit="ms", lo=p50 * 0.99, hi=p50 * 1.01, k=6, n=600, statistic="median"),
        "latency_p99": Metric(value=p50 * 1.2, unit="ms", n=600, statistic="p99", why="low-n: 600 effective"),
        "sustained_fps": Metric(value=1000 / p50, unit="1/s", k=1, n=4800, why=once),
        "iterations_per_s": Metric(value=1000 / p50, unit="1/s", k=1, n=4800, why=once),
        "power_mean": Metric(unit="W", state="unsupported", why="no power sensor was found"),
        "memory_peak": Metric(value=87.25, unit="MiB", why="one process"),
        "load": Metric(value=31.0, unit="ms"),
        "macs": Metric(value=655_257_600.0, unit="count"),
        "params": Metric(value=11_468.0, unit="count"),
        "size": Metric(value=47_373.0, unit="bytes"),
        "quality.psnr": Metric(value=31.2, unit="", statistic="given by the user"),
    }


def make_invocations(p50: float = 12.5, k: int = 6) -> list[Invocation]:
    return [
        Invocation(
            index=at,
            round=at + 1,
            order=0,
            load_ms=31.0,
            first_ms=20.0,
            iterations=100,
            median_ms=p50 * (1 + 0.002 * at),
            steady=SteadyMark(class_="flat", start=3),
            summary=Summary(n=100, mean=p50, min=p50 * 0.9, max=p50 * 1.4, sd=0.1),
        )
        for at in range(k)
    ]


def make_run(name: str = "0a1b2c3d4e5f", *, p50: float = 12.5, **fields: Any) -> Run:
    base = {
        "id": name,
        "session": "5e55104a0000",
        "started_at": "2026-11-20T10:00:00Z",
        "device": DeviceRef(name="nano", id="serial-7", profile="jetson-nano"),
        "variant": make_variant(),
        "outcome": Outcome(status="ok"),
        "grade": Grade(letter="C", reasons=[GradeReason(code="quick", text="quick", remedy="--publish, 25 min")]),
        "metrics": make_metrics(p50),
        "steady": SteadySummary(class_="flat", counts={"flat": 6}),
        "soak": Soak(curve=[CurvePoint(t_s=float(t), fps=80 - t / 10, median_ms=p50) for t in range(60)], seconds=60.0),
        "invocations": make_invocations(p50),
        "power": PowerInfo(state="unsupported", why="no power sensor was found"),
        "memory": MemoryInfo(state="ok", stages=[MemoryStage(stage="peak", mib={"VmHWM": 87.25})], definition="VmHWM"),
        "placement": Placement(state="ok", nodes={"cpu": 14}, share=1.0, source="profiling"),
        "environment": Environment(
            fingerprint="f00dfeed12345678",
            pins={"governor": "performance"},
            frequencies_mhz={"policy0": [1479.0, 1428.0, 1479.0, 1479.0]},
            temperatures_c={"CPU-therm": [41.0, 41.0, 55.5, 55.5]},
            foreign_load=0.012,
            cpu_util=0.98,
            clock={"monotonic_ns": MONOTONIC_NS, "realtime_ns": REALTIME_NS, "resolution_ns": 1},
        ),
        "warnings": [
            Warn(code="no-reference", text="outputs not checked: no reference", hint="give one: `--reference MODEL`")
        ],
        "tags": {"suite": "nightly"},
    }
    return Run(**{**base, **fields})


def failed_run(name: str = "fa11ed000000", **fields: Any) -> Run:
    outcome = Outcome(status="failed", code="load-failed", message="IR version 11; the runtime takes up to 8")
    base = {"outcome": outcome, "metrics": {}, "soak": None, "invocations": [], "grade": Grade(letter="D")}
    return make_run(name, **{**base, **fields})


def soak_samples(seconds: float = 60.0, latency_ms: float = 12.5, idle_s: float = 30.0) -> dict[SampleKey, np.ndarray]:
    """Starts and latencies of a soak's iterations, and where the device idled around it."""
    n = int(seconds * 1000 / latency_ms)
    starts = SOAK_AT_NS + np.arange(n, dtype=np.int64) * int(latency_ms * 1e6)
    durations = np.full(n, int(latency_ms * 1e6) - 10_000, np.int64)
    end = int(starts[-1] + durations[-1])
    samples = {SampleKey(0, "start", "soak"): starts, SampleKey(0, "latency", "soak"): durations}
    if idle_s:
        idle = [SOAK_AT_NS - int(idle_s * NS), SOAK_AT_NS, end, end + int(idle_s * NS)]
        samples[SampleKey(0, "idle", "soak")] = np.asarray(idle, np.int64)
    return samples


def fill(store: Store, *runs: Run, samples: dict[SampleKey, np.ndarray] | None = None) -> None:
    """One session and its runs."""
    store.add_session(make_session())
    for run in runs:
        store.add_run(run, samples or {})
