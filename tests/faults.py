"""A TCP proxy with a fault: what a bad cable, a dying board and a bored firewall do to a connection.

with FaultProxy(server.port) as proxy:
    proxy.arm("stall", after_bytes=100_000, direction="up")
    ... use 127.0.0.1:proxy.port ...
    proxy.struck.wait(10)
"""

from __future__ import annotations

import random
import selectors
import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Self

Fault = Literal["rst", "fin", "stall", "bit-flip", "rate"]
Direction = Literal["up", "down"]
_CHUNK = 16 * 1024


@dataclass
class _Armed:
    """One fault; counts the bytes that pass in its direction since it was armed, over all connections."""

    fault: Fault
    left: int
    direction: Direction
    bytes_per_s: float


class FaultProxy:
    """Forwards 127.0.0.1:`port` to 127.0.0.1:`target_port`; "up" is from client to target.

    rst and fin close both sides so, stall keeps both open and forwards nothing more in either direction,
    bit-flip inverts one bit of byte N, rate lets bytes pass at `bytes_per_s` from byte N on. `struck` is set
    when the fault has happened; rate is lasting, the others happen once. `passed` counts bytes by direction.
    """

    def __init__(self, target_port: int, *, seed: int = 1) -> None:
        self.struck = threading.Event()
        self.passed = {"up": 0, "down": 0}
        self._target_port = target_port
        self._random = random.Random(seed)
        self._armed: _Armed | None = None
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        # Readable, for every thread at once, when the proxy is to end
        self._ended, self._end = socket.socketpair()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._accepter = threading.Thread(target=self._accept, daemon=True)
        self._accepter.start()

    def arm(self, fault: Fault, *, after_bytes: int = 0, direction: Direction = "up", bytes_per_s: float = 1e6) -> None:
        """Have `fault` happen when `after_bytes` more bytes have passed in `direction`."""
        with self._lock:
            self.struck.clear()
            self._armed = _Armed(fault, after_bytes, direction, bytes_per_s)

    def due(self, size: int, way: Direction) -> tuple[_Armed | None, int]:
        """The armed fault if it falls into the next `size` bytes of `way`, and where in them."""
        with self._lock:
            armed = self._armed
            at = armed.left if armed is not None and armed.direction == way else size
            if armed is not None and armed.direction == way:
                armed.left = max(0, armed.left - size)
            if armed is None or at >= size:
                self.passed[way] += size
                return None, 0
            self.passed[way] += size if armed.fault in ("bit-flip", "rate") else at
            if armed.fault != "rate":
                self._armed = None
            return armed, at

    def flipped(self, data: bytes, at: int) -> bytes:
        """`data` with one bit of byte `at` inverted."""
        wrong = data[at] ^ 1 << self._random.randrange(8)
        return data[:at] + bytes([wrong]) + data[at + 1 :]

    def close(self) -> None:
        """End everything, stalled connections too; returns when all threads have ended."""
        self._end.close()
        self._accepter.join()
        for thread in self._threads:
            thread.join()
        self._ended.close()
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._ended, selectors.EVENT_READ)
            while self._ended not in [key.fileobj for key, _ in selector.select()]:
                client, _ = self._listener.accept()
                try:
                    target = socket.create_connection(("127.0.0.1", self._target_port))
                except OSError:
                    client.close()
                    continue
                connection = _Connection(self, client, target, self._ended)
                thread = threading.Thread(target=connection.serve, daemon=True)
                self._threads.append(thread)
                thread.start()


class _Connection:
    """One client and its target; all its work is done by one thread, so that closing is really closing."""

    def __init__(self, proxy: FaultProxy, client: socket.socket, target: socket.socket, ended: socket.socket) -> None:
        self._proxy = proxy
        self._ended = ended
        self._other = {client: target, target: client}
        self._way: dict[socket.socket, Direction] = {client: "up", target: "down"}
        self._waiting = {client: b"", target: b""}  # bytes on their way to each
        self._finished: set[socket.socket] = set()  # who has sent its last byte
        for each in self._other:
            each.setblocking(False)
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def serve(self) -> None:
        """Forward until both sides have finished, one breaks, a fault ends it or the proxy ends."""
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._ended, selectors.EVENT_READ)
                while self._turn(selector):
                    pass
        except OSError:
            pass  # one side is gone: closing the other tells it
        finally:
            for each in self._other:
                each.close()

    def _turn(self, selector: selectors.BaseSelector) -> bool:
        """Wait until something can be done and do it; False at the end."""
        for each in self._other:
            self._register(selector, each)
        if len(selector.get_map()) == 1:
            return False
        for key, events in selector.select():
            if key.fileobj is self._ended:
                return False
            side = key.fileobj
            assert isinstance(side, socket.socket)
            if events & selectors.EVENT_WRITE:
                self._write(side)
            if events & selectors.EVENT_READ and not self._read(side):
                return False
        return True

    def _register(self, selector: selectors.BaseSelector, side: socket.socket) -> None:
        """Read from a side only when what it said before has been passed on."""
        wanted = selectors.EVENT_WRITE if self._waiting[side] else 0
        if side not in self._finished and not self._waiting[self._other[side]]:
            wanted |= selectors.EVENT_READ
        with suppress(KeyError):
            selector.unregister(side)
        if wanted:
            selector.register(side, wanted)

    def _write(self, side: socket.socket) -> None:
        sent = side.send(self._waiting[side])
        self._waiting[side] = self._waiting[side][sent:]
        if not self._waiting[side] and self._other[side] in self._finished:
            side.shutdown(socket.SHUT_WR)

    def _read(self, side: socket.socket) -> bool:
        """Take what a side says, with the fault that is due; False when that ends the connection."""
        data = side.recv(_CHUNK)
        sink = self._other[side]
        if not data:
            self._finished.add(side)
            sink.shutdown(socket.SHUT_WR)
            return True
        armed, at = self._proxy.due(len(data), self._way[side])
        if armed is None:
            self._waiting[sink] = data
        elif armed.fault == "rate":
            self._proxy.struck.set()
            time.sleep(len(data) / armed.bytes_per_s)  # the pace itself, not a wait for something
            self._waiting[sink] = data
        elif armed.fault == "bit-flip":
            self._waiting[sink] = self._proxy.flipped(data, at)
            self._proxy.struck.set()
        else:
            self._break(armed.fault, data[:at], sink)
            return False
        return True

    def _break(self, fault: Fault, last: bytes, sink: socket.socket) -> None:
        with suppress(OSError):
            sink.setblocking(True)
            sink.sendall(last)
        if fault == "stall":
            self._proxy.struck.set()
            self._ended.recv(1, socket.MSG_PEEK)  # returns when the proxy ends
            return
        for each in self._other:
            if fault == "rst":
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            each.close()
        self._proxy.struck.set()
