"""What a session does to a phone and puts back, what it reads of it, and what it refuses to say."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from phone_rooms import PhoneRoom
from trouble import wait_until

MODELS = Path(__file__).parents[2] / "models"
FP32 = MODELS / "sr-x2-w28-fp32.tflite"
GPU = ("--accelerator", "gpu")
POWERED = ("--invocations", "2", "--min-time", "0.3", "--no-memory", "--quick", *GPU)
"""With power: a soak and idles as long as the gauge needs."""


@pytest.fixture
def room(tmp_path: Path) -> Iterator[PhoneRoom]:
    with PhoneRoom(tmp_path) as room:
        yield room


def settings(room: PhoneRoom) -> dict[str, str]:
    """All settings of the phone, by namespace and key."""
    folder = room.tree.parent / "state/settings"
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.glob("*/*"))}


def supervisor(room: PhoneRoom) -> int | None:
    """The process that holds the phone, None where none does."""
    links = sorted((room.home / "lease").glob("[0-9]*"), key=lambda path: int(path.name))
    return int(str(links[-1].readlink()).split()[0]) if links else None


def tool_runs(room: PhoneRoom) -> bool:
    """Whether a process of the tool has begun: everything is set by then."""
    return any(b'"phase":"start"' in path.read_bytes() for path in room.home.glob("jobs/*/events.jsonl"))


def measured(room: PhoneRoom, *args: object) -> dict:
    """The one row of a run with power."""
    done = room.edgebench("run", "--device", room.name, FP32, *POWERED, *args, "--json", "-")
    assert done.returncode in (0, 5), done.stderr
    (run,) = done.runs
    return run


def test_what_was_set_is_put_back(room: PhoneRoom) -> None:
    with room.phone():
        before = settings(room)
        done = room.run(FP32, *GPU)
        assert done.returncode == 0, done.stderr
        assert settings(room) == before
        assert not list((room.home / "journal").glob("*"))


def test_a_supervisor_that_was_killed_leaves_it_to_the_next_session(room: PhoneRoom) -> None:
    with room.phone():
        before = settings(room)
        running = room.start(
            "run", "--device", room.name, FP32, "--invocations", "50", "--no-memory", "--soak", "0", *GPU
        )
        wait_until(lambda: tool_runs(room) or running.poll() is not None)
        running.send_signal(signal.SIGKILL)
        running.communicate()
        pid = supervisor(room)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert settings(room) != before
        restored = room.edgebench("devices", "restore", room.name)
        assert restored.returncode == 0, restored.stderr
        assert settings(room) == before
        assert "screen_off_timeout is 60000 again" in restored.stderr
    (run,) = room.history()
    assert (run["outcome"]["status"], run["outcome"]["code"]) in (
        ("unstable", "device-lost"),
        ("failed", "device-lost"),
    )


def test_interrupted_the_phone_is_put_back_and_the_row_says_so(room: PhoneRoom) -> None:
    with room.phone():
        before = settings(room)
        running = room.start(
            "run", "--device", room.name, FP32, "--invocations", "50", "--no-memory", "--soak", "0", *GPU
        )
        wait_until(lambda: tool_runs(room) or running.poll() is not None)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
        assert running.returncode == 130, said
        assert settings(room) == before
    (run,) = room.history()
    assert run["outcome"]["code"] == "interrupted"


@pytest.mark.heavy
def test_a_gauge_in_milliamperes_counted_the_other_way_round_gives_watts(room: PhoneRoom) -> None:
    with room.phone():
        run = measured(room)
    assert run["power"]["state"] == "ok", run["power"]
    assert (run["power"]["source"], run["power"]["scope"]) == ("power:fuel-gauge", "battery")
    assert 1 < run["metrics"]["power_mean"]["value"] < 12
    assert run["metrics"]["energy_net"]["value"] > 0
    assert "processes" in run["metrics"]["power_mean"]["method"]


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("fault", "why"),
    [("charging", "plugged in"), ("dead-gauge", "the gauge is dead"), ("inverted-sign", None), ("swapped-unit", None)],
)
def test_a_gauge_is_believed_only_after_a_burn(room: PhoneRoom, fault: str, why: str | None) -> None:
    with room.phone("oneplus-7t", fault):
        run = measured(room)
    if why is None:
        assert run["power"]["state"] == "ok", run["power"]
        assert 1 < run["metrics"]["power_mean"]["value"] < 12
    else:
        assert run["power"]["state"] == "unavailable"
        assert why in run["power"]["why"]
        assert run["metrics"]["power_mean"]["value"] is None
        assert run["metrics"]["energy_net"]["value"] is None


@pytest.mark.heavy
def test_rails_do_not_care_about_the_cable(room: PhoneRoom) -> None:
    with room.phone("pixel-8", "charging", "rooted"):
        run = measured(room)
    assert run["power"]["source"] in ("power:odpm", "power:powerstats"), run["power"]
    assert run["metrics"]["power_mean"]["value"] > 0
    assert "charging" in {reason["code"] for reason in run["grade"]["reasons"]}


@pytest.mark.heavy
def test_five_percent_are_left(room: PhoneRoom) -> None:
    with room.phone("oneplus-7t", "low-battery"):
        done = room.run(FP32, *GPU)
    reasons = {reason["code"]: reason["text"] for reason in done.runs[0]["grade"]["reasons"]}
    assert reasons["battery-low"] == "battery at 5 %"


@pytest.mark.heavy
def test_the_gate_can_be_skipped_and_that_is_graded(room: PhoneRoom) -> None:
    with room.phone():
        done = room.run(FP32, *GPU, "--prepare", "temperature-gate=off")
    assert "gate-skipped" in {reason["code"] for reason in done.runs[0]["grade"]["reasons"]}


@pytest.mark.heavy
def test_sensors_that_lie_do_not_hold_a_run_up(room: PhoneRoom) -> None:
    with room.phone("oneplus-7t", "hot-nonsense"):
        done = room.run(FP32, *GPU)
    assert done.returncode == 0, done.stderr
    hottest = done.runs[0]["metrics"]["temperature_max"]["value"]
    assert hottest is None or 10 < hottest < 110


@pytest.mark.heavy
def test_a_phone_whose_dumpsys_is_garbage_is_measured_all_the_same(room: PhoneRoom) -> None:
    with room.phone("oneplus-7t", "garbage-dumpsys"):
        done = room.run(FP32, *GPU)
    assert done.returncode == 0, done.stderr


@pytest.mark.heavy
def test_affinity_by_the_name_of_a_cluster(room: PhoneRoom) -> None:
    with room.phone():
        done = room.run(FP32, "--accelerator", "cpu", "--prepare", "affinity=prime")
        assert done.returncode == 0, done.stderr
        wrong = room.run(FP32, "--prepare", "affinity=giant")
    assert wrong.runs[0]["outcome"]["code"] == "bad-input"
    assert re.search(r"little .*prime", wrong.runs[0]["outcome"]["message"])
