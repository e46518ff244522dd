"""A run's record from a device's events: outcome, latency, grade, and what is absent with its reason."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import msgspec
import numpy as np
import pytest
from job_factory import MS, JobWriter, S, make_context, noisy

from edgebench.controller.assembly import assemble
from edgebench.records import Report, json_schema, to_json
from edgebench.store import SampleKey


def steady_job(k: int = 6, n: int = 600, seed: int = 1) -> JobWriter:
    rng = np.random.default_rng(seed)
    job = JobWriter()
    for j in range(k):
        job.step("invocation", noisy(rng, 10.0, n), begin=j * 100 * S, round_=j + 1)
    return job


def test_a_steady_run_is_ok_and_graded_a(tmp_path: Path) -> None:
    run, samples = assemble(make_context(), steady_job().finished(tmp_path))
    assert run.outcome.status == "ok"
    assert run.grade.letter == "A", run.grade.reasons
    p50 = run.metrics["latency_p50"]
    assert p50.lo is not None
    assert p50.hi is not None
    assert p50.lo < 10.0 < p50.hi
    assert (p50.k, p50.n, p50.unit) == (6, 3600, "ms")
    assert run.metrics["load"].value == pytest.approx(5.0)
    assert run.metrics["first"].value == pytest.approx(7.0)
    assert samples[SampleKey(3)].size == 600
    assert samples[SampleKey(3, "start")][0] == 300 * S


def test_a_run_is_valid_against_the_schema(tmp_path: Path) -> None:
    context = make_context()
    run, _ = assemble(context, steady_job().finished(tmp_path))
    report = Report(edgebench="0", session=context.session, runs=[run])
    jsonschema.validate(msgspec.json.decode(to_json(report)), json_schema("report"))


def test_percentiles_are_pooled_and_gated_by_effective_iterations(tmp_path: Path) -> None:
    run, _ = assemble(make_context(), steady_job(n=600).finished(tmp_path))
    assert run.metrics["latency_p99"].value == pytest.approx(10 * np.exp(2.326 * 0.02), rel=0.01)
    assert run.metrics["latency_p999"].value is None
    assert "effective iterations" in (run.metrics["latency_p999"].why or "")
    few, _ = assemble(make_context(), steady_job(n=40).finished(tmp_path))
    assert few.metrics["latency_p99"].state == "unavailable"
    assert few.metrics["latency_p90"].value is not None


def test_no_interval_under_five_invocations(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(make_context().settings, invocations=4)
    run, _ = assemble(make_context(settings=settings), steady_job(k=4).finished(tmp_path))
    p50 = run.metrics["latency_p50"]
    assert p50.value == pytest.approx(10.0, rel=0.01)
    assert (p50.lo, p50.hi) == (None, None)
    assert "an interval needs 5" in (p50.why or "")
    assert run.grade.letter == "C"
    assert run.grade.reasons[0].text == "4 invocations"


def test_a_crashed_invocation_makes_the_run_unstable_and_keeps_the_rest(tmp_path: Path) -> None:
    job = steady_job(k=5)
    job.step("invocation", outcome="failed", error={"code": "crashed", "message": "SIGSEGV in the runtime"})
    run, _ = assemble(make_context(), job.finished(tmp_path))
    assert (run.outcome.status, run.outcome.code) == ("unstable", "crashed")
    assert "5 of 6" in (run.outcome.message or "")
    assert [one.outcome.status for one in run.invocations] == ["ok"] * 5 + ["failed"]
    assert run.metrics["latency_p50"].k == 5
    assert run.grade.letter == "C"


def test_all_failed_gives_the_first_failure_and_no_metrics(tmp_path: Path) -> None:
    job = JobWriter()
    job.step("fidelity", outcome="failed", error={"code": "load-failed", "message": "Unsupported IR version"})
    job.emit("step", step=1, variant=0, round=1, order=0, **{"pass": "invocation"})
    job.emit("done", step=1, outcome="skipped", code="load-failed", message="not tried after load-failed")
    run, samples = assemble(make_context(), job.finished(tmp_path))
    assert (run.outcome.status, run.outcome.code) == ("failed", "load-failed")
    assert run.outcome.message == "Unsupported IR version"
    assert "latency_p50" not in run.metrics
    assert run.metrics["params"].value == 10
    assert samples == {}


def test_an_interrupted_job_keeps_its_invocations(tmp_path: Path) -> None:
    run, samples = assemble(make_context(), steady_job(k=2).finished(tmp_path, code="interrupted"))
    assert (run.outcome.status, run.outcome.code) == ("failed", "interrupted")
    assert run.outcome.message == "stopped after 2 invocations"
    assert len(samples) == 4


def test_a_record_without_its_end_is_said_to_be_damaged(tmp_path: Path) -> None:
    whole = steady_job().finished(tmp_path)
    whole.events.end = None
    run, _ = assemble(make_context(), whole)
    assert run.grade.letter == "C"
    assert "damaged-record" in {reason.code for reason in run.grade.reasons}


def test_an_empty_record_is_a_lost_device(tmp_path: Path) -> None:
    job = JobWriter()
    job.events.clear()
    collected = job.finished(tmp_path)
    collected.events.end = None
    run, _ = assemble(make_context(), collected)
    assert (run.outcome.status, run.outcome.code) == ("failed", "device-lost")


def test_codes_beyond_the_closed_list_do_not_pass(tmp_path: Path) -> None:
    job = JobWriter()
    job.step("invocation", outcome="failed", error={"code": "rm -rf", "message": "odd"})
    run, _ = assemble(make_context(), job.finished(tmp_path))
    assert run.outcome.code == "device-lost"
    assert run.invocations[0].outcome.message == "odd"


def test_an_unfinished_pass_is_never_steady_by_its_trend(tmp_path: Path) -> None:
    job = JobWriter()
    drift = (np.linspace(10, 20, 600) * MS).astype(np.int64)
    for j in range(6):
        job.step("invocation", drift.tolist(), begin=j * 100 * S)
    run, _ = assemble(make_context(), job.finished(tmp_path))
    assert run.steady.class_ == "never-steady"
    assert run.outcome.status == "unstable"
    assert run.grade.letter == "C"


def test_a_minority_that_never_got_steady_is_no_unstable_run(tmp_path: Path) -> None:
    drift = (np.linspace(10, 20, 600) * MS).astype(np.int64)
    for drifting, status in ((3, "ok"), (4, "unstable")):
        job = steady_job(k=6 - drifting)
        for j in range(drifting):
            job.step("invocation", drift.tolist(), begin=(10 + j) * 100 * S)
        run, _ = assemble(make_context(), job.finished(tmp_path))
        assert run.steady.counts["never-steady"] == drifting
        assert run.outcome.status == status
        assert ("never-steady" in {reason.code for reason in run.grade.reasons}) == (status == "unstable")


def test_a_soak_of_another_speed_than_the_invocations_is_told(tmp_path: Path) -> None:
    for soak_ms, told in ((11, False), (15, True), (7, True)):
        job = steady_job()
        job.step("soak", [soak_ms * MS] * 3000, begin=1000 * S)
        run, _ = assemble(make_context(), job.finished(tmp_path))
        assert ("rates-differ" in {warning.code for warning in run.warnings}) == told


def test_outliers_are_counted_and_joined_with_their_moment(tmp_path: Path) -> None:
    job = JobWriter()
    for j in range(6):
        durations = [10 * MS] * 400
        durations[200] = 80 * MS
        job.step("invocation", durations, begin=j * 100 * S)
    slow_at = 200 * 10 * MS
    job.series({"name": "throttle", "kind": "instantaneous"}, [0, slow_at - MS, slow_at + 90 * MS], cpu=[0, 1, 0])
    run, _ = assemble(make_context(), job.finished(tmp_path))
    first = run.invocations[0].outliers
    assert first.over_5x == pytest.approx(1 / 400)
    assert first.over_10x == 0
    assert [one.index for one in first.worst] == [200]
    assert first.worst[0].causes == ["throttle cpu"]
    assert run.invocations[1].outliers.worst[0].causes == []
    assert run.metrics["latency_max"].value == pytest.approx(80.0)
    assert "throttled" in {reason.code for reason in run.grade.reasons}


def test_a_coarse_timer_gives_no_spread(tmp_path: Path) -> None:
    job = JobWriter()
    for j in range(6):
        job.step("invocation", [10 * MS, 20 * MS] * 100, begin=j * 100 * S)
    job.events[0]["clock"]["resolution_ns"] = 10 * MS
    run, _ = assemble(make_context(), job.finished(tmp_path))
    assert run.metrics["latency_p50"].lo is None
    assert "quantised-timer" in {reason.code for reason in run.grade.reasons}


def test_busy_surroundings_cost_the_grade(tmp_path: Path) -> None:
    job = steady_job(k=5)
    job.step("invocation", [10 * MS] * 600, begin=600 * S, cpu_share=0.5)
    t = [0, 300 * S, 700 * S]
    job.series({"name": "load"}, t, busy=[0, 300, 700], total=[0, 400, 800], own=[0, 100, 200])
    job.series({"name": "thermal"}, t, cpu=[40000, 50000, 61000])
    job.emit("sampler", cpu_ns=5 * S, wall_ns=100 * S, reads=3)
    run, _ = assemble(make_context(), job.finished(tmp_path))
    codes = {reason.code for reason in run.grade.reasons}
    assert {"foreign-load", "cpu-starved", "sampler-cost", "temperature-drift"} <= codes
    assert run.environment.foreign_load == pytest.approx((300 * 0.5 + 400 * 0.75) / 700)
    assert run.metrics["temperature_max"].value == pytest.approx(61.0)
    assert run.metrics["cpu_util"].value == pytest.approx(0.5)


def test_a_lost_pin_is_told(tmp_path: Path) -> None:
    job = steady_job()
    collected = job.finished(tmp_path)
    collected.events.after["pins"] = {"governor": {"policy0": "powersave"}}
    run, _ = assemble(make_context(), collected)
    assert {reason.code: reason.text for reason in run.grade.reasons}["pin-lost"].endswith("governor")


def reasons_of(folder: Path, before: dict[str, object], after: dict[str, object], **more: object) -> dict[str, str]:
    """Code -> text of a steady run's grade with these pins before and after it."""
    collected = steady_job().finished(folder)
    collected.events.prepared["pins"] = before
    collected.events.after.update(pins=after, **more)
    return {reason.code: reason.text for reason in assemble(make_context(), collected)[0].grade.reasons}


