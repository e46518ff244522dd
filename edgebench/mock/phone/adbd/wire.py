"""Packets of the ADB protocol: 24 bytes of little-endian header, then the payload."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

Payload = bytes | bytearray | memoryview
Fill = Callable[[int], bytearray]
"""Reads exactly so many bytes; raises EOFError where the stream ends before."""

HEADER = struct.Struct("<6I")


def _word(name: bytes) -> int:
    return int.from_bytes(name, "little")


CNXN, AUTH, OPEN, OKAY, WRTE, CLSE = map(_word, (b"CNXN", b"AUTH", b"OPEN", b"OKAY", b"WRTE", b"CLSE"))

VERSION_WITH_CHECKSUMS = 0x01000000
VERSION_WITHOUT_CHECKSUMS = 0x01000001
MAX_PAYLOAD = 1 << 20
"""What adbd has announced since Android 9; also the most that is read of anybody."""

TOKEN, SIGNATURE, PUBLIC_KEY = 1, 2, 3
"""arg0 of AUTH."""


class ProtocolError(ValueError):
    """What came is not an ADB packet; nothing after it can be understood."""


class Packet(NamedTuple):
    """One message; what the arguments mean depends on the command."""

    command: int
    arg0: int
    arg1: int
    payload: Payload = b""
    checksum: int = 0


def checksum(payload: Payload) -> int:
    """Return the sum of the payload's bytes, which the protocol calls its CRC."""
    return sum(payload) & 0xFFFFFFFF


def header(packet: Packet) -> bytes:
    """Return the 24 bytes before the payload; the packet's own checksum field is used."""
    command, arg0, arg1, payload, total = packet
    return HEADER.pack(command, arg0, arg1, len(payload), total, command ^ 0xFFFFFFFF)


def encode(packet: Packet, *, with_checksum: bool = True) -> bytes:
    """Return a packet whole."""
    total = checksum(packet.payload) if with_checksum else 0
    return header(packet._replace(checksum=total)) + bytes(packet.payload)


def read_packet(fill: Fill, *, limit: int = MAX_PAYLOAD) -> Packet:
    """Read the next packet; its checksum is not looked at, see `verify`.

    Raises EOFError at the end of the stream and ProtocolError for what is no packet or is over `limit` bytes.
    """
    command, arg0, arg1, length, total, magic = HEADER.unpack(fill(HEADER.size))
    if magic != command ^ 0xFFFFFFFF:
        raise ProtocolError(f"command {command:#010x} comes with magic {magic:#010x}")
    if length > limit:
        raise ProtocolError(f"a payload of {length} bytes, over {limit}")
    return Packet(command, arg0, arg1, fill(length) if length else b"", total)


def verify(packet: Packet) -> None:
    """Raise ProtocolError where the checksum is not the payload's."""
    if packet.checksum != checksum(packet.payload):
        raise ProtocolError(f"checksum {packet.checksum:#x}, but the payload's is {checksum(packet.payload):#x}")


def banner(properties: Mapping[str, str], features: Iterable[str]) -> bytes:
    """Return what a device says of itself in CNXN."""
    names = ("ro.product.name", "ro.product.model", "ro.product.device")
    told = "".join(f"{name}={properties.get(name, '')};" for name in names)
    return f"device::{told}features={','.join(features)}".encode()
