"""One stream of an ADB connection: bytes both ways, one WRTE outstanding each way."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from edgebench.mock.phone.adbd.wire import CLSE, OKAY, WRTE, Packet, Payload

Send = Callable[[Packet], None]


class StreamClosed(ConnectionError):
    """The other side closed the stream, or the connection is gone."""


class Stream:
    """A service reads and writes here, in any threads; the connection's reader tells what came.

    What the other side sent before it closed is still read; then `read` returns nothing more.
    """

    def __init__(self, local: int, remote: int, send: Send, max_payload: int) -> None:
        self.local = local
        self.remote = remote
        self._send = send
        self._max_payload = max_payload
        self._inbox: queue.SimpleQueue[Payload | None] = queue.SimpleQueue()
        self._rest = memoryview(b"")
        self._ended = False
        self._state = threading.Condition()
        self._outstanding = False
        self._open = True

    @property
    def is_open(self) -> bool:
        """Whether what is written still has a reader."""
        return self._open

    def read(self) -> memoryview:
        """Return the next bytes, as many as came at once; empty when there will be no more."""
        if self._rest:
            taken, self._rest = self._rest, memoryview(b"")
            return taken
        return memoryview(b"") if self._ended else self._next()

    def read_exactly(self, size: int) -> memoryview:
        """Return the next `size` bytes; raises EOFError where the stream ends before."""
        chunk = self.read() if size else memoryview(b"")
        if len(chunk) < size:
            chunk = self._gathered(chunk, size)
        if size:
            self._rest = chunk[size:]
        return chunk[:size]

    def write(self, data: Payload) -> None:
        """Send all bytes; the last part may still be on its way. Raises StreamClosed."""
        view = memoryview(data)
        for start in range(0, len(view), self._max_payload):
            with self._state:
                self._await_okay()
                self._outstanding = True
            self._send(Packet(WRTE, self.local, self.remote, view[start : start + self._max_payload]))

    def drain(self) -> None:
        """Return when the other side has taken everything that was written. Raises StreamClosed."""
        with self._state:
            self._await_okay()

    def close(self) -> None:
        """Tell the other side that this was all; may be called twice, and after it closed."""
        try:
            self.drain()
        except StreamClosed:
            return
        with self._state:
            was_open, self._open = self._open, False
        if was_open:
            self._send(Packet(CLSE, self.local, self.remote))

    def took(self) -> None:
        """The other side took the last write (OKAY came)."""
        with self._state:
            self._outstanding = False
            self._state.notify_all()

    def came(self, payload: Payload) -> None:
        """Bytes came (WRTE); they are acknowledged when they are read."""
        self._inbox.put(payload)

    def other_closed(self) -> None:
        """CLSE came, or the connection ended."""
        with self._state:
            self._open = False
            self._state.notify_all()
        self._inbox.put(None)

    def _await_okay(self) -> None:
        while self._open and self._outstanding:
            self._state.wait()
        if not self._open:
            raise StreamClosed(f"stream {self.local} is closed")

    def _next(self) -> memoryview:
        payload = self._inbox.get()
        if payload is None:
            self._ended = True
            return memoryview(b"")
        if self._open:
            self._send(Packet(OKAY, self.local, self.remote))
        return memoryview(payload)

    def _gathered(self, chunk: memoryview, size: int) -> memoryview:
        parts = bytearray(chunk)
        while len(parts) < size:
            more = self.read()
            if not more:
                raise EOFError(f"{len(parts)} of {size} bytes came")
            parts += more
        return memoryview(parts)
