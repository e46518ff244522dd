"""Disks that are full or may not be written to, on the device and on the host: told, and what was measured is kept.

The small file systems are mounted in a mount namespace of the command's own, so nothing is left behind.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import onnx_makers as makers
import pytest
from environments import unavailable
from rooms import SHORT, Done, Room


@pytest.fixture(scope="module", autouse=True)
def can_mount(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skips these tests where no file system can be mounted."""
    place = tmp_path_factory.mktemp("mount")
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "-o", "size=64k", "none", str(place)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        unavailable(f"no file system can be mounted: {error}")
    if done.returncode != 0:
        unavailable(f"no file system can be mounted: {done.stderr.strip()}")


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """A local room with a tiny model, whose samples come fast."""
    made = Room(tmp_path, "local")
    makers.conv(tmp_path / "m.onnx")
    return made


def run_on(room: Room, mounted: Path, options: str, *args: object, after: str = "true", before: str = "true") -> Done:
    """`edgebench run` of the room's model with a tmpfs at `mounted`; `before` and `after` are shell lines around it."""
    script = f'mount -t tmpfs -o "{options}" none "{mounted}" && {before} && {{ "$@"; rc=$?; {after}; exit $rc; }}'
    argv = room.argv("run", "--device", "board", room.folder / "m.onnx", *SHORT, *args)
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *argv],
        env=room.env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def test_no_room_for_the_agent_ends_the_device(room: Room) -> None:
    done = run_on(room, room.home, "size=32k", "--json", "-")
    assert done.returncode == 3
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: board: no space left for ")
    assert hint.startswith("hint: free some space there")
    assert done.runs == []


def test_no_room_for_the_model_is_a_row(room: Room) -> None:
    # the agent and a job fit, these weights do not
    wide = makers.weight("w", 512, 512)
    node = makers.helper.make_node("MatMul", ["x", "w"], ["y"])
    four = [[1, 512], [1, 512]]
    makers.save(room.folder / "m.onnx", [node], [makers.value("x", four[0])], [makers.value("y", four[1])], [wide])
    done = run_on(room, room.home, "size=512k", "--json", "-")
    assert done.returncode == 4, done.stderr
    outcome = done.runs[0]["outcome"]
    assert (outcome["status"], outcome["code"]) == ("failed", "disk-full")
    assert "no space left for " in outcome["message"]
    assert "free some space there" in outcome["message"]
    assert room.history()[0]["outcome"]["code"] == "disk-full"


def test_a_disk_that_fills_while_measuring_keeps_what_was_finished(room: Room) -> None:
    plan = ("--invocations", "40", "--min-time", "0.3", "--json", "-")
    done = run_on(room, room.home, "size=640k", *plan, after=f'ls "{room.home}/jobs" >&2')
    assert done.returncode == 5, done.stderr
    (run,) = done.runs
    assert (run["outcome"]["status"], run["outcome"]["code"]) == ("unstable", "disk-full")
    assert "no room is left on the device" in run["outcome"]["message"]
    statuses = [one["outcome"]["status"] for one in run["invocations"]]
    finished = statuses.count("ok")
    assert 1 <= finished < 40
    assert statuses == ["ok"] * finished + ["failed"]
    assert run["metrics"]["latency_p50"]["k"] == finished
    assert "invocations-failed" in [reason["code"] for reason in run["grade"]["reasons"]]
    assert done.stderr == ""  # no job is left on the device


def test_a_device_folder_that_may_not_be_written(room: Room) -> None:
    done = run_on(room, room.home, "ro", "--json", "-")
    assert done.returncode == 3
    error, hint = done.stderr.splitlines()
    assert "Read-only file system" in error
    assert "devices.toml" in hint


@pytest.mark.heavy
def test_a_full_store_keeps_earlier_rows_and_the_device_keeps_the_last(room: Room) -> None:
    folder = room.folder / "small"
    folder.mkdir()
    store = folder / "s.db"
    # the store lives long enough for some rows; every row has many samples
    models = [room.folder / "m.onnx"] * 5
    look = " ".join(room.argv("history", "--store", store, "--json", "-"))
    done = run_on(room, folder, "size=900k", *models, "--min-time", "1", "--store", store, after=look)
    assert done.returncode == 2, done.stderr
    error, hint = done.stderr.splitlines()[-2:]
    assert error.startswith("error: the disk is full; nothing more was stored in ")
    assert "--store PATH" in hint
    kept = json.loads(done.stdout)["runs"]
    assert 1 <= len(kept) < 6
    assert all(run["metrics"]["latency_p50"]["value"] > 0 for run in kept)
    # the row that the store refused is still on the device: the next session brings it home
    assert len(list(room.home.glob("jobs/*"))) == 1
    again = room.run(room.folder / "m.onnx")
    assert again.returncode in (0, 5)
    assert "board: collected m, measured in session " in again.stderr
    assert len(room.history()) == 2


def test_a_read_only_store_is_refused(room: Room) -> None:
    assert room.run(room.folder / "m.onnx").returncode in (0, 5)
    folder = room.folder / "read-only"
    folder.mkdir()
    copy = f'cp "{room.store}" "{folder}/s.db" && mount -o remount,ro "{folder}"'
    done = run_on(room, folder, "size=8m", "--store", folder / "s.db", "--json", "-", before=copy)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: store is read-only: {folder}/s.db\nhint: ")
    assert not list(room.home.glob("jobs/*"))
    assert len(room.history()) == 1
