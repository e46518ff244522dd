"""Facts, sources and gate of the simulated phones, which another hand wrote: what they tell is understood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from phone_bench import SimulatedShell

from edgebench.controller.native.facts import ask, phone_facts
from edgebench.controller.native.gate import look_at
from edgebench.controller.native.prepare import prepare_phone
from edgebench.controller.native.sources import plan_sources
from edgebench.mock.phone.faults import Fault
from edgebench.mock.phone.phone import Phone
from edgebench.phones import commands
from edgebench.profiles import load_profile, match_profile


def facts_of(phone: Phone) -> dict[str, Any]:
    home = phone.root / "data/local/tmp/edgebench"
    return phone_facts(SimulatedShell(phone), str(home), str(phone.root))  # type: ignore[arg-type]


@pytest.fixture
def told(tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, Any]:
    """The facts of a phone of that form with those faults."""
    form, *faults = request.param
    with Phone(tmp_path, form, faults=[Fault(name) for name in faults]) as phone:
        return facts_of(phone)


@pytest.mark.parametrize(
    ("told", "masks"),
    [
        (("oneplus-7t",), ["f", "70", "80"]),
        (("pixel-8",), ["f", "f0", "100"]),
        (("generic-android",), ["3f", "c0"]),
    ],
    indirect=["told"],
)
def test_every_form_is_known_for_what_it_is(told: dict[str, Any], masks: list[str], request: Any) -> None:
    form = request.node.callspec.params["told"][0]
    assert match_profile(told) == form
    assert [cluster["mask"] for cluster in told["cpu"]["clusters"]] == masks
    assert told["abis"][0] == "arm64-v8a"
    assert told["gpu"]["driver"].endswith("(simulated)")
    assert told["thermal"]["hottest_c"]["skin"] is not None
    assert told["thermal"]["why"] is None
    assert told["battery"]["level"] is not None
    assert told["root"] is False
    assert [tool["name"] for tool in told["tools"]] == ["benchmark_model"]
    assert "superuser" in told["unavailable"]


@pytest.mark.parametrize(
    ("told", "source", "burn"),
    [
        (("oneplus-7t",), "power:fuel-gauge", True),
        (("pixel-8",), "power:powerstats", False),
        (("pixel-8", "rooted"), "power:odpm", False),
        (("generic-android",), "power:fuel-gauge", True),
    ],
    indirect=["told"],
)
def test_the_best_source_of_power_is_chosen(told: dict[str, Any], source: str, burn: bool) -> None:
    unplugged = {**told, "battery": {**told["battery"], "plugged": []}}
    plan = plan_sources(unplugged, load_profile(match_profile(told)))
    assert (plan.layout["power"]["name"], plan.layout["power"]["state"]) == (source, "ok")
    assert plan.needs_burn is burn


@pytest.mark.parametrize("told", [("oneplus-7t", "charging")], indirect=True)
def test_a_charger_is_seen(told: dict[str, Any]) -> None:
    assert told["battery"]["plugged"]
    plan = plan_sources(told, load_profile("oneplus-7t"))
    assert plan.layout["power"]["state"] == "unavailable"


@pytest.mark.parametrize("told", [("oneplus-7t", "low-battery")], indirect=True)
def test_a_low_battery_is_seen(told: dict[str, Any]) -> None:
    assert told["battery"]["level"] <= 5


@pytest.mark.parametrize("told", [("oneplus-7t", "screen-locked")], indirect=True)
def test_a_locked_screen_is_seen(told: dict[str, Any]) -> None:
    assert told["screen"] == {"on": False, "locked": True, "doze": told["screen"]["doze"]}


@pytest.mark.parametrize("told", [("pixel-8", "garbage-dumpsys")], indirect=True)
def test_garbage_is_unavailable_and_the_rest_is_known(told: dict[str, Any]) -> None:
    assert told["battery"]["why"] == "dumpsys battery told no battery state"
    assert told["thermal"]["why"]
    assert told["gpu"] is None
    assert told["sensors"]["meter"] == []
    assert match_profile(told) == "pixel-8"


@pytest.mark.parametrize("told", [("oneplus-7t", "hot-nonsense")], indirect=True)
def test_no_nonsense_is_a_temperature(told: dict[str, Any]) -> None:
    hottest = [value for value in told["thermal"]["hottest_c"].values() if value is not None]
    assert hottest
    assert max(hottest) < 60


@pytest.mark.parametrize("told", [("oneplus-7t", "rooted")], indirect=True)
def test_a_rooted_phone(told: dict[str, Any]) -> None:
    assert told["root"] is True
    keys = [key for key, _ in prepare_phone(told, load_profile("oneplus-7t")).lines]
    assert keys.count("as-root") >= 3


def test_the_gate_looks_at_live_temperatures(tmp_path: Path) -> None:
    with Phone(tmp_path, "oneplus-7t") as phone:
        look = look_at(SimulatedShell(phone))  # type: ignore[arg-type]
    assert look is not None
    assert 15 < look.celsius["skin"] < 45
    assert look.status == 0


@pytest.mark.parametrize(
    "command",
    [commands.DOZE_STATE, commands.DOZE_OFF, commands.FIXED_ON, commands.AIRPLANE_STATE],
    ids=lambda c: c.name,
)
def test_what_is_sent_is_known_there(tmp_path: Path, command: commands.Command) -> None:
    with Phone(tmp_path, "oneplus-7t") as phone:
        assert ask(SimulatedShell(phone), command).code == 0  # type: ignore[arg-type]
