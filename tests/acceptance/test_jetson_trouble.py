"""What goes wrong on a board while it is measured, on simulated ones over SSH: told, survived, put back."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from jetson_rooms import BRIEF, JetsonRoom
from trouble import finish, has_event, reach, supervisor

MODEL = Path(__file__).parents[2] / "models" / "sr-x2-w16.onnx"
ON_CPU = (MODEL, "--backend", "onnxruntime", "--threads", "1")
SAMPLED = ("--invocations", "2", "--min-time", "0.5", "--soak", "0", "--no-memory", "--power", "auto")
"""Long enough for a few looks at every sensor; without a soak there is no figure of watts, only its source."""

LONG = ("--invocations", "2", "--min-time", "60", "--soak", "0", "--no-memory", "--power", "off")
"""So long that whatever strikes strikes in its midst."""


@pytest.fixture
def room(tmp_path: Path) -> JetsonRoom:
    return JetsonRoom(tmp_path)


def sampled(room: JetsonRoom, *more: object) -> dict[str, Any]:
    """One row, measured to its end."""
    done = room.edgebench("run", "--device", room.name, *ON_CPU, *SAMPLED, *more, "--json", "-")
    assert done.returncode in (0, 5), done.stderr
    (run,) = done.runs
    return run


def start(room: JetsonRoom, *more: object) -> Any:
    return room.start("run", "--device", room.name, *ON_CPU, *LONG, *more, "--json", "-")


def reasons(run: dict[str, Any]) -> dict[str, str]:
    """Why its grade is not better: code -> what was seen."""
    return {reason["code"]: reason["text"] for reason in run["grade"]["reasons"]}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A row of a board on which many a sensor tells nonsense."""
    room = JetsonRoom(tmp_path_factory.mktemp("odd"))
    with room.board("jetson-orin-nano", "rails-negative", "sensor-dead", "oc-storm", "hwmon-shuffled"):
        return sampled(room)


def test_a_rail_below_zero_leaves_the_total_as_it_is(odd: dict[str, Any]):
    assert (odd["power"]["state"], odd["power"]["source"], odd["power"]["scope"]) == ("ok", "power:ina3221", "module")


def test_a_sensor_at_absolute_zero_is_left_out(odd: dict[str, Any]):
    seen = odd["environment"]["temperatures_c"]
    assert "gpu-thermal" not in seen
    assert "cpu-thermal" in seen
    assert all(min(values) > 0 for values in seen.values())


def test_counted_over_current_is_flagged_and_fails_nothing(odd: dict[str, Any]):
    assert odd["outcome"]["status"] in ("ok", "unstable")
    assert odd["environment"]["over_current"].keys() == {"oc3"}
    assert reasons(odd)["over-current"].startswith("over-current: oc3 ")


def test_a_supply_that_gives_way_is_told_with_its_least_voltage(room: JetsonRoom):
    with room.board("jetson-nano", "brown-out"):
        run = sampled(room)
    _, least, *_ = run["environment"]["supply_v"]["POM_5V_IN"]
    assert 4.5 < least < 4.75
    told = re.fullmatch(r"POM_5V_IN fell to (\d\.\d\d) V \(limit 4\.75 V\)", reasons(run)["brown-out"])
    assert told, reasons(run)
    assert round(least, 2) <= float(told[1]) < 4.75  # the least of the passes; the record's is that of the whole run


@pytest.mark.parametrize(
    ("profile", "faults", "why"),
    [
        pytest.param("jetson-nano-2gb", (), "no power monitor", marks=pytest.mark.heavy),
        pytest.param("raspberry-pi-4", (), "measures no current: use an external meter", marks=pytest.mark.heavy),
        pytest.param(
            "jetson-orin-nano",
            ("rails-eagain", "no-tegrastats"),
            "its files open and cannot be read (VDD_IN, ",
            marks=pytest.mark.heavy,
        ),
    ],
)
def test_no_power_is_said_and_why_and_is_never_nought(
    room: JetsonRoom, profile: str, faults: tuple[str, ...], why: str
):
    with room.board(profile, *faults):
        run = sampled(room)
    assert run["power"]["state"] in ("unsupported", "unavailable")
    assert why in run["power"]["why"]
    assert run["metrics"]["power_mean"]["value"] is None


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("profile", "faults"),
    [("jetson-nano", ("rails-unreadable", "no-sudo")), ("jetson-orin-nano", ("rails-eagain",))],
)
def test_rails_that_cannot_be_read_leave_tegrastats(room: JetsonRoom, profile: str, faults: tuple[str, ...]):
    with room.board(profile, *faults):
        run = sampled(room)
    assert (run["power"]["state"], run["power"]["source"]) == ("ok", "power:tegrastats")


