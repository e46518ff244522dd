"""Packets of the shell protocol, version 2: one byte of kind, four of length, then data."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from enum import IntEnum

from edgebench.mock.phone.adbd.streams import Stream
from edgebench.mock.phone.adbd.wire import Payload

PACKET = struct.Struct("<BI")
MAX_SIDE = 0xFFFF


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


def received(stream: Stream) -> Iterator[tuple[int, memoryview]]:
    """Yield what the client sends, large packets in pieces, until it closes its standard input.

    Raises EOFError where the stream ends first, which means that the client is gone.
    """
    while True:
        kind, length = PACKET.unpack(stream.read_exactly(PACKET.size))
        if kind == Kind.CLOSE_STDIN:
            return
        for data in _pieces(stream, length):
            yield kind, data


def standard_input(stream: Stream) -> Iterator[memoryview]:
    """Yield what the client types and nothing else; ends and raises as `received`."""
    return (data for kind, data in received(stream) if kind == Kind.STDIN)


def window_size(data: Payload) -> tuple[int, int]:
    """Return the rows and columns that a packet of that kind tells ("24x80,0x0"); raises ValueError."""
    found = re.match(rb"(\d{1,5})x(\d{1,5}),", data)
    if found is None:
        raise ValueError("not a window's size")
    rows, columns = int(found[1]), int(found[2])
    if max(rows, columns) > MAX_SIDE:
        raise ValueError("no window is so large")
    return rows, columns


def _pieces(stream: Stream, length: int) -> Iterator[memoryview]:
    """Yield `length` bytes in pieces, so that a length of 4 GiB asks for no memory."""
    while length:
        piece = stream.read_exactly(min(length, 1 << 16))
        length -= len(piece)
        yield piece
