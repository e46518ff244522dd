"""Samples as compressed, typed, checked blobs; documents as compressed text.

A blob of samples is `<tag u1><count u4><crc32 u4><zstd frame>`, little-endian. The frame holds unsigned integers with
their bytes shuffled (all lowest bytes first): 4 bytes wide, or 8 where a value does not fit 32 bits (4.29 s in ns).
Ascending values too large for 32 bits (start times) are kept as the first value and the differences. The checksum
covers tag, count and the unpacked frame.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from edgebench.errors import StoreError

U4, U8, DELTA4, DELTA8 = 1, 2, 3, 4
_HEADER = struct.Struct("<BII")
_FIRST = struct.Struct("<q")
_LEVEL = 3
_LARGEST_DOCUMENT = 1 << 28


def encode(values: NDArray[np.int64]) -> bytes:
    """Pack int64 values, shape (n,), of any sign and order. Raises ValueError for another type or shape."""
    if values.dtype != np.int64 or values.ndim != 1:
        raise ValueError(f"samples are int64 in one dimension, not {values.dtype} in {values.ndim}")
    tag, payload = _narrowest(values)
    count = len(values)
    frame = zstandard.ZstdCompressor(level=_LEVEL).compress(payload)
    return _HEADER.pack(tag, count, _checksum(tag, count, payload)) + frame


def decode(blob: bytes) -> NDArray[np.int64]:
    """Unpack what `encode` packed: int64, shape (n,). Raises StoreError for anything else."""
    if not isinstance(blob, bytes) or len(blob) < _HEADER.size:
        raise _damaged("samples are", "too short")
    tag, count, checksum = _HEADER.unpack_from(blob)
    payload = _unpack(blob[_HEADER.size :], _payload_size(tag, count))
    if _checksum(tag, count, payload) != checksum:
        raise _damaged("samples are", "checksum")
    if tag in (U4, U8):
        return _unshuffled(payload, _width(tag))
    steps = _unshuffled(payload[_FIRST.size :], _width(tag))
    return np.concatenate([np.array(_FIRST.unpack_from(payload)), steps]).cumsum(dtype=np.int64)


def pack_text(text: str) -> bytes:
    """A document as a zstd frame with a checksum: an eighth of its size, read from one page of the file, not four."""
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(text.encode())


def unpack_text(blob: bytes) -> bytes:
    """The document that `pack_text` packed, as UTF-8. Raises StoreError for anything else."""
    try:
        if zstandard.frame_content_size(blob) > _LARGEST_DOCUMENT:
            raise _damaged("document is", "length")
        return zstandard.ZstdDecompressor().decompress(blob)
    except (zstandard.ZstdError, TypeError) as error:
        raise _damaged("document is", "not a zstd frame") from error


def _narrowest(values: NDArray[np.int64]) -> tuple[int, bytes]:
    """Tag and unpacked payload of the narrowest form that keeps every value."""
    if len(values) == 0 or (values.min() >= 0 and values.max() < 2**32):
        return U4, _shuffled(values, np.uint32)
    if len(values) < 2 or (values[1:] < values[:-1]).any():
        return U8, _shuffled(values, np.uint64)
    steps = np.diff(values.view(np.uint64))
    first = _FIRST.pack(int(values[0]))
    if steps.max() < 2**32:
        return DELTA4, first + _shuffled(steps, np.uint32)
    return DELTA8, first + _shuffled(steps, np.uint64)


def _shuffled(values: NDArray[Any], kind: type[np.unsignedinteger[Any]]) -> bytes:
    """The bytes of the values as little-endian `kind`, place by place: the high ones, mostly equal, lie together."""
    plain = values.astype(np.dtype(kind).newbyteorder("<"))
    return plain.view(np.uint8).reshape(-1, plain.itemsize).T.tobytes()


def _unshuffled(payload: bytes, width: int) -> NDArray[np.int64]:
    """Values, shape (n,), of what `_shuffled` made."""
    columns = np.frombuffer(payload, dtype=np.uint8).reshape(width, -1)
    values = np.ascontiguousarray(columns.T).view(f"<u{width}").ravel()
    return values.astype(np.int64)


def _width(tag: int) -> int:
    """Bytes of one value."""
    return 4 if tag in (U4, DELTA4) else 8


def _payload_size(tag: int, count: int) -> int:
    """Bytes of the unpacked payload. Raises StoreError for an unknown tag."""
    if tag in (U4, U8):
        return count * _width(tag)
    if tag in (DELTA4, DELTA8) and count:
        return _FIRST.size + (count - 1) * _width(tag)
    raise _damaged("samples are", f"unknown codec {tag}")


def _unpack(frame: bytes, size: int) -> bytes:
    """The frame's content, which must have `size` bytes: asked first, so that damage never allocates at will."""
    try:
        stated = zstandard.frame_content_size(frame)
        if stated != size:
            raise _damaged("samples are", "length")
        payload = zstandard.ZstdDecompressor().decompress(frame)
    except (zstandard.ZstdError, MemoryError) as error:
        raise _damaged("samples are", "not a zstd frame") from error
    if len(payload) != size:
        raise _damaged("samples are", "length")
    return payload


def _checksum(tag: int, count: int, payload: bytes) -> int:
    """CRC-32 over tag, count and payload."""
    return zlib.crc32(payload, zlib.crc32(struct.pack("<BI", tag, count)))


def _damaged(what: str, why: str) -> StoreError:
    """The error for a blob that does not unpack."""
    return StoreError(f"stored {what} damaged ({why})", hint="see `edgebench store check`; restore a backup")
