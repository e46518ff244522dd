"""The seam between edgebench and a device: one page that local, SSH and ADB transports fulfil.

Commands are argument lists and never shell text. Paths on the device are absolute or relative to its home
folder; `~` is an ordinary character. Time limits are seconds of the host's monotonic clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, Self

from edgebench.errors import DeviceError

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all) while a file travels."""

KILLED = -1
"""The return code of a command that a signal ended."""


class CommandTimeout(DeviceError):
    """A command on the device did not end in time and was killed; the link itself is fine."""

    code = "timeout"


class FileMissing(DeviceError):
    """A file or folder that was asked for is not on the device."""

    code = "bad-input"


@dataclass(frozen=True)
class Completed:
    """How a command ended and what it wrote.

    `returncode` is 126 or 127 when the program could not be started, as in a shell, and -1 when a signal
    ended it; `signal` then holds its number where the transport can know it (SSH cannot).
    """

    returncode: int
    stdout: bytes
    stderr: bytes
    signal: int | None = None


@dataclass(frozen=True)
class PushResult:
    """What a push did: bytes sent, and whether the device had the file already (then 0 bytes)."""

    bytes_sent: int
    skipped: bool


class Clock(Protocol):
    """Seconds that pass, and a way to let them pass; the module `time` is one."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment."""
        ...

    def sleep(self, seconds: float, /) -> None:
        """Return when `seconds` have passed."""
        ...


class Stream(Protocol):
    """The standard output of a running command, line by line as it is written."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield lines without their newline; blocks without polling; ends when the command or `stop` does.

        Raises DeviceLost when the link breaks or when nothing came for the `silence_s` asked for.
        """
        ...

    def stop(self) -> None:
        """Kill the command's process group if it still runs; may be called from another thread, and twice."""
        ...

    @property
    def returncode(self) -> int | None:
        """Exit code as in `Completed`, None until the lines have ended (and after `stop`)."""
        ...

    @property
    def stderr(self) -> bytes:
        """The last 64 KiB of standard error so far."""
        ...


class Transport(Protocol):
    """One open way to one device; a context manager that closes itself. Not for use by several threads at once,
    except that a `Stream` may run in one thread while another executes commands.
    """

    name: str
    kind: Literal["local", "ssh", "adb"]

    def exec(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 30.0,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a program to its end in the home folder; `env` adds to the device's environment.

        Raises CommandTimeout (its process group was killed), DeviceLost when the link broke or stalled.
        """
        ...

    def stream(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, silence_s: float | None
    ) -> AbstractContextManager[Stream]:
        """Run a program and read its lines while it runs; leaving the block stops it."""
        ...

    def push(self, source: Path, target: str, *, mode: int = 0o600, progress: Progress | None = None) -> PushResult:
        """Bring a file to the device under a temporary name, compare SHA-256, rename; skip if it is there.

        The file gets `mode`. Folders are not made. Raises OSError when `source` cannot be read, FileMissing
        without the target's folder, DeviceUnfit (`disk-full`, `permission`), DeviceLost.
        """
        ...

    def pull(self, source: str, target: Path, *, progress: Progress | None = None) -> int:
        """Bring a file home under a temporary name, compare SHA-256, replace `target`; returns its bytes.

        Raises FileMissing, DeviceUnfit (`permission`), DeviceLost, OSError when `target` cannot be written.
        """
        ...

    def identity(self) -> str:
        """What stays the same when the device's address changes: `ssh:SHA256:...`, `adb:SERIAL` or `host:...`."""
        ...

    def close(self) -> None:
        """Let go of the device; may be called twice."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...
