"""The daemon: listens on a loopback port and serves every adb server that connects."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
from types import TracebackType
from typing import Self

from edgebench.mock.phone.adbd import processes
from edgebench.mock.phone.adbd.auth import Guard, PublicKey
from edgebench.mock.phone.adbd.connection import Connection, Phone
from edgebench.mock.phone.adbd.faults import Fault, Faults
from edgebench.mock.phone.adbd.seat import Seat
from edgebench.mock.phone.adbd.services import Services
from edgebench.mock.phone.adbd.shell import Shell
from edgebench.mock.phone.adbd.wire import VERSION_WITHOUT_CHECKSUMS
from edgebench.mock.phone.face import PhoneFace

MARK = "EDGEBENCH_PHONE"
"""An environment variable by which the phone's processes are known, so that a reboot ends all of them."""


class AdbDaemon:
    """Listens from `with` (or `start`) until its end; `address` is what `adb connect` is given.

    `port` 0 takes a free one, once for all its life. `guard` says who is let in; without one, everybody is.
    `version` VERSION_WITH_CHECKSUMS makes it an older phone. A reboot that was asked for takes `reboot_s`.
    """

    def __init__(
        self,
        face: PhoneFace,
        *,
        port: int = 0,
        guard: Guard | None = None,
        version: int = VERSION_WITHOUT_CHECKSUMS,
        reboot_s: float = 1.0,
    ) -> None:
        self.face = face
        self.guard = guard or Guard()
        self.faults = Faults(self._begun, self._lifted)
        self._mark = secrets.token_hex(8)
        shell = Shell(face, self.faults, {MARK: self._mark})
        services = Services(face, self.faults, shell, lambda: self.reboot(reboot_s))
        self._phone = Phone(face, self.guard, self.faults, services.find, version)
        self._seat = Seat(port)
        self._connections: set[Connection] = set()
        self._lock = threading.Lock()
        self._coming_back: threading.Timer | None = None

    @property
    def address(self) -> str:
        """`127.0.0.1:PORT`; also the serial that the adb server gives it."""
        return f"127.0.0.1:{self._seat.port}"

    def start(self) -> None:
        """Listen; returns when a connection would be taken."""
        self._seat.listen(self._taken)

    def stop(self) -> None:
        """Refuse connections, cut those there are and end all processes of the phone."""
        if self._coming_back is not None:
            self._coming_back.cancel()
            self._coming_back.join()
        self.faults.clear()
        self._go_away()
        self._seat.leave()

    def cut(self) -> None:
        """End all connections, as a pulled cable does; the phone goes on."""
        for connection in self._present():
            connection.cut()

    def reboot(self, down_s: float) -> None:
        """Cut, end all processes and refuse connections; the phone is back, with a new boot, after `down_s`."""
        self._go_away()
        if self._coming_back is not None:
            self._coming_back.cancel()
        self._coming_back = threading.Timer(down_s, self._come_back)
        self._coming_back.daemon = True
        self._coming_back.start()

    def asking(self) -> list[PublicKey]:
        """Return the keys of those who wait for somebody to accept them on the phone's screen."""
        return [key for connection in self._present() if (key := connection.greeting.asked) is not None]

    def accept(self) -> None:
        """Accept all who wait, from now on."""
        for key in self.asking():
            self.guard.accept(key)
        self._reconsider()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _present(self) -> list[Connection]:
        with self._lock:
            return list(self._connections)

    def _taken(self, link: socket.socket) -> None:
        connection = Connection(link, self._phone)
        with self._lock:
            self._connections.add(connection)
        threading.Thread(target=self._serve, args=(connection,), name="adbd connection", daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        try:
            connection.serve()
        finally:
            with self._lock:
                self._connections.discard(connection)

    def _go_away(self) -> None:
        self._seat.refuse()
        self.cut()
        processes.end_marked(MARK, self._mark)

    def _come_back(self) -> None:
        self.face.rebooted()
        self.start()

    def _begun(self, fault: Fault) -> None:
        if fault.kind in ("drop", "unauthorized", "offline"):
            self.cut()
        elif fault.kind == "reboot":
            self.reboot(fault.down_s)

    def _lifted(self, fault: Fault) -> None:
        if fault.kind in ("unauthorized", "offline"):
            self._reconsider()

    def _reconsider(self) -> None:
        for connection in self._present():
            with contextlib.suppress(OSError):  # one that just ended
                connection.greeting.reconsider()
