"""The scripts that run on a phone, in what phones have: mksh with toybox; and in this machine's shells and programs."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from edgebench.transports.adb_hash import FINISH_SCRIPT, FOLLOW_SCRIPT, HASH_SCRIPT
from edgebench.transports.adb_transfer import LOOK_SCRIPT, ROOM_SCRIPT

APPLETS = ("chmod", "dd", "df", "mv", "sha256sum", "sleep", "stat", "sh")


@pytest.fixture(scope="session", params=["mksh+toybox", "dash", "mksh"])
def land(request, tmp_path_factory) -> tuple[str, str]:
    """(the shell, PATH)"""
    shell, _, user_land = request.param.partition("+")
    found = shutil.which(shell)
    assert found, f"{shell} is not installed: `make system` installs it"
    if not user_land:
        return found, os.environ["PATH"]
    box = shutil.which(user_land)
    assert box, f"{user_land} is not installed: `make system` installs it"
    folder = tmp_path_factory.mktemp("bin")
    known = subprocess.run([box], capture_output=True, text=True, check=True).stdout.split()
    for applet in APPLETS:
        # Debian's toybox has no dd, every phone's has
        program = box if applet in known else shutil.which(applet)
        (folder / applet).symlink_to(found if applet == "sh" else str(program))
    return found, str(folder)


def run(land: tuple[str, str], script: str, *args: object, told: str = "") -> subprocess.CompletedProcess[str]:
    shell, path = land
    argv = [shell, "-c", script, "sh", *map(str, args)]
    return subprocess.run(argv, env={"PATH": path}, input=told, capture_output=True, text=True, timeout=60, check=False)


def some(path: Path, size: int) -> str:
    """Write a file of noise; its SHA-256."""
    data = random.Random(size).randbytes(size)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def start_following(land: tuple[str, str], part: Path, size: int, target: Path) -> subprocess.Popen[str]:
    argv = [land[0], "-c", FOLLOW_SCRIPT, "sh", str(part), str(size), str(target), "640"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(argv, env={"PATH": land[1]}, text=True, **pipes)


@pytest.mark.parametrize("size", [8_000_000, 12_345_678])
def test_a_growing_file_is_hashed_as_it_grows_and_finished_when_all_is_sent(land, tmp_path, size):
    whole, part, target = tmp_path / "whole", tmp_path / "part", tmp_path / "it"
    sha256 = some(whole, size)
    data, chance, at = whole.read_bytes(), random.Random(1), 0
    following = start_following(land, part, size, target)
    with part.open("wb", buffering=0) as writer:
        while at < size:
            at += writer.write(data[at : at + chance.randrange(1, 900_000)])
    assert following.communicate(2 * f"{sha256}\n", timeout=60) == ("whole\n", "")
    assert target.read_bytes() == data
    assert target.stat().st_mode & 0o777 == 0o640
    assert not part.exists()


@pytest.mark.parametrize("told", ["", "0" * 64 + "\n"])
def test_nothing_is_finished_when_nobody_is_left_to_say_that_all_is_sent(land, tmp_path, told):
    some(tmp_path / "part", 8_000_000)
    done = run(land, FOLLOW_SCRIPT, tmp_path / "part", 8_000_000, tmp_path / "it", "640", told=told)
    assert done.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["part"]


def test_a_growing_file_that_arrived_damaged_is_told(land, tmp_path):
    sha256 = some(tmp_path / "part", 8_000_000)
    told = 2 * f"{'0' * 64}\n"
    done = run(land, FOLLOW_SCRIPT, tmp_path / "part", 8_000_000, tmp_path / "it", "640", told=told)
    assert done.stdout.split()[:2] == ["damaged", sha256]
    assert not (tmp_path / "it").exists()


def test_without_dd_the_file_is_hashed_after_all(tmp_path, land):
    (tmp_path / "bin").mkdir()
    for applet in ("sha256sum", "stat", "sleep", "chmod", "mv"):
        (tmp_path / "bin" / applet).symlink_to(str(shutil.which(applet)))
    sha256 = some(tmp_path / "part", 8_000_000)
    bare = (land[0], str(tmp_path / "bin"))
    done = run(bare, FOLLOW_SCRIPT, tmp_path / "part", 8_000_000, tmp_path / "it", "640", told=2 * f"{sha256}\n")
    assert done.stdout == "whole\n"


def test_a_file_that_nobody_writes_any_more_is_given_up(land, tmp_path):
    """Nobody may be left to stop it."""
    (tmp_path / "part").write_bytes(b"begun")
    script = FOLLOW_SCRIPT.replace("-lt 3000", "-lt 3")
    assert script != FOLLOW_SCRIPT
    done = run(land, script, tmp_path / "part", 9_000_000, tmp_path / "it", "640")
    assert done.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["part"]


def test_what_is_there_is_told(land, tmp_path):
    sha256 = some(tmp_path / "file", 5)
    (tmp_path / "file").chmod(0o640)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")

    def look(name: str, size: object = 5) -> list[str]:
        return run(land, LOOK_SCRIPT, f"{tmp_path}/{name}", size).stdout.split()

    assert look("file")[:4] == ["file", "5", "640", sha256]
    assert look("file", 6) == ["file", "5", "640"]
    assert look("file", "-") == ["file", "5", "640"]
    assert look("folder") == ["folder"]
    assert look("fifo") == ["other"]
    assert look("absent") == ["absent"]
    assert look("absent/below") == ["no-folder"]


@pytest.mark.parametrize("made", [True, False])
def test_a_whole_file_gets_its_mode_and_its_name(land, tmp_path, made):
    sha256 = some(tmp_path / "part", 100)
    done = run(land, FINISH_SCRIPT, tmp_path / "part", tmp_path / "it", "750", sha256, sha256 if made else "")
    assert (done.stdout, done.stderr) == ("whole\n", "")
    assert [path.name for path in tmp_path.iterdir()] == ["it"]
    assert (tmp_path / "it").stat().st_mode & 0o777 == 0o750


def test_a_damaged_file_stays_what_it_is_and_is_told(land, tmp_path):
    sha256 = some(tmp_path / "part", 100)
    wanted = hashlib.sha256(b"other").hexdigest()
    done = run(land, FINISH_SCRIPT, tmp_path / "part", tmp_path / "it", "600", wanted, "")
    assert done.stdout.split()[:2] == ["damaged", sha256]
    assert not (tmp_path / "it").exists()


def test_the_phones_hash_of_before_condemns_nothing_alone(land, tmp_path):
    sha256 = some(tmp_path / "part", 100)
    done = run(land, FINISH_SCRIPT, tmp_path / "part", tmp_path / "it", "600", sha256, "f" * 64)
    assert done.stdout == "whole\n"


def test_a_hash_and_the_room_of_a_folder(land, tmp_path):
    sha256 = some(tmp_path / "file", 1000)
    assert run(land, HASH_SCRIPT, tmp_path / "file").stdout.split()[:1] == [sha256]
    lines = run(land, ROOM_SCRIPT, tmp_path).stdout.splitlines()
    assert lines[0] == "writable"
    assert lines[-1].split()[3].isdigit()
