"""Every simulated board as its user meets it: the doctor, root's drop-in, watts with their scope, heat."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jetson_rooms import JetsonRoom
from trouble import finish, has_event, reach

from edgebench.mock.jetson.boards import BOARDS

MODEL = Path(__file__).parents[2] / "models" / "sr-x2-w16.onnx"
ON_CPU = (MODEL, "--backend", "onnxruntime", "--threads", "1")
SAMPLED = ("--invocations", "2", "--min-time", "0.5", "--soak", "0", "--no-memory", "--power", "auto")
SOAKED = ("--quick", "--invocations", "2", "--min-time", "0.2", "--soak", "3", "--no-memory", "--power", "auto")
USUAL = ("jetson-nano", "jetson-orin-nano")
"""The boards of the default run; the others come with the heavy tests."""

JETSONS = [name for name, facts in BOARDS.items() if facts.is_jetson]


def heavy(name: str) -> Any:
    return name if name in USUAL else pytest.param(name, marks=pytest.mark.heavy)


@pytest.fixture
def room(tmp_path: Path) -> JetsonRoom:
    return JetsonRoom(tmp_path)


@pytest.fixture(scope="module")
def orin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JetsonRoom]:
    """A board that is left as it was found by each test."""
    room = JetsonRoom(tmp_path_factory.mktemp("orin"))
    with room.board("jetson-orin-nano"):
        yield room


def measured(room: JetsonRoom, *more: object, plan: tuple[str, ...] = SAMPLED) -> dict[str, Any]:
    done = room.edgebench("run", "--device", room.name, *ON_CPU, *plan, *more, "--json", "-")
    assert done.returncode in (0, 5), done.stderr
    (run,) = done.runs
    return run


def reasons(run: dict[str, Any]) -> dict[str, str]:
    return {reason["code"]: reason["text"] for reason in run["grade"]["reasons"]}


@pytest.mark.parametrize("name", [heavy(name) for name in JETSONS])
def test_the_doctor_knows_every_board_and_what_takes_root_there(room: JetsonRoom, name: str):
    facts = BOARDS[name]
    assert facts.release is not None
    with room.board(name):
        done = room.edgebench("devices", "check", room.name, "--json", "-")
        found = {one["name"]: one for one in done.document["findings"]}
        drop_in = room.edgebench("devices", "setup", room.name, "--sudoers")
    assert done.returncode == 0, done.stdout
    assert found["board"]["text"].startswith(f"{facts.model}, module {facts.module}, {facts.soc}")
    assert f"JetPack {facts.release.jetpack} (L4T {facts.release.l4t})" in found["jetpack"]["text"]
    assert f"TensorRT {facts.release.tensorrt}" in found["jetpack"]["text"]
    assert found["profile"]["text"].startswith(f"{name} (")
    assert found["root"]["state"] == "ok"
    visudo = shutil.which("visudo", path="/usr/sbin:/usr/bin:/sbin")
    assert visudo
    (room.folder / "edgebench").write_text(drop_in.stdout)
    checked = subprocess.run([visudo, "-cf", room.folder / "edgebench"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "NOPASSWD" in drop_in.stdout
    assert "ALL=(ALL)" not in drop_in.stdout


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["raspberry-pi-4", "raspberry-pi-5"])
def test_the_doctor_knows_a_raspberry_pi(room: JetsonRoom, name: str):
    with room.board(name):
        done = room.edgebench("devices", "check", room.name, "--json", "-")
    assert done.returncode == 0, done.stdout
    found = {one["name"]: one["text"] for one in done.document["findings"]}
    assert found["profile"] == f"{name} ({BOARDS[name].model})"
    assert "board" not in found
    assert ("power:rpi5-pmic" in found) == (name == "raspberry-pi-5")


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("name", "scope", "soak"),
    [("jetson-thor", "input", "3"), ("jetson-agx-orin", "rails", "3"), ("raspberry-pi-5", "rails", "14")],
)
def test_watts_come_with_their_scope(room: JetsonRoom, name: str, scope: str, soak: str):
    draw = BOARDS[name].draw
    with room.board(name):
        run = measured(room, "--soak", soak, plan=SOAKED)
    assert (run["power"]["state"], run["power"]["scope"]) == ("ok", scope)
    assert run["metrics"]["power_mean"]["value"] > 0.5 * draw.idle
    assert run["metrics"]["power_mean"]["value"] < draw.idle + draw.cpus + 1.0


@pytest.mark.heavy
def test_a_mode_by_its_id_and_the_fan_of_a_later_board(orin: JetsonRoom):
    fan = "/sys/class/hwmon/hwmon10/pwm1"
    before = (orin.file(fan), orin.file(f"{fan}_enable"))
    run = measured(orin, "--prepare", "power-mode=2", "--prepare", "fan=max")
    assert run["environment"]["pins"]["power_mode"] == {"id": 2, "name": "MAXN_SUPER"}
    assert run["environment"]["pins"]["fan"]["pwm"] == 255
    assert run["environment"]["pins_after"]["power_mode"]["id"] == 2
    assert (orin.file(fan), orin.file(f"{fan}_enable")) == before
    told = orin.edgebench("devices", "check", orin.name).stdout
    assert "25W (id 1)" in told


@pytest.mark.heavy
def test_locked_clocks_cost_watts_when_nothing_runs(orin: JetsonRoom):
    free, locked = (
        measured(orin, *more, plan=SOAKED)["metrics"]["power_idle"]["value"]
        for more in ((), ("--prepare", "clocks=max"))
    )
    assert free == pytest.approx(BOARDS["jetson-orin-nano"].draw.idle, rel=0.15)
    assert locked - free > 0.5 * BOARDS["jetson-orin-nano"].draw.locked


@pytest.mark.heavy
def test_a_governor_is_set_by_sudo_alone(orin: JetsonRoom):
    governor = "/sys/devices/system/cpu/cpufreq/policy4/scaling_governor"
    assert not (orin.tree / governor.lstrip("/")).stat().st_mode & 0o222
    before = orin.file(governor)
    run = measured(orin, "--prepare", "governor=performance")
    assert run["environment"]["pins"]["governor"] == {"policy0": "performance", "policy4": "performance"}
    assert orin.file(governor) == before != "performance"


def test_a_mode_that_there_is_not_is_refused_with_those_that_there_are(orin: JetsonRoom):
    done = orin.run(*ON_CPU, "--prepare", "power-mode=11W")
    assert done.returncode == 4
    (run,) = done.runs
    assert run["outcome"]["code"] == "bad-input"
    assert "15W (0), 25W (1), MAXN_SUPER (2), 7W (3)" in run["outcome"]["message"]


@pytest.mark.heavy
def test_rails_are_the_same_after_a_boot_that_deals_numbers_anew(room: JetsonRoom):
    with room.board("jetson-orin-nano", "hwmon-shuffled", speed=5.0):
        before = rails(room)
        run = measured(room, "--prepare", "power-mode=7W", "--allow-reboot")
        assert rails(room) == before
    assert run["environment"]["pins"]["power_mode"]["name"] == "7W"
    assert (run["power"]["state"], run["power"]["source"], run["power"]["scope"]) == ("ok", "power:ina3221", "module")
    assert run["environment"]["supply_v"].keys() == {"VDD_IN"}


def rails(room: JetsonRoom) -> str:
    """The power source's rails and scope, as the doctor tells them."""
    found = room.edgebench("devices", "check", room.name, "--json", "-").document["findings"]
    return next(one["text"] for one in found if one["name"] == "power:ina3221")


