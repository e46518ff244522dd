"""What a built engine adds to a run: its build, the GPU's own time, the precision that each layer really uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from job_factory import MS, JobWriter, make_context, noisy

from edgebench.agent.protocol import pack_ints
from edgebench.controller.assembly import assemble
from edgebench.controller.planning import job_steps, lease_seconds, plan_rows, resolve_settings
from edgebench.controller.spec import EngineUse, VariantAsk

ASK = VariantAsk(backend="tensorrt", accelerator="cuda", precision="int8")
LAYERS = [
    {"name": "conv1", "type": "CaskConvolution", "precision": "int8", "ms": 2.0, "ops": ["/conv1"]},
    {"name": "conv2", "type": "CaskConvolution", "precision": "fp32", "ms": 5.0, "ops": ["/conv2"]},
    {"name": "reformat", "type": "Reformat", "precision": None, "ms": 1.0, "ops": []},
]


def job(layers: list[dict[str, Any]] | None = None, *, computes: bool = True, **engine: Any) -> JobWriter:
    rng = np.random.default_rng(3)
    writer = JobWriter()
    told = {"ev": "engine", "key": "k", "cached": False, "build_ns": 90_000 * MS} | engine
    writer.step("build", extra=[told])
    shares = {"reformat": {"count": 1, "share": 0.125}, "copy": {"count": 0, "share": 0.0}}
    listed = {"ev": "layers", "source": "layer-info", "layers": LAYERS if layers is None else layers} | shares
    writer.step("fidelity", extra=[listed, {"ev": "placement", "nodes": {"cuda": 3}, "source": "layer-info"}])
    for round_ in range(1, 7):
        durations = noisy(rng, 8.0, 300)
        writer.step("invocation", round_=round_)
        at = writer.steps - 1
        starts = pack_ints(np.cumsum(durations).tolist())
        more = {"compute_ns": pack_ints([ns - MS for ns in durations])} if computes else {}
        done = writer.events.pop()
        writer.emit("samples", step=at, n=300, start_ns=starts, duration_ns=pack_ints(durations), **more)
        writer.events.append(done)
    return writer


def assembled(writer: JobWriter, folder: Path, **flags: Any):
    use = EngineUse(way="trtexec", flags={"int8": True, "fp16": False} | flags)
    return assemble(make_context(ask=ASK, engine=use), writer.finished(folder))[0]


def test_the_build_and_the_gpus_own_time_stand_beside_the_latency(tmp_path):
    run = assembled(job(), tmp_path)
    assert run.outcome.status == "ok"
    assert run.metrics["build"].value == 90_000.0
    assert run.metrics["build"].method == "built in this run"
    compute, latency = run.metrics["compute_p50"], run.metrics["latency_p50"]
    assert compute.value == pytest.approx(latency.value - 1.0, rel=1e-3)
    assert compute.lo < compute.value < compute.hi
    assert "kept there" in assembled(job(cached=True), tmp_path).metrics["build"].method


def test_an_engine_whose_time_is_not_told_apart_has_no_such_figure(tmp_path):
    assert "compute_p50" not in assembled(job(computes=False), tmp_path).metrics


def test_layers_say_what_they_compute_in(tmp_path):
    run = assembled(job(), tmp_path)
    assert run.placement.precisions == {"int8": 1, "fp32": 1}
    assert run.placement.reformat_share == 0.125
    assert [layer.ops for layer in run.placement.layers] == [["/conv1"], ["/conv2"], []]
    assert run.variant.precision.effective.compute == "fp32"  # where most of the time goes
    texts = {warning.code: warning.text for warning in run.warnings}
    assert texts["mixed-precision"] == "1 of 2 layers ran in int8, 1 in fp32"
    assert texts["reformats"].startswith("12% of the time")


def test_without_times_most_layers_decide(tmp_path):
    layers = [one | {"ms": None} for one in [LAYERS[0], LAYERS[0] | {"name": "c"}, LAYERS[1]]]
    assert assembled(job(layers), tmp_path).variant.precision.effective.compute == "int8"


def test_int8_that_no_layer_ran_in_is_a_failure_not_a_number(tmp_path):
    run = assembled(job([LAYERS[1], LAYERS[2]]), tmp_path)
    assert (run.outcome.status, run.outcome.code) == ("failed", "unsupported-precision")
    assert "no layer ran in int8: TensorRT built 1 in fp32" in (run.outcome.message or "")
    assert "latency_p50" not in run.metrics


def test_half_precision_that_tensorrt_left_alone_is_told(tmp_path):
    run = assembled(job([LAYERS[1]]), tmp_path, int8=False, fp16=True)
    assert run.outcome.status == "ok"
    assert "0 of 1 layers ran in fp16" in next(w.text for w in run.warnings if w.code == "mixed-precision")


@pytest.mark.parametrize("layers", [[{"name": 3, "ops": "x", "ms": "fast"}], ["noise"], [None]])
def test_what_a_device_says_of_layers_is_not_trusted(tmp_path, layers):
    run = assembled(job(layers), tmp_path)
    assert run.outcome.status == "ok"
    assert run.placement.precisions == {}


def test_a_release_that_tells_no_layers_proves_no_precision(tmp_path):
    run = assembled(job([]), tmp_path)
    assert run.outcome.status == "ok"
    assert "how much ran in int8 is not known" in next(w.text for w in run.warnings if w.code == "precision-unknown")


def anchored(writer: JobWriter, **anchor: Any) -> JobWriter:
    for step in range(2, 8):
        writer.emit("anchor", step=step, at_ns=0, resolution_ns=1000, **anchor)
    return writer


@pytest.mark.parametrize(
    ("anchor", "codes"),
    [
        ({"whole": True, "uncertainty_ns": 400_000}, set()),
        ({"whole": False, "uncertainty_ns": 3 * MS}, {"summed-latency"}),
        ({"whole": True, "uncertainty_ns": 80 * MS}, {"coarse-anchor"}),
        ({"whole": None, "uncertainty_ns": "late"}, set()),
    ],
)
def test_what_a_programs_own_times_leave_out_is_told(tmp_path, anchor, codes):
    run = assembled(anchored(job(), **anchor), tmp_path)
    told = {warning.code: warning.text for warning in run.warnings}
    assert told.keys() & {"summed-latency", "coarse-anchor"} == codes
    assert "to within 80 ms" in told.get("coarse-anchor", "to within 80 ms")


def test_a_failed_build_is_the_rows_outcome(tmp_path):
    writer = JobWriter()
    error = {"code": "unsupported-op", "message": "node /up (Resize): no importer", "stage": "build"}
    writer.step("build", outcome="failed", error=error)
    run = assembled(writer, tmp_path)
    assert (run.outcome.status, run.outcome.code) == ("failed", "unsupported-op")
    assert run.outcome.message == "node /up (Resize): no importer"


def test_a_job_builds_first_and_its_lease_allows_for_it():
    import msgspec

    plain = resolve_settings(mode="quick")
    building = msgspec.structs.replace(plain, build_s=3600.0, gate_s=1200.0)
    assert job_steps(building)[0] == {"pass": "build", "limit_s": 3600.0, "variant": 0, "round": 0, "order": 0}
    assert job_steps(building)[1:] == job_steps(plain)
    assert lease_seconds(building) == lease_seconds(plain) + 4800
    assert plan_rows("m", building) == plan_rows("m", plain)


@pytest.mark.parametrize("layers", [5, "conv", {"conv": "int8"}, [1, None]])
def test_layers_that_are_no_list_of_layers_leave_the_row_as_it_is(tmp_path, layers):
    run = assembled(job(layers), tmp_path)
    assert run.outcome.status == "ok"
    assert (run.placement.layers, run.placement.nodes) == ([], {"cuda": 3})
