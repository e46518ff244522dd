"""What a user can set on a board, on simulated ones over SSH: set and put back, refused by name, told, survived."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from jetson_rooms import JetsonRoom

MODEL = Path(__file__).parents[2] / "models" / "sr-x2-w16.onnx"
ON_CPU = (MODEL, "--backend", "onnxruntime", "--threads", "1")
ALL = ("power-mode=5W", "clocks=max", "fan=60", "governor=performance")


def prepared(*settings: str) -> list[str]:
    return [part for setting in settings for part in ("--prepare", setting)]


def state(room: JetsonRoom) -> dict[str, str]:
    """The board as it is, asked on the board itself."""
    nvpmodel = subprocess.run([room.tree / "usr/sbin/nvpmodel", "-q"], capture_output=True, text=True, check=True)
    return {
        "mode": nvpmodel.stdout.partition("NV Power Mode: ")[2].splitlines()[0],
        "governor": room.file("/sys/devices/system/cpu/cpufreq/policy0/scaling_governor").strip(),
        "least": room.file("/sys/devices/system/cpu/cpufreq/policy0/scaling_min_freq").strip(),
        "fan": room.file("/sys/devices/pwm-fan/target_pwm").strip(),
    }


@pytest.fixture
def room(tmp_path: Path) -> JetsonRoom:
    return JetsonRoom(tmp_path)


def warnings_of(run: dict) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in run["warnings"]:
        found.setdefault(one["code"], []).append(one["text"])
    return found


def test_all_that_can_be_set_is_set_holds_and_is_put_back(room: JetsonRoom):
    with room.board("jetson-nano"):
        before = state(room)
        done = room.run(*ON_CPU, *prepared(*ALL))
        assert done.returncode in (0, 5), done.stderr  # 5: on a busy machine the row may be unstable
        (run,) = done.runs
        for pins in (run["environment"]["pins"], run["environment"]["pins_after"]):
            assert pins["power_mode"] == {"id": 1, "name": "5W"}
            assert pins["clocks_locked"] is True
            assert pins["governor"] == {"policy0": "performance"}
            assert pins["fan"]["pwm"] == 153
        assert not {"pin-failed", "needs-root", "not-restored"} & set(warnings_of(run))
        assert state(room) == before
        assert before["mode"] == "MAXN"


def test_a_killed_session_is_put_back_by_devices_restore(room: JetsonRoom):
    with room.board("jetson-nano") as name:
        before = state(room)
        plan = ("--invocations", "2", "--min-time", "30", "--soak", "0", "--power", "off")
        done = room.edgebench("run", "--device", name, *ON_CPU, *plan, *prepared(*ALL), "--detach")
        assert done.returncode == 0, done.stderr
        kill_supervisor(room)
        changed = state(room)
        assert changed["mode"] == "5W"
        assert all(changed[key] != before[key] for key in before)
        told = room.edgebench("devices", "restore", name).stderr
        assert "power mode is MAXN again" in told
        assert "clock setting is as before again" in told
        assert state(room) == before


def kill_supervisor(room: JetsonRoom) -> None:
    """Kill -9 once the board is prepared."""
    (agent,) = (room.home / "agents").glob("*.zip")
    (job,) = (room.home / "jobs").iterdir()
    following = subprocess.Popen([sys.executable, agent, "follow", job], stdout=subprocess.PIPE)
    assert following.stdout is not None
    with following:
        assert any(b'"ev":"ready"' in line for line in following.stdout)
        status = subprocess.run(
            [sys.executable, agent, "status", "--home", room.home], capture_output=True, text=True, check=True
        )
        (line,) = [line for line in status.stdout.splitlines() if '"ev":"lease"' in line]
        os.kill(int(line.partition('"pid":')[2].partition(",")[0]), signal.SIGKILL)


def test_without_sudo_the_run_goes_on_and_says_what_it_could_not_pin(room: JetsonRoom):
    with room.board("jetson-nano", "no-sudo"):
        before = state(room)
        (run,) = room.run(*ON_CPU, *prepared("power-mode=5W", "clocks=max")).runs
        assert run["outcome"]["status"] in ("ok", "unstable")
        told = warnings_of(run)["needs-root"]
        assert told == [
            f"{what} could not be pinned: sudo: a password is required" for what in ("power-mode=5W", "clocks=max")
        ]
        assert run["environment"]["pins"]["power_mode"]["name"] == "MAXN"
        assert state(room) == before


def test_a_mode_that_takes_a_reboot_is_refused_by_name(room: JetsonRoom):
    with room.board("jetson-orin-nano"):
        done = room.run(*ON_CPU, *prepared("power-mode=7W"))
        (run,) = done.runs
        assert done.returncode == 4
        assert run["outcome"]["code"] == "needs-reboot"
        assert "7W (3) takes a reboot of the device, which --allow-reboot allows" in run["outcome"]["message"]
        assert room.edgebench("devices", "restore", room.name).stderr.strip().endswith("nothing to restore")


def test_with_leave_the_board_restarts_for_its_mode_and_back(room: JetsonRoom):
    with room.board("jetson-orin-nano", speed=5.0):
        done = room.run(*ON_CPU, *prepared("power-mode=7W"), "--allow-reboot")
        (run,) = done.runs
        assert run["outcome"]["status"] in ("ok", "unstable"), done.stderr
        assert run["environment"]["pins"]["power_mode"] == {"id": 3, "name": "7W"}
        assert "leftovers" not in warnings_of(run)
        assert "it restarts (power mode 7W)" in done.stderr
        assert "it restarts (power mode 25W)" in done.stderr
        nvpmodel = subprocess.run([room.tree / "usr/sbin/nvpmodel", "-q"], capture_output=True, text=True, check=True)
        assert "NV Power Mode: 25W" in nvpmodel.stdout


@pytest.mark.heavy
def test_clocks_that_a_dead_session_left_locked_are_told_and_left(room: JetsonRoom):
    with room.board("jetson-nano", "clocks-left-locked"):
        before = state(room)
        (run,) = room.run(*ON_CPU, *prepared("clocks=max")).runs
        assert "left as they were found" in warnings_of(run)["clocks-locked"][0]
        assert run["environment"]["pins"]["clocks_locked"] is True
        assert state(room) == before
