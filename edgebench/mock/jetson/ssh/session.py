"""One command on a simulated board: a real shell whose outputs go over a channel until they end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import paramiko

from edgebench.errors import UsageError

CHUNK = 65_536
GIVEN_UP = ("dac_override", "dac_read_search")
"""What lets root read what it may not: a board's user has none of it."""


@dataclass(frozen=True)
class Shell:
    """Where commands run: `home` is the folder they start in."""

    home: Path
    environment: Mapping[str, str]


def unprivileged() -> list[str]:
    """The words before a command by which root obeys the permissions of files, as a board's user does.

    Empty where we are no root. Raises UsageError where there is no `setpriv` (util-linux).
    """
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise UsageError("a simulated board served by root needs setpriv, and there is none on this machine",
                         hint="install util-linux, or serve the board as an ordinary user")  # fmt: skip
    return [setpriv, "--bounding-set=" + ",".join(f"-{name}" for name in GIVEN_UP), "--"]


def start(command: bytes, shell: Shell) -> subprocess.Popen[bytes]:
    """Start the user's shell with a command, in a session of its own. Raises OSError."""
    # a board's login shell is bash: it becomes the last command of its line, where others wait for it
    argv = [*unprivileged(), shutil.which("bash") or "/bin/sh", "-c", os.fsdecode(command)]
    return subprocess.Popen(argv, cwd=shell.home, env=dict(shell.environment), stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)  # fmt: skip


def attend(process: subprocess.Popen[bytes], channel: paramiko.Channel) -> None:
    """Carry a command's outputs until it has ended, then say how. As sshd does, wait for both: exit and outputs."""
    assert process.stdin
    assert process.stdout
    assert process.stderr
    feeder = threading.Thread(target=_feed, args=(channel, process.stdin), name="board-stdin", daemon=True)
    feeder.start()
    errors = threading.Thread(target=_pump, args=(process.stderr, channel.sendall_stderr), daemon=True)
    errors.start()
    _pump(process.stdout, channel.sendall)
    errors.join()
    code = process.wait()
    with suppress(
        OSError, EOFError, paramiko.SSHException
    ):  # the link is gone; the command ran to its end all the same
        if code >= 0:  # of a signal's name paramiko's server cannot tell, and sends nothing
            channel.send_exit_status(code)
        channel.shutdown_write()
    with suppress(OSError, EOFError, paramiko.SSHException):
        channel.close()
    feeder.join()  # closing the channel ended it


def _pump(source: IO[bytes], send: Callable[[bytes], object]) -> None:
    """Carry bytes until they end; what is gone is read no more, and its writer gets SIGPIPE, as below sshd."""
    with source:
        while chunk := os.read(source.fileno(), CHUNK):
            try:
                send(chunk)
            except (OSError, EOFError, paramiko.SSHException):
                return


def _feed(channel: paramiko.Channel, sink: IO[bytes]) -> None:
    """Carry the other side's bytes into a command."""
    try:
        while chunk := channel.recv(CHUNK):
            sink.write(chunk)
            sink.flush()
    except OSError:
        pass  # it ended without reading them
    finally:
        with suppress(OSError):
            sink.close()


def kill(pid: int) -> None:
    """End a process that is known to be the board's."""
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
