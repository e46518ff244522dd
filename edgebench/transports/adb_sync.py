"""adb's file protocol: SEND and RECV with 64 KiB pieces, a refusal heard while sending, and limits on silence."""

from __future__ import annotations

import itertools
import os
import select
import socket
import stat
import struct
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, cast

from adbutils import AdbError

from edgebench.transports.adb_link import AdbLink

PIECE_BYTES = 64 * 1024
"""The most that one DATA may carry (SYNC_DATA_MAX of adb); adbutils' own push sends 4 KiB."""

_HEADER = struct.Struct("<4sI")
_STAT = struct.Struct("<4s3I")
_TOGETHER = 16
_MAX_IN_FLIGHT = 16 * 2**20


class Refused(AdbError):  # type: ignore[misc]
    """The phone answered FAIL; the text is what it gave as reason, often an errno's words, sometimes nothing."""


@contextmanager
def session(link: AdbLink) -> Iterator[socket.socket]:
    """A connection to the phone's file service. Raises DeviceLost."""
    connection = link.open(b"sync:")
    try:
        connection.conn.settimeout(link.settings.stall_s)
        yield connection.conn
    finally:
        connection.close()


def send_bytes(link: AdbLink, path: str, data: bytes) -> None:
    """Write a small file of ours. Raises Refused, OSError, DeviceLost."""
    with session(link) as sync:
        pieces = (data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES))
        send(sync, path, 0o600, pieces, link.settings.slowest_bytes_per_s)


def send(sync: socket.socket, path: str, mode: int, pieces: Iterable[bytes], slowest_bytes_per_s: float) -> int:
    """Write a file of these pieces (64 KiB at most each); its bytes. Raises Refused, OSError, EOFError.

    The phone makes missing folders, and gives the mode's owner bits to everyone: see to both.
    """
    wanted = os.fsencode(path) + b",%d" % (stat.S_IFREG | mode)
    sync.sendall(_HEADER.pack(b"SEND", len(wanted)) + wanted)
    sent = 0
    for together in _gathered(pieces, _TOGETHER):
        if select.select([sync], [], [], 0)[0]:
            break  # it has something to say already: no room, or no permission
        sync.sendall(b"".join(part for piece in together for part in (_HEADER.pack(b"DATA", len(piece)), piece)))
        sent += sum(map(len, together))
    else:
        sync.sendall(_HEADER.pack(b"DONE", int(time.time()) & 0xFFFFFFFF))
    sync.settimeout((sync.gettimeout() or 0.0) + min(sent, _MAX_IN_FLIGHT) / slowest_bytes_per_s)
    with cast("BinaryIO", sync.makefile("rb")) as reader:
        kind, size = _HEADER.unpack(_exactly(reader, _HEADER.size))
        if kind != b"OKAY":
            raise _refusal(reader, kind, size)
    return sent


def _gathered(pieces: Iterable[bytes], count: int) -> Iterator[list[bytes]]:
    """The pieces in lists of that many: one system call sends them."""
    rest = iter(pieces)
    while together := list(itertools.islice(rest, count)):
        yield together


def modes(sync: socket.socket, paths: Sequence[str]) -> list[int]:
    """`st_mode` of each, symbolic links not followed; 0 of what is not there or not ours to see.

    Raises Refused, OSError, EOFError.
    """
    wanted = [os.fsencode(path) for path in paths]
    sync.sendall(b"".join(_HEADER.pack(b"STAT", len(path)) + path for path in wanted))
    _acknowledge_at_once(sync)
    found = []
    with cast("BinaryIO", sync.makefile("rb")) as reader:
        for _ in wanted:
            kind, mode, _size, _modified = _STAT.unpack(_exactly(reader, _STAT.size))
            if kind != b"STAT":
                raise Refused(f"an answer that is no adb: {kind!r}")
            found.append(mode)
    return found


def receive(sync: socket.socket, path: str) -> Iterator[bytes]:
    """The pieces of a file. Raises Refused, OSError, EOFError."""
    wanted = os.fsencode(path)
    sync.sendall(_HEADER.pack(b"RECV", len(wanted)) + wanted)
    _acknowledge_at_once(sync)
    with cast("BinaryIO", sync.makefile("rb", buffering=4 * PIECE_BYTES)) as reader:
        while True:
            kind, size = _HEADER.unpack(_exactly(reader, _HEADER.size))
            if kind == b"DONE":
                return
            if kind != b"DATA" or size > PIECE_BYTES:
                raise _refusal(reader, kind, size)
            yield _exactly(reader, size)


def _acknowledge_at_once(sync: socket.socket) -> None:
    """Acknowledge what comes next without delay: the server keeps the last small packet back for 40 ms otherwise."""
    if hasattr(socket, "TCP_QUICKACK"):  # Linux has it
        sync.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _refusal(reader: BinaryIO, kind: bytes, size: int) -> Refused:
    if kind != b"FAIL" or size > PIECE_BYTES:
        return Refused(f"an answer that is no adb: {kind!r}")
    return Refused(_exactly(reader, size).decode("utf-8", "replace"))


def _exactly(reader: BinaryIO, size: int) -> bytes:
    data = reader.read(size)
    if len(data) < size:
        raise EOFError("the stream ended in the middle")
    return data
