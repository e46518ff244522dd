"""The engines that the stand-in `trtexec` saves: what they were built for, and the model itself to compute with."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from dataclasses import asdict, dataclass, field
from typing import Any

from edgebench.mock.jetson.trtexec import words
from edgebench.mock.jetson.trtexec.dialects import Dialect
from edgebench.mock.jetson.trtexec.flags import Shapes

MAGIC = b"ptrt"
HEAD = struct.Struct("<4sIII")
"""Magic, serialization version, length and CRC of the header after it."""


@dataclass(frozen=True)
class Engine:
    """A built engine: `sm` and `gpu` it was built on, precisions allowed, the profile of its open axes, the model."""

    version: str
    sm: str
    gpu: str
    fp16: bool
    int8: bool
    model: bytes
    dla: int | None = None
    fallback: bool = False
    detailed: bool = False
    ranges: dict[str, float] | None = None
    profile: tuple[Shapes, Shapes, Shapes] = field(default_factory=lambda: ({}, {}, {}))

    @property
    def sha256(self) -> str:
        """The hash of the model in it."""
        return hashlib.sha256(self.model).hexdigest()

    def to_bytes(self) -> bytes:
        """The file."""
        fields = {key: value for key, value in asdict(self).items() if key != "model"}
        header = json.dumps({**fields, "sha256": self.sha256}, sort_keys=True).encode()
        return HEAD.pack(MAGIC, Dialect(self.version).tag, len(header), zlib.crc32(header)) + header + self.model


class Refused(Exception):
    """An engine that this TensorRT does not take: `lines` are its own words."""

    def __init__(self, *lines: str) -> None:
        super().__init__(lines[0])
        self.lines = lines


def read_engine(data: bytes, dialect: Dialect, sm: str) -> Engine:
    """Deserialize an engine on a board of compute capability `sm`. Raises `Refused`.

    The wording is that of logs of 8.2.4, 8.5.3, 8.6 and 10; where a release before 10 refuses one of the same tag but
    another version, its wording was not seen and is that of 8.6.
    """
    if len(data) < HEAD.size or data[:4] != MAGIC:
        raise Refused(_no_engine(dialect))
    _, tag, length, crc = HEAD.unpack_from(data)
    told = data[HEAD.size : HEAD.size + length]
    if zlib.crc32(told) != crc:
        raise Refused(_no_engine(dialect))
    header: dict[str, Any] = json.loads(told)
    if tag != dialect.tag:
        raise Refused(_serialization(dialect, words.VERSION_TAG.format(ours=dialect.tag, theirs=tag)))
    if header["version"] != dialect.version:
        raise Refused(_usage(dialect, words.OTHER_VERSION.format(ours=dialect.version, theirs=header["version"])))
    if header["sm"] != sm:
        raise Refused(_usage(dialect, words.OTHER_DEVICE.format(ours=sm, theirs=header["sm"])))
    model = data[HEAD.size + length :]
    if hashlib.sha256(model).hexdigest() != header.pop("sha256"):
        raise Refused(_serialization(dialect, "Unexpected end of the engine's stream"))
    header["profile"] = tuple({name: tuple(dims) for name, dims in part.items()} for part in header["profile"])
    return Engine(model=model, **header)


def _no_engine(dialect: Dialect) -> str:
    return words.PLAN_TAG if dialect.since(10) else words.MAGIC_TAG


def _serialization(dialect: Dialect, text: str) -> str:
    if dialect.since(10):
        return words.SERIALIZATION_10.format(words=text)
    return words.SERIALIZATION_8.format(words=text, line=42 if dialect.since(8, 5) else 40)


def _usage(dialect: Dialect, text: str) -> str:
    if dialect.since(10):
        return f"Error[6]: IRuntime::deserializeCudaEngine: Error Code 6: API Usage Error ({text})"
    return f"Error[6]: {text}"
