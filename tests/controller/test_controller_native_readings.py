"""readings.txt of simulated sensors with known truth, through to the energy of a run; and what garbage becomes."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from gauges import Power, TrueGauge, looks
from hypothesis import given, settings
from hypothesis import strategies as st
from phone_bench import SAMPLES

from edgebench.controller.assembly.power import PowerSource, power_source
from edgebench.controller.events import MISSING, JobEvents, sort_events
from edgebench.controller.native.power import burn_windows
from edgebench.controller.native.readings import read_phone
from edgebench.phones.gauge import Gauge
from edgebench.records import PowerInfo
from edgebench.stats.energy import measure_window
from edgebench.stats.per_item import ItemEnergy, per_item

NS = 1_000_000_000
GAUGE_LAYOUT = {
    "columns": {"process": ["VmHWM", "VmRSS"]},
    "power": {"name": "power:fuel-gauge", "state": "ok", "why": None, "unit": "mA", "sign": -1, "cells": 1},
}
RAIL_LAYOUT = {
    "columns": {},
    "power": {"name": "power:odpm", "state": "ok", "files": 1, "columns": ["CPU", "GPU"], "total": ["CPU", "GPU"]},
}


class Session:
    """A burn, then a soak with idle on both sides, in seconds of the phone's clock; the load has a period."""

    def __init__(self, seed: int, soak_s: float, *, idle_s: float = 30.0) -> None:
        rng = random.Random(seed)
        self.seed = seed
        self.idle_w = rng.uniform(0.7, 1.3)
        self.period_s = rng.choice([0.010, 0.0103, 0.033, 0.8])
        self.high_w, self.low_w = rng.uniform(5.0, 7.0), rng.uniform(2.5, 3.5)
        self.burn = (30.0, 60.0)
        self.soak = (60.0 + idle_s, 60.0 + idle_s + soak_s)
        self.end = self.soak[1] + idle_s
        self.phase = rng.random()

    def power(self, t_s: float) -> float:
        """Watts at that moment."""
        if self.burn[0] <= t_s < self.burn[1]:
            return 7.0
        if not self.soak[0] <= t_s < self.soak[1]:
            return self.idle_w
        return self.high_w if (t_s / self.period_s + self.phase) % 1.0 < 0.6 else self.low_w

    @property
    def busy_w(self) -> float:
        """Mean power of the load."""
        return 0.6 * self.high_w + 0.4 * self.low_w

    def events(self) -> list[dict[str, Any]]:
        """What the sh agent tells of it."""

        def at(seconds: float) -> int:
            return round(seconds * 100) * 10_000_000

        def step(index: int, name: str, idle: float, span: tuple[float, float], end: float) -> list[dict[str, Any]]:
            common = {"variant": 0, "round": 0, "order": 0, "pass": name}
            return [
                {"ev": "step", "t": at(idle), "step": index, **common},
                {"ev": "phase", "t": at(idle), "step": index, "name": "idle-before"},
                {"ev": "phase", "t": at(span[0]), "step": index, "name": name},
                {"ev": "tool", "t": at(span[1]), "step": index, "begin": at(span[0]), "end": at(span[1])},
                {"ev": "phase", "t": at(span[1]), "step": index, "name": "idle-after"},
                {"ev": "done", "t": at(end), "step": index, "outcome": "ok"},
            ]

        return step(0, "burn", 0.0, self.burn, 60.0) + step(1, "soak", 60.0, self.soak, self.end)


def stamp(t_s: float) -> int:
    """Centiseconds as /proc/uptime shows them."""
    return int(t_s * 100)


def gauge_lines(gauge: TrueGauge, power: Power, end_s: float, status: str = "Discharging") -> list[str]:
    seen = looks(gauge, power, 0.0, end_s + 1)
    return [f"{stamp(t_s)} power:fuel-gauge {current} {microvolts} {status}" for t_s, current, microvolts in seen]


def rail_lines(session: Session) -> list[str]:
    """Two rails that share the power, counted at 1 kHz and shown from a cache of 50 ms."""
    t_s = np.arange(0, session.end + 2, 0.001)
    busy = (t_s >= session.soak[0]) & (t_s < session.soak[1])
    high = (t_s / session.period_s + session.phase) % 1.0 < 0.6
    watts = np.where(busy, np.where(high, session.high_w, session.low_w), session.idle_w)
    joules = np.concatenate([[0.0], np.cumsum(watts[:-1] * 0.001)])
    rng = random.Random(session.seed)
    lines, at, shown = [], 0.0, -1.0
    while at < session.end + 1:
        shown = at if at - shown >= 0.05 else shown
        energy = joules[int(shown * 1000)] * 1e6
        lines += [f"{stamp(at)} power:odpm0 | t={int(shown * 1000)}"]
        for channel, (rail, share) in enumerate((("CPU", 0.7), ("GPU", 0.3))):
            lines += [f"{stamp(at)} power:odpm0 | CH{channel}(T={int(shown * 1000)})[{rail}], {int(energy * share)}"]
        at += rng.uniform(0.07, 0.13)
    return lines


