"""A file that the phone does not have is sent without a shell's look; where that cannot be told, a shell looks."""

from __future__ import annotations

import socket
import stat

import pytest

from edgebench.errors import DeviceError
from edgebench.transports.adb import AdbTransport, link_to
from edgebench.transports.adb_phones import Listed
from edgebench.transports.adb_server import AdbSettings, find_server
from edgebench.transports.adb_sync import modes, session
from edgebench.transports.base import FileMissing
from edgebench.transports.places import AdbPlace


@pytest.fixture
def serial(adb, daemon):
    yield adb.connect(daemon)
    adb.disconnect(daemon)


@pytest.fixture
def reached(adb, serial):
    with AdbTransport(AdbPlace("phone", serial=serial), AdbSettings(environment=adb.environment)) as open_one:
        yield open_one


def test_modes_of_a_folder_a_file_a_link_and_nothing(adb, serial, daemon):
    (daemon.face.tmp / "file").write_bytes(b"x")
    (daemon.face.tmp / "link").symlink_to("file")
    server = find_server("phone", None, AdbSettings(environment=adb.environment))
    home = server.settings.home
    with session(link_to(server, Listed(serial, "device"))) as sync:
        assert sync.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        folder, file, link, absent = modes(sync, [home, f"{home}/file", f"{home}/link", f"{home}/absent"])
    assert (stat.S_ISDIR(folder), stat.S_ISREG(file), stat.S_ISLNK(link), absent) == (True, True, True, 0)


def test_a_folder_by_a_link_is_looked_at_by_a_shell(reached, daemon, tmp_path):
    (daemon.face.tmp / "real").mkdir()
    (daemon.face.tmp / "by-link").symlink_to("real")
    source = tmp_path / "source"
    source.write_bytes(b"content")
    assert reached.push(source, "by-link/it").bytes_sent == 7
    assert (daemon.face.tmp / "real/it").read_bytes() == b"content"
    assert reached.push(source, "by-link/it").skipped


def test_a_folder_that_is_missing_or_a_file_is_refused_before_anything_is_sent(reached, daemon, tmp_path):
    (daemon.face.tmp / "file").write_bytes(b"x")
    source = tmp_path / "source"
    source.write_bytes(b"content")
    with pytest.raises(FileMissing):
        reached.push(source, "absent/it")
    with pytest.raises(DeviceError):
        reached.push(source, "file/it")
    assert not (daemon.face.tmp / "absent").exists()