@pytest.mark.heavy
def test_a_warm_board_waits_until_it_is_cool(room: JetsonRoom):
    with room.board("jetson-nano", "warm", speed=2.0):
        done = room.edgebench("run", "--device", room.name, *ON_CPU, *SAMPLED, "--json", "-")
        (line,) = [line for line in done.stderr.splitlines() if "waiting" in line]
        assert re.search(r"waiting until it is cool: \S+ is \d\d\.\d degC, wanted 45 and steady", line)
        (run,) = done.runs
        assert "gate-skipped" not in reasons(run)
        assert run["metrics"]["temperature_max"]["value"] < 50  # not what it was while it waited


def test_a_warm_board_is_measured_at_once_where_that_is_asked_for_and_graded_so(room: JetsonRoom):
    with room.board("jetson-nano", "warm"):
        waiting = room.start("run", "--device", room.name, *ON_CPU, *SAMPLED, "--json", "-")
        reach(waiting, has_event(room.home, **{"ev": "waiting", "for": "temperature"}))
        waiting.send_signal(signal.SIGINT)
        (stopped,) = finish(waiting).runs
        assert stopped["outcome"]["code"] == "interrupted"
        run = measured(room, "--prepare", "temperature-gate=off")
    assert reasons(run)["gate-skipped"] == "temperature gate skipped"
