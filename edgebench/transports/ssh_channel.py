"""One command on one SSH channel: started behind a marker, its two outputs read in one thread without polling."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self

import paramiko

from edgebench.errors import DeviceLost, DeviceUnfit
from edgebench.transports.quoting import Unmarked, group_kill_line, marked_line
from edgebench.transports.ssh_link import BROKEN, Link, close_channel

_READ_BYTES = 256 * 1024
_KILL_WAIT_S = 5.0


class _Arrival:
    """Set by paramiko when either output of a channel has bytes or ends.

    Paramiko clears its event when *one* output is empty, which would hide news of the other one: `clear` does
    nothing here, and the reader rearms before it looks.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self.set = self._event.set
        self.wait = self._event.wait
        self.rearm = self._event.clear

    def clear(self) -> None:
        """Paramiko's clear: ignored."""


class RemoteCommand:
    """A started command, see `commands.RunningCommand`; a context manager that closes its channel."""

    def __init__(self, link: Link, argv: Sequence[str], env: Mapping[str, str] | None, *, start_s: float) -> None:
        marker = secrets.token_hex(12)
        line = marked_line(argv, marker, env)
        self._link = link
        self._arrival = _Arrival()
        self._stdout = Unmarked(marker)
        self._stderr = Unmarked(marker)
        self._feeder: threading.Thread | None = None
        self.channel = link.open_channel()
        try:
            self.channel.in_buffer.set_event(self._arrival)
            self.channel.in_stderr_buffer.set_event(self._arrival)
            # paramiko waits for the answer to this request without a limit of its own
            with link.watched("starting a command", start_s):
                self.channel.exec_command(line)
        except BaseException:
            self.close()
            raise

    def feed(self, stdin: bytes) -> None:
        """Give the command its standard input, in a thread if there is any, then end of file."""
        if not stdin:
            self._send(b"")
            return
        self._feeder = threading.Thread(target=self._send, args=(stdin,), name="edgebench-stdin", daemon=True)
        self._feeder.start()

    def _send(self, stdin: bytes) -> None:
        try:
            self.channel.sendall(stdin)
            self.channel.shutdown_write()
        except BROKEN:
            # The command ended without reading it all, or the link broke: whoever reads the outputs sees which.
            return

    def read(self, deadline: float | None) -> tuple[bytes, bytes] | None:
        """Next (stdout, stderr) bytes; None at their end.

        Raises TimeoutError at `deadline` (monotonic seconds), DeviceLost.
        """
        while True:
            self._arrival.rearm()
            ended = self.channel.eof_received or self.channel.closed
            arrived = self._drain(self.channel.recv_ready, self.channel.recv)
            warned = self._drain(self.channel.recv_stderr_ready, self.channel.recv_stderr)
            if arrived or warned:
                stdout, stderr = self._stdout.feed(arrived), self._stderr.feed(warned)
                if stdout or stderr:
                    return stdout, stderr
                continue
            if ended:
                return None
            left = None if deadline is None else deadline - time.monotonic()
            if (left is not None and left <= 0) or not self._arrival.wait(left):
                raise TimeoutError

    def _drain(self, ready: Any, receive: Any) -> bytes:
        """What one output holds now. Raises DeviceLost."""
        try:
            data: bytes = receive(_READ_BYTES) if ready() else b""
        except BROKEN as error:
            raise DeviceLost(self._link.name, f"the link broke ({error or 'closed'})") from error
        return data

    def ended(self, deadline: float | None) -> tuple[int, int | None]:
        """The exit status, -1 if some signal ended it. Raises TimeoutError, DeviceLost, DeviceUnfit."""
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not self.channel.status_event.wait(left):
            raise TimeoutError
        status: int = self.channel.exit_status
        # A broken link, too, ends a channel with -1 and no word
        if status == -1 and not self._link.is_alive():
            raise DeviceLost(self._link.name, "the link broke while a command ran")
        if not self._stdout.seen:
            said = (self._stdout.before + self._stderr.before).decode("utf-8", "replace").strip()
            first = said.splitlines()[0] if said else f"status {status}"
            message = f"its login shell did not run a command: {first}"
            raise DeviceUnfit(self._link.name, message, hint="give this user a POSIX shell on the device")
        return status, None

    def kill(self) -> None:
        """Kill the command's process group over a channel of its own. Raises DeviceLost if nothing answers."""
        group = self._stdout.rest_of_line
        if not group.isdigit():
            return
        channel = self._link.open_channel()
        try:
            with self._link.watched("ending a command", _KILL_WAIT_S):
                channel.exec_command(group_kill_line(int(group)))
                if not channel.status_event.wait(_KILL_WAIT_S):
                    raise paramiko.SSHException("no answer")
        finally:
            close_channel(channel)

    def hang_up(self) -> None:
        """Wake a `read` that waits in another thread: its bytes end here."""
        close_channel(self.channel)

    def close(self) -> None:
        """Close the channel and end the thread that feeds it."""
        close_channel(self.channel)
        if self._feeder is not None:
            self._feeder.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