@pytest.mark.parametrize(
    ("pins", "codes"),
    [
        ({"governor": {"policy0": "schedutil"}}, {"not-pinned"}),
        ({"governor": {"policy0": "schedutil"}, "clocks_locked": False}, {"clocks-free"}),
        ({"governor": {"policy0": "schedutil"}, "clocks_locked": True}, set()),
        ({"governor": {"policy0": "performance"}, "clocks_locked": False}, {"clocks-free"}),
        ({"governor": {}}, {"not-pinnable"}),
    ],
)
def test_a_board_is_pinned_where_its_clocks_are_locked(
    tmp_path: Path, pins: dict[str, object], codes: set[str]
) -> None:
    assert reasons_of(tmp_path, pins, pins).keys() == codes


def test_a_fan_that_turns_faster_is_no_lost_pin(tmp_path: Path) -> None:
    before = {"governor": {"policy0": "performance"}, "fan": {"pwm": 80, "rpm": 1800}, "power_mode": {"id": 0}}
    faster = before | {"fan": {"pwm": 120, "rpm": 2400}}
    assert reasons_of(tmp_path, before, faster) == {}
    other = before | {"power_mode": {"id": 1}}
    assert reasons_of(tmp_path, before, other) == {"pin-lost": "changed during the run: power_mode"}
    lost = [{"key": "clocks", "path": None, "wanted": "max", "found": "default"}]
    assert reasons_of(tmp_path, before, before, lost=lost) == {"pin-lost": "changed during the run: clocks"}


