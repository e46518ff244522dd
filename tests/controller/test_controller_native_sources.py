"""Which sources a phone's job reads: the best power there is, jitter drawn once, and why there is none."""

from __future__ import annotations

import pytest

from edgebench.controller.native.sources import burn_step, plan_sources
from edgebench.phones.gauge import Gauge
from edgebench.profiles import load_profile

FACTS = {
    "cpu": {"usable": 8},
    "battery": {"plugged": []},
    "sensors": {
        "zones": [["/sys/class/thermal/thermal_zone0/temp", "cpu"], ["/sys/class/thermal/thermal_zone1/temp", "cpu"]],
        "policies": ["/sys/devices/system/cpu/cpufreq/policy0"],
        "gauge": {"current_now": "/b/current_now", "voltage_now": "/b/voltage_now"},
        "rails": [{"path": "/iio/energy_value", "rails": [["S1", "CPU(BIG)"], ["S2", "Display"]]}],
        "meter": [["S1", "CPU(BIG)"]],
        "thermal_dump": True,
    },
}


def test_sources_of_a_phone_with_a_gauge() -> None:
    plan = plan_sources(FACTS, load_profile("oneplus-7t"), seed=1)
    assert plan.needs_burn
    jitter, power, *rest = plan.lines
    intervals = [float(word) for word in jitter.removeprefix("jitter ").split()]
    assert len(intervals) == 509
    assert 0.07 <= min(intervals) < 0.075 < 0.125 < max(intervals) <= 0.13
    assert power == "source power:fuel-gauge /b/current_now /b/voltage_now"
    assert rest[0] == (
        "source-every 10 thermal /sys/class/thermal/thermal_zone0/temp /sys/class/thermal/thermal_zone1/temp"
    )
    assert plan.layout["columns"]["thermal"] == ["cpu", "cpu#2"]
    assert (plan.layout["power"]["unit"], plan.layout["power"]["sign"]) == ("mA", -1)
    assert plan.lines == plan_sources(FACTS, load_profile("oneplus-7t"), seed=1).lines
    assert plan.lines != plan_sources(FACTS, load_profile("oneplus-7t"), seed=2).lines


def test_a_known_gauge_needs_no_burn() -> None:
    assert not plan_sources(FACTS, load_profile("oneplus-7t"), gauge=Gauge("ok")).needs_burn
    assert plan_sources(FACTS, load_profile("oneplus-7t"), gauge=Gauge("unavailable", "x")).needs_burn


def test_rails_come_first_where_a_profile_says_which_add_up() -> None:
    plan = plan_sources(FACTS, load_profile("pixel-8"))
    assert (plan.layout["power"]["name"], plan.layout["power"]["total"]) == ("power:odpm", ["S1"])
    assert "source-lines power:odpm0 /iio/energy_value" in plan.lines
    assert not plan.needs_burn
    unlisted = plan_sources(FACTS, load_profile("generic-android"))
    assert unlisted.layout["power"]["name"] == "power:fuel-gauge"
    locked = {**FACTS, "sensors": {**FACTS["sensors"], "rails": []}}  # type: ignore[dict-item]
    hal = plan_sources(locked, load_profile("pixel-8"))
    assert hal.lines[1] == (
        "source-command 10 power:powerstats dumpsys android.hardware.power.stats.IPowerStats/default"
    )


def test_a_plugged_in_phones_gauge_is_not_even_asked() -> None:
    plugged = {**FACTS, "battery": {"plugged": ["USB"]}}
    plan = plan_sources(plugged, load_profile("oneplus-7t"))
    assert plan.layout["power"]["state"] == "unavailable"
    assert "(USB)" in plan.layout["power"]["why"]
    assert "run --unplugged" in plan.layout["power"]["why"]
    assert not plan.needs_burn
    assert plan_sources(plugged, load_profile("oneplus-7t"), unplugged=True).needs_burn
    assert plan_sources(plugged, load_profile("pixel-8")).layout["power"]["state"] == "ok"


@pytest.mark.parametrize(("power", "state", "why"), [
    ("off", "unavailable", "switched off"),
    ("dumpsys-battery", "unavailable", "tells no current"),
    ("rapl", "unavailable", "no such source; there are odpm-iio"),
])  # fmt: skip
def test_power_that_is_not_there(power: str, state: str, why: str) -> None:
    found = plan_sources(FACTS, load_profile("oneplus-7t"), power=power).layout["power"]
    assert found["state"] == state
    assert why in found["why"]


def test_a_phone_without_any_sensor() -> None:
    plan = plan_sources({}, load_profile("generic-android"))
    assert plan.layout["power"]["state"] == "unsupported"
    assert [line.split()[0] for line in plan.lines] == ["jitter", "source-command"]


def test_the_burn_step_is_what_the_agent_reads() -> None:
    assert burn_step(0, FACTS, 30.0) == ["step 0 burn 0 0 0 120", "idle 30", "repeat 30", "burn 8", "run"]
