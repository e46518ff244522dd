"""Every declared peak is the product of its formula's factors, at the clock that the profile names."""

from __future__ import annotations

import math
import re

import msgspec
import pytest

from edgebench.profiles import list_profiles, load_profile
from edgebench.profiles.profile import Compute, Memory

BOARDS = [name for name in list_profiles() if load_profile(name).family in ("jetson", "rpi")]
FACTOR = re.compile(r"(?P<sign>[*/]?)\s*(?P<number>\d+(?:\.\d+)?)(?P<unit>[^*/]*)")
ROUNDED = 5e-3


def formulas(text: str | None) -> dict[str, list[tuple[str, float, str]]]:
    """A formula's parts: name -> [(sign, number, unit)]."""
    found = {}
    for part in (text or "").split(";"):
        name, equals, right = part.partition("=")
        if equals:
            found[name.strip()] = [
                (one["sign"], float(one["number"]), one["unit"].strip()) for one in FACTOR.finditer(right)
            ]
    return found


def value(factors: list[tuple[str, float, str]]) -> float:
    return math.prod(1 / number if sign == "/" else number for sign, number, _ in factors)


def peaks(unit: Compute) -> dict[str, float]:
    """`fp32_super` -> 10^9 operations a second, of what the profile declares."""
    fields = msgspec.structs.asdict(unit).items()
    return {name.replace("_gops", ""): number for name, number in fields if "_gops" in name and number is not None}


def clock_ghz(record: Compute | Memory, name: str) -> float | None:
    mhz = record.clock_mhz_super if name.endswith("_super") else record.clock_mhz
    return None if mhz is None else mhz / 1000


def assert_at_clock(record: Compute | Memory, name: str, factors: list[tuple[str, float, str]]) -> None:
    clocks = [number for _, number, unit in factors if unit == "GHz"]
    assert clocks == ([] if clock_ghz(record, name) is None else [pytest.approx(clock_ghz(record, name))])


def test_there_are_boards_to_check():
    assert {"jetson-nano", "jetson-nano-2gb", "jetson-xavier-nx", "jetson-agx-orin", "jetson-orin-nano", "jetson-thor",
            "raspberry-pi-4", "raspberry-pi-5"} <= set(BOARDS)  # fmt: skip


@pytest.mark.parametrize("name", BOARDS)
def test_every_peak_is_what_its_factors_give(name):
    checked = 0
    for unit in load_profile(name).compute:
        declared, told = peaks(unit), formulas(unit.formula)
        assert set(declared) == set(told), f"{name}: {unit.unit}"
        for peak, gops in declared.items():
            assert gops == pytest.approx(value(told[peak]), rel=ROUNDED), f"{name}: {unit.unit} {peak}"
            assert_at_clock(unit, peak, told[peak])
            checked += 1
    assert checked


@pytest.mark.parametrize("name", BOARDS)
def test_the_bandwidth_is_what_its_factors_give(name):
    memory = load_profile(name).memory
    told = formulas(memory.formula)
    declared = {"bandwidth": memory.bandwidth_gbs, "bandwidth_super": memory.bandwidth_gbs_super}
    assert {key for key, number in declared.items() if number} == set(told)
    for key, factors in told.items():
        assert declared[key] == pytest.approx(value(factors), rel=ROUNDED)
        assert [number for _, number, unit in factors if unit == "bit"] == [memory.bus_bits]
        assert_at_clock(memory, key, factors)


@pytest.mark.parametrize("name", BOARDS)
def test_every_peak_has_a_source_and_a_confidence_and_none_is_of_an_unsupported_format(name):
    profile = load_profile(name)
    for record in (profile.memory, *(unit for unit in profile.compute if peaks(unit))):
        assert record.source
        assert record.confidence
    for unit in profile.compute:
        assert not {peak.removesuffix("_super") for peak in peaks(unit)} & set(unit.unsupported)


def test_a_nano_has_no_int8_and_an_orin_nano_no_dla():
    (gpu,) = [unit for unit in load_profile("jetson-nano").compute if unit.unit == "gpu"]
    assert "int8" in gpu.unsupported
    assert gpu.compute_capability == "5.3"
    assert [unit.unit for unit in load_profile("jetson-orin-nano").compute] == ["gpu"]
    (dla,) = [unit for unit in load_profile("jetson-xavier-nx").compute if unit.unit == "dla"]
    assert dla.count == 2


@pytest.mark.parametrize("name", [name for name in BOARDS if name.startswith("jetson")])
def test_the_capability_is_the_chips(name):
    chips = {"tegra210": "5.3", "tegra194": "7.2", "tegra234": "8.7", "tegra264": "11.0"}
    profile = load_profile(name)
    (gpu,) = [unit for unit in profile.compute if unit.unit == "gpu"]
    assert [gpu.compute_capability] == [chips[soc] for soc in profile.match.soc]


def test_boards_without_a_sensor_say_so():
    for name in ("jetson-nano-2gb", "raspberry-pi-4"):
        power = load_profile(name).power
        assert (power.backend, power.total_rails, power.external_required) == ((), (), True)


@pytest.mark.parametrize("name", [name for name in BOARDS if load_profile(name).power.backend])
def test_every_measured_watt_has_a_scope(name):
    assert load_profile(name).power.scope
