"""Who is let in: keys of real adb servers, accepted on the phone's screen or not."""

import pytest
from adb_room import AdbServer, PlainPhone
from cryptography.hazmat.primitives import serialization

from edgebench.mock.phone.adbd.auth import Guard
from edgebench.mock.phone.adbd.faults import Fault, When
from edgebench.mock.phone.adbd.server import AdbDaemon


@pytest.fixture
def locked(tmp_path):
    with AdbDaemon(PlainPhone(tmp_path / "locked"), guard=Guard(is_open=False)) as daemon:
        yield daemon


def test_an_unknown_server_waits_until_somebody_accepts_its_key(adb, locked):
    assert b"failed to authenticate" in adb.run("connect", locked.address).stdout
    adb.await_state(locked, "unauthorized")
    refused = adb.run("-s", locked.address, "shell", "echo no")
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert b"unauthorized" in refused.stderr
    assert len(locked.asking()) == 1
    locked.accept()
    adb.await_state(locked, "device")
    assert locked.asking() == []
    adb.disconnect(locked)
    assert adb.connect(locked) == locked.address  # by its signature now, nobody is asked


def test_a_phone_knows_one_server_from_another(adb, locked, tmp_path):
    adb.run("connect", locked.address)
    adb.await_state(locked, "unauthorized")
    locked.accept()
    adb.await_state(locked, "device")
    with AdbServer(tmp_path) as other:
        assert b"failed to authenticate" in other.run("connect", locked.address).stdout
        assert other.state(locked) == "unauthorized"
        assert adb.run("-s", locked.address, "shell", "echo yes").stdout == b"yes\n"
        other.disconnect(locked)
    adb.disconnect(locked)


def test_the_key_that_is_asked_for_is_the_servers_own(adb, locked):
    adb.run("connect", locked.address)
    adb.await_state(locked, "unauthorized")
    private = serialization.load_pem_private_key((adb.home / ".android/adbkey").read_bytes(), None)
    (asking,) = locked.asking()
    assert (asking.modulus, asking.exponent) == (private.public_key().public_numbers().n, 65537)
    adb.disconnect(locked)


def test_a_phone_that_withdraws_its_trust_shows_as_unauthorized(adb, daemon):
    fault = daemon.faults.put(Fault("unauthorized"))
    adb.await_state(daemon, "unauthorized")
    refused = adb.run("-s", daemon.address, "shell", "echo no")
    assert (refused.returncode, refused.stdout) == (1, b"")
    daemon.faults.lift(fault)
    adb.await_state(daemon, "device")
    assert adb.run("-s", daemon.address, "shell", "echo yes").stdout == b"yes\n"


def test_trust_may_end_in_the_middle_of_a_command(adb, daemon):
    fault = daemon.faults.put(Fault("unauthorized", When("shell", nth=1, byte=4)))
    run = adb.run("-s", daemon.address, "shell", "echo 1234567")
    assert run.stdout == b"1234"
    adb.await_state(daemon, "unauthorized")
    daemon.faults.lift(fault)
    adb.await_state(daemon, "device")
