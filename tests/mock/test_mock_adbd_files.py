"""Files to and from the simulated phone, through the real adb and through adbutils."""

import os
import random
import stat

import pytest
from adb_room import PlainPhone
from adbutils import AdbError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgebench.mock.phone.adbd.files import real_path
from edgebench.mock.phone.adbd.server import AdbDaemon
from edgebench.mock.phone.face import USUAL_FEATURES

NEAR_A_CHUNK = st.builds(lambda chunks, more: max(0, chunks * 65536 + more), st.integers(0, 33), st.integers(-9, 9))
"""Sizes around a chunk of the sync service, and around the mebibyte of a packet."""

ROUND_TRIPS = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(size=NEAR_A_CHUNK)
@ROUND_TRIPS
def test_what_adb_pushes_is_what_adb_pulls(adb, daemon, tmp_path, size):
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(random.Random(size).randbytes(size))
    assert adb.run("-s", daemon.address, "push", str(source), "/data/local/tmp/file").returncode == 0
    assert (daemon.face.tmp / "file").read_bytes() == source.read_bytes()
    assert adb.run("-s", daemon.address, "pull", "/data/local/tmp/file", str(back)).returncode == 0
    assert back.read_bytes() == source.read_bytes()


@given(size=NEAR_A_CHUNK)
@ROUND_TRIPS
def test_what_adbutils_pushes_is_what_adbutils_pulls(daemon, phone, size):
    content = random.Random(size).randbytes(size)
    assert phone.sync.push(content, "/sdcard/file", check=True) == size
    assert (daemon.face.folder / "root/sdcard/file").read_bytes() == content
    assert phone.sync.read_bytes("/sdcard/file") == content


def test_folders_mode_and_time_come_along(adb, daemon, tmp_path):
    source = tmp_path / "tree"
    (source / "below").mkdir(parents=True)
    program = source / "below/program"
    program.write_text("#!/bin/sh\necho ran\n")
    program.chmod(0o750)
    os.utime(program, (1_600_000_000, 1_600_000_000))
    (source / "empty").write_bytes(b"")
    assert adb.run("-s", daemon.address, "push", str(source), "/data/local/tmp/").returncode == 0
    pushed = daemon.face.tmp / "tree/below/program"
    assert stat.S_IMODE(pushed.stat().st_mode) == 0o777  # adbd gives group and others what the owner has
    assert pushed.stat().st_mtime == 1_600_000_000
    assert adb.run("-s", daemon.address, "shell", str(pushed)).stdout == b"ran\n"
    assert adb.run("-s", daemon.address, "pull", "-a", "/data/local/tmp/tree", str(tmp_path / "back")).returncode == 0
    assert (tmp_path / "back/below/program").stat().st_mtime == 1_600_000_000
    assert (tmp_path / "back/empty").read_bytes() == b""


def test_a_push_replaces_a_file_that_is_being_read(daemon, phone):
    phone.sync.push(b"before", "/data/local/tmp/file")
    with (daemon.face.tmp / "file").open("rb") as reader:
        phone.sync.push(b"after", "/data/local/tmp/file")
        assert reader.read() == b"before"
    assert phone.sync.read_bytes("/data/local/tmp/file") == b"after"


def test_listing_and_stat_tell_what_is_there(adb, daemon, phone):
    tmp = daemon.face.tmp
    (tmp / "größe").write_bytes(bytes(70_000))
    (tmp / "folder").mkdir()
    (tmp / "link").symlink_to("größe")
    listed = {info.path: info for info in phone.sync.list("/data/local/tmp")}
    assert set(listed) == {".", "..", "größe", "folder", "link"}
    assert listed["größe"].size == 70_000
    assert stat.S_ISLNK(listed["link"].mode)
    assert stat.S_ISDIR(phone.sync.stat("/data/local/tmp/folder").mode)
    assert phone.sync.stat("/data/local/tmp/nothing").mode == 0
    lines = adb.run("-s", daemon.address, "ls", "/data/local/tmp").stdout.decode().splitlines()
    assert sorted(line.split(" ", 3)[3] for line in lines) == sorted(listed)
    assert f"{70_000:08x}" in next(line for line in lines if line.endswith("größe"))
    assert adb.run("-s", daemon.address, "ls", "/data/local/tmp/nothing").stdout == b""


def test_a_real_path_of_the_phones_folder_is_taken_as_it_is(daemon, phone):
    phone.sync.push(b"content", f"{daemon.face.tmp}/deep/file")
    assert phone.sync.read_bytes("/data/local/tmp/deep/file") == b"content"


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/data/../../../../../../../../etc/passwd",
        "/data/local/tmp/../../../../../away",
        "/data/local/tmp/out/passwd",
        "relative",
        "",
        "/",
        "/data/..",
        "/database/file",
    ],
)
def test_nothing_outside_the_phone_is_touched(daemon, phone, path):
    (daemon.face.tmp / "out").symlink_to("/etc")
    with pytest.raises(PermissionError):
        real_path(daemon.face.folder, path)
    assert phone.sync.stat(path or "/").mode == 0
    before = sorted(daemon.face.folder.parent.iterdir())
    with pytest.raises(AdbError, match="FAIL"):
        phone.sync.push(b"content", path)
    assert sorted(daemon.face.folder.parent.iterdir()) == before


def test_adb_says_why_a_file_cannot_be_had(adb, daemon, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"content")
    refused = adb.run("-s", daemon.address, "push", str(source), "/vendor/lib64/file")
    assert refused.returncode == 1
    assert b"Permission denied" in refused.stdout + refused.stderr
    missing = adb.run("-s", daemon.address, "pull", "/data/local/tmp/nothing", str(tmp_path / "back"))
    assert missing.returncode == 1
    assert b"No such file or directory" in missing.stdout + missing.stderr


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../../outside"])
def test_a_link_that_leads_out_of_the_phone_is_not_followed(adb, daemon, phone, tmp_path, target):
    (tmp_path / "outside").write_text("private")
    (daemon.face.tmp / "link").symlink_to(target)
    assert adb.run("-s", daemon.address, "pull", "/data/local/tmp/link", str(tmp_path / "back")).returncode == 1
    assert not (tmp_path / "back").exists()
    with pytest.raises(AdbError, match="Permission denied"):
        phone.sync.read_bytes("/data/local/tmp/link")
    phone.sync.push(b"mine", "/data/local/tmp/link")  # replaces the link, as adbd does
    assert (tmp_path / "outside").read_text() == "private"
    assert (daemon.face.tmp / "link").read_bytes() == b"mine"


def test_newer_requests_without_compression_are_understood(adb, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(os.urandom(1_000_001))
    with AdbDaemon(PlainPhone(tmp_path / "phone", features=(*USUAL_FEATURES, "sendrecv_v2"))) as daemon:
        adb.connect(daemon)
        assert adb.run("-s", daemon.address, "push", str(source), "/data/local/tmp/file").returncode == 0
        assert adb.run("-s", daemon.address, "pull", "/data/local/tmp/file", str(tmp_path / "back")).returncode == 0
        adb.disconnect(daemon)
    assert (tmp_path / "back").read_bytes() == source.read_bytes()
