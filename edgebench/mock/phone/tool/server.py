"""Where the stand-in tools of a simulated phone report to: one thread a process, on a loopback port with a token."""

from __future__ import annotations

import json
import secrets
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edgebench.mock.phone.loads import Work
from edgebench.mock.phone.tool.bench import Case, Gone, Killed, run
from edgebench.mock.phone.tool.speech import DIALECTS, Dialect, Voice

LONGEST_LINE = 1 << 20


class Host(Protocol):
    """The phone, as the server needs it."""

    def now_ns(self) -> int:
        """The phone's uptime."""

    def wait_until(self, when_ns: int, gone: Callable[[], bool]) -> bool:
        """Wait in the phone's time; False when `gone` said so, or the phone is over."""

    def work(self, who: object, work: Work | None) -> None:
        """Let `who` draw that."""

    def clock_share(self) -> float:
        """The present clock as a share of the full one."""

    def case(self, argv: tuple[str, ...], folder: Path, pid: int) -> Case:
        """What a process is started with; counts it."""

    def killed(self, pid: int, signal_number: int) -> None:
        """That process is about to be killed."""

    def ended(self, pid: int) -> None:
        """That process is no more."""


@dataclass(eq=False)
class _Link:
    """The line to one process."""

    socket: socket.socket

    def send(self, answer: dict[str, Any]) -> None:
        try:
            self.socket.sendall((json.dumps(answer) + "\n").encode())
        except OSError as error:
            raise Gone from error

    def is_gone(self) -> bool:
        """Whether the process hung up; it says nothing after its first line."""
        ready, _, _ = select.select([self.socket], [], [], 0)
        if not ready:
            return False
        try:
            return not self.socket.recv(1)
        except OSError:
            return True


class _ProcessPace:
    """The phone, from where one process stands."""

    def __init__(self, host: Host, link: _Link) -> None:
        self._host = host
        self._link = link

    def now_ns(self) -> int:
        return self._host.now_ns()

    def wait_until(self, when_ns: int) -> None:
        if not self._host.wait_until(when_ns, self._link.is_gone):
            raise Gone

    def work(self, work: Work | None) -> None:
        self._host.work(self._link, work)

    def clock_share(self) -> float:
        return self._host.clock_share()


class ToolServer:
    """Listens from `with` until its end; `address_file` tells the stand-ins where."""

    def __init__(self, host: Host, address_file: Path, dialect: Dialect) -> None:
        self._host = host
        self._dialect = dialect
        self._token = secrets.token_hex(16)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._file = address_file
        self._thread = threading.Thread(target=self._serve, name="phone-tools", daemon=True)

    def __enter__(self) -> ToolServer:
        self._file.touch(mode=0o600)
        port = self._listener.getsockname()[1]
        self._file.write_text(json.dumps({"port": port, "token": self._token}), encoding="ascii")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._attend, args=(connection,), name="phone-tool", daemon=True).start()

    def _attend(self, connection: socket.socket) -> None:
        """One process from its first line to its end."""
        with connection:
            told = self._told(connection)
            if told is None:
                return
            link, pid = _Link(connection), int(told["pid"])
            with suppress(Gone):
                try:
                    answer = self._run(link, told, pid)
                finally:
                    # before the process can be seen to have ended: a busy machine might come back here much later
                    self._host.ended(pid)
                    self._host.work(link, None)
                link.send(answer)

    def _told(self, connection: socket.socket) -> dict[str, Any] | None:
        """The first line, if it is one of ours."""
        try:
            told = json.loads(connection.makefile("r", encoding="utf-8").readline(LONGEST_LINE))
        except (OSError, ValueError):
            return None
        if not isinstance(told, dict) or not secrets.compare_digest(str(told.get("token")), self._token):
            return None
        return told

    def _run(self, link: _Link, told: dict[str, Any], pid: int) -> dict[str, Any]:
        case = self._host.case(tuple(map(str, told["argv"])), Path(told["cwd"]), pid)
        asked = told.get("dialect")
        dialect: Dialect = asked if asked in DIALECTS else self._dialect
        if case.struck("sixth-dialect"):
            dialect = "sixth"
        voice = Voice(dialect, lambda text, error: link.send({"err" if error else "out": text}), self._stamp(pid))
        try:
            return {"exit": run(case, voice, _ProcessPace(self._host, link))}
        except Killed as killed:
            self._host.killed(pid, int(killed.number))
            return {"signal": int(killed.number)}

    def _stamp(self, pid: int) -> Callable[[], str]:
        def stamp() -> str:
            seconds = self._host.now_ns() / 1e9
            return (f"11-21 {int(seconds // 3600) % 24:02d}:{int(seconds // 60) % 60:02d}:{seconds % 60:06.3f} "
                    f"{pid:5d} {pid:5d}")  # fmt: skip

        return stamp
