"""The ADB transport: commands and files of a phone, by way of an adb server; see `base.Transport` for its promises.

What is particular to phones: there is no Python, relative paths begin in /data/local/tmp, and a command's success is
told by a record that the phone's own shell writes (`adb_frame`), never by the end of a stream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, Self

from adbutils import AdbError

from edgebench.errors import DeviceError, DeviceLost, DeviceUnreachable
from edgebench.transports.adb_command import AdbCommand
from edgebench.transports.adb_link import AdbLink
from edgebench.transports.adb_phones import Listed, choose, listed_of, own_serial
from edgebench.transports.adb_server import AdbServer, AdbSettings, find_server
from edgebench.transports.adb_transfer import AdbFiles
from edgebench.transports.base import CommandTimeout, Completed, Progress, PushResult
from edgebench.transports.commands import CommandStream, run_to_end
from edgebench.transports.places import AdbPlace


class AdbTransport:
    """An open way to one phone; every command and every file is a stream of its own through the server."""

    kind: Literal["local", "ssh", "adb"] = "adb"

    def __init__(self, place: AdbPlace, settings: AdbSettings | None = None) -> None:
        """Reach the phone. Raises DeviceUnreachable, AuthRefused, DeviceUnfit, UsageError."""
        self.name = place.name
        server = find_server(place.name, place.server, settings or AdbSettings())
        way = _chosen(server, place.serial)
        self._link = link_to(server, way)
        self._files = AdbFiles(self._link)
        self._serial = serial_of(self._link)
        self._is_closed = False

    def exec(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 30.0,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a program to its end. Raises CommandTimeout, DeviceLost, DeviceUnfit."""
        start_s = min(timeout_s, self._link.settings.connect_s)
        command = AdbCommand(self._open_link(), argv, env=env, stdin=stdin, start_s=start_s)
        return run_to_end(self.name, command, argv[0], timeout_s)

    def stream(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, silence_s: float | None
    ) -> CommandStream:
        """Run a program and read its lines while it runs (before Android 7 its errors come last). Raises DeviceLost."""
        command = AdbCommand(self._open_link(), argv, env=env, start_s=self._link.settings.connect_s)
        return CommandStream(self.name, command, silence_s)

    def push(self, source: Path, target: str, *, mode: int = 0o600, progress: Progress | None = None) -> PushResult:
        """Bring a file to the phone; skipped when it has it."""
        self._open_link()
        return self._files.push(source, target, mode=mode, progress=progress)

    def pull(self, source: str, target: Path, *, progress: Progress | None = None) -> int:
        """Bring a file home."""
        self._open_link()
        return self._files.pull(source, target, progress=progress)

    def identity(self) -> str:
        """`adb:` and the phone's own serial number, the same by cable and over Wi-Fi."""
        return f"adb:{self._serial}"

    @property
    def serial(self) -> str:
        """The phone's own serial number, `ro.serialno`; what the server lists where it has none."""
        return self._serial

    def close(self) -> None:
        """Nothing is held; the server goes on."""
        self._is_closed = True

    def _open_link(self) -> AdbLink:
        if self._is_closed:
            raise DeviceLost(self.name, "the transport is closed")
        return self._link

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def open_adb(place: AdbPlace) -> AdbTransport:
    """The transport of a phone, with the environment's adb server."""
    return AdbTransport(place)


def list_phones(server: AdbServer) -> list[Listed]:
    """What the server lists now. Raises DeviceUnreachable."""
    try:
        return listed_of(server.ask("host:devices"))
    except AdbError as error:
        message = f"what answers at {server.address} is no adb server ({error})"
        raise DeviceUnreachable(server.name, message, hint="check `server`") from error


def link_to(server: AdbServer, way: Listed) -> AdbLink:
    """A link by a way that is ready. Raises DeviceUnreachable."""
    try:
        features = server.ask(f"host-serial:{way.serial}:features")
    except AdbError as error:
        raise DeviceUnreachable(server.name, f"the phone {way.serial} is gone ({error})") from error
    return AdbLink(server.name, server, way.serial, has_shell_v2="shell_v2" in features.split(","))


def serial_of(link: AdbLink) -> str:
    """The phone's own serial number; the first thing asked of it. Raises DeviceUnreachable where nothing comes back."""
    limit_s = link.settings.connect_s
    try:
        command = AdbCommand(link, ["getprop", "ro.serialno"], env=None, start_s=limit_s)
        done = run_to_end(link.name, command, "getprop", limit_s)
    except (DeviceLost, CommandTimeout) as error:
        message = f"the phone {link.serial} is listed and does not answer within {limit_s:g} s"
        raise DeviceUnreachable(link.name, message, hint="is it frozen or restarting? look at its screen") from error
    return own_serial(done.stdout.decode("utf-8", "replace"), link.serial)


def _chosen(server: AdbServer, wanted: str | None) -> Listed:
    """The way to the phone that is meant; an address that the server does not know yet is told to it."""
    listed = list_phones(server)
    if wanted is not None and ":" in wanted and all(one.serial != wanted for one in listed):
        with suppress(AdbError, DeviceError):  # what became of it is seen in the list
            server.introduce(wanted)
        listed = list_phones(server)
    return choose(server.name, listed, wanted, lambda way: serial_of(link_to(server, way)))
