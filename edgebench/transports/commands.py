"""Commands on a device that run to their end or are read line by line, over whatever link started them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol, Self

from edgebench.errors import DeviceError, DeviceLost
from edgebench.transports.base import CommandTimeout, Completed
from edgebench.transports.lines import LineBuffer, Tail


class RunningCommand(Protocol):
    """A command that a link has started."""

    def read(self, deadline: float | None) -> tuple[bytes, bytes] | None:
        """Next (stdout, stderr) bytes; None at their end. Raises TimeoutError at `deadline`, DeviceLost."""
        ...

    def ended(self, deadline: float | None) -> tuple[int, int | None]:
        """Return code and signal, as in `Completed`. Raises TimeoutError, DeviceLost, DeviceUnfit."""
        ...

    def kill(self) -> None:
        """Kill its process group. Raises DeviceLost if nothing answers."""
        ...

    def hang_up(self) -> None:
        """Wake a `read` that waits in another thread: its bytes end here."""
        ...

    def close(self) -> None:
        """Let go of what carries it; does not end the command."""
        ...


def run_to_end(name: str, command: RunningCommand, what: str, timeout_s: float) -> Completed:
    """What the command `what` wrote and how it ended. Raises CommandTimeout when it was killed, DeviceLost."""
    deadline = time.monotonic() + timeout_s
    stdout: list[bytes] = []
    stderr: list[bytes] = []
    try:
        while pieces := command.read(deadline):
            stdout.append(pieces[0])
            stderr.append(pieces[1])
        code, signal = command.ended(deadline)
    except TimeoutError:
        command.kill()
        raise CommandTimeout(name, f"`{what}` did not end within {timeout_s:g} s") from None
    except KeyboardInterrupt:
        with suppress(DeviceError):  # who interrupts must be heard, whatever the link says
            command.kill()
        raise
    finally:
        command.close()
    return Completed(code, b"".join(stdout), b"".join(stderr), signal)


class CommandStream:
    """The lines of a running command; see `base.Stream`."""

    def __init__(self, name: str, command: RunningCommand, silence_s: float | None) -> None:
        self.returncode: int | None = None
        self._name = name
        self._command = command
        self._silence_s = silence_s
        self._tail = Tail()
        self._stopped = False
        self._ended = False
        self._lock = threading.Lock()

    @property
    def stderr(self) -> bytes:
        """The last 64 KiB of standard error so far."""
        return self._tail.data

    def __iter__(self) -> Iterator[bytes]:
        """Yield lines as they come. Raises DeviceLost on a break or after `silence_s` without a byte."""
        lines = LineBuffer()
        try:
            while not self._stopped and (pieces := self._command.read(self._deadline())):
                self._tail.feed(pieces[1])
                if pieces[0]:
                    yield from lines.feed(pieces[0])
            if self._stopped:
                return
            self.returncode = self._command.ended(self._deadline())[0]
        except TimeoutError:
            raise DeviceLost(self._name, f"no output for {self._silence_s:g} s") from None
        except DeviceLost:
            if self._stopped:
                return
            raise
        self._ended = True
        yield from lines.rest()

    def _deadline(self) -> float | None:
        return None if self._silence_s is None else time.monotonic() + self._silence_s

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
            self._command.hang_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        self._command.close()