def sorted_job(lines: Iterable[str], layout: dict[str, Any], job: list[dict[str, Any]], **more: Any) -> JobEvents:
    plain = [event for event in job if event.get("step") != 0]
    return sort_events([*plain, *read_phone(lines, layout, job, **more).events])


def energy(source: PowerSource, session: Session) -> ItemEnergy:
    """J an item for one item a second."""
    last = float(source.trace.t_ns[-1]) / NS
    margin = 2 * source.sensor.clock_s
    spans = [
        (60 + margin, session.soak[0] - margin),
        session.soak,
        (session.soak[1] + margin, min(session.end - margin, last)),
    ]
    before, busy, after = (measure_window(source.trace, round(a * NS), round(b * NS)) for a, b in spans)
    return per_item(busy, before, after, session.soak[1] - session.soak[0], source.sensor)


def errors(kind: str, seeds: int, soak_s: float) -> dict[str, float]:
    """p95 of the shares by which gross and net are off, and how often the truth lies within 2 u of the net figure."""
    gross, net, covered = [], [], 0
    for seed in range(seeds):
        session = Session(seed, soak_s)
        if kind == "rails":
            lines, layout = rail_lines(session), RAIL_LAYOUT
        else:
            # a slow gauge's gain is off as well, by what its stated uncertainty holds
            rate, gain = (1.0, random.Random(f"gain {seed}").gauss(1, 0.03)) if kind == "1 Hz" else (None, 1.0)
            gauge = TrueGauge(1e3, -1, rate_hz=rate, gain=gain, seed=seed + 5000)
            lines = gauge_lines(gauge, session.power, session.end)
            layout = GAUGE_LAYOUT
        source = power_source(sorted_job(lines, layout, session.events()))
        assert isinstance(source, PowerSource), source
        found = energy(source, session)
        assert found.gross.mj_per_item is not None
        assert found.net.mj_per_item is not None
        true_net = 1000 * (session.busy_w - session.idle_w)
        gross.append(abs(found.gross.mj_per_item / (1000 * session.busy_w) - 1))
        net.append(abs(found.net.mj_per_item / true_net - 1))
        covered += abs(found.net.mj_per_item - true_net) <= 2 * (found.net.u_mj_per_item or 0.0)
    return {"gross": float(np.quantile(gross, 0.95)), "net": float(np.quantile(net, 0.95)), "covered": covered / seeds}


LIMITS = {"rails": (60.0, 0.01, 0.01), "10 Hz": (60.0, 0.03, 0.04), "1 Hz": (112.0, 0.15, 0.15)}


@pytest.mark.parametrize("kind", LIMITS)
def test_energy_from_a_sensors_truth(kind: str) -> None:
    soak_s, gross, net = LIMITS[kind]
    found = errors(kind, 12, soak_s)
    assert found["gross"] <= gross, found
    assert found["net"] <= net, found


@pytest.mark.heavy
@pytest.mark.parametrize("kind", LIMITS)
def test_energy_from_a_sensors_truth_over_200_seeds(kind: str) -> None:
    soak_s, gross, net = LIMITS[kind]
    found = errors(kind, 200, soak_s)
    assert found["gross"] <= gross, found
    assert found["net"] <= net, found
    if kind == "1 Hz":
        assert found["covered"] >= 0.93, found


def source_of(lines: Iterable[str], layout: dict[str, Any], session: Session, **more: Any) -> dict[str, Any]:
    events = read_phone(lines, layout, session.events(), **more).events
    (source,) = [event for event in events if event["ev"] == "source" and event["name"].startswith("power")]
    return source


def test_what_the_source_says_of_a_gauge() -> None:
    session = Session(1, 60.0)
    source = source_of(gauge_lines(TrueGauge(1e3, -1, step=5), session.power, session.end), GAUGE_LAYOUT, session)
    assert (source["state"], source["kind"], source["scope"]) == ("ok", "instantaneous", "battery")
    assert source["rate_hz"] == pytest.approx(1.0, rel=0.05)  # it was asked ten times a second
    assert source["resolution_w"] == pytest.approx(0.005 * 3.87, rel=0.02)
    assert source["clock_s"] == pytest.approx(0.5, rel=0.05)
    assert source["calibration"]["surprise"] is None
    assert source["calibration"]["burn_w"] == pytest.approx(7.0, rel=0.05)


