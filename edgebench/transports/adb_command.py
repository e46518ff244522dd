"""One command in one shell of a phone, its two outputs read in one thread without polling."""

from __future__ import annotations

import secrets
import select
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from edgebench.errors import DeviceLost, DeviceUnfit
from edgebench.transports.adb_frame import (
    CLOSE_STDIN,
    EXIT,
    STDERR,
    STDIN,
    STDOUT,
    Packets,
    Sections,
    feed_name,
    framed_line,
    group_kill_line,
    packet,
)
from edgebench.transports.adb_link import AdbLink, lost
from edgebench.transports.adb_server import BROKEN
from edgebench.transports.adb_sync import send_bytes
from edgebench.transports.base import KILLED

_READ_BYTES = 256 * 1024
_STDIN_BYTES = 64 * 1024
_SIGNALLED = 128
_LAST_SIGNAL = 64
_NO_HOME = b"home"
# One OPEN packet carries the whole line: phones before Android 7 take 4096 bytes, later ones 256 KiB; the server 64.
_LINE_BYTES = 65_000
_OLD_LINE_BYTES = 4_000


class AdbCommand:
    """A started command, see `commands.RunningCommand`.

    Over shell v2 both outputs come as they are written. Over the shell of phones before Android 7 errors come after
    the command's end. A status of 129 to 192 counts as the signal 1 to 64: a shell cannot tell them apart.
    """

    def __init__(
        self,
        link: AdbLink,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None,
        stdin: bytes | None = b"",
        start_s: float,
    ) -> None:
        """Start it; `stdin` None: `feed` will give it. Raises DeviceLost, ValueError for what no command line can hold.

        The older shell cannot be fed: its standard input is empty then.
        """
        self._link = link
        self._what = argv[0] if argv else ""
        self._marker = (secrets.token_hex(6), secrets.token_hex(6))
        line = framed_line(argv, self._marker, link.settings.home, env, merged=not link.has_shell_v2)
        if len(line) > (_LINE_BYTES if link.has_shell_v2 else _OLD_LINE_BYTES):
            raise ValueError(f"{len(line)} bytes are more than argv can have over adb")
        word = "".join(self._marker).encode()
        self._stdout, self._stderr = Sections(word), Sections(word)
        self._packets = Packets()
        self._noise = b""
        self._exit: int | None = None
        self._at_end = False
        self._pending = b""
        if link.has_shell_v2:
            self._pending = _stdin_packets(stdin) if stdin is not None else b""
            self._connection = link.open(b"shell,v2,raw:" + line, start_s)
        else:
            if stdin:
                _leave(link, feed_name(link.settings.home, self._marker), stdin)
            # without a terminal between, which would turn every newline into two bytes
            self._connection = link.open(b"exec:" + line, start_s)
        self._unsent = memoryview(self._pending)
        self._socket: socket.socket = self._connection.conn
        self._socket.setblocking(False)
        self._poll = select.poll()

    def feed(self, stdin: bytes) -> None:
        """All of the standard input, of a command that was started without; sent while its outputs are read."""
        if self._link.has_shell_v2:
            self._unsent = memoryview(_stdin_packets(stdin))

    def read(self, deadline: float | None) -> tuple[bytes, bytes] | None:
        """Next (stdout, stderr) bytes; None at their end. Raises TimeoutError at `deadline`, DeviceLost."""
        while not self._at_end:
            pieces = self._arrived(deadline)
            if pieces[0] or pieces[1]:
                return pieces
        return None

    def _arrived(self, deadline: float | None) -> tuple[bytes, bytes]:
        """What the next bytes add to the outputs, often nothing. Raises TimeoutError, DeviceLost."""
        self._wait(deadline)
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return b"", b""
        except OSError as error:
            raise DeviceLost(self._link.name, f"the link broke while `{self._what}` ran ({error})") from error
        self._at_end = not data
        return self._take_packets(data) if self._link.has_shell_v2 else self._take_merged(data)

    def _wait(self, deadline: float | None) -> None:
        """Send what can be sent until there is something to read. Raises TimeoutError."""
        while True:
            wanted = select.POLLIN | (select.POLLOUT if self._unsent else 0)
            self._poll.register(self._socket, wanted)
            left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
            events = self._poll.poll(left)
            if not events:
                raise TimeoutError
            happened = events[0][1]
            if happened & select.POLLOUT:
                self._send()
            if happened & ~select.POLLOUT:
                return

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            return
        except OSError:
            # the command ended without reading it all, or the link broke: what comes to be read says which
            self._unsent = memoryview(b"")

    def _take_packets(self, data: bytes) -> tuple[bytes, bytes]:
        stdout: list[bytes] = []
        stderr: list[bytes] = []
        for kind, payload in self._packets.feed(data):
            if kind == STDOUT:
                stdout += self._told(self._stdout.feed(payload))
            elif kind == STDERR:
                stderr += self._told(self._stderr.feed(payload))
            elif kind == EXIT:
                self._exit = payload[0] if payload else None
                self._at_end = True
        return b"".join(stdout), b"".join(stderr)

    def _take_merged(self, data: bytes) -> tuple[bytes, bytes]:
        pieces = self._stdout.feed(data)
        stderr = [piece for section, piece in pieces if section > 1]
        return b"".join(self._told([piece for piece in pieces if piece[0] <= 1])), b"".join(stderr)

    def _told(self, pieces: list[tuple[int, bytes]]) -> list[bytes]:
        """The command's own bytes; what stands before the first record is the shell's and is kept for an error."""
        self._noise += b"".join(piece for section, piece in pieces if section == 0)
        return [piece for section, piece in pieces if section]

    def ended(self, deadline: float | None) -> tuple[int, int | None]:
        """Return code and signal, by the command's own records. Raises DeviceLost, DeviceUnfit."""
        records = self._stdout.records
        if records[:1] == [_NO_HOME]:
            home = self._link.settings.home
            message = f"its folder {home} cannot be entered"
            raise DeviceUnfit(self._link.name, message, code="permission", hint="is this an Android phone?")
        whole = self._exit is not None and len(self._stderr.records) > 1 if self._link.has_shell_v2 else True
        if len(records) > (1 if self._link.has_shell_v2 else 2) and whole and records[1].isdigit():
            return _code(int(records[1]))
        if self._exit is not None and self._exit > _SIGNALLED and records:
            return _code(self._exit)  # its shell was killed with it
        if self._exit is not None and not records:
            raise self._not_run()
        raise DeviceLost(self._link.name, f"the link broke while `{self._what}` ran")

    def _not_run(self) -> DeviceUnfit:
        said = self._noise.decode("utf-8", "replace").strip()
        first = said.splitlines()[0] if said else f"status {self._exit}"
        return DeviceUnfit(self._link.name, f"its shell did not run a command: {first}")

    def kill(self) -> None:
        """Kill the command's process group through a shell of its own. Raises DeviceLost if nothing answers."""
        deadline = time.monotonic() + self._link.settings.connect_s
        with suppress(TimeoutError, DeviceLost):
            while not self._stdout.records and not self._at_end:
                self._arrived(deadline)
        group = self._stdout.records[0] if self._stdout.records else b""
        if not group.isdigit():
            # nothing has begun; whether that is the phone's or the link's doing is for the caller to know
            self._link.open(b"shell:true").close()
            return
        line = group_kill_line(int(group), self._link.settings.home, self._marker)
        connection = self._link.open(b"shell:" + line)
        try:
            while connection.conn.recv(_READ_BYTES):
                pass
        except BROKEN as error:
            raise lost(self._link.name, error) from error
        finally:
            connection.close()

    def hang_up(self) -> None:
        """Wake a `read` that waits in another thread: its bytes end here."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the stream; the phone lets the command live."""
        self._connection.close()


def _code(status: int) -> tuple[int, int | None]:
    """A shell's status as return code and signal."""
    signal = status - _SIGNALLED
    return (KILLED, signal) if 0 < signal <= _LAST_SIGNAL else (status, None)


def _leave(link: AdbLink, path: str, data: bytes) -> None:
    """Put a small file of ours on the phone. Raises DeviceLost."""
    try:
        send_bytes(link, path, data)
    except BROKEN as error:
        raise lost(link.name, error) from error


def _stdin_packets(stdin: bytes) -> bytes:
    pieces = [packet(STDIN, stdin[at : at + _STDIN_BYTES]) for at in range(0, len(stdin), _STDIN_BYTES)]
    return b"".join([*pieces, packet(CLOSE_STDIN)])
