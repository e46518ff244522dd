"""Commands over SSH: run to their end, or read line by line while they run."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Self

from edgebench.errors import DeviceError, DeviceLost
from edgebench.transports.base import CommandTimeout, Completed
from edgebench.transports.lines import LineBuffer, Tail
from edgebench.transports.ssh_channel import RemoteCommand
from edgebench.transports.ssh_link import Link, close_channel


def run(link: Link, argv: Sequence[str], *, stdin: bytes, timeout_s: float, env: Mapping[str, str] | None) -> Completed:
    """Run a command to its end. Raises CommandTimeout when it was killed, DeviceLost, DeviceUnfit."""
    deadline = time.monotonic() + timeout_s
    start_s = min(timeout_s, link.settings.stall_s)
    stdout: list[bytes] = []
    stderr: list[bytes] = []
    with RemoteCommand(link, argv, env, start_s=start_s) as command:
        try:
            command.feed(stdin)
            while pieces := command.read(deadline):
                stdout.append(pieces[0])
                stderr.append(pieces[1])
            status = command.exit_status(deadline)
        except TimeoutError:
            command.kill()
            raise CommandTimeout(link.name, f"`{argv[0]}` did not end within {timeout_s:g} s") from None
        except KeyboardInterrupt:
            with suppress(DeviceError):  # who interrupts must be heard, whatever the link says
                command.kill()
            raise
    return Completed(status, b"".join(stdout), b"".join(stderr))


class SshStream:
    """The lines of a running command; see `base.Stream`."""

    def __init__(
        self,
        link: Link,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None,
        silence_s: float | None,
    ) -> None:
        self.returncode: int | None = None
        self._link = link
        self._silence_s = silence_s
        self._tail = Tail()
        self._stopped = False
        self._ended = False
        self._lock = threading.Lock()
        self._command = RemoteCommand(link, argv, env, start_s=link.settings.stall_s)
        self._command.feed(b"")

    @property
    def stderr(self) -> bytes:
        """The last 64 KiB of standard error so far."""
        return self._tail.data

    def __iter__(self) -> Iterator[bytes]:
        """Yield lines as they come. Raises DeviceLost on a break or after `silence_s` without a byte."""
        lines = LineBuffer()
        while not self._stopped and (pieces := self._read()):
            self._tail.feed(pieces[1])
            if pieces[0]:
                yield from lines.feed(pieces[0])
        if self._stopped:
            return
        try:
            self.returncode = self._command.exit_status(self._deadline())
        except TimeoutError:
            raise self._silent() from None
        self._ended = True
        yield from lines.rest()

    def _read(self) -> tuple[bytes, bytes] | None:
        try:
            return self._command.read(self._deadline())
        except TimeoutError:
            raise self._silent() from None

    def _deadline(self) -> float | None:
        return None if self._silence_s is None else time.monotonic() + self._silence_s

    def _silent(self) -> DeviceLost:
        return DeviceLost(self._link.name, f"no output for {self._silence_s:g} s")

    def stop(self) -> None:
        """Kill the command and its group if the link still carries that; lines end."""
        with self._lock:
            if self._stopped or self._ended:
                return
            self._stopped = True
        try:
            self._command.kill()
        except DeviceLost:
            # What runs there ends by its lease; who reads the lines is told of the break by them.
            return
        finally:
            close_channel(self._command.channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        self._command.close()
