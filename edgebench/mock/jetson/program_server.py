"""Where the stand-in programs of a simulated board report to: one thread a process, a loopback port with a token."""

from __future__ import annotations

import json
import secrets
import select
import shlex
import socket
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgebench.mock.jetson import stand_in
from edgebench.mock.jetson.host import Board, Call, Gone, Killed, Program

LONGEST_LINE = 1 << 22
LOOK_S = 0.05
"""Between looks whether a process that waits is still there."""


class Become(Exception):
    """Raised by a handler: the process becomes that program, as root."""

    def __init__(self, argv: tuple[str, ...]) -> None:
        self.argv = argv


class SocketLine:
    """The line to one process: a `host.Line`."""

    def __init__(self, connection: socket.socket, board: Board, speed: float, over: threading.Event) -> None:
        self._connection, self._board, self._speed, self._over = connection, board, speed, over
        self._reader = connection.makefile("r", encoding="utf-8")
        self.pid = 0

    def hang_up(self) -> None:
        """Let the process end, and whoever waits for it here: nothing more is said."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give back what the line took; a socket stays open for as long as something reads from it."""
        with suppress(OSError):
            self._reader.close()
        self._connection.close()

    def told(self) -> dict[str, Any] | None:
        """The next line that the process says."""
        try:
            told = json.loads(self._reader.readline(LONGEST_LINE))
        except (OSError, ValueError):
            return None
        return told if isinstance(told, dict) else None

    def send(self, answer: dict[str, Any]) -> None:
        """Tell the process something."""
        try:
            self._connection.sendall((json.dumps(answer) + "\n").encode())
        except OSError as error:
            raise Gone from error

    def out(self, text: str) -> None:
        """Print to its standard output."""
        self.send({"out": text})

    def err(self, text: str) -> None:
        """Print to its standard error."""
        self.send({"err": text})

    def stdin(self) -> str:
        """All of its standard input."""
        self.send({"ask": True})
        told = self.told()
        if told is None:
            raise Gone
        return str(told.get("stdin", ""))

    def wait_until(self, when_ns: int) -> None:
        """Wait until the board's uptime has got there; a process that is stopped does not go on, and draws nothing."""
        while (left_s := (when_ns - self._board.now_ns()) / 1e9 / self._speed) > 0 or self._is_stopped():
            if self._is_stopped():
                self._board.work(self, None)
            if self._is_gone() or self._over.wait(min(left_s, LOOK_S) if left_s > 0 else LOOK_S):
                raise Gone
        if self._is_gone():
            raise Gone

    def _is_stopped(self) -> bool:
        """Whether the process was sent SIGSTOP."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "T"
        except (OSError, IndexError):
            return False

    def _is_gone(self) -> bool:
        """Whether the process hung up; it says nothing unless it is asked."""
        ready, _, _ = select.select([self._connection], [], [], 0)
        if not ready:
            return False
        try:
            return not self._connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True


class ProgramServer:
    """Serves the programs of `board` from `with` until its end; `address_file` tells the stand-ins where.

    A process is root's if it shows a ticket, and tickets are given to what a handler turns into another program.
    """

    def __init__(self, board: Board, programs: Iterable[Program], address_file: Path, speed: float) -> None:
        self._board, self._speed = board, speed
        self._programs = {program.name: program for program in programs}
        self._file = address_file
        self._token = secrets.token_hex(16)
        self._tickets: set[str] = set()
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._attended: dict[threading.Thread, SocketLine] = {}
        self._thread = threading.Thread(target=self._serve, name="board-programs", daemon=True)

    def __enter__(self) -> ProgramServer:
        self._file.touch(mode=0o600)
        port = self._listener.getsockname()[1]
        self._file.write_text(json.dumps({"port": port, "token": self._token}), encoding="ascii")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up on every process, and wait until nothing is done for any: the board may be taken apart then."""
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for attending, line in tuple(self._attended.items()):
            line.hang_up()
            attending.join()

    def install(self, root: Path) -> None:
        """Write the small executables below the board's root."""
        for program in self._programs.values():
            path = root / program.path.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            words = [sys.executable, "-S", "-E", "-I", stand_in.__file__, str(self._file), program.name]
            path.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
            path.chmod(0o755)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            line = SocketLine(connection, self._board, self._speed, self._over)
            attending = threading.Thread(target=self._attend, args=(line,), name="board-program", daemon=True)
            self._attended[attending] = line
            attending.start()

    def _attend(self, line: SocketLine) -> None:
        """One process from its first line to its end; one that was killed before it said anything, too."""
        try:
            told = line.told()
            if told is not None and secrets.compare_digest(str(told.get("token")).encode(), self._token.encode()):
                self._answer(line, told)
        finally:
            line.close()
            del self._attended[threading.current_thread()]

    def _answer(self, line: SocketLine, told: dict[str, Any]) -> None:
        try:
            line.send(self._run(line, told))
        except Gone:
            pass
        finally:
            self._board.forget(line)

    def _run(self, line: SocketLine, told: dict[str, Any]) -> dict[str, Any]:
        program = self._programs[str(told["name"])]
        ticket = told.get("ticket")
        as_root = ticket in self._tickets
        self._tickets.discard(str(ticket))
        argv = tuple(map(str, told["argv"]))
        line.pid = int(told["pid"])
        call = Call(program.name, argv, Path(str(told["cwd"])), line.pid, as_root)
        try:
            return {"exit": program.handler(call, line, self._board)}
        except Killed as killed:
            return {"signal": int(killed.number)}
        except Become as become:
            fresh = secrets.token_hex(16)
            self._tickets.add(fresh)
            return {"exec": list(become.argv), "ticket": fresh}