def test_what_could_not_be_set_is_in_the_grade(tmp_path: Path) -> None:
    writer = steady_job()
    for setting in ("power-mode=MAXN", "clocks=max", "clocks=max"):
        writer.emit("warning", code="needs-root", text=f"{setting} could not be pinned: a password is required")
    writer.emit("warning", code="pin-failed", text="fan=max could not be pinned: this board has no fan")
    reasons = {r.code: r for r in assemble(make_context(), writer.finished(tmp_path))[0].grade.reasons}
    assert reasons["needs-root"].text == "could not be pinned: power-mode=MAXN, clocks=max"
    assert "devices setup NAME --sudoers" in reasons["needs-root"].remedy
    assert reasons["not-pinnable"].text == "could not be pinned: fan=max"


def test_clocks_that_were_asked_for_and_refused_are_not_asked_for_again(tmp_path: Path) -> None:
    writer = steady_job()
    writer.emit("warning", code="needs-root", text="clocks=max could not be pinned: a password is required")
    collected = writer.finished(tmp_path)
    collected.events.prepared["pins"] = {"governor": {"policy0": "schedutil"}, "clocks_locked": False}
    codes = {reason.code for reason in assemble(make_context(), collected)[0].grade.reasons}
    assert "needs-root" in codes
    assert "clocks-free" not in codes


