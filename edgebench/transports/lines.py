"""Bytes that arrive in pieces, cut into lines; and the tail of a log."""

from __future__ import annotations

STDERR_TAIL_BYTES = 64 * 1024


class LineBuffer:
    """Collects pieces of a byte stream and gives out whole lines.

    >>> buffer = LineBuffer()
    >>> buffer.feed(b"one\\ntw"), buffer.feed(b"o\\nthr"), buffer.rest()
    ([b'one'], [b'two'], [b'thr'])
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        """Lines that `data` completes, without their newline."""
        head, newline, tail = data.rpartition(b"\n")
        if not newline:
            self._pieces.append(data)
            return []
        lines = b"".join([*self._pieces, head]).split(b"\n")
        self._pieces = [tail] if tail else []
        return lines

    def rest(self) -> list[bytes]:
        """What came after the last newline, as a line of its own if there is anything."""
        last = b"".join(self._pieces)
        self._pieces = []
        return [last] if last else []


class Tail:
    """Keeps the last bytes of a stream."""

    def __init__(self, limit: int = STDERR_TAIL_BYTES) -> None:
        self._limit = limit
        self.data = b""

    def feed(self, data: bytes) -> None:
        """Append, and forget what is too old."""
        self.data = (self.data + data)[-self._limit :]
