"""Packets of the shell protocol, version 2: one byte of kind, four of length, then data."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum

from edgebench.mock.phone.adbd.streams import Stream
from edgebench.mock.phone.adbd.wire import Payload

PACKET = struct.Struct("<BI")


class Kind(IntEnum):
    """What a packet carries."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2
    EXIT = 3
    CLOSE_STDIN = 4
    WINDOW_SIZE = 5


def shell_packet(kind: Kind, data: Payload) -> bytes:
    """Return a packet."""
    return PACKET.pack(kind, len(data)) + bytes(data)


def exit_packet(returncode: int) -> bytes:
    """Return the last packet for a return code as `subprocess` gives it: 128 and the signal where one ended it."""
    return shell_packet(Kind.EXIT, bytes([0x80 | -returncode if returncode < 0 else returncode]))


def standard_input(stream: Stream) -> Iterator[memoryview]:
    """Yield what the client types, until it closes its standard input; other packets are skipped.

    Raises EOFError where the stream ends first, which means that the client is gone.
    """
    while True:
        kind, length = PACKET.unpack(stream.read_exactly(PACKET.size))
        if kind == Kind.CLOSE_STDIN:
            return
        for data in _pieces(stream, length):
            if kind == Kind.STDIN:
                yield data


def _pieces(stream: Stream, length: int) -> Iterator[memoryview]:
    """Yield `length` bytes in pieces, so that a length of 4 GiB asks for no memory."""
    while length:
        piece = stream.read_exactly(min(length, 1 << 16))
        length -= len(piece)
        yield piece
