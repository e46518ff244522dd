"""The daemon: listens on a loopback port and serves every adb server that connects."""

from __future__ import annotations

import functools
import secrets
import socket
import threading
from types import TracebackType
from typing import Self

from edgebench.mock.phone.adbd import processes
from edgebench.mock.phone.adbd.connection import Connection, Service
from edgebench.mock.phone.adbd.shell import Shell
from edgebench.mock.phone.adbd.streams import Stream
from edgebench.mock.phone.adbd.sync import Sync
from edgebench.mock.phone.adbd.wire import VERSION_WITHOUT_CHECKSUMS
from edgebench.mock.phone.face import PhoneFace

MARK = "EDGEBENCH_PHONE"
"""An environment variable by which the phone's processes are known, so that a reboot ends all of them."""


class AdbDaemon:
    """Listens from `with` (or `start`) until its end; `address` is what `adb connect` is given.

    `port` 0 takes a free one. `version` VERSION_WITH_CHECKSUMS makes it an older phone.
    """

    def __init__(self, face: PhoneFace, *, port: int = 0, version: int = VERSION_WITHOUT_CHECKSUMS) -> None:
        self.face = face
        self._port = port
        self._version = version
        self._mark = secrets.token_hex(8)
        self._shell = Shell(face, {MARK: self._mark})
        self._connections: set[Connection] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None

    @property
    def address(self) -> str:
        """`127.0.0.1:PORT`, once it listens; also the serial that the adb server gives it."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen; returns when a connection would be taken."""
        listener = socket.create_server(("127.0.0.1", self._port), backlog=64)
        self._port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), name="adbd listener", daemon=True).start()

    def stop(self) -> None:
        """Refuse connections, cut those there are and end all processes of the phone."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut()
        processes.end_marked(MARK, self._mark)

    def cut(self) -> None:
        """End all connections, as a pulled cable does; the phone goes on."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.cut()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return  # closed
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(link, self.face, self._service, self._version)
            with self._lock:
                self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), name="adbd connection", daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        try:
            connection.serve()
        finally:
            with self._lock:
                self._connections.discard(connection)

    def _service(self, name: str) -> Service | None:
        kind, colon, rest = name.partition(":")
        if not colon:
            return None
        word, *options = kind.split(",")
        if word == "shell":
            run = self._shell.separate if "v2" in options else self._shell.merged
            return functools.partial(run, command=rest)
        if word == "exec":
            return functools.partial(self._shell.detached, command=rest)
        return self._sync if word == "sync" else None

    def _sync(self, stream: Stream) -> None:
        Sync(stream, self.face).serve()
