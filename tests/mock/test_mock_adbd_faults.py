"""Each fault as the real adb shows it: what it says, what it returns, and that all is well again afterwards."""

import contextlib
import os
import random
import socket
import subprocess
import time

import pytest
from adbutils import AdbError

from edgebench.mock.phone.adbd.faults import Fault, When
from edgebench.mock.phone.adbd.processes import marked
from edgebench.mock.phone.adbd.server import MARK

MEBIBYTE = 1 << 20
CONTENT = random.Random(3).randbytes(3 * MEBIBYTE + 17)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


@contextlib.contextmanager
def while_there_is(daemon, fault):
    daemon.faults.put(fault)
    try:
        yield
    finally:
        daemon.faults.lift(fault)


def works(adb, daemon):
    """Whether the server finds its way back to the phone by itself."""
    adb.await_state(daemon, "device")
    return adb.run("-s", daemon.address, "shell", "echo works").stdout == b"works\n"


def test_offline_is_listed_and_ends(adb, daemon):
    with while_there_is(daemon, Fault("offline")):
        adb.await_state(daemon, "offline")
        refused = adb.run("-s", daemon.address, "shell", "echo no")
        assert (refused.returncode, refused.stdout) == (1, b"")
        assert b"offline" in refused.stderr
        assert b"already connected" in adb.run("connect", daemon.address).stdout
    assert works(adb, daemon)


def test_a_frozen_phone_stays_a_device_and_answers_nothing(adb, daemon):
    with while_there_is(daemon, Fault("frozen")):
        assert adb.state(daemon) == "device"
        with pytest.raises(subprocess.TimeoutExpired):
            adb.run("-s", daemon.address, "shell", "echo no", timeout_s=0.5)
        assert adb.state(daemon) == "device"
    assert works(adb, daemon)


