"""What phones do to those who measure them: refuse, restart, freeze, fill up, and drop out at the worst moment."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest

from edgebench.errors import AuthRefused, DeviceLost, DeviceUnfit, DeviceUnreachable
from edgebench.mock.phone.adbd.faults import Fault, When
from edgebench.mock.phone.adbd.server import AdbDaemon
from edgebench.transports import connect
from edgebench.transports.adb import AdbTransport
from edgebench.transports.adb_scan import find_phones
from edgebench.transports.adb_server import AdbSettings
from edgebench.transports.places import AdbPlace

SETTINGS = AdbSettings(connect_s=1.0, stall_s=1.0, slowest_bytes_per_s=50e6)
SIZE = 20_000_000  # large enough that the phone hashes it while it travels


@pytest.fixture
def serial(adb, daemon) -> Iterator[str]:
    yield adb.connect(daemon)
    daemon.faults.clear()
    adb.run("disconnect", daemon.address)


@pytest.fixture
def place(adb, serial) -> AdbPlace:
    return AdbPlace("phone", serial=serial, server=adb.address)


@pytest.fixture
def transport(place) -> AdbTransport:
    return AdbTransport(place, SETTINGS)


@pytest.fixture
def payload(tmp_path):
    path = tmp_path / "payload"
    path.write_bytes(random.Random(5).randbytes(SIZE))
    return path


class Counting:
    """A clock whose sleeps cost nothing and are counted: whoever retries, sleeps."""

    def __init__(self) -> None:
        self.slept = 0.0

    def monotonic(self) -> float:
        return self.slept

    def sleep(self, seconds: float, /) -> None:
        self.slept += seconds


def state_becomes(adb, daemon: AdbDaemon, state: str) -> None:
    """Wait until the server lists the phone so."""
    deadline = time.monotonic() + 20
    while adb.state(daemon) != state:
        assert time.monotonic() < deadline, adb.state(daemon)


def test_an_unauthorized_phone_says_what_to_press_and_is_not_tried_again(adb, daemon, place):
    daemon.faults.put(Fault("unauthorized"))
    adb.run("disconnect", daemon.address)
    assert b"failed to authenticate" in adb.run("connect", daemon.address).stdout
    clock = Counting()
    with pytest.raises(AuthRefused, match="does not allow USB debugging") as caught:
        connect(place, clock=clock, opener=lambda place: AdbTransport(place, SETTINGS))
    assert (clock.slept, caught.value.transient, caught.value.code) == (0.0, False, "permission")
    assert "Allow USB debugging?" in (caught.value.hint or "")
    # phones of other tests may be connected to the same server
    found = [one for one in find_phones(adb.address, SETTINGS) if one.way == daemon.address]
    assert [(one.serial, one.state) for one in found] == [(daemon.address, "unauthorized")]
    assert "Allow" in (found[0].todo or "")


def test_an_offline_phone_is_tried_again(adb, daemon, place):
    daemon.faults.put(Fault("offline"))
    state_becomes(adb, daemon, "offline")
    clock = Counting()
    with pytest.raises(DeviceUnreachable, match="is offline") as caught:
        connect(place, clock=clock, total_s=2.0, opener=lambda place: AdbTransport(place, SETTINGS))
    assert clock.slept > 0
    assert "restarting" in (caught.value.hint or "")


def test_a_frozen_phone_is_listed_as_ready_and_does_not_hold_us_up(adb, daemon, place, transport):
    frozen = daemon.faults.put(Fault("frozen"))
    assert adb.state(daemon) == "device"
    began = time.monotonic()
    with pytest.raises(DeviceLost, match="does not answer"):
        transport.exec(["true"])
    with pytest.raises(DeviceUnreachable, match="does not answer within 1 s") as caught:
        AdbTransport(place, SETTINGS)
    assert time.monotonic() - began < 5
    assert "frozen" in (caught.value.hint or "")
    daemon.faults.lift(frozen)


def test_a_phone_that_drops_out_before_the_exit_code_has_not_succeeded(daemon, transport):
    """adb's own client says 0 here, with the whole output."""
    daemon.faults.put(Fault("drop", When("shell", nth=1, before_exit=True)))
    with pytest.raises(DeviceLost):
        transport.exec(["echo", "done"])


@pytest.mark.parametrize("byte", [0, 1, 70_000, SIZE - 1, SIZE])
def test_a_phone_that_drops_out_in_a_push_has_no_file(daemon, phone, transport, payload, byte):
    (phone.tmp / "model").write_bytes(b"old")
    daemon.faults.put(Fault("drop", When("push", nth=1, byte=byte)))
    with pytest.raises(DeviceLost):
        transport.push(payload, "model")
    assert (phone.tmp / "model").read_bytes() == b"old"


@pytest.mark.parametrize("byte", [0, 70_000, SIZE - 1])
def test_a_phone_that_drops_out_in_a_pull_leaves_no_file(daemon, phone, transport, payload, tmp_path, byte):
    (phone.tmp / "log").write_bytes(payload.read_bytes())
    daemon.faults.put(Fault("drop", When("pull", nth=1, byte=byte)))
    with pytest.raises(DeviceLost):
        transport.pull("log", tmp_path / "back")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["payload", "phone"]


@pytest.mark.parametrize("byte", [0, 9_000_000, SIZE - 1])
def test_a_turned_bit_is_found_by_the_hash_alone(daemon, phone, transport, payload, tmp_path, byte):
    daemon.faults.put(Fault("flip", When("push", nth=1, byte=byte)))
    with pytest.raises(DeviceLost, match="arrived damaged"):
        transport.push(payload, "model")
    assert list(phone.tmp.iterdir()) == []
    assert transport.push(payload, "model").bytes_sent == SIZE
    daemon.faults.put(Fault("flip", When("pull", nth=1, byte=byte)))
    with pytest.raises(DeviceLost, match="damaged"):
        transport.pull("model", tmp_path / "back")
    assert not (tmp_path / "back").exists()
    assert transport.pull("model", tmp_path / "back") == SIZE


@pytest.mark.parametrize("byte", [0, 5_000_000])
def test_a_disk_that_fills_up_in_a_push_is_told_and_left_clean(daemon, phone, transport, payload, byte):
    daemon.faults.put(Fault("disk-full", When("push", nth=1, byte=byte)))
    with pytest.raises(DeviceUnfit, match="no space left for 'model'") as caught:
        transport.push(payload, "model")
    assert caught.value.code == "disk-full"
    assert list(phone.tmp.iterdir()) == []


def test_a_phone_that_restarts_is_lost_and_reached_again(adb, daemon, place, transport, payload):
    identity = transport.identity()
    daemon.faults.put(Fault("reboot", When("push", nth=1, byte=100_000), down_s=0.5))
    with pytest.raises(DeviceLost):
        transport.push(payload, "model")
    with connect(place, total_s=30.0, opener=lambda place: AdbTransport(place, SETTINGS)) as again:
        assert again.identity() == identity
        assert again.push(payload, "model").bytes_sent == SIZE
        assert again.push(payload, "model").bytes_sent == 0


def test_a_slow_link_is_no_stall(daemon, transport, payload):
    slow = daemon.faults.put(Fault("slow", bytes_per_s=8e6))
    began = time.monotonic()
    assert transport.push(payload, "model").bytes_sent == SIZE
    assert time.monotonic() - began > 2  # longer than the limit on silence
    daemon.faults.lift(slow)
