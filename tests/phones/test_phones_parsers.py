"""The parsers against anything: none raises, none invents, and what they print back is what was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebench.phones.battery import parse_battery_dump, parse_power_supply
from edgebench.phones.clusters import allowed_cpus, cpus_of_mask, find_clusters, mask_of, parse_cpus, wanted_cpus
from edgebench.phones.memory import parse_meminfo
from edgebench.phones.properties import parse_properties
from edgebench.phones.rails import parse_enabled_rails, parse_energy_meter, parse_energy_value
from edgebench.phones.states import (
    is_root,
    parse_device_idle,
    parse_free_kib,
    parse_gpu,
    parse_hashes,
    parse_wakefulness,
)
from edgebench.phones.thermal import KINDS, parse_thermal

DATA = Path(__file__).parent / "data"
PARSERS: list[Callable[[str], object]] = [
    parse_battery_dump,
    parse_power_supply,
    parse_meminfo,
    parse_properties,
    parse_enabled_rails,
    parse_energy_meter,
    parse_energy_value,
    parse_thermal,
    parse_device_idle,
    parse_wakefulness,
    parse_gpu,
    parse_hashes,
    parse_free_kib,
    is_root,
    parse_cpus,
    cpus_of_mask,
    allowed_cpus,
]
SAMPLES = sorted(path.read_text() for path in DATA.iterdir())


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A real sample cut, overwritten and mixed with another."""
    text = draw(st.sampled_from(SAMPLES))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        filler = draw(st.one_of(st.text(max_size=12), st.sampled_from(["9" * 5000, "-", "\x00", "nan", "1e999", "٣"])))
        text = text[:at] + filler + text[at + draw(st.integers(0, 20)) :]
    return text[: draw(st.integers(0, len(text)))] + draw(st.sampled_from(["", *SAMPLES]))


@pytest.mark.parametrize("parser", PARSERS)
@given(text=st.one_of(st.text(max_size=300), damaged()))
@settings(max_examples=60, deadline=None)
def test_no_text_makes_a_parser_raise(parser: Callable[[str], object], text: str) -> None:
    parser(text)


@given(text=damaged())
@settings(max_examples=150, deadline=None)
def test_whatever_is_told_is_plausible(text: str) -> None:
    for battery in (parse_battery_dump(text), parse_power_supply(text)):
        assert battery.level is None or 0 <= battery.level <= 100
        assert battery.voltage_uv is None or 2_500_000 <= battery.voltage_uv <= 10_000_000
        assert battery.temperature_c is None or -30 <= battery.temperature_c <= 100
    thermal = parse_thermal(text)
    assert all(-30 <= one.celsius <= 150 for one in thermal.temperatures)
    assert all(one.kind in {*KINDS.values(), "other"} for one in thermal.temperatures)
    assert bool(thermal.temperatures) == (thermal.why is None)


KEY = st.text(st.characters(exclude_characters="]\r\n", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1)
VALUE = st.text(st.sampled_from("ab] [:\n0é"), max_size=20).filter(lambda value: "\n[" not in value)


@given(st.dictionaries(KEY, VALUE, max_size=8))
def test_properties_come_back_whatever_their_values_hold(properties: dict[str, str]) -> None:
    text = "".join(f"[{key}]: [{value}]\n" for key, value in properties.items())
    assert parse_properties(text) == properties


@given(st.sets(st.integers(0, 255), min_size=1))
def test_masks_and_lists_of_cpus_come_back(cpus: set[int]) -> None:
    assert cpus_of_mask(mask_of(cpus)) == tuple(sorted(cpus))
    assert parse_cpus(" ".join(map(str, cpus))) == tuple(sorted(cpus))


ONEPLUS_7T = {"policy0": ("0 1 2 3", "1785600"), "policy4": ("4 5 6", "2419200"), "policy7": ("7", "2956800")}
PIXEL_8 = {"policy8": ("8", "2914000"), "policy4": ("4 5 6 7", "2367000"), "policy0": ("0 1 2 3", "1704000")}


def test_clusters_of_the_phones_of_the_profiles() -> None:
    oneplus = find_clusters(ONEPLUS_7T)
    assert [(one.name, one.mask, one.max_khz) for one in oneplus] == [
        ("little", "f", 1785600),
        ("mid", "70", 2419200),
        ("prime", "80", 2956800),
    ]
    assert [one.mask for one in find_clusters(PIXEL_8)] == ["f", "f0", "100"]
    asleep = find_clusters(PIXEL_8, online=range(8))
    assert [(one.name, one.mask) for one in asleep] == [("little", "f"), ("big", "f0")]


def test_an_affinity_is_granted_whole_or_not_at_all() -> None:
    oneplus = find_clusters(ONEPLUS_7T)
    asked = {"big": "f0", "prime": "80", "mid": "70", "little": "f", "all": "ff", "0-1,7": "83"}
    assert {word: mask_of(wanted_cpus(word, oneplus)) for word in asked} == asked
    assert wanted_cpus("4-8", oneplus) == ()
    assert wanted_cpus("fast", oneplus) == ()
    assert wanted_cpus("big", []) == ()


def test_what_a_cpuset_left_of_a_mask() -> None:
    assert allowed_cpus("Name:\tsh\nCpus_allowed:\t0f\nCpus_allowed_list:\t0-3\n") == (0, 1, 2, 3)
    assert allowed_cpus("Name:\tsh\n") == ()


def test_small_states() -> None:
    idle = "  mScreenOn=true\n  mScreenLocked=false\n  mState=ACTIVE mLightState=ACTIVE\n"
    found = parse_device_idle(idle)
    assert (found.on, found.locked, found.doze) == (True, False, "ACTIVE")
    assert parse_wakefulness("  mWakefulness=Asleep\n") is False
    assert parse_wakefulness("nothing") is None
    gpu = parse_gpu("x\nGLES: ARM, Mali-G78, OpenGL ES 3.2 v1.r34p0-01eac0.a1b116bd871d46ef040e8feef9ed691e\n")
    assert gpu is not None
    assert (gpu.vendor, gpu.name) == ("ARM", "Mali-G78")
    assert parse_gpu("no such line") is None


def test_hashes_and_free_space() -> None:
    digest = "0" * 64
    assert parse_hashes(f"{digest}  /data/local/tmp/a b\n\\{digest}  /x\\ny\nsha256sum: no file\n") == [
        ("/data/local/tmp/a b", digest)
    ]
    broken_off = "Filesystem 1K-blocks Used Available Use% Mounted on\n/dev/block/dm-5 11 4 7 37% /data\n"
    assert parse_free_kib(broken_off) == 7
    assert parse_free_kib("df: no such file\n") is None