def test_a_board_that_throttles_is_graded_so(room: JetsonRoom):
    with room.board("raspberry-pi-5", "throttle"):  # no GPU: a third of a core is enough, on a busy machine, too
        plan = (MODEL, "--backend", "onnxruntime", "--threads", "4", *SAMPLED, "--min-time", "3")
        done = room.edgebench("run", "--device", room.name, *plan, "--prepare", "temperature-gate=off", "--json", "-")
        (run,) = done.runs
    assert reasons(run)["throttled"].startswith("throttled: ")
    assert run["environment"]["throttle"]  # its computing is this machine's: no onset shows in its frames


FOLLOWS = 12
"""Which command of a first run follows its job: it has been started by then. Nothing depends on how fast we are."""


@pytest.mark.parametrize(
    ("when", "speed"),
    [(f"{FOLLOWS}", 10.0), pytest.param("60s", 2.0, marks=pytest.mark.heavy)],
)
def test_a_board_that_restarts_midway_is_a_row_with_its_cause(room: JetsonRoom, when: str, speed: float):
    with room.board("jetson-nano", f"reboot@{when}", speed=speed):
        lost = finish(start(room, "--prepare", "governor=performance"), timeout=150)
        (run,) = lost.runs
        assert (run["outcome"]["status"], run["outcome"]["code"]) == ("failed", "device-lost"), lost.stderr
        assert run["outcome"]["message"] == "the record broke off: the device restarted"
        after = room.run(*ON_CPU)
        assert after.runs[0]["outcome"]["status"] in ("ok", "unstable"), after.stderr
        assert room.file("/sys/devices/system/cpu/cpufreq/policy0/scaling_governor").strip() == "schedutil"


@pytest.mark.parametrize(
    ("when", "seconds"), [(f"{FOLLOWS}", "0.2"), pytest.param("15s", "15", marks=pytest.mark.heavy)]
)
def test_a_link_that_breaks_midway_costs_nothing(room: JetsonRoom, when: str, seconds: str):
    with room.board("jetson-nano", f"link-cut@{when}"):
        done = room.edgebench("run", "--device", room.name, *ON_CPU, *BRIEF, "--min-time", seconds, "--json", "-")
    assert done.runs[0]["outcome"]["status"] in ("ok", "unstable"), done.stderr
    assert "reconnecting" in done.stderr


def test_a_full_disk_is_told_and_ends_the_device(room: JetsonRoom):
    with room.board("jetson-nano", "disk-full"):
        done = room.run(*ON_CPU)
    assert done.returncode == 3
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: mock-jetson-nano: no space left for ")
    assert hint.startswith("hint: free some space there")


def clocks(room: JetsonRoom) -> tuple[str, str]:
    """The power mode's mark that everybody can read: greatest and least CPU clock."""
    folder = "/sys/devices/system/cpu/cpufreq/policy0/"
    return room.file(f"{folder}scaling_max_freq").strip(), room.file(f"{folder}scaling_min_freq").strip()


@pytest.mark.heavy
def test_what_a_dead_session_left_set_is_put_back_by_the_next(room: JetsonRoom):
    with room.board("jetson-nano"):
        before = clocks(room)
        running = start(room, "--prepare", "power-mode=5W", "--prepare", "clocks=max")
        reach(running, has_event(room.home, ev="ready"))
        held = clocks(room)
        assert held[0] == held[1] != before[0]
        running.kill()
        os.kill(supervisor(room.home), signal.SIGKILL)
        running.communicate()
        assert clocks(room) == held
        done = room.run(*ON_CPU)
        assert clocks(room) == before
        assert "put back what a dead session had left changed" in done.stderr


@pytest.mark.heavy
def test_a_controller_that_dies_after_its_board_has_restarted_leaves_a_way_back(room: JetsonRoom):
    with room.board("jetson-orin-nano", speed=5.0):
        boot = room.file("/proc/sys/kernel/random/boot_id")
        running = start(room, "--prepare", "power-mode=7W", "--allow-reboot")
        reach(running, lambda: room.file("/proc/sys/kernel/random/boot_id") != boot)
        running.kill()
        running.communicate()
        assert mode(room) == "7W (id 3)"
        told = room.edgebench("devices", "restore", room.name, "--allow-reboot").stderr
        assert "power mode is 25W again" in told
        assert mode(room) == "25W (id 1)"
        assert room.edgebench("devices", "restore", room.name).stderr.strip().endswith("nothing to restore")


def mode(room: JetsonRoom) -> str:
    """The power mode, as the doctor tells it."""
    found = room.edgebench("devices", "check", room.name, "--json", "-").document["findings"]
    return next(one["text"] for one in found if one["name"] == "nvpmodel")
