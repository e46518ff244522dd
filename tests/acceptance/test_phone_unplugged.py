"""`run --unplugged`: all is pushed, the cable is pulled, the phone measures alone, the report comes when it is back."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from phone_rooms import PhoneRoom

FP32 = Path(__file__).parents[2] / "models" / "sr-x2-w28-fp32.tflite"
PLAN = ("--quick", "--invocations", "2", "--min-time", "0.3", "--no-memory", "--accelerator", "gpu", "--unplugged")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[PhoneRoom]:
    with PhoneRoom(tmp_path) as room:
        yield room


def until(running: subprocess.Popen[str], words: str) -> list[str]:
    """The lines of stderr up to the one that has these words."""
    assert running.stderr is not None
    lines = []
    for line in iter(running.stderr.readline, ""):
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError(f"never said {words!r}: {''.join(lines)}")


@pytest.mark.heavy
def test_it_waits_for_the_cable_and_measures_from_the_battery(room: PhoneRoom) -> None:
    with room.phone("oneplus-7t", "charging"):
        serial = room.edgebench("devices", "list", "--json", "-").document["devices"][-1]["serial"]
        running = room.start("run", "--device", room.name, FP32, *PLAN, "--json", "-")
        until(running, "pull the cable now")
        # the cable goes: nothing flows in any more, and adb loses the phone
        (room.tree.parent / "state/set/cable-out").touch()
        room.adb.run("disconnect", serial)
        until(running, "reconnecting")
        room.adb.run("connect", serial)
        _, said = running.communicate(timeout=150)
        assert running.returncode == 0, (said, room.history()[0]["outcome"])
    (run,) = room.history()
    assert run["outcome"]["status"] == "ok"
    assert run["power"]["state"] == "ok", run["power"]
    assert 1 < run["metrics"]["power_mean"]["value"] < 12
    assert "charging" not in {reason["code"] for reason in run["grade"]["reasons"]}