@pytest.mark.parametrize(("per_a", "sign"), [(1e6, 1), (1e6, -1), (1e3, 1), (1e3, -1)])
def test_wrong_units_and_signs_do_not_change_the_watts(per_a: float, sign: int) -> None:
    session = Session(2, 60.0)
    lines = gauge_lines(TrueGauge(per_a, sign, rate_hz=None, noise=0.0), session.power, session.end)
    source = power_source(sorted_job(lines, GAUGE_LAYOUT, session.events()))
    assert isinstance(source, PowerSource)
    idle = measure_window(source.trace, 62 * NS, 88 * NS)
    assert idle.watts == pytest.approx(session.idle_w, rel=0.01)


def test_charging_is_refused_with_the_way_out() -> None:
    session = Session(3, 60.0)
    lines = gauge_lines(TrueGauge(charger_w=10.0), session.power, session.end)
    source = power_source(sorted_job(lines, GAUGE_LAYOUT, session.events()))
    assert isinstance(source, PowerInfo)
    assert source.state == "unavailable"
    assert "inwards" in str(source.why)
    assert "`run --unplugged`" in str(source.why)


def test_a_cable_put_in_while_it_ran_is_refused_by_direction() -> None:
    session = Session(4, 60.0)
    before = gauge_lines(TrueGauge(), session.power, 95.0)
    after = gauge_lines(TrueGauge(charger_w=15.0), session.power, session.end)
    lines = before + [line for line in after if int(line.split()[0]) > 9700]
    why = source_of(lines, GAUGE_LAYOUT, session)["why"]
    assert "was being charged: its current was inwards for" in why


@pytest.mark.parametrize("status", ["Charging", "Full", "Not"])
def test_a_charger_that_the_status_tells_of_is_refused(status: str) -> None:
    session = Session(5, 60.0)
    source = source_of(gauge_lines(TrueGauge(), session.power, session.end, status), GAUGE_LAYOUT, session)
    assert source["state"] == "unavailable"
    assert "plugged in" in source["why"]


def test_rails_do_not_care_for_the_charger() -> None:
    session = Session(6, 60.0)
    source = source_of(rail_lines(session), RAIL_LAYOUT, session)
    assert (source["state"], source["kind"], source["total"]) == ("ok", "accumulating", ["CPU", "GPU"])


def test_no_burn_no_figure_unless_the_gauge_is_known() -> None:
    session = Session(7, 60.0)
    lines = gauge_lines(TrueGauge(rate_hz=None), session.power, session.end)
    soak = [event for event in session.events() if event["step"] == 1]
    refused = read_phone(lines, GAUGE_LAYOUT, soak).events[0]
    assert refused["why"] == "the gauge was not calibrated: no burn was run"
    known = read_phone(lines, GAUGE_LAYOUT, soak, Gauge("ok", scale_a=1e-6, sign=1, update_hz=10.0)).events[0]
    assert known["state"] == "ok"


def test_a_dead_gauge_is_unavailable_and_no_zero() -> None:
    session = Session(8, 60.0)
    lines = [f"{t} power:fuel-gauge 0 4312000 Discharging" for t in range(0, 20000, 10)]
    source = source_of(lines, GAUGE_LAYOUT, session)
    assert source["state"] == "unavailable"
    assert "dead" in source["why"]


def test_the_batterys_dump_is_a_gauge_too() -> None:
    session = Session(9, 60.0)
    layout = {"columns": {}, "power": {**GAUGE_LAYOUT["power"], "name": "power:battery-dump"}}
    lines = []
    for t_s, current, microvolts in looks(TrueGauge(1e3), session.power, 0.0, session.end, poll_hz=1.0):
        dump = f"Current Battery Service state:\n  USB powered: false\n  status: 3\n  current now: {current}\n"
        dump += f"  voltage: {microvolts // 1000}"
        lines += [f"{stamp(t_s)} power:battery-dump | {line}" for line in dump.splitlines()]
    assert source_of(lines, layout, session)["state"] == "ok"


def test_the_hals_meter() -> None:
    session = Session(10, 60.0)
    text = (SAMPLES / "powerstats_hal2_SYNTHETIC.txt").read_text()
    lines = [f"{t} power:powerstats | {line}" for t in range(0, 20000, 100) for line in text.splitlines()]
    layout = {"columns": {}, "power": {"name": "power:powerstats", "state": "ok", "columns": ["S1M_VDD_MIF"],
                                       "total": ["S1M_VDD_MIF"]}}  # fmt: skip
    job = sorted_job(lines, layout, session.events())
    assert set(job.series["power:powerstats"].column("S1M_VDD_MIF")[1].tolist()) == {21_091_360}


