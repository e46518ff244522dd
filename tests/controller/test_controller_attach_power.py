"""An external meter's file, aligned by the soak."""

import re

import msgspec
import numpy as np
import pytest
from run_records import NS, REALTIME_NS, fill, make_run, soak_samples

from edgebench.controller.assembly.power import idle_bounds
from edgebench.controller.attach_power import attach_power, external_power, stored_job
from edgebench.controller.events import JobEvents, StepEvents
from edgebench.controller.spec import ModelFacts, RunContext, Settings, VariantAsk
from edgebench.errors import RowFailure, UnknownName, UsageError
from edgebench.records import DeviceRef, Metric, PowerInfo, Session, SessionDevice
from edgebench.store import SampleKey, open_store

IDLE_W, LOAD_W, SOAK_S, ITEM_S = 2.0, 6.0, 60.0, 0.0125
SOAK_AT_S = REALTIME_NS / NS + 100  # what the device's clocks say
CLOCK = {"monotonic_ns": 54_321 * NS, "realtime_ns": REALTIME_NS}


def write_meter(
    path, *, ahead_s=0.0, rate=10.0, load_w=LOAD_W, until_s=240.0, busy_before_s=30.0, header=True, soak_s=SOAK_S
):
    """200 s and more of a meter whose clock is ahead; before the idle phase another pass keeps the device busy."""
    rng = np.random.default_rng(7)
    t = np.arange(0, until_s, 1 / rate) + rng.uniform(0, 0.2 / rate, round(until_s * rate))
    busy = ((t >= 100) & (t < 100 + soak_s)) | ((t < 100 - busy_before_s) & (t > 10))
    watts = np.where(busy, load_w, IDLE_W) + rng.normal(0, 0.05, t.size)
    lines = [f"{REALTIME_NS / NS + at + ahead_s:.4f},{w:.3f}" for at, w in zip(t, watts, strict=True)]
    path.write_text("\n".join((["t_unix_s,watts"] if header else []) + lines) + "\n")
    return path


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "store.db")) as opened:
        yield opened


@pytest.mark.parametrize("ahead_s", [-6.0, 0.0, 3.3])
def test_power_and_energy_of_a_meter_with_a_clock_of_its_own(store, tmp_path, ahead_s):
    fill(store, make_run(), samples=soak_samples())
    run = attach_power(store, "0a1b2c", write_meter(tmp_path / "meter.csv", ahead_s=ahead_s), scope="input")
    metrics = run.metrics
    assert metrics["power_mean"].value == pytest.approx(LOAD_W, abs=0.02)
    assert metrics["power_mean"].lo < LOAD_W < metrics["power_mean"].hi
    assert metrics["power_idle"].value == pytest.approx(IDLE_W, abs=0.02)
    assert metrics["energy_gross"].value == pytest.approx(LOAD_W * ITEM_S * 1000, rel=0.01)
    assert metrics["energy_net"].value == pytest.approx((LOAD_W - IDLE_W) * ITEM_S * 1000, rel=0.01)
    assert (run.power.source, run.power.scope, run.power.state) == ("csv:meter.csv", "input", "ok")
    shifted = float(re.search(r"shifted ([+-][\d.]+) s", run.power.why)[1])
    assert shifted == pytest.approx(-ahead_s, abs=0.11)
    assert store.run(run.id) == run
    assert metrics["latency_p50"] == make_run().metrics["latency_p50"]


@pytest.mark.parametrize(("ahead_s", "rate"), [(1.5, 10.0), (-1.0, 50.0)])
def test_the_short_soak_and_idles_of_a_quick_run_suffice(store, tmp_path, ahead_s, rate):
    fill(store, make_run(), samples=soak_samples(seconds=10.0, idle_s=3.0))
    meter = write_meter(tmp_path / "m.csv", ahead_s=ahead_s, rate=rate, busy_before_s=3.0, soak_s=10.0)
    metrics = attach_power(store, "last", meter).metrics
    assert metrics["energy_net"].value == pytest.approx((LOAD_W - IDLE_W) * ITEM_S * 1000, rel=0.02)
    assert metrics["power_mean"].lo is None
    assert "an interval needs" in metrics["power_mean"].why


def test_a_clock_beyond_the_search_is_not_aligned(store, tmp_path):
    fill(store, make_run(), samples=soak_samples())
    with pytest.raises(RowFailure, match="not aligned"):
        attach_power(store, "last", write_meter(tmp_path / "m.csv", ahead_s=25.0))


def test_without_idle_phases_there_is_gross_energy_but_no_net(store, tmp_path):
    fill(store, make_run(), samples=soak_samples(idle_s=0))
    metrics = attach_power(store, "last", write_meter(tmp_path / "meter.csv", ahead_s=0.4, header=False)).metrics
    assert metrics["energy_gross"].value == pytest.approx(LOAD_W * ITEM_S * 1000, rel=0.01)
    assert metrics["energy_net"].state == "unavailable"
    assert "idle-before" in metrics["energy_net"].why


