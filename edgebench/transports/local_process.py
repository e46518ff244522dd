"""Child processes in a session of their own, so that all that a command starts can be ended with it."""

from __future__ import annotations

import errno
import os
import selectors
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from edgebench.errors import DeviceLost
from edgebench.transports.base import KILLED, Completed
from edgebench.transports.lines import LineBuffer, Tail
from edgebench.transports.quoting import check_argv, check_env

_READ_BYTES = 64 * 1024


def start(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None, stdin: int) -> subprocess.Popen[bytes]:
    """Start a program with piped outputs. Raises OSError when it cannot be started, ValueError on bad words."""
    return subprocess.Popen(
        check_argv(argv),
        cwd=cwd,
        env={**os.environ, **check_env(env)},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and all of its group; nothing happens when it has ended and was waited for."""
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def completed(returncode: int, stdout: bytes, stderr: bytes) -> Completed:
    """A `Completed` with negative codes turned into -1 and the signal's number."""
    if returncode < 0:
        return Completed(KILLED, stdout, stderr, signal=-returncode)
    return Completed(returncode, stdout, stderr)


def not_started(error: OSError) -> Completed:
    """What a shell answers when a program cannot be started: 127 not found, 126 not executable."""
    missing = error.errno in (errno.ENOENT, errno.ENOTDIR)
    return Completed(127 if missing else 126, b"", f"{error.filename}: {error.strerror}\n".encode())


class LocalStream:
    """The lines of a running command; see `base.Stream`."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str] | None,
        silence_s: float | None,
    ) -> None:
        self.returncode: int | None = None
        self._name = name
        self._silence_s = silence_s
        self._tail = Tail()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        try:
            self._process = start(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL)
        except OSError as error:
            failure = not_started(error)
            self._tail.feed(failure.stderr)
            self.returncode = failure.returncode
        # stop() from another thread must end a read that waits for a grandchild's silence, too
        self._wake_read, self._wake_write = os.pipe()

    @property
    def stderr(self) -> bytes:
        """The last 64 KiB of standard error so far."""
        return self._tail.data

    def __iter__(self) -> Iterator[bytes]:
        """Yield lines as they come. Raises DeviceLost after `silence_s` without any."""
        if self._process is None or self._stopped:
            return
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        lines = LineBuffer()
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ, lines)
            selector.register(self._process.stderr, selectors.EVENT_READ, self._tail)
            selector.register(self._wake_read, selectors.EVENT_READ)
            while len(selector.get_map()) > 1:
                events = selector.select(self._silence_s)
                if not events:
                    self.stop()
                    raise DeviceLost(self._name, f"no output for {self._silence_s:g} s")
                if self._stopped:
                    return
                for key, _ in events:
                    yield from self._take(selector, key.fileobj, key.data)
        yield from lines.rest()
        self.returncode = completed(self._process.wait(), b"", b"").returncode

    def _take(self, selector: selectors.BaseSelector, pipe: object, sink: LineBuffer | Tail) -> list[bytes]:
        """Read what one pipe has; the lines that it completes, if it is standard output."""
        assert hasattr(pipe, "fileno")
        data = os.read(pipe.fileno(), _READ_BYTES)
        if not data:
            selector.unregister(pipe)
            return []
        return sink.feed(data) or []

    def stop(self) -> None:
        """Kill the command and its group; lines end."""
        if not self._stopped:
            self._stopped = True
            if self._process is not None:
                kill_group(self._process)
            os.write(self._wake_write, b"x")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        if self._process is not None:
            pipes: list[IO[bytes] | None] = [self._process.stdout, self._process.stderr]
            for pipe in pipes:
                if pipe is not None:
                    pipe.close()
            self._process.wait()
        os.close(self._wake_read)
        os.close(self._wake_write)