def test_a_phone_that_freezes_in_a_push_goes_on_when_it_thaws(adb, daemon, source):
    frozen = daemon.faults.put(Fault("frozen", When("push", byte=MEBIBYTE)))
    with adb.popen("-s", daemon.address, "push", str(source), "/data/local/tmp/file") as client:
        with pytest.raises(subprocess.TimeoutExpired):
            client.wait(0.5)
        assert (daemon.face.tmp / "file").stat().st_size == MEBIBYTE
        daemon.faults.lift(frozen)
        client.communicate()
    assert client.returncode == 0
    assert (daemon.face.tmp / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("byte", [0, 1, 10])
def test_a_command_cut_at_a_byte_shows_exactly_what_came_before(adb, daemon, phone, byte):
    with while_there_is(daemon, Fault("drop", When("shell", byte=byte))):
        run = adb.run("-s", daemon.address, "shell", "echo 0123456789")
        assert run.stdout == b"0123456789\n"[:byte]
        assert run.returncode in (0, 255)  # 0 before platform-tools 33 or so: a code alone proves nothing
        adb.await_state(daemon, "device")
        with pytest.raises(EOFError):
            phone.shell2("echo 0123456789", v2=True)
    assert works(adb, daemon)


def test_a_command_cut_before_its_exit_code_has_all_its_output(adb, daemon):
    with while_there_is(daemon, Fault("drop", When("shell", nth=1, before_exit=True))):
        run = adb.run("-s", daemon.address, "shell", "echo complete; exit 3")
        assert (run.stdout, run.returncode in (0, 255)) == (b"complete\n", True)
        assert works(adb, daemon)


def test_the_nth_command_is_meant_and_no_other(adb, daemon):
    with while_there_is(daemon, Fault("drop", When("shell", nth=3, byte=1))):
        outputs = []
        for _ in range(4):
            adb.await_state(daemon, "device")
            outputs.append(adb.run("-s", daemon.address, "shell", "echo hello").stdout)
    assert outputs == [b"hello\n", b"hello\n", b"h", b"hello\n"]


def test_a_push_that_is_cut_fails_and_leaves_nothing(adb, daemon, source):
    with while_there_is(daemon, Fault("drop", When("push", nth=1, byte=MEBIBYTE + 5))):
        cut = adb.run("-s", daemon.address, "push", str(source), "/data/local/tmp/file")
        assert cut.returncode == 1
        assert works(adb, daemon)
        assert list(daemon.face.tmp.iterdir()) == []
        assert adb.run("-s", daemon.address, "push", str(source), "/data/local/tmp/file").returncode == 0
    assert (daemon.face.tmp / "file").read_bytes() == CONTENT


def test_a_small_push_that_came_whole_before_the_cut_is_cut_all_the_same(adb, daemon, tmp_path):
    (tmp_path / "small").write_bytes(bytes(1000))
    with while_there_is(daemon, Fault("drop", When("push", byte=999))):
        assert adb.run("-s", daemon.address, "push", str(tmp_path / "small"), "/data/local/tmp/f").returncode == 1
    assert works(adb, daemon)
    assert list(daemon.face.tmp.iterdir()) == []


def test_a_pull_that_is_cut_fails(adb, daemon, phone, tmp_path):
    (daemon.face.tmp / "file").write_bytes(CONTENT)
    with while_there_is(daemon, Fault("drop", When("pull", byte=MEBIBYTE + 5))):
        assert adb.run("-s", daemon.address, "pull", "/data/local/tmp/file", str(tmp_path / "back")).returncode == 1
        adb.await_state(daemon, "device")
        with pytest.raises((AdbError, EOFError)):
            phone.sync.pull("/data/local/tmp/file", tmp_path / "partial")
    partial = (tmp_path / "partial").read_bytes()  # adbutils leaves it at its target's name
    assert partial == CONTENT[: len(partial)]
    assert 0 < len(partial) <= MEBIBYTE + 5
    assert works(adb, daemon)


def test_a_full_disk_is_told_by_adb_and_the_partial_file_is_gone(adb, daemon, phone, source):
    with while_there_is(daemon, Fault("disk-full", When(byte=MEBIBYTE))):
        full = adb.run("-s", daemon.address, "push", str(source), "/data/local/tmp/file")
        assert full.returncode == 1
        assert b"write failed: No space left on device" in full.stdout + full.stderr
        with pytest.raises(AdbError, match="FAIL"):
            phone.sync.push(source, "/data/local/tmp/file")
        assert list(daemon.face.tmp.iterdir()) == []
        assert phone.sync.push(b"small", "/data/local/tmp/small", check=True) == 5
    assert adb.run("-s", daemon.address, "push", str(source), "/data/local/tmp/file").returncode == 0


def test_a_disk_that_was_full_before_refuses_the_file_itself(adb, daemon, source):
    with while_there_is(daemon, Fault("disk-full")):
        full = adb.run("-s", daemon.address, "push", str(source), "/data/local/tmp/file")
    assert full.returncode == 1
    assert b"couldn't create file: No space left on device" in full.stdout + full.stderr


def differences(one, other):
    assert len(one) == len(other)
    return [(at, a ^ b) for at, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]


def test_a_flipped_bit_goes_unnoticed_by_adb_either_way(adb, daemon, source, tmp_path):
    with while_there_is(daemon, Fault("flip", When("push", nth=1, byte=MEBIBYTE + 5))):
        assert adb.run("-s", daemon.address, "push", str(source), "/data/local/tmp/file").returncode == 0
        pushed = (daemon.face.tmp / "file").read_bytes()
    with while_there_is(daemon, Fault("flip", When("pull", nth=1, byte=3))):
        assert adb.run("-s", daemon.address, "pull", "/data/local/tmp/file", str(tmp_path / "back")).returncode == 0
        pulled = (tmp_path / "back").read_bytes()
    assert differences(pushed, CONTENT) == [(MEBIBYTE + 5, 1)]
    assert differences(pulled, pushed) == [(3, 1)]


def test_a_slow_phone_takes_the_time_that_its_rate_says(adb, daemon, source):
    with while_there_is(daemon, Fault("slow", bytes_per_s=5e6)):
        began_s = time.monotonic()
        assert adb.run("-s", daemon.address, "push", str(source), "/data/local/tmp/file").returncode == 0
        took_s = time.monotonic() - began_s
    assert took_s >= len(CONTENT) / 5e6
    assert (daemon.face.tmp / "file").read_bytes() == CONTENT


def test_a_reboot_ends_all_processes_and_is_a_new_boot(adb, daemon):
    mark = adb.run("-s", daemon.address, "shell", f"echo ${MARK}").stdout.decode().strip()
    up = daemon.face.tmp / "up"
    os.mkfifo(up)
    # a shell that ended before the other has its own session would take it along
    detached = f"setsid sh -c 'echo up >{up}; exec sleep 1000' >/dev/null 2>&1 </dev/null & cat {up}"
    assert adb.run("-s", daemon.address, "shell", detached).stdout == b"up\n"
    assert marked(MARK, mark)
    port = int(daemon.address.rpartition(":")[2])
    daemon.faults.put(Fault("reboot", down_s=0.2))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    assert marked(MARK, mark) == []
    adb.await_state(daemon, "device")
    assert daemon.face.boots == 2
    assert works(adb, daemon)


def test_adb_reboot_makes_the_phone_reboot(adb, daemon):
    assert adb.run("-s", daemon.address, "reboot").returncode == 0
    adb.await_state(daemon, "offline")
    assert works(adb, daemon)
    assert daemon.face.boots == 2


def test_a_reboot_in_the_middle_of_a_push_leaves_the_partial_file(adb, daemon, source):
    daemon.faults.put(Fault("reboot", When("push", nth=1, byte=MEBIBYTE), down_s=0.1))
    assert adb.run("-s", daemon.address, "push", str(source), "/data/local/tmp/file").returncode == 1
    assert works(adb, daemon)
    assert (daemon.face.tmp / "file").read_bytes() == CONTENT[:MEBIBYTE]


def test_a_fault_may_come_by_the_clock_and_be_lifted_before(adb, daemon):
    late = daemon.faults.put(Fault("offline", When(seconds=600.0)))
    soon = daemon.faults.put(Fault("offline", When(seconds=0.05)))
    adb.await_state(daemon, "offline")
    daemon.faults.lift(soon)
    daemon.faults.lift(late)
    assert works(adb, daemon)
    assert daemon.faults.in_force("offline") is None


def test_a_phone_that_is_frozen_can_be_put_away(tmp_path, adb, daemon):
    daemon.faults.put(Fault("frozen"))
    with pytest.raises(subprocess.TimeoutExpired):
        adb.run("-s", daemon.address, "shell", "echo no", timeout_s=0.2)
    daemon.stop()
    adb.await_state(daemon, "offline")


def test_content_of_a_command_survives_a_slow_link(adb, daemon):
    (daemon.face.tmp / "bytes").write_bytes(os.urandom(200_000))
    with while_there_is(daemon, Fault("slow", bytes_per_s=2e6)):
        run = adb.run("-s", daemon.address, "exec-out", f"cat {daemon.face.tmp}/bytes")
    assert run.stdout == (daemon.face.tmp / "bytes").read_bytes()