def test_what_shows_no_edge_is_unavailable_and_said(store, tmp_path):
    fill(store, make_run(), samples=soak_samples())
    with pytest.raises(RowFailure, match="not aligned: no edge"):
        attach_power(store, "last", write_meter(tmp_path / "flat.csv", load_w=IDLE_W))
    stored = store.run("last")
    assert stored.metrics["power_mean"].state == "unavailable"
    assert stored.metrics["energy_net"].why.startswith("not aligned")
    assert attach_power(store, "last", write_meter(tmp_path / "meter.csv")).power.state == "ok"


def test_figures_are_replaced_only_when_asked_and_the_old_ones_are_told(store, tmp_path):
    old = {"power_mean": Metric(unit="W", value=3.25), "energy_net": Metric(unit="mJ", value=41.5)}
    run = make_run(power=PowerInfo(state="ok", source="power:ina3221", scope="input"))
    run = msgspec.structs.replace(run, metrics=run.metrics | old)
    fill(store, run, samples=soak_samples())
    good = write_meter(tmp_path / "meter.csv")
    with pytest.raises(UsageError, match="has power figures from power:ina3221") as caught:
        attach_power(store, run.id, good)
    assert "--replace" in caught.value.hint
    with pytest.raises(RowFailure):
        attach_power(store, run.id, write_meter(tmp_path / "flat.csv", load_w=IDLE_W), replacing=True)
    assert store.run(run.id) == run
    told = attach_power(store, run.id, good, replacing=True).warnings[-1]
    assert told.code == "power-replaced"
    assert "power:ina3221 (input)" in told.text
    assert "power_mean 3.25 W" in told.text


def test_a_run_without_soak_samples_or_a_scope_nobody_knows_is_refused(store, tmp_path):
    fill(store, make_run())
    meter = write_meter(tmp_path / "meter.csv")
    with pytest.raises(UsageError, match="no samples of a soak"):
        attach_power(store, "last", meter)
    with pytest.raises(UnknownName, match="wal"):
        attach_power(store, "last", meter, scope="wal")


def test_frames_and_batch_of_an_inference_are_its_items(store, tmp_path):
    run = make_run()
    metrics = run.metrics | {"sustained_fps": Metric(unit="1/s", value=480.0)}  # 80 iterations/s of 2 x 3 frames
    variant = msgspec.structs.replace(run.variant, batch=2)
    fill(store, msgspec.structs.replace(run, metrics=metrics, variant=variant), samples=soak_samples())
    found = attach_power(store, "last", write_meter(tmp_path / "meter.csv"))
    assert found.metrics["energy_gross"].value == pytest.approx(LOAD_W * ITEM_S * 1000 / 6, rel=0.01)


def context(power_csv):
    device = SessionDevice(name="nano", id="serial-7", transport="ssh")
    return RunContext(
        run_id="r" * 12,
        session=Session(id="s", started_at="2026-11-20T10:00:00Z", device=device),
        started_at="2026-11-20T10:00:00Z",
        device=DeviceRef(name="nano", id="serial-7"),
        model_path="m.onnx",
        model="m",
        label="m",
        ask=VariantAsk(),
        facts=ModelFacts(sha256="0", bytes=1, format="onnx"),
        settings=Settings(),
        power_csv=str(power_csv),
    )


def measured_job():
    samples = soak_samples()
    step = StepEvents(0, "soak", done={"outcome": "ok"})
    step.starts.append(samples[SampleKey(0, "start", "soak")])
    step.durations.append(samples[SampleKey(0, "latency", "soak")])
    idle = samples[SampleKey(0, "idle", "soak")].tolist()
    step.phases = [("idle-before", idle[0]), ("soak", idle[1]), ("idle-after", idle[2]), ("end", idle[3])]
    return JobEvents(hello={"clock": CLOCK}, steps={0: step})


def test_a_collected_job_takes_its_power_from_the_meter(tmp_path):
    info, metrics = external_power(context(write_meter(tmp_path / "m.csv")), measured_job(), None)
    assert (info.state, info.scope) == ("ok", "wall")
    assert metrics["energy_net"].value == pytest.approx((LOAD_W - IDLE_W) * ITEM_S * 1000, rel=0.01)


def test_a_meter_that_is_unreadable_costs_the_power_figures_only(tmp_path):
    info, metrics = external_power(context(tmp_path / "missing.csv"), measured_job(), None)
    assert info.state == "unavailable"
    assert "missing.csv" in metrics["power_mean"].why


def test_idle_kept_with_the_samples_comes_back_as_phases(store):
    samples = soak_samples()
    fill(store, make_run(), samples=samples)
    step = stored_job(store, store.run("last")).of_pass("soak")[0]
    assert np.array_equal(idle_bounds(step), samples[SampleKey(0, "idle", "soak")])
    assert idle_bounds(StepEvents(0, "soak")) is None