def test_a_record_without_end_says_what_its_device_knows_of_it(tmp_path: Path) -> None:
    collected = JobWriter().finished(tmp_path)
    collected.events.end = None
    assert "was killed, or the device restarted" in (assemble(make_context(), collected)[0].outcome.message or "")
    collected.events.break_off("the record broke off: the device restarted")
    outcome = assemble(make_context(), collected)[0].outcome
    assert (outcome.code, outcome.message) == ("device-lost", "the record broke off: the device restarted")


def test_how_hot_it_was_before_the_gate_opened_is_no_temperature_of_the_run(tmp_path: Path) -> None:
    job = steady_job()
    job.series({"name": "thermal"}, [1 * S, 5 * S, 20 * S], cpu=[61000, 50000, 43000])
    job.emit("gate", t=10 * S, state="passed", celsius=44.0, waited_s=9.0)
    run, _ = assemble(make_context(), job.finished(tmp_path))
    assert run.environment.temperatures_c == {"cpu": [43.0, 43.0, 43.0, 43.0]}
    assert run.metrics["temperature_max"].value == 43.0


@pytest.mark.parametrize(
    ("skipped", "event", "text"),
    [
        (True, None, "temperature gate skipped"),
        (False, {"state": "timeout", "celsius": 61.5, "waited_s": 1200.0}, "begun at 61.5 degC"),
        (False, {"state": "timeout"}, "begun at None degC"),
        (False, {"state": "passed", "celsius": 40.0, "waited_s": 3.0}, None),
    ],
)
def test_a_gate_that_was_not_passed_is_in_the_grade(
    tmp_path: Path, skipped: bool, event: dict[str, object] | None, text: str | None
) -> None:
    writer = steady_job()
    if event:
        writer.emit("gate", **event)
    run = assemble(make_context(gate_skipped=skipped), writer.finished(tmp_path))[0]
    told = next((r.text for r in run.grade.reasons if r.code == "gate-skipped"), None)
    assert (told or "").startswith(text) if text else told is None


def test_simulated_devices_grade_d(tmp_path: Path) -> None:
    device = msgspec.structs.replace(make_context().device, simulated=True)
    run, _ = assemble(make_context(device=device), steady_job().finished(tmp_path))
    assert run.kind == "simulated"
    assert run.grade.letter == "D"


def placed(nodes: dict[str, int]) -> JobWriter:
    job = JobWriter()
    job.step("fidelity", extra=[{"ev": "placement", "nodes": nodes, "source": "profile"}])
    for j in range(6):
        job.step("invocation", noisy(np.random.default_rng(j), 10.0, 400), begin=j * 100 * S)
    return job


def test_nothing_delegated_is_a_failure_not_a_number(tmp_path: Path) -> None:
    context = make_context(ask=msgspec.structs.replace(make_context().ask, accelerator="cuda"))
    run, _ = assemble(context, placed({"CPUExecutionProvider": 10}).finished(tmp_path))
    assert (run.outcome.status, run.outcome.code) == ("failed", "delegate-failed")
    assert "latency_p50" not in run.metrics
    assert run.invocations[0].median_ms is not None


def test_a_subgraph_that_counts_as_one_node_makes_no_share(tmp_path: Path) -> None:
    ask = msgspec.structs.replace(make_context().ask, accelerator="tensorrt")
    nodes = {"TensorrtExecutionProvider": 1, "CPUExecutionProvider": 3}
    run, _ = assemble(make_context(ask=ask), placed(nodes).finished(tmp_path))
    assert (run.outcome.status, run.placement.state, run.placement.share) == ("ok", "partial", None)
    assert {one.code: one.text for one in run.grade.reasons}["fallback"].startswith("a part of the model, not told how")
    whole, _ = assemble(make_context(ask=ask), placed({"TensorrtExecutionProvider": 1}).finished(tmp_path))
    assert whole.placement.share == 1.0


def test_partly_delegated_is_ok_at_grade_c_unless_more_was_required(tmp_path: Path) -> None:
    ask = msgspec.structs.replace(make_context().ask, accelerator="cuda")
    nodes = {"CUDAExecutionProvider": 9, "CPUExecutionProvider": 1}
    run, _ = assemble(make_context(ask=ask), placed(nodes).finished(tmp_path))
    assert run.outcome.status == "ok"
    assert run.placement.share == pytest.approx(0.9)
    assert run.grade.letter == "C"
    strict, _ = assemble(make_context(ask=ask, require_delegated=0.95), placed(nodes).finished(tmp_path))
    assert (strict.outcome.status, strict.outcome.code) == ("failed", "delegate-partial")
