"""Soak, paced pass, power and memory from a device's events, against known truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from job_factory import MS, JobWriter, S, make_context

from edgebench.controller.assembly import assemble
from edgebench.controller.planning import resolve_settings
from edgebench.records import Run

IDLE_W, BUSY_W, STEP = 2.0, 6.0, 20 * MS


def power_job(
    *, kind: str = "instantaneous", wrap: float | None = None, period: int = 100 * MS, total: bool = True
) -> JobWriter:
    """30 s of idle, 60 s of soak at 50 iterations a second, 30 s of idle; the power steps with the phases."""
    job = JobWriter()
    soak = [STEP] * 3000
    phases = [("idle-before", 0), ("soak", 30 * S), ("idle-after", 90 * S), ("end", 120 * S)]
    job.step("soak", soak, begin=30 * S, extra=[{"ev": "phase", "name": name, "t": t} for name, t in phases])
    for event in job.events:
        if event["ev"] == "phase":
            event["t"] = dict(phases)[event["name"]]
    t = np.arange(-S, 122 * S, period)
    watts = np.where((t >= 30 * S) & (t < 90 * S), BUSY_W, IDLE_W)
    source: dict[str, Any] = {"name": "power:x", "kind": kind, "scope": "module", "unit": "uW"}
    source |= {"total": ["a", "b"] if total else None, "total_why": None if total else "unlisted rails", "rate_hz": 10}
    if kind == "accumulating":
        joules = np.concatenate([[0.0], np.cumsum(watts[:-1] * period / S)]) / 2
        micro = joules * 1e6
        columns = {"a": micro % wrap if wrap else micro, "b": micro % wrap if wrap else micro}
        source |= {"unit": "uJ", "wrap": [wrap, wrap], "columns": ["a", "b"]}
    else:
        columns = {"a": watts * 1e6 / 4, "b": watts * 1e6 * 3 / 4}
    job.series(source, t.tolist(), **{name: values.astype(np.int64).tolist() for name, values in columns.items()})
    return job


def assembled(job: JobWriter, tmp_path: Path, **settings: Any) -> Run:
    context = make_context(settings=msgspec.structs.replace(resolve_settings(), **settings))
    return assemble(context, job.finished(tmp_path))[0]


def figures(job: JobWriter, tmp_path: Path) -> dict[str, float | None]:
    job.step("invocation", [10 * MS] * 50)  # a run needs an invocation to have metrics
    run = assembled(job, tmp_path)
    return {name: run.metrics[name].value for name in ("power_mean", "power_idle", "energy_gross", "energy_net")}


@pytest.mark.parametrize("wrap", [None, 50e6])
def test_energy_by_kind_of_source(tmp_path: Path, wrap: float | None) -> None:
    kind = "accumulating" if wrap else "instantaneous"
    found = figures(power_job(kind=kind, wrap=wrap), tmp_path)
    assert found["power_mean"] == pytest.approx(BUSY_W, rel=0.01)
    assert found["power_idle"] == pytest.approx(IDLE_W, rel=0.02)
    assert found["energy_gross"] == pytest.approx(BUSY_W * 20, rel=0.01)  # mJ an item of 20 ms
    assert found["energy_net"] == pytest.approx((BUSY_W - IDLE_W) * 20, rel=0.02)


@pytest.mark.parametrize("edge_looks", [0, 1])
def test_no_load_beside_an_idle_is_counted_into_it(tmp_path: Path, edge_looks: int) -> None:
    job = power_job(kind="accumulating", wrap=50e6, period=170 * MS)  # the load begins and ends between two looks
    for event in job.events:
        if event["ev"] == "source":
            event["edge_looks"] = edge_looks
    assert figures(job, tmp_path)["power_idle"] == pytest.approx(IDLE_W, rel=1e-6)


def test_the_sensors_own_errors_are_told_beside_the_statistical_interval(tmp_path: Path) -> None:
    job = power_job()
    job.step("invocation", [10 * MS] * 50)
    for event in job.events:
        if event["ev"] == "source":
            event["resolution_w"] = 1.2
    gross = assembled(job, tmp_path).metrics["energy_gross"]
    step_u = 1.2 / 12**0.5 * 20  # W of a uniform step, over 20 ms an item, in mJ
    assert gross.method == f"u = {step_u:.3g} mJ with the sensor's own errors"


def test_a_value_needs_twenty_samples(tmp_path: Path) -> None:
    job = power_job(period=4 * S)
    job.step("invocation", [10 * MS] * 50)
    run = assembled(job, tmp_path)
    assert run.metrics["power_mean"].state == "unavailable"
    assert "20 are needed" in (run.metrics["power_mean"].why or "")


def test_rails_without_a_whitelisted_total_give_no_watts(tmp_path: Path) -> None:
    job = power_job(total=False)
    job.step("invocation", [10 * MS] * 50)
    run = assembled(job, tmp_path)
    assert (run.power.state, run.power.why) == ("unavailable", "unlisted rails")
    assert run.metrics["energy_net"].why == "unlisted rails"


def test_a_source_that_died_meanwhile_is_unavailable_with_its_reason(tmp_path: Path) -> None:
    job = power_job()
    announced = next(event for event in job.events if event["ev"] == "source")
    job.emit(**announced | {"state": "unavailable", "why": "tegrastats ended with exit status 7"})
    job.emit("source", name="power:ina3221", state="unavailable", why="readable by root only")
    job.step("invocation", [10 * MS] * 50)
    run = assembled(job, tmp_path)
    assert (run.power.state, run.power.why) == ("unavailable", "tegrastats ended with exit status 7")
    assert run.metrics["power_mean"].value is None


def test_what_a_source_leaves_out_stands_with_it(tmp_path: Path) -> None:
    job = power_job()
    for event in job.events:
        if event["ev"] == "source":
            event["excluded"] = "USB devices are missing"
    job.step("invocation", [10 * MS] * 50)
    run = assembled(job, tmp_path)
    assert (run.power.state, run.power.why) == ("ok", "USB devices are missing")
    assert run.metrics["power_mean"].value == pytest.approx(BUSY_W, rel=0.01)


def test_no_sensor_is_unsupported_never_zero(tmp_path: Path) -> None:
    job = JobWriter()
    job.emit("source", name="power", state="unsupported", why="no sensor found")
    job.step("invocation", [10 * MS] * 50)
    run = assembled(job, tmp_path)
    assert run.metrics["power_mean"].state == "unsupported"
    assert run.metrics["power_mean"].value is None
    assert run.power.why == "no sensor found"


def test_soak_figures(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    fast = (20 * MS * np.exp(rng.normal(0, 0.01, 1000))).astype(np.int64)
    slow = (40 * MS * np.exp(rng.normal(0, 0.01, 2000))).astype(np.int64)
    job = JobWriter()
    job.step("invocation", [10 * MS] * 50)
    job.step("soak", np.concatenate([fast, slow]).tolist())
    run = assembled(job, tmp_path)
    assert run.metrics["burst_fps"].value == pytest.approx(50, rel=0.01)
    assert run.metrics["sustained_fps"].value == pytest.approx(25, rel=0.01)
    assert run.metrics["sustained_drop"].value == pytest.approx(0.5, abs=0.01)
    assert run.soak is not None
    assert run.soak.throttle_onset == pytest.approx(20, abs=1.5)
    assert run.soak.window == "steady"
    assert len(run.soak.curve) > 60


def test_frames_and_batch_multiply_items_not_iterations(tmp_path: Path) -> None:
    job = JobWriter()
    job.step("invocation", [10 * MS] * 50)
    job.step("soak", [20 * MS] * 3000)
    ask = msgspec.structs.replace(make_context().ask, batch=4, frames_per_inference=2)
    run, _ = assemble(make_context(ask=ask), job.finished(tmp_path))
    assert run.metrics["sustained_fps"].value == pytest.approx(400)
    assert run.metrics["iterations_per_s"].value == pytest.approx(50)


@pytest.mark.parametrize(("missed", "held"), [(10, True), (40, False)])
def test_paced_pass_gives_watts_only_when_the_pace_is_held(tmp_path: Path, missed: int, held: bool) -> None:
    job = power_job()
    job.step("invocation", [10 * MS] * 50)
    starts = [31 * S + i * 33_333_333 for i in range(1700)]
    extra = [{"ev": "paced", "fps": 30.0, "slots": 1700, "missed": missed, "n": 1700}]
    job.step("paced", [15 * MS] * 1700, starts=starts, extra=extra)
    run = assembled(job, tmp_path, target_fps=30.0)
    assert run.paced is not None
    assert run.paced.held is held
    assert run.metrics["deadline_miss"].value == pytest.approx(missed / 1700)
    watts = run.metrics["power_at_fps"]
    if held:
        assert watts.value == pytest.approx(BUSY_W, rel=0.01)
    else:
        assert watts.value is None
        assert (watts.why or "").startswith("cannot hold 30 FPS")


def test_memory_delta_is_over_the_imported_runtime(tmp_path: Path) -> None:
    job = JobWriter()
    job.step("invocation", [10 * MS] * 50)
    stages = {"baseline": 10, "imported": 50, "loaded": 60, "peak": 90}
    extra = [
        {"ev": "memory", "stage": stage, "kib": {"VmHWM": mib * 1024, "VmRSS": mib * 1024}}
        for stage, mib in stages.items()
    ]
    extra.append({"ev": "memory", "stage": "system", "kib": {"before": 9000 * 1024, "min": 8900 * 1024}})
    job.step("memory", extra=extra)
    run = assembled(job, tmp_path)
    assert run.metrics["memory_peak"].value == pytest.approx(90)
    assert run.metrics["memory_delta"].value == pytest.approx(40)
    assert run.metrics["memory_system"].value == pytest.approx(100)
    assert run.memory.measured_over_estimated == pytest.approx(40)


def test_memory_switched_off_says_so(tmp_path: Path) -> None:
    job = JobWriter()
    job.step("invocation", [10 * MS] * 50)
    run = assembled(job, tmp_path, memory=False)
    assert run.metrics["memory_peak"].why == "switched off by --no-memory"
