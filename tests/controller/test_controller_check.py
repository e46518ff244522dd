"""The doctor on boards that are not here: fake sysfs trees, sensors that may not be read, exit codes."""

from __future__ import annotations

import pytest

from edgebench.controller.check import CheckReport, Finding, check_device, sensor
from edgebench.controller.devices import DeviceEntry
from edgebench.controller.session import DeviceSession
from edgebench.controller.view import SilentView
from edgebench.mock.sysfs import FakeBoard


@pytest.fixture
def checked(tmp_path, monkeypatch):
    """Checks a fake board as a device of this machine; {finding: Finding}."""
    monkeypatch.setenv("EDGEBENCH_CONFIG", str(tmp_path / "config"))

    def check(form: str, profile: str | None) -> dict[str, Finding]:
        FakeBoard(tmp_path / "root", form)
        entry = DeviceEntry(
            "fake", transport="local", profile=profile, root=str(tmp_path / "root"), home=str(tmp_path / "home")
        )
        report = check_device(entry, DeviceSession(entry, SilentView()))
        return {one.name: one for one in report.findings}

    return check


def test_a_nano_shows_its_rails_its_zones_and_its_profile(checked):
    found = checked("iio", "jetson-nano")
    (power,) = [one for name, one in found.items() if name.startswith("power")]
    assert power.state == "ok"
    assert "POM_5V_IN" in power.text
    assert found["thermal"].state == "ok"
    assert found["profile"].state == "ok"
    assert "Jetson Nano" in found["profile"].text


def test_a_board_declared_as_another_is_noticed(checked):
    profile = checked("hwmon", "jetson-nano")["profile"]
    assert profile.state == "unknown"
    assert "jetson-orin-nano" in profile.text
    assert "jetson-orin-nano" in profile.todo


def test_a_board_without_a_profile_is_told_one(checked):
    profile = checked("hwmon", None)["profile"]
    assert (profile.state, profile.todo) == ("missing", '`profile = "jetson-orin-nano"` in devices.toml')


def test_a_sensor_that_may_not_be_read_is_not_an_absent_one():
    denied = sensor("power:rapl", {"state": "unavailable", "why": "permission denied"})
    assert (denied.state, denied.text) == ("unknown", "permission denied")
    assert "docs/linux.md" in denied.todo
    absent = sensor("power", {"state": "unsupported", "why": "no sensor"})
    assert absent.state == "missing"
    assert "--power-csv" in absent.todo


def test_power_without_a_total_says_why():
    source = {"state": "ok", "columns": ["A", "B"], "total": None, "total_why": "rails may overlap", "scope": "rails"}
    assert sensor("power:ina3221", source).todo == "rails may overlap"


def needed(state: str, code: int = 4) -> Finding:
    return Finding("x", state, "", needed=True, exit_code=code)


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([needed("ok")], 0),
        ([needed("ok"), Finding("power", "missing", "")], 0),
        ([needed("missing")], 4),
        ([needed("missing"), needed("missing", 3)], 3),
        ([needed("unknown")], 0),
    ],
)
def test_exit_codes_say_whether_a_run_can_work(findings, code):
    report = CheckReport("d", tuple(findings))
    assert report.exit_code == code
    assert report.document()["ready"] is (code == 0)
