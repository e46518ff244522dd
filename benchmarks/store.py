"""How fast the store is once it is large: history of one variant, the latest table, committing one run.

    python benchmarks/store.py                  # 100,000 runs of 2,000 samples: about 1.3 GB of temporary disk
    python benchmarks/store.py --runs 2000      # a quick look
    python benchmarks/store.py --check          # exit status 1 if a figure misses its target

The store is filled through the same code that a session uses, but many runs a transaction; what is timed is one public
call after another, each on another series, and every commit is synced to the disk.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgebench.records import (
    ArtifactRef,
    Asked,
    CurvePoint,
    DeviceRef,
    Environment,
    Grade,
    Invocation,
    Metric,
    Outcome,
    Run,
    Session,
    SessionDevice,
    Soak,
    Summary,
    Variant,
)
from edgebench.store import Filters, SampleKey, open_store
from edgebench.store.series import series_key
from edgebench.store.store import Store
from edgebench.store.writing import insert_run

SAMPLES = 2000
INVOCATIONS = 6
DEVICES = 10
PER_SERIES = 100
BATCH = 500
POOL = 64
CALLS = 101
TARGETS_MS = {"history of one variant": 10.0, "latest table": 50.0, "commit of one run": 20.0}
METRICS = [
    "latency_p50",
    "latency_p90",
    "latency_p95",
    "latency_p99",
    "load",
    "first",
    "iterations_per_s",
    "burst_fps",
    "sustained_fps",
    "sustained_drop",
    "power_mean",
    "energy_net",
    "memory_peak",
    "cpu_util",
    "size",
]

SampleSet = dict[SampleKey, NDArray[np.int64]]


def main() -> int:
    """Fill a store, time it, print the table."""
    parser = argparse.ArgumentParser(description="Time a large store.")
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, default=None, help="where the temporary store goes")
    parser.add_argument("--check", action="store_true", help="fail if a target is missed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder, open_store(f"{folder}/store.db") as store:
        began = time.perf_counter()
        fill(store, arguments.runs)
        seconds = time.perf_counter() - began
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
        print(f"{arguments.runs} runs of {SAMPLES} samples, {series_count(arguments.runs)} series on {DEVICES} devices")
        print(f"filled in {seconds:.0f} s, {size / 1e6:.0f} MB, {size / arguments.runs / 1000:.1f} kB a run")
        return report(measure(store, arguments.runs), fail=arguments.check)


def series_count(runs: int) -> int:
    """How many series share the runs: 100 runs each, at least one a device."""
    return max(DEVICES, runs // PER_SERIES)


def fill(store: Store, runs: int) -> None:
    """Store `runs` runs, interleaved over the series, many a transaction."""
    rng = np.random.default_rng(1)
    pool = [sample_set(rng) for _ in range(POOL)]
    for device in range(DEVICES):
        store.add_session(make_session(device))
    for start in range(0, runs, BATCH):
        with store.transaction() as connection:
            for number in range(start, min(start + BATCH, runs)):
                insert_run(connection, make_run(number, runs, rng), pool[number % POOL])


def measure(store: Store, runs: int) -> dict[str, list[float]]:
    """Milliseconds of repeated calls, by what was timed."""
    rng = np.random.default_rng(2)
    picks = rng.integers(0, runs, CALLS)
    keys = [series_key(make_run(int(number), runs, rng)) for number in picks]
    fresh = [(make_run(runs + number, runs, rng), sample_set(rng)) for number in range(CALLS)]
    return {
        "history of one variant": timed(partial(store.history, Filters(series=key)) for key in keys),
        "latest table": timed(store.latest for _ in range(CALLS // 4)),
        "commit of one run": timed(partial(store.add_run, run, samples) for run, samples in fresh),
        "run by id": timed(partial(store.run, run_id(int(number))) for number in picks),
        "samples of one invocation": timed(partial(store.samples, run_id(int(number)), 3) for number in picks),
    }


def timed(calls: Iterator[Callable[[], object]]) -> list[float]:
    """Milliseconds of each call."""
    spans = []
    for call in calls:
        began = time.perf_counter()
        call()
        spans.append((time.perf_counter() - began) * 1000)
    return spans


def report(spans: dict[str, list[float]], *, fail: bool) -> int:
    """Print the table; 1 if `fail` and a median misses its target."""
    print(f"{'':28}{'median ms':>10}{'max ms':>10}{'calls':>7}{'target ms':>11}")
    missed = False
    for name, values in spans.items():
        target = TARGETS_MS.get(name)
        median = statistics.median(values)
        missed |= target is not None and median > target
        print(f"{name:28}{median:10.2f}{max(values):10.2f}{len(values):7}{target or '':>11}")
    return int(fail and missed)


def run_id(number: int) -> str:
    """The id of a run: 26 characters, ascending."""
    return f"01J{number:023}"


def make_session(device: int) -> Session:
    """The session that all runs of a device belong to."""
    return Session(
        id=f"session-{device}",
        started_at="2026-01-01T00:00:00Z",
        device=SessionDevice(name=f"device-{device}", id=f"serial-{device}", transport="ssh"),
    )


def make_run(number: int, runs: int, rng: np.random.Generator) -> Run:
    """A run as large as real ones: 15 metrics, 6 invocations, a soak of 60 points."""
    series = number % series_count(runs)
    device, variant = series % DEVICES, series // DEVICES
    p50 = float(rng.lognormal(3, 0.02))
    return Run(
        id=run_id(number),
        session=f"session-{device}",
        started_at=(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)).isoformat(),
        device=DeviceRef(name=f"device-{device}", id=f"serial-{device}"),
        variant=make_variant(variant),
        outcome=Outcome(status="ok"),
        grade=Grade(letter="B"),
        metrics={name: Metric(value=p50, unit="ms", lo=p50 * 0.99, hi=p50 * 1.01, k=6, n=SAMPLES) for name in METRICS},
        soak=Soak(curve=[CurvePoint(t_s=float(t), fps=1000 / p50, median_ms=p50) for t in range(60)], seconds=60.0),
        invocations=[make_invocation(index, p50) for index in range(INVOCATIONS)],
        environment=Environment(fingerprint="f00d", facts={"kernel": "6.6.31", "governor": "performance"}),
        tags={"suite": "nightly"},
    )


def make_variant(number: int) -> Variant:
    """One of the variants that every device runs."""
    return Variant(
        model=f"model-{number % 20}",
        label=f"label-{number // 20}",
        artifact=ArtifactRef(sha256=f"{number:064x}", bytes=1 << 20, format="onnx"),
        backend="onnxruntime",
        accelerator=Asked(requested="cpu", effective="cpu"),
        threads=Asked(requested=4, effective=4),
        shapes={"x": [1, 3, 180, 320]},
    )


def make_invocation(index: int, p50: float) -> Invocation:
    """One invocation's record."""
    summary = Summary(n=SAMPLES // INVOCATIONS, mean=p50, min=p50 * 0.9, max=p50 * 2, sd=p50 / 20)
    return Invocation(
        index=index,
        round=index,
        order=0,
        load_ms=80.0,
        first_ms=p50 * 3,
        iterations=summary.n,
        median_ms=p50,
        summary=summary,
    )


def sample_set(rng: np.random.Generator) -> SampleSet:
    """2,000 latencies in ns over the invocations: int64."""
    values = rng.lognormal(16.8, 0.05, SAMPLES).astype(np.int64)
    return {SampleKey(index): part for index, part in enumerate(np.array_split(values, INVOCATIONS))}


if __name__ == "__main__":
    sys.exit(main())
