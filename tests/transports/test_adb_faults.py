"""Links to a phone that break, stall and lie, before the adb server and behind it: every case ends as DeviceLost, in
time, and never as a wrong file or a success.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from adb_room import AdbServer, PlainPhone
from faults import FaultProxy

from edgebench.errors import DeviceLost, DeviceUnreachable
from edgebench.mock.phone.adbd.server import AdbDaemon
from edgebench.mock.phone.face import USUAL_FEATURES
from edgebench.transports import CommandTimeout
from edgebench.transports.adb import AdbTransport
from edgebench.transports.adb_server import AdbSettings
from edgebench.transports.places import AdbPlace

STALL_S = 0.6
SETTINGS = AdbSettings(connect_s=STALL_S, stall_s=STALL_S, slowest_bytes_per_s=50e6)
SIZE = 3_000_000


@dataclass
class Far:
    """A phone whose way has a fault proxy in it."""

    phone: PlainPhone
    proxy: FaultProxy
    place: AdbPlace
    transport: AdbTransport


@pytest.fixture(params=["to the server", "to the phone"])
def far(request, adb, phone, daemon) -> Iterator[Far]:
    """The proxy stands between us and the server, or between the server and the phone."""
    with far_away(adb, phone, daemon, to_server=request.param == "to the server") as far:
        yield far


@pytest.fixture
def far_phone(adb, phone, daemon) -> Iterator[Far]:
    """The proxy stands between the server and the phone: what stalls there stalls for every command."""
    with far_away(adb, phone, daemon, to_server=False) as far:
        yield far


@contextmanager
def far_away(adb: AdbServer, phone: PlainPhone, daemon: AdbDaemon, *, to_server: bool) -> Iterator[Far]:
    with FaultProxy(adb.port if to_server else int(daemon.address.split(":")[1])) as proxy:
        serial = daemon.address if to_server else f"127.0.0.1:{proxy.port}"
        server = f"127.0.0.1:{proxy.port}" if to_server else adb.address
        adb.connect(daemon if to_server else At(serial))
        place = AdbPlace("phone", serial=serial, server=server)
        yield Far(phone, proxy, place, AdbTransport(place, SETTINGS))
        adb.run("disconnect", serial)


@dataclass
class At:
    """Somebody who listens at an address."""

    address: str


@pytest.fixture
def payload(tmp_path):
    path = tmp_path / "payload"
    path.write_bytes(random.Random(11).randbytes(SIZE))
    return path


@pytest.mark.parametrize("fault", ["rst", "fin"])
@pytest.mark.parametrize("after", [0, 900, 2_000_000])
def test_a_cut_push_is_lost_and_changes_nothing(far, payload, fault, after):
    target = far.phone.tmp / "precious"
    target.write_bytes(b"old")
    far.proxy.arm(fault, after_bytes=after, direction="up")
    with pytest.raises(DeviceLost) as caught:
        far.transport.push(payload, "precious")
    assert far.proxy.struck.wait(5)
    assert caught.value.transient
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("fault", ["rst", "fin"])
@pytest.mark.parametrize("after", [0, 300, 1_000_000])
def test_a_cut_pull_is_lost_and_leaves_nothing(far, payload, tmp_path, fault, after):
    (far.phone.tmp / "log").write_bytes(payload.read_bytes())
    far.proxy.arm(fault, after_bytes=after, direction="down")
    with pytest.raises(DeviceLost):
        far.transport.pull("log", tmp_path / "back")
    assert far.proxy.struck.wait(5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["payload", "phone"]


def test_a_flipped_byte_of_a_push_is_found_by_its_hash(far, payload):
    """adb has no checksum of its own: only the hashes see it. 200 KB after the beginning lies inside a piece."""
    far.proxy.arm("bit-flip", after_bytes=200_003, direction="up")
    with pytest.raises(DeviceLost, match="arrived damaged"):
        far.transport.push(payload, "flipped")
    assert far.proxy.struck.is_set()
    assert list(far.phone.tmp.iterdir()) == []


def test_a_flipped_byte_of_a_pull_is_found_by_its_hash(far, payload, tmp_path):
    (far.phone.tmp / "log").write_bytes(payload.read_bytes())
    far.proxy.arm("bit-flip", after_bytes=200_003, direction="down")
    with pytest.raises(DeviceLost, match="changed or was damaged"):
        far.transport.pull("log", tmp_path / "back")
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("fault", ["rst", "fin"])
def test_a_cut_command_is_lost_and_not_a_success(far, fault):
    far.proxy.arm(fault, after_bytes=500_000, direction="down")
    with pytest.raises(DeviceLost):
        far.transport.exec(["head", "-c", "2000000", "/dev/zero"])
    assert far.proxy.struck.wait(5)


@pytest.mark.parametrize("features", [USUAL_FEATURES, ("cmd",)])
@pytest.mark.parametrize("to_server", [True, False])
def test_a_command_cut_at_any_byte_of_its_answer_is_never_a_success(adb, phone, daemon, to_server, features):
    """The whole conversation of `echo` is cut short ever later, until it comes through; adb itself would say 0.

    Without shell v2 there is no exit code at all: only the records of our own shell tell.
    """
    phone.features = features
    for after in range(0, 4000, 29):
        with far_away(adb, phone, daemon, to_server=to_server) as far:
            far.proxy.arm("fin", after_bytes=after, direction="down")
            try:
                done = far.transport.exec(["echo", "whole"])
            except DeviceLost:
                assert far.proxy.struck.wait(5)
                continue
            assert (done.returncode, done.stdout, done.stderr) == (0, b"whole\n", b"")
            assert after > 100
            return
    pytest.fail("4000 bytes were not enough for an `echo`")


@pytest.mark.parametrize("fault", ["rst", "fin"])
def test_a_cut_stream_gives_what_came_and_is_lost(far, fault):
    fifo = far.phone.tmp / "tick"
    os.mkfifo(fifo)
    with far.transport.stream(["sh", "-c", "echo one; read x <tick; echo two"], silence_s=5) as stream:
        lines = iter(stream)
        assert next(lines) == b"one"
        far.proxy.arm(fault, direction="down")
        fifo.write_text("\n")
        with pytest.raises(DeviceLost, match="the link broke"):
            next(lines)
        assert stream.returncode is None


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_stalled_push_is_seen_in_time(far, payload, direction):
    far.proxy.arm("stall", after_bytes=1_500_000 if direction == "up" else 100, direction=direction)
    began = time.monotonic()
    with pytest.raises(DeviceLost):
        far.transport.push(payload, "stalled")
    assert STALL_S <= time.monotonic() - began < 8 * STALL_S
    target = far.phone.tmp / "stalled"  # there already where the last answer alone was held up
    assert not target.exists() or target.read_bytes() == payload.read_bytes()


def test_a_stalled_pull_is_seen_in_time(far, payload, tmp_path):
    (far.phone.tmp / "log").write_bytes(payload.read_bytes())
    far.proxy.arm("stall", after_bytes=1_000_000, direction="down")
    began = time.monotonic()
    with pytest.raises(DeviceLost, match=r"stalled .* nothing moved for 0\.6 s"):
        far.transport.pull("log", tmp_path / "back")
    assert STALL_S <= time.monotonic() - began < 8 * STALL_S
    assert sorted(path.name for path in tmp_path.iterdir()) == ["payload", "phone"]


def test_a_frozen_phone_is_lost_when_asked_and_unreachable_when_connected(far_phone):
    """It goes on being listed as `device`."""
    far_phone.proxy.arm("stall", direction="up")
    began = time.monotonic()
    with pytest.raises(DeviceLost, match="does not answer"):
        far_phone.transport.exec(["true"], timeout_s=30)
    with pytest.raises(DeviceUnreachable, match="does not answer") as caught:
        AdbTransport(far_phone.place, SETTINGS)
    assert time.monotonic() - began < 6 * STALL_S
    assert caught.value.transient
    assert caught.value.hint


def test_a_phone_that_freezes_under_a_command_is_lost_not_timed_out(far_phone):
    far_phone.proxy.arm("stall", after_bytes=100_000, direction="down")
    began = time.monotonic()
    with pytest.raises(DeviceLost):
        far_phone.transport.exec(["sh", "-c", "head -c 200000 /dev/zero; sleep 600"], timeout_s=1.0)
    assert time.monotonic() - began < 1.0 + 6 * STALL_S


def test_a_slow_link_is_no_stall(far, payload):
    far.proxy.arm("rate", direction="up", bytes_per_s=2e6)
    patient = AdbTransport(far.place, AdbSettings(connect_s=5.0, stall_s=STALL_S))
    began = time.monotonic()
    patient.push(payload, "slow")
    assert time.monotonic() - began > 1.0
    assert (far.phone.tmp / "slow").read_bytes() == payload.read_bytes()


def test_a_timeout_kills_through_a_second_shell_what_setsid_did_not_hide(far):
    with pytest.raises(CommandTimeout):
        far.transport.exec(["sh", "-c", "echo $$ >pid; sleep 600 & wait"], timeout_s=0.5)
    pid = (far.phone.tmp / "pid").read_text().strip()
    state = far.transport.exec(["sh", "-c", 'cut -d" " -f3 /proc/$1/stat 2>/dev/null || echo gone', "sh", pid])
    assert state.stdout.strip() in (b"gone", b"Z")


def test_a_cable_pulled_from_a_silent_stream_is_seen_at_once(adb, phone, daemon):
    address = adb.connect(daemon)
    transport = AdbTransport(AdbPlace("phone", serial=address, server=adb.address), SETTINGS)
    with transport.stream(["sh", "-c", "echo up; exec sleep 600"], silence_s=None) as stream:
        lines = iter(stream)
        assert next(lines) == b"up"
        threading.Timer(0.05, daemon.cut).start()
        with pytest.raises(DeviceLost, match="the link broke"):
            next(lines)
    adb.run("disconnect", address)


def test_another_program_restarts_the_server_in_the_middle(tmp_path, phone, daemon, payload):
    with AdbServer(tmp_path) as own:
        place = AdbPlace("phone", serial=own.connect(daemon), server=own.address)
        transport = AdbTransport(place, SETTINGS)
        identity = transport.identity()
        with transport.stream(["sh", "-c", "echo up; exec sleep 600"], silence_s=None) as stream:
            lines = iter(stream)
            assert next(lines) == b"up"
            own.run("kill-server")
            with pytest.raises(DeviceLost):
                next(lines)
        with pytest.raises(DeviceLost, match="the adb server went away"):
            transport.exec(["true"])
        with pytest.raises(DeviceUnreachable, match="does not answer"):
            AdbTransport(place, SETTINGS)
        assert own.run("start-server").returncode == 0
        with AdbTransport(place, SETTINGS) as again:  # the new server was told of the phone's address
            assert again.identity() == identity
            assert again.push(payload, "again").bytes_sent == SIZE
