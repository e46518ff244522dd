"""Connections side by side: rubbish on one never disturbs another, and streams share one fairly."""

import errno
import hashlib
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from adb_room import PlainPhone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgebench.mock.phone.adbd import wire
from edgebench.mock.phone.adbd.server import AdbDaemon
from edgebench.mock.phone.adbd.wire import CLSE, CNXN, OKAY, OPEN, WRTE, Packet

HELLO = wire.encode(Packet(CNXN, wire.VERSION_WITHOUT_CHECKSUMS, 4096, b"host::\0"))
FUZZ = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

WORDS = st.one_of(st.integers(0, 5), st.integers(0, 2**32 - 1))
NAMES = st.sampled_from([b"shell,v2:cat", b"shell:cat", b"exec:cat", b"sync:", b"reboot", b":", b"\xff\xfe:", b""])
LETTERS = st.sampled_from([b"STAT", b"LIS2", b"RECV", b"SEND", b"SND2", b"DATA", b"DONE", b"QUIT", b"\0\0\0\0"])
SYNC_LIKE = st.builds(lambda word, size, more: word + size.to_bytes(4, "little") + more, LETTERS, WORDS, st.binary())
COMMANDS = st.sampled_from([CNXN, wire.AUTH, OPEN, OKAY, WRTE, CLSE, 0])
PACKETS = st.builds(Packet, COMMANDS, WORDS, WORDS, st.one_of(NAMES, SYNC_LIKE, st.binary(max_size=100)))


def dial(daemon):
    host, _, port = daemon.address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def finish(link):
    """End our side, and read until the phone has ended its own; a reset is an end too."""
    try:
        link.shutdown(socket.SHUT_WR)
        while link.recv(65536):
            pass
    except OSError as error:
        # without a connection is what a reset leaves us
        if not isinstance(error, ConnectionError) and error.errno != errno.ENOTCONN:
            raise


@given(rubbish=st.binary(max_size=2000), greets=st.booleans())
@FUZZ
def test_rubbish_ends_its_own_connection_only(adb, daemon, rubbish, greets):
    with dial(daemon) as link:
        link.sendall((HELLO if greets else b"") + rubbish)
        finish(link)
    assert adb.device(daemon).shell("echo alive") == "alive"


@given(packets=st.lists(PACKETS, max_size=12))
@FUZZ
def test_packets_without_sense_end_their_own_connection_only(adb, daemon, packets):
    with dial(daemon) as link:
        link.sendall(HELLO + b"".join(wire.encode(packet) for packet in packets))
        finish(link)
    assert adb.device(daemon).shell("echo alive") == "alive"


@given(requests=st.lists(SYNC_LIKE, min_size=1, max_size=6))
@FUZZ
def test_sync_requests_without_sense_harm_nobody(adb, daemon, requests):
    opened = wire.encode(Packet(OPEN, 1, 0, b"sync:\0"))
    written = b"".join(wire.encode(Packet(WRTE, 1, number, b"".join(requests))) for number in (1, 2))
    with dial(daemon) as link:
        link.sendall(HELLO + opened + written + wire.encode(Packet(CLSE, 1, 1)))
        finish(link)
    assert adb.device(daemon).shell("echo alive") == "alive"


def test_no_thread_is_left_when_all_connections_ended(tmp_path):
    before = set(threading.enumerate())
    with AdbDaemon(PlainPhone(tmp_path / "phone")) as daemon:
        for _ in range(5):
            with dial(daemon) as link:
                link.sendall(HELLO + wire.encode(Packet(OPEN, 1, 0, b"shell,v2:sleep 1000\0")))
                link.recv(24)
    for thread in set(threading.enumerate()) - before:
        thread.join(20)
        assert not thread.is_alive(), thread


def test_no_thread_is_left_of_a_command_that_is_over(adb, daemon):
    before = set(threading.enumerate())
    for _ in range(10):
        assert adb.run("-s", daemon.address, "shell", "echo over").stdout == b"over\n"
    for thread in set(threading.enumerate()) - before:
        thread.join(20)
        assert not thread.is_alive(), thread


def test_nothing_but_the_greeting_is_answered_before_the_greeting(daemon):
    with dial(daemon) as link:
        link.sendall(wire.encode(Packet(OPEN, 1, 0, b"shell:echo early\0")) + HELLO)
        first = link.recv(24, socket.MSG_WAITALL)
    assert first[:4] == b"CNXN"


def test_an_old_phone_refuses_a_wrong_checksum(tmp_path):
    whole = wire.encode(Packet(OPEN, 1, 0, b"shell:echo hello\0"))
    hello = wire.encode(Packet(CNXN, wire.VERSION_WITH_CHECKSUMS, 4096, b"host::\0"))
    with AdbDaemon(PlainPhone(tmp_path / "phone"), version=wire.VERSION_WITH_CHECKSUMS) as old:
        with dial(old) as link, link.makefile("rb") as reader:
            link.sendall(hello + whole)
            wire.verify(wire.read_packet(reader.read))
            assert wire.read_packet(reader.read).command == OKAY
        with dial(old) as link, link.makefile("rb") as reader:
            link.sendall(hello + whole[:-2] + b"O\0")
            assert wire.read_packet(reader.read).command == CNXN
            assert reader.read() == b""


def test_an_unknown_service_is_closed_with_no_stream_of_ours(daemon):
    with dial(daemon) as link, link.makefile("rb") as reader:
        link.sendall(HELLO + wire.encode(Packet(OPEN, 77, 0, b"nothing-like-it:\0")))
        assert wire.read_packet(reader.read).command == CNXN
        assert wire.read_packet(reader.read)[:3] == (CLSE, 0, 77)


def test_no_second_write_before_the_first_is_acknowledged(daemon):
    """The other side announced 4096 bytes a packet: a phone that did not wait would send all of them at once."""
    with dial(daemon) as link, link.makefile("rb") as reader:
        link.sendall(HELLO + wire.encode(Packet(OPEN, 9, 0, b"exec:head -c 10000 /dev/zero\0")))
        assert wire.read_packet(reader.read).command == CNXN
        okay = wire.read_packet(reader.read)
        first = wire.read_packet(reader.read)
        assert (okay.command, first.command, len(first.payload)) == (OKAY, WRTE, 4096)
        link.settimeout(0.3)
        with pytest.raises(TimeoutError):
            reader.read(1)


def test_transfers_and_commands_share_the_connection(adb, daemon, tmp_path):
    """Twenty streams over the one connection of the server, a dozen of them files."""
    hashes = {}
    for number in range(6):
        content = os.urandom(700_000 + number)
        (tmp_path / f"out{number}").write_bytes(content)
        (daemon.face.tmp / f"in{number}").write_bytes(content[::-1])
        hashes[number] = (hashlib.sha256(content).digest(), hashlib.sha256(content[::-1]).digest())

    def push(number):
        adb.run("-s", daemon.address, "push", str(tmp_path / f"out{number}"), f"/data/local/tmp/out{number}")
        return hashlib.sha256((daemon.face.tmp / f"out{number}").read_bytes()).digest() == hashes[number][0]

    def pull(number):
        adb.run("-s", daemon.address, "pull", f"/data/local/tmp/in{number}", str(tmp_path / f"in{number}"))
        return hashlib.sha256((tmp_path / f"in{number}").read_bytes()).digest() == hashes[number][1]

    def say(number):
        return adb.device(daemon).shell(f"echo {number}") == str(number)

    with ThreadPoolExecutor(20) as pool:
        done = [*pool.map(push, range(6)), *pool.map(pull, range(6)), *pool.map(say, range(8))]
    assert done == [True] * 20
