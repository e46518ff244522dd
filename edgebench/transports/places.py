"""How to reach a device, as data: what `devices.toml` says and nothing that was found out later."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class LocalPlace:
    """This very machine."""

    name: str


@dataclass(frozen=True)
class SshPlace:
    """A device behind SSH; what is None comes from the user's SSH configuration or SSH's own defaults.

    `host` may be an alias of that configuration. `known_hosts` is read beside the user's own file, and new
    keys are written to it.
    """

    name: str
    host: str
    port: int | None = None
    user: str | None = None
    key: Path | None = None
    known_hosts: Path | None = None

    @property
    def address(self) -> str:
        """The place as a user would type it: `user@host:port` with the parts that were given."""
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        return f"{user}{self.host}{port}"


@dataclass(frozen=True)
class AdbPlace:
    """A phone behind an adb server.

    `serial` is what `adb devices` lists or the phone's own `ro.serialno`, None: the only one there.
    `server` is "host:port", None: that of the environment (ADB_SERVER_SOCKET, ANDROID_ADB_SERVER_PORT), else the usual.
    """

    name: str
    serial: str | None = None
    server: str | None = None


Place = LocalPlace | SshPlace | AdbPlace
