"""What is set on a phone: the lines of job.txt, masks from live clusters, and what cannot be pinned."""

from __future__ import annotations

from typing import Any

import pytest

from edgebench.controller.native.job import render
from edgebench.controller.native.prepare import SETTINGS, Preparation, prepare_phone
from edgebench.errors import UsageError
from edgebench.phones import commands
from edgebench.phones.commands import Command
from edgebench.profiles import load_profile

ONEPLUS = load_profile("oneplus-7t")
GENERIC = load_profile("generic-android")
CLUSTERS = [
    {"name": "little", "cpus": [0, 1, 2, 3], "mask": "f", "max_khz": 1785600},
    {"name": "mid", "cpus": [4, 5, 6], "mask": "70", "max_khz": 2419200},
    {"name": "prime", "cpus": [7], "mask": "80", "max_khz": 2956800},
]


def facts(**changes: Any) -> dict[str, Any]:
    cpu = {"clusters": CLUSTERS, "governors": {"policy0": "schedutil", "policy4": "schedutil"}}
    return {"sdk": 31, "root": False, "cpu": cpu, "sensors": {}} | changes


def pair(found: Preparation, label: str) -> list[tuple[str, str]]:
    """The lines of one set-pair."""
    at = found.lines.index(("set-pair", label))
    rest = found.lines[at + 1 :]
    end = next((i for i, (key, _) in enumerate(rest) if key not in ("ask", "expect", "do", "undo")), len(rest))
    return rest[:end]


def test_settings_doze_and_fixed_performance_of_an_unrooted_phone() -> None:
    found = prepare_phone(facts(), ONEPLUS)
    text = render(found.lines)
    assert text.splitlines()[:4] == [
        "set-setting global stay_on_while_plugged_in 7",
        "set-setting system screen_off_timeout 1800000",
        "set-setting system screen_brightness_mode 0",
        "set-setting system screen_brightness 102",
    ]
    assert pair(found, "doze") == [
        ("ask", "dumpsys"), ("ask", "deviceidle"), ("ask", "enabled"), ("expect", "0"),
        ("do", "dumpsys"), ("do", "deviceidle"), ("do", "disable"),
        ("undo", "dumpsys"), ("undo", "deviceidle"), ("undo", "enable"),
    ]  # fmt: skip
    assert [word for key, word in pair(found, "fixed-performance") if key == "do"][-1] == "true"
    assert [word for key, word in pair(found, "fixed-performance") if key == "undo"][-1] == "false"
    assert found.unpinned == ["clocks: governor schedutil, and no root to set it"]
    assert "airplane" not in text


def test_brightness_is_set_after_its_mode() -> None:
    """A phone that adapts its brightness changes it by itself."""
    keys = [key for _, key, _, _ in SETTINGS]
    assert keys.index("screen_brightness_mode") < keys.index("screen_brightness")


def test_an_old_phone_is_asked_for_nothing_that_it_has_not() -> None:
    found = prepare_phone(facts(sdk=22), GENERIC)
    assert {key for key, _ in found.lines} == {"set-setting"}
    assert prepare_phone({}, GENERIC).unpinned == ["clocks: governor not visible, and no root to set it"]


def test_governors_where_su_answers() -> None:
    found = prepare_phone(facts(root=True, sensors={"adreno_governor": "msm-adreno-tz"}), ONEPLUS)
    written = [value for key, value in found.lines if key == "set-file"]
    assert written == [
        "/sys/devices/system/cpu/cpufreq/policy0/scaling_governor performance",
        "/sys/devices/system/cpu/cpufreq/policy4/scaling_governor performance",
        "/sys/class/kgsl/kgsl-3d0/devfreq/governor performance",
    ]
    for at, (key, _) in enumerate(found.lines):
        assert key != "set-file" or found.lines[at - 1] == ("as-root", "1")
    assert found.unpinned == []
    assert "fixed-performance" not in render(found.lines)


def test_a_governor_that_was_asked_for() -> None:
    asked = {"governor": "powersave"}
    assert any("powersave" in value for _, value in prepare_phone(facts(root=True), ONEPLUS, asked).lines)
    assert prepare_phone(facts(), ONEPLUS, asked).unpinned == [
        "clocks: governor schedutil, and no root to set it to powersave"
    ]
    kept = prepare_phone(facts(root=True), ONEPLUS, {"governor": "keep"})
    assert "governor" not in render(kept.lines)
    assert kept.unpinned == ["clocks: left alone, as asked"]


@pytest.mark.parametrize(
    ("wanted", "mask"),
    [("big", "f0"), ("prime", "80"), ("mid", "70"), ("little", "f"), ("all", "ff"), ("0-3", "f"), ("4,7", "90")],
)
def test_affinity_by_the_live_clusters(wanted: str, mask: str) -> None:
    assert prepare_phone(facts(), GENERIC, {"affinity": wanted}).mask == mask


@pytest.mark.parametrize("wanted", ["4-8", "fast", "", "-1", "0-"])
def test_an_affinity_that_is_not_there_is_refused_with_what_is(wanted: str) -> None:
    if not wanted:
        assert prepare_phone(facts(), GENERIC, {"affinity": wanted}).mask is None
        return
    with pytest.raises(UsageError, match=r"this phone has little \(0,1,2,3\), mid \(4,5,6\), prime \(7\)"):
        prepare_phone(facts(), GENERIC, {"affinity": wanted})


def test_the_profiles_mask_where_its_cores_are_awake() -> None:
    assert prepare_phone(facts(), ONEPLUS).mask == "f0"
    asleep = facts(cpu={"clusters": CLUSTERS[:2], "governors": {}})
    found = prepare_phone(asleep, ONEPLUS)
    assert found.mask is None
    assert "affinity: the profile's mask f0 has cores that are not awake" in found.unpinned
    assert prepare_phone(facts(), GENERIC).mask is None


def test_airplane_mode_only_where_asked_and_never_over_wifi() -> None:
    asked = {"airplane": "on"}
    found = prepare_phone(facts(), ONEPLUS, asked)
    assert ("expect", "enabled") in pair(found, "airplane")
    with pytest.raises(UsageError, match="would cut adb's own Wi-Fi"):
        prepare_phone(facts(), ONEPLUS, asked, over_wifi=True)
    with pytest.raises(UsageError, match="needs Android 11"):
        prepare_phone(facts(sdk=29), ONEPLUS, asked)
    assert ("set-pair", "airplane") not in prepare_phone(facts(), ONEPLUS, {"airplane": "off"}).lines


def test_every_command_that_is_sent_stands_in_the_table() -> None:
    known = {one.argv for one in commands.SESSION if isinstance(one, Command)}
    found = prepare_phone(facts(), ONEPLUS, {"airplane": "on"})
    for label in ("doze", "airplane", "fixed-performance"):
        lines = pair(found, label)
        for part in ("ask", "do", "undo"):
            argv = tuple(word for key, word in lines if key == part)
            assert not argv or argv in known
