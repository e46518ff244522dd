"""A run left to its device: the command ends, the device goes on, whoever has it next brings the report home."""

from __future__ import annotations

import json
from pathlib import Path

from rooms import MODELS, SHORT, Room
from sshd import Sshd
from trouble import jobs, wait_until

MODEL = MODELS / "sr-x2-w16.onnx"
DETACHED = ("run", "--device", "board", MODEL, "--shape", "input=1x3x16x16", *SHORT, "--detach")


def finished(room: Room) -> bool:
    """Whether the one job on the device has its `end`."""
    return any(b'"ev":"end"' in path.read_bytes() for path in room.home.glob("jobs/*/events.jsonl"))


def test_the_row_is_skipped_until_restore_brings_it_home(tmp_path: Path, sshd: Sshd) -> None:
    room = Room(tmp_path, "ssh", sshd)
    done = room.edgebench(*DETACHED, "--json", "-")
    assert done.returncode == 0, done.stderr
    (row,) = done.runs
    assert (row["outcome"]["status"], row["outcome"]["code"]) == ("skipped", "interrupted")
    assert row["metrics"].get("latency_p50") is None
    assert "devices restore board" in done.stderr
    wait_until(lambda: finished(room))
    brought = room.edgebench("devices", "restore", "board", "--json", "-")
    assert json.loads(brought.stdout)["collected"] == [row["id"]]
    (stored,) = room.history()
    assert stored["id"] == row["id"]
    assert stored["outcome"]["status"] in ("ok", "unstable")  # as steady as this machine is
    assert stored["metrics"]["latency_p50"]["value"] > 0
    assert jobs(room.home) == []


def test_the_next_run_brings_it_home_too(tmp_path: Path) -> None:
    room = Room(tmp_path, "local")
    left = room.edgebench(*DETACHED, "--json", "-").runs[0]["id"]
    done = room.run(MODEL, "--shape", "input=1x3x16x16")  # waits for the job that holds the device
    assert done.returncode in (0, 5), done.stderr
    assert "collected sr-x2-w16" in done.stderr
    assert {row["id"]: row["outcome"]["status"] for row in room.history()}[left] in ("ok", "unstable")


def test_one_variant_at_a_time(tmp_path: Path) -> None:
    room = Room(tmp_path, "local")
    done = room.edgebench(*DETACHED, "--threads", "1,2")
    assert done.returncode == 2
    assert "--detach leaves one variant" in done.stderr


def test_a_board_has_no_battery_to_run_from(tmp_path: Path) -> None:
    room = Room(tmp_path, "local")
    done = room.edgebench("run", "--device", "board", MODEL, "--unplugged")
    assert done.returncode == 2
    assert "board is no phone behind adb" in done.stderr
