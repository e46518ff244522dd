"""The SSH transport: one connection, commands and files over it; see `base.Transport` for what it promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

from edgebench.transports.base import Completed, Progress, PushResult
from edgebench.transports.commands import CommandStream
from edgebench.transports.places import SshPlace
from edgebench.transports.ssh_config import SshSettings
from edgebench.transports.ssh_exec import run, stream
from edgebench.transports.ssh_link import open_link
from edgebench.transports.ssh_transfer import Sftp


class SshTransport:
    """An open SSH connection to a device. Every command runs the login shell once (its .bashrc may cost 100 ms)."""

    kind: Literal["local", "ssh", "adb"] = "ssh"

    def __init__(self, place: SshPlace, settings: SshSettings | None = None) -> None:
        """Reach the device. Raises DeviceUnreachable, HostKeyError, AuthRefused, ConfigError."""
        self.name = place.name
        self._link = open_link(place, settings or SshSettings.of_user())
        self._sftp = Sftp(self._link)

    def exec(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 30.0,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a program to its end. Raises CommandTimeout, DeviceLost, DeviceUnfit."""
        return run(self._link, argv, stdin=stdin, timeout_s=timeout_s, env=env)

    def stream(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, silence_s: float | None
    ) -> CommandStream:
        """Run a program and read its lines while it runs. Raises DeviceLost."""
        return stream(self._link, argv, env=env, silence_s=silence_s)

    def push(self, source: Path, target: str, *, mode: int = 0o600, progress: Progress | None = None) -> PushResult:
        """Bring a file to the device; skipped when it has it."""
        return self._sftp.push(source, target, mode=mode, progress=progress)

    def pull(self, source: str, target: Path, *, progress: Progress | None = None) -> int:
        """Bring a file home."""
        return self._sftp.pull(source, target, progress=progress)

    def identity(self) -> str:
        """`ssh:` and the fingerprint of the device's host key."""
        return f"ssh:{self._link.host_key.fingerprint}"

    def close(self) -> None:
        """End the connection."""
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def open_ssh(place: SshPlace) -> SshTransport:
    """The transport of an SSH place, with the user's own SSH files."""
    return SshTransport(place)