def test_rails_of_two_files_are_one_look() -> None:
    session = Session(11, 60.0)
    lines = []
    for t in range(0, 20000, 10):
        for at in (0, 1):
            text = (SAMPLES / f"odpm_energy_value_pixel6_dev{at}.txt").read_text()
            lines += [f"{t + at} power:odpm{at} | {line}" for line in text.splitlines()]
    layout = {"columns": {}, "power": {"name": "power:odpm", "state": "ok", "files": 2, "total": ["S2S_VDD_G3D"],
                                       "columns": ["S1M_VDD_MIF", "S2S_VDD_G3D"]}}  # fmt: skip
    series = sorted_job(lines, layout, session.events()).series["power:odpm"]
    assert series.column("S2S_VDD_G3D")[1][0] == 3_702_041_607
    assert series.column("S1M_VDD_MIF")[0].size == series.column("S2S_VDD_G3D")[0].size == 2000


def test_everything_but_power() -> None:
    dump = (SAMPLES / "thermalservice_samsung_aidl_status1_head.txt").read_text()
    lines = [
        "100 thermal 33800 -99900 8900000 -",
        "100 cooling 1 0",
        "100 cpufreq 576000 1785600",
        "100 load | cpu  10 0 20 100 5 1 2 0 0 0",
        "200 load | cpu  20 0 20 190 5 1 2 0 0 0",
        "150 process 5000 4000",
        *(f"100 thermal-service | {line}" for line in dump.splitlines()),
        "garbage",
        "50 thermal 1 2 3 4",
    ]
    columns = {"thermal": ["cpu", "dead", "odd", "gone"], "cooling": ["thermal-cpufreq-0", "battery"],
               "cpufreq": ["policy0", "policy0.max"], "process": ["VmHWM", "VmRSS"]}  # fmt: skip
    found = read_phone(lines, {"columns": columns, "power": {}}, [])
    job = sort_events(found.events)
    assert job.damaged == 0
    assert job.series["thermal"].column("cpu")[1].tolist() == [33800]
    assert [job.series["thermal"].column(name)[1].size for name in ("dead", "odd", "gone")] == [0, 0, 0]
    assert job.series["throttle"].columns == ["t", "thermal-cpufreq-0"]
    assert job.series["cpufreq"].column("policy0.max")[1].tolist() == [1785600]
    assert job.series["load"].column("busy")[1].tolist() == [33, 43]
    assert job.series["process"].column("VmHWM")[1].tolist() == [5000]
    assert job.series["power"].source["state"] == "unavailable"
    assert job.warnings[0]["text"] == "2 lines of readings.txt could not be read"


def test_temperatures_of_the_service_where_no_zone_can_be_read() -> None:
    dump = (SAMPLES / "thermalservice_qcom_pixel3a.txt").read_text()
    lines = [f"100 thermal-service | {line}" for line in dump.splitlines()]
    job = sort_events(read_phone(lines, {"columns": {}}, []).events)
    assert job.series["thermal"].column("mb-therm-monitor")[1].tolist() == [30147]
    assert job.series["throttle"].column("thermal-status")[1].tolist() == [0]


@given(st.lists(st.one_of(
    st.text(max_size=40),
    st.builds("{} {} {}".format, st.integers(-5, 10**13),
              st.sampled_from(["power:fuel-gauge", "thermal", "cpufreq", "cooling", "load", "thermal-service"]),
              st.text(max_size=30)),
), max_size=30))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_no_record_raises_or_breaks_the_protocol(lines: list[str]) -> None:
    columns = {"thermal": ["a"], "cpufreq": ["p", "p.max"], "cooling": ["cpufreq"], "process": ["VmHWM", "VmRSS"]}
    found = read_phone(lines, {**GAUGE_LAYOUT, "columns": columns}, Session(0, 30.0).events())
    job = sort_events(found.events)
    assert job.damaged == 0
    values = [
        v for series in job.series.values() for chunk in series.chunks for part in chunk[1:] for v in part.tolist()
    ]
    assert all(value == MISSING or abs(value) < 2**61 for value in values)


@given(st.lists(st.fixed_dictionaries({"ev": st.sampled_from(["step", "phase", "tool", "done"])}, optional={
    "step": st.integers(0, 1), "pass": st.sampled_from(["burn", "soak"]), "t": st.one_of(st.integers(), st.text()),
    "name": st.sampled_from(["idle-before", "burn"]), "begin": st.integers(), "end": st.none(),
}), max_size=8))  # fmt: skip
def test_no_events_break_the_search_for_the_burn(events: list[dict[str, Any]]) -> None:
    windows = burn_windows(events)
    assert windows is None or windows[0][0] < windows[0][1] == windows[1][0] < windows[1][1]
