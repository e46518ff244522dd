"""A TCP proxy with a fault: what a bad cable, a dying board and a bored firewall do to a connection.

with FaultProxy(server.port) as proxy:
    proxy.arm("stall", after_bytes=100_000, direction="up")
    ... use 127.0.0.1:proxy.port ...
    proxy.struck.wait(10)
"""

from __future__ import annotations

import random
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
        self._ended = threading.Event()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._spawn(self._accept)

    def arm(
        self,
        fault: Fault,
        *,
        after_bytes: int = 0,
        direction: Direction = "up",
        bytes_per_s: float = 1e6,
    ) -> None:
        """Have `fault` happen when `after_bytes` more bytes have passed in `direction`."""
        with self._lock:
            self.struck.clear()
            self._armed = _Armed(fault, after_bytes, direction, bytes_per_s)

    def close(self) -> None:
        """End everything, stalled connections too; returns when all threads have ended."""
        self._ended.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._cut_all()
        for thread in list(self._threads):
            thread.join()
        for each in self._sockets:
            each.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _spawn(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                target = socket.create_connection(("127.0.0.1", self._target_port))
            except OSError:
                client.close()
                continue
            for each in (client, target):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets += [client, target]
            stalled = threading.Event()
            self._spawn(self._pump, client, target, "up", stalled)
            self._spawn(self._pump, target, client, "down", stalled)

    def _pump(self, source: socket.socket, sink: socket.socket, way: Direction, stalled: threading.Event) -> None:
        """Forward one direction of one connection until it ends."""
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                if stalled.is_set():
                    self._ended.wait()
                    return
                if not self._forward(bytearray(data), source, sink, way, stalled):
                    return
            sink.shutdown(socket.SHUT_WR)

    def _forward(
        self,
        data: bytearray,
        source: socket.socket,
        sink: socket.socket,
        way: Direction,
        stalled: threading.Event,
    ) -> bool:
        """Send on what the fault lets pass; False when the connection is over."""
        armed, at = self._due(len(data), way)
        if armed is None:
            self._send(sink, data, way)
            return True
        if armed.fault == "rate":
            self.struck.set()
            time.sleep(len(data) / armed.bytes_per_s)  # the pace itself, not a wait for something
            self._send(sink, data, way)
            return True
        if armed.fault == "bit-flip":
            data[at] ^= 1 << self._random.randrange(8)
            self._send(sink, data, way)
            self.struck.set()
            return True
        self._send(sink, data[:at], way)
        self._break(armed.fault, source, sink, stalled)
        return False

    def _send(self, sink: socket.socket, data: bytearray, way: Direction) -> None:
        sink.sendall(data)
        with self._lock:
            self.passed[way] += len(data)

    def _due(self, size: int, way: Direction) -> tuple[_Armed | None, int]:
        """The armed fault if it falls into the next `size` bytes of `way`, and where in them."""
        with self._lock:
            armed = self._armed
            if armed is None or armed.direction != way:
                return None, 0
            at, armed.left = armed.left, max(0, armed.left - size)
            if at >= size:
                return None, 0
            if armed.fault != "rate":
                self._armed = None
            return armed, at

    def _break(self, fault: Fault, source: socket.socket, sink: socket.socket, stalled: threading.Event) -> None:
        if fault == "stall":
            stalled.set()
            self.struck.set()
            self._ended.wait()
            return
        for each in (source, sink):
            if fault == "rst":
                # linger 0 makes close() send RST; the pump of the other direction still holds the
                # descriptor in recv(), so shut that down first
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                each.close()
            else:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        self.struck.set()

    def _cut_all(self) -> None:
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
