"""Links that break, stall and lie: every case ends as DeviceLost, in time, and never as a wrong file."""

from __future__ import annotations

import os
import random
import time

import pytest
from sshd import Sshd

from edgebench.errors import DeviceLost, DeviceUnreachable
from edgebench.transports.ssh import SshTransport

STALL_S = 0.6  # the limit that `far_board` has
SIZE = 3_000_000


@pytest.fixture
def payload(tmp_path):
    path = tmp_path / "payload"
    path.write_bytes(random.Random(11).randbytes(SIZE))
    return path


@pytest.mark.parametrize("fault", ["rst", "fin", "bit-flip"])
@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("after", [0, 300, 20_000])
def test_a_cut_push_is_lost_and_changes_nothing(far_board, server, proxy, payload, fault, direction, after):
    target = server.home / "precious"
    target.write_bytes(b"old")
    proxy.arm(fault, after_bytes=after if direction == "down" else after * 100, direction=direction)
    # the acknowledgements of 3 MB are 96 small packets: 20,000 bytes never come down
    if direction == "down" and after == 20_000:
        proxy.arm(fault, after_bytes=3_000, direction=direction)
    with pytest.raises(DeviceLost) as caught:
        far_board.push(payload, "precious")
    assert proxy.struck.wait(5)
    assert caught.value.transient
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("fault", ["rst", "fin", "bit-flip"])
@pytest.mark.parametrize("after", [0, 200, 5_000, 1_000_000])
def test_a_cut_pull_is_lost_and_leaves_nothing(far_board, server, proxy, payload, tmp_path, fault, after):
    (server.home / "log").write_bytes(payload.read_bytes())
    back = tmp_path / "back"
    proxy.arm(fault, after_bytes=after, direction="down")
    with pytest.raises(DeviceLost):
        far_board.pull("log", back)
    assert proxy.struck.wait(5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["payload"]


@pytest.mark.parametrize("fault", ["rst", "fin", "bit-flip"])
def test_a_cut_command_is_lost_and_not_a_success(far_board, proxy, fault):
    proxy.arm(fault, after_bytes=500_000, direction="down")
    with pytest.raises(DeviceLost):
        far_board.exec(["head", "-c", "2000000", "/dev/zero"])
    assert proxy.struck.wait(5)


@pytest.mark.parametrize("fault", ["rst", "fin", "bit-flip"])
def test_a_cut_stream_gives_what_came_and_is_lost(far_board, server, proxy, fault):
    # a flipped bit in a packet's length makes it wait for bytes that never come: silence ends that
    fifo = server.home / "tick"
    os.mkfifo(fifo)
    with far_board.stream(["sh", "-c", "echo one; read x <tick; echo two"], silence_s=1) as stream:
        lines = iter(stream)
        assert next(lines) == b"one"
        proxy.arm(fault, direction="down")
        fifo.write_text("\n")
        with pytest.raises(DeviceLost):
            next(lines)
        assert stream.returncode is None
    assert proxy.struck.wait(5)
    fifo.unlink()


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_stalled_push_is_seen_in_time(far_board, server, proxy, payload, direction):
    target = server.home / "stalled"
    proxy.arm("stall", after_bytes=1_000, direction=direction)
    began = time.monotonic()
    with pytest.raises(DeviceLost, match=r"stalled .* no byte for 0\.6 s"):
        far_board.push(payload, "stalled")
    assert STALL_S <= time.monotonic() - began < 2 * STALL_S + 1
    assert not target.exists()


def test_a_stalled_pull_is_seen_in_time(far_board, server, proxy, payload, tmp_path):
    (server.home / "log").write_bytes(payload.read_bytes())
    proxy.arm("stall", after_bytes=1_000_000, direction="down")
    began = time.monotonic()
    with pytest.raises(DeviceLost, match=r"stalled .* no byte for 0\.6 s"):
        far_board.pull("log", tmp_path / "back")
    assert STALL_S <= time.monotonic() - began < 2 * STALL_S + 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["payload"]


def test_a_command_on_a_stalled_link_is_lost_not_timed_out(far_board, proxy):
    proxy.arm("stall", direction="up")
    began = time.monotonic()
    with pytest.raises(DeviceLost):
        far_board.exec(["true"], timeout_s=30)
    assert time.monotonic() - began < 2 * STALL_S + 1


def test_a_link_that_stalls_while_a_command_runs_is_lost(far_board, proxy):
    proxy.arm("stall", after_bytes=200_000, direction="down")
    began = time.monotonic()
    with pytest.raises(DeviceLost):
        far_board.exec(["head", "-c", "2000000", "/dev/zero"], timeout_s=1.0)
    assert time.monotonic() - began < 1.0 + 2 * STALL_S + 1


def test_a_link_that_stalls_under_much_input_is_lost(far_board, proxy):
    # the thread that feeds standard input is stuck in sending, and holds what every other sender needs
    proxy.arm("stall", after_bytes=1_000_000, direction="up")
    began = time.monotonic()
    with pytest.raises(DeviceLost):
        far_board.exec(["wc", "-c"], stdin=bytes(20_000_000), timeout_s=1.0)
    assert time.monotonic() - began < 1.0 + 2 * STALL_S + 1


def test_a_slow_link_is_no_stall(server, proxy, payload):
    proxy.arm("rate", direction="up", bytes_per_s=2e6)
    # each 16 KiB take 8 ms, the whole 1.5 s: longer than the limit, but never silent for it
    with SshTransport(server.place(port=proxy.port), server.settings(stall_s=0.5)) as board:
        began = time.monotonic()
        board.push(payload, "slow")
        assert time.monotonic() - began > 1.0
    assert (server.home / "slow").read_bytes() == payload.read_bytes()
    (server.home / "slow").unlink()


def test_after_a_loss_everything_is_lost_at_once(far_board, proxy, payload):
    proxy.arm("rst", direction="up")
    with pytest.raises(DeviceLost):
        far_board.exec(["true"])
    began = time.monotonic()
    for action in (lambda: far_board.exec(["true"]), lambda: far_board.push(payload, "x")):
        with pytest.raises(DeviceLost):
            action()
    with pytest.raises(DeviceLost):
        far_board.stream(["true"], silence_s=1)
    assert time.monotonic() - began < STALL_S


def test_a_server_that_dies_takes_a_silent_stream_with_it(tmp_path):
    with (
        Sshd(tmp_path / "own") as server,
        SshTransport(server.place(), server.settings()) as board,
        board.stream(["sh", "-c", "echo up; exec sleep 600"], silence_s=None) as stream,
    ):
        lines = iter(stream)
        assert next(lines) == b"up"
        server.stop()
        with pytest.raises(DeviceLost, match="the link broke"):
            next(lines)


def test_a_board_that_comes_back_is_reached_again(tmp_path, payload):
    with Sshd(tmp_path / "own") as server:
        with SshTransport(server.place(), server.settings()) as board:
            identity = board.identity()
            server.stop()
            with pytest.raises(DeviceLost):
                board.exec(["true"])
        with pytest.raises(DeviceUnreachable, match="refuses connections"):
            SshTransport(server.place(), server.settings())
        server.start()
        with SshTransport(server.place(), server.settings()) as board:
            assert board.identity() == identity
            assert board.push(payload, "again").bytes_sent == SIZE


@pytest.mark.parametrize("fault", ["rst", "fin", "stall", "bit-flip"])
@pytest.mark.parametrize("after", [0, 30, 1_200, 1_600])
def test_trouble_while_connecting_is_unreachable(server, proxy, fault, after):
    """In the banner, in the key exchange, during login (a login takes 1,750 bytes)."""
    proxy.arm(fault, after_bytes=after, direction="down")
    began = time.monotonic()
    with pytest.raises(DeviceUnreachable) as caught:
        SshTransport(server.place(port=proxy.port), server.settings(connect_s=0.6))
    assert time.monotonic() - began < 3
    assert proxy.struck.wait(5)
    assert caught.value.transient
