"""The sudoers drop-in on its way to a device: checked by the real visudo, placed as root or left to the user."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from edgebench.controller.devices import DeviceEntry
from edgebench.controller.session import DeviceSession
from edgebench.controller.sudoers import Privileges, ask_privileges, install, refused
from edgebench.controller.view import SilentView
from edgebench.errors import DeviceUnfit, UsageError
from edgebench.transports.base import Completed

TEXT = "jetson ALL=(root) NOPASSWD: /usr/sbin/nvpmodel -m 0\n"
COMMANDS = (
    ("the power mode", ("/usr/sbin/nvpmodel", "-q")),
    ("the power mode", ("/usr/sbin/nvpmodel", "-m", "0")),
    ("the fan", ("/usr/bin/tee", "/sys/devices/pwm-fan/target_pwm")),
)


@pytest.fixture
def board(tmp_path, monkeypatch):
    """This machine as an open device, with a board's programs below `root`."""
    monkeypatch.setenv("EDGEBENCH_CONFIG", str(tmp_path / "config"))

    def open_board(root: str = "/") -> DeviceSession:
        return DeviceSession(DeviceEntry("b", transport="local", root=root, home=str(tmp_path / "home")), SilentView())

    return open_board


def needed(text: str | None = TEXT, *, is_root: bool = False) -> Privileges:
    return Privileges("jetson", text, COMMANDS, is_root)


class Board:
    """A device that is reached over SSH: `allowed` sudo commands succeed, all others ask for a password."""

    name = "nano"

    def __init__(self, home: Path, allowed=(), visudo=0):
        self.allowed = [tuple(one) for one in allowed]
        self.visudo = visudo
        self.done: list[tuple[str, ...]] = []
        self.entry = DeviceEntry("nano", host="10.0.0.2", user="jetson", port=2222)
        self.client = SimpleNamespace(home=str(home))
        self.facts = {"tools": {"sudo": "/usr/bin/sudo"}}
        self.transport = self

    def push(self, source, target):
        Path(target).write_bytes(Path(source).read_bytes())

    def exec(self, argv):
        self.done.append(tuple(argv))
        if argv[0].rpartition("/")[2] == "sudo":
            command = tuple(argv[3:] if argv[2] == "-l" else argv[2:])
            fits = command in self.allowed or command[:1] in self.allowed
            return Completed(0 if fits else 1, b"", b"" if fits else b"sudo: a password is required\n")
        return Completed(self.visudo if "visudo" in argv[0] else 0, b"", b"line 1: syntax error")


def test_what_sudo_gives_is_asked_without_running_it(tmp_path):
    nano = Board(tmp_path, allowed=[COMMANDS[0][1]])
    assert refused(nano, needed()) == ["the power mode", "the fan"]
    assert all(argv[1:3] == ("-n", "-l") for argv in nano.done)
    assert refused(Board(tmp_path, allowed=[argv for _, argv in COMMANDS]), needed()) == []
    assert refused(Board(tmp_path), needed(is_root=True)) == []


def test_without_sudo_nothing_is_given(tmp_path):
    nano = Board(tmp_path, allowed=[argv for _, argv in COMMANDS])
    nano.facts = {"tools": {"sudo": None}}
    assert refused(nano, needed()) == ["the power mode", "the fan"]
    assert nano.done == []


def test_a_password_is_left_to_the_user_with_the_command(tmp_path):
    nano = Board(tmp_path)
    with pytest.raises(DeviceUnfit) as caught:
        install(nano, needed())
    assert "takes a password" in caught.value.message
    assert "ssh -t -p 2222 jetson@10.0.0.2" in caught.value.hint
    assert "visudo -cf" in caught.value.hint
    assert (tmp_path / "edgebench.sudoers").read_text() == TEXT  # the command finds it there


def test_a_text_that_visudo_refuses_is_placed_nowhere(tmp_path):
    nano = Board(tmp_path, allowed=[("install",)], visudo=1)
    with pytest.raises(DeviceUnfit) as caught:
        install(nano, needed())
    assert "visudo refuses" in caught.value.message
    assert not any("install" in argv for argv in nano.done)


def test_sudo_that_asks_nothing_places_it_after_the_check(tmp_path):
    nano = Board(tmp_path, allowed=[("install",)])
    install(nano, needed())
    names = [argv[0].rpartition("/")[2] if argv[0] != "sudo" else argv[2] for argv in nano.done]
    assert names == ["test", "visudo", "install", "rm"]
    assert nano.done[2][-3:] == ("0440", str(tmp_path / "edgebench.sudoers"), "/etc/sudoers.d/edgebench")


def test_a_simulated_board_gets_no_file(tmp_path, board):
    with board(str(tmp_path / "root")) as session, pytest.raises(UsageError, match="simulated"):
        install(session, needed(is_root=True))
    assert not (tmp_path / "home" / "edgebench.sudoers").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="placing a file as root takes root")
def test_the_real_visudo_lets_it_pass_and_a_wrong_one_not(tmp_path, board):
    target = tmp_path / "drop-in"
    with board() as session:
        install(session, needed(is_root=True), str(target))
        assert target.read_text() == TEXT
        assert stat.S_IMODE(target.stat().st_mode) == 0o440
        assert not (tmp_path / "home" / "edgebench.sudoers").exists()
        target.unlink()
        with pytest.raises(DeviceUnfit, match="visudo refuses"):
            install(session, needed("jetson ALL=(root NOPASSWD: /bin/true\n", is_root=True), str(target))
        assert not target.exists()


def test_the_agent_tells_what_takes_root(tmp_path, board):
    root = tmp_path / "root"
    tool = root / "usr/sbin/nvpmodel"
    tool.parent.mkdir(parents=True)
    tool.write_text(
        "#!/bin/sh\n[ \"$1\" = -q ] && printf 'NV Power Mode: MAXN\\n0\\n' || echo 'POWER_MODEL: ID=0 NAME=MAXN'\n"
    )
    tool.chmod(0o755)
    with board(str(root)) as session:
        found = ask_privileges(session)
    assert ("the power mode", (str(tool), "-m", "0")) in found.commands
    assert f"{tool} -m 0" in found.text
    assert not found.is_root  # below a simulated root nobody is


def test_a_machine_without_such_things_needs_nothing(tmp_path, board):
    with board(str(tmp_path / "empty")) as session:
        assert ask_privileges(session).text is None
