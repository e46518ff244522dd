"""A phone behind a server: asking it for a service, with a limit on how long it may take to answer."""

from __future__ import annotations

from dataclasses import dataclass

from adbutils import AdbError, AdbTimeout

from edgebench.errors import AuthRefused, DeviceLost
from edgebench.transports.adb_server import BROKEN, AdbServer, AdbSettings, Connection


@dataclass(frozen=True)
class AdbLink:
    """A way to one phone: the server, and the serial under which that lists it.

    `has_shell_v2`: whether its shell keeps outputs apart and tells exit codes (Android 7 and newer).
    """

    name: str
    server: AdbServer
    serial: str
    has_shell_v2: bool

    @property
    def settings(self) -> AdbSettings:
        """Limits and the home folder."""
        return self.server.settings

    def open(self, service: bytes, limit_s: float | None = None) -> Connection:
        """A stream of that service of the phone's. Raises DeviceLost when it is not granted within the limit."""
        connection: Connection | None = None
        try:
            connection = self.server.connect(limit_s)
            connection.request(b"host:transport:" + self.serial.encode())
            connection.request(service)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, BROKEN):
                raise lost(self.name, error) from error
            raise
        return connection


def lost(name: str, error: Exception) -> DeviceLost | AuthRefused:
    """What it means that server or phone refused, or said nothing, in the middle of a session."""
    if isinstance(error, (TimeoutError, AdbTimeout)):
        return DeviceLost(name, "the phone does not answer", hint="is it frozen or restarting? look at its screen")
    text = str(error)
    if isinstance(error, AdbError) and "unauthorized" in text:
        return AuthRefused(name, "the phone does not allow USB debugging from this computer any more")
    if not isinstance(error, AdbError) or text.startswith("Unknown data"):
        return DeviceLost(name, "the adb server went away", hint="was it restarted by another program?")
    return DeviceLost(name, f"the phone is gone ({text.splitlines()[0] if text else 'closed'})")
