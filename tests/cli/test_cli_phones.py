"""`edgebench devices add --adb` and `discover` with phones behind a real adb server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from adb_room import AdbServer, PlainPhone

from edgebench.mock.phone.adbd.server import AdbDaemon
from edgebench.mock.phone.phone import Phone


@pytest.fixture(scope="module")
def adb(tmp_path_factory) -> Iterator[AdbServer]:
    with AdbServer(tmp_path_factory.mktemp("adb")) as running:
        yield running


class User:
    """Somebody with an empty configuration and an adb server in the environment."""

    def __init__(self, folder: Path, adb: AdbServer) -> None:
        self.file = folder / "config/devices.toml"
        self.env = os.environ | adb.environment | {"HOME": str(folder), "EDGEBENCH_CONFIG": str(folder / "config")}
        self.env |= {"EDGEBENCH_STORE": str(folder / "store.db"), "COLUMNS": "200", "NO_COLOR": "1"}

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "edgebench", "devices", *args]
        return subprocess.run(argv, env=self.env, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)

    @property
    def entries(self) -> dict:
        return tomllib.loads(self.file.read_text()) if self.file.exists() else {}


@pytest.fixture
def user(tmp_path, adb) -> User:
    return User(tmp_path, adb)


def speak(phone: PlainPhone, text: str) -> None:
    """Have `getprop` without a key print that, and `ro.serialno` as before."""
    program = phone.folder / "bin/getprop"
    (phone.folder / "properties").write_text(text)
    program.write_text(f'#!/bin/sh\n[ "$1" = ro.serialno ] && echo {phone.serial} || cat {phone.folder}/properties\n')


ONEPLUS = """[ro.product.manufacturer]: [OnePlus]
[ro.product.model]: [HD1903]
[ro.product.device]: [OnePlus7T]
[ro.board.platform]: [msmnile]
[ro.build.version.release]: [11]
[ro.odd]: [a ] b
and more]
"""


@pytest.fixture
def oneplus(tmp_path, adb) -> Iterator[PlainPhone]:
    phone = PlainPhone(tmp_path / "phone", serial="ab12cd34")
    speak(phone, ONEPLUS)
    with AdbDaemon(phone) as daemon:
        serial = adb.connect(daemon)
        yield phone
        adb.run("disconnect", serial)


def test_the_only_phone_is_added_by_its_own_serial_and_called_as_its_profile(user, oneplus):
    done = user.run("add", "--adb", "--label", "lab")
    assert done.returncode == 0, done.stderr
    said = "oneplus-7t: OnePlus HD1903, Android 11, serial ab12cd34, profile oneplus-7t"
    assert done.stdout.strip() == said
    entry = {"profile": "oneplus-7t", "transport": "adb", "serial": "ab12cd34", "labels": ["lab"]}
    assert user.entries == {"oneplus-7t": entry}


def test_a_serial_a_name_a_server_and_a_profile_can_be_given(user, oneplus, adb):
    done = user.run(
        *("add", "--adb", "ab12cd34", "--name", "mine", "--server", adb.address, "--profile", "generic-android")
    )
    assert done.returncode == 0, done.stderr
    assert user.entries["mine"]["server"] == adb.address
    assert user.entries["mine"]["profile"] == "generic-android"


def test_a_phone_of_no_profile_is_called_by_its_model(user, oneplus):
    speak(oneplus, ONEPLUS.replace("HD1903", "Galaxy S10e (x)").replace("OnePlus7T", "beyond0"))
    assert user.run("add", "--adb").returncode == 0
    assert user.entries["galaxy-s10e-x"]["profile"] == "generic-android"


def test_a_simulated_phone_is_added_as_simulated(tmp_path, user, adb):
    (tmp_path / "simulated").mkdir()
    with Phone(tmp_path / "simulated", "pixel-8") as phone, AdbDaemon(phone) as daemon:
        serial = adb.connect(daemon)
        done = user.run("add", "--adb", "--name", "mock")
        adb.run("disconnect", serial)
    assert done.stdout.endswith("profile pixel-8, simulated\n"), done.stderr
    assert user.entries["mock"]["simulated"] is True


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["--adb", "XYZ"], 3, "the phone XYZ is not there"),
        (["--adb", "--name", "a b"], 2, "cannot be a device's name"),
        (["--adb", "--profile", "onplus-7t"], 2, "did you mean `oneplus-7t`?"),
        (["--adb", "--port", "22"], 2, "--port: only for a device over SSH"),
        (["--adb", "--server", "nowhere:x"], 2, "not the address of an adb server"),
        (["user@host", "--server", "pc:5037"], 2, "add --adb"),
        ([], 2, "which device?"),
    ],
)
def test_what_cannot_be_added_says_why_and_changes_nothing(user, oneplus, args, code, says):
    done = user.run("add", *args)
    assert (done.returncode, user.entries) == (code, {})
    assert says in done.stderr


def test_a_name_that_is_taken_is_refused_before_the_phone_is_asked(user, oneplus):
    assert user.run("add", "--adb").returncode == 0
    done = user.run("add", "--adb")
    assert done.returncode == 2
    assert "there is a device 'oneplus-7t' already" in done.stderr


def test_discover_lists_phones_with_the_line_that_adds_each(user, oneplus):
    found = json.loads(user.run("discover", "--json", "-").stdout)
    added = "edgebench devices add --adb ab12cd34"
    state = "ready over the network"
    assert found["phones"] == [{"serial": "ab12cd34", "state": state, "todo": None, "add": added}]
    assert found["adb"] is None
    shown = user.run("discover").stdout
    assert added in shown
    assert user.run(*added.split()[2:]).returncode == 0
    assert json.loads(user.run("discover", "--json", "-").stdout)["phones"] == []


def test_discover_says_that_no_server_answers_and_starts_none(user):
    user.env["ANDROID_ADB_SERVER_PORT"] = "1"
    done = user.run("discover")
    assert done.returncode == 0
    assert "the adb server at 127.0.0.1:1 does not answer" in done.stderr
    assert "`edgebench devices add --adb` starts one" in done.stderr
    assert json.loads(user.run("discover", "--json", "-").stdout)["phones"] == []
