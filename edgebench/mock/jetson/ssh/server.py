"""The SSH server of a simulated board, on a loopback port."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import paramiko

from edgebench.mock.jetson.ssh.files import Disk, Files, Sftp
from edgebench.mock.jetson.ssh.keys import Keys, known_line
from edgebench.mock.jetson.ssh.session import Shell, attend, start

logging.getLogger("paramiko").addHandler(logging.NullHandler())


class Host(Protocol):
    """The board, as its SSH server needs it."""

    @property
    def user(self) -> str:
        """Who may log in."""

    @property
    def shell(self) -> Shell:
        """Where commands run."""

    @property
    def disk(self) -> Disk:
        """What SFTP may touch."""

    def commanded(self, command: bytes) -> bool:
        """A command has come. Returns False where the link breaks instead."""


class _Door(paramiko.ServerInterface):  # type: ignore[misc]  # paramiko is untyped
    """One connection: its user's key, commands, SFTP. What is not defined here, paramiko refuses."""

    def __init__(self, host: Host, key: paramiko.PKey, attending: Callable[..., None]) -> None:
        self._host, self._key, self._attending = host, key, attending

    def get_allowed_auths(self, username: str) -> str:
        """Keys alone."""
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        """The one key of the one user."""
        known = username == self._host.user and key == self._key
        return int(paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        """Sessions alone: no forwarding."""
        if kind == "session":
            return int(paramiko.OPEN_SUCCEEDED)
        return int(paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED)

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        """Start a command."""
        if not self._host.commanded(command):
            return False
        try:
            process = start(command, self._host.shell)
        except OSError:
            return False
        channel.get_transport().after_reply(lambda: self._attending(attend, process, channel))
        return True


class _Transport(paramiko.Transport):  # type: ignore[misc]
    """A connection whose commands say nothing before the client was told that they have started.

    paramiko tells it when `check_channel_exec_request` has returned: a short command could be over by then.
    What was put off is done in any case, at the latest when the connection ends: commands that have begun wait for it.
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._after_reply: list[Callable[[], None]] = []

    def after_reply(self, action: Callable[[], None]) -> None:
        """Do that once the reply to the present request is on its way; called by the transport's own thread."""
        self._after_reply.append(action)

    def _send_user_message(self, data: paramiko.Message) -> None:
        super()._send_user_message(data)
        if threading.current_thread() is self:
            self._catch_up()

    def run(self) -> None:
        """Serve the connection to its end."""
        try:
            super().run()
        finally:
            self._catch_up()

    def _catch_up(self) -> None:
        while self._after_reply:
            self._after_reply.pop(0)()


class SshServer:
    """Listens from `with` until its end. `cut` breaks every connection, `pause` also takes no new ones for a while."""

    def __init__(self, host: Host, keys: Keys) -> None:
        self._host, self._keys = host, keys
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._transports: set[paramiko.Transport] = set()
        self._attending: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._is_down = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="board-ssh", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listener.getsockname()[1]
        return port

    def write_known_hosts(self, path: Path) -> None:
        """The file by which a client knows it."""
        path.write_text(known_line(self.port, self._keys.host), encoding="ascii")

    def cut(self) -> None:
        """Break every connection, without a word."""
        for transport in self._take_all():
            _break(transport)

    def go_down(self) -> None:
        """Break every connection and hang up on new ones, as a board that reboots."""
        self._is_down.set()
        self.cut()

    def come_up(self) -> None:
        """Answer again."""
        self._is_down.clear()

    def __enter__(self) -> SshServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Break every connection, and wait until none can begin a command any more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for transport in self._take_all():
            _break(transport)
            transport.join()

    def wait_for_commands(self) -> None:
        """Wait until all commands have ended and their pipes are closed; to be called when nothing can begin one."""
        for attending in tuple(self._attending):
            attending.join()

    def _take_all(self) -> set[paramiko.Transport]:
        with self._lock:
            transports, self._transports = self._transports, set()
        return transports

    def _attend(self, action: Callable[..., None], *args: object) -> None:
        """Do it in a thread that is known of."""
        thread = threading.Thread(target=action, args=args, name="board-command", daemon=True)
        with self._lock:
            self._attending = {other for other in self._attending if other.is_alive()}
            thread.start()
            self._attending.add(thread)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if self._is_down.is_set():
                connection.close()
                continue
            self._greet(connection)

    def _greet(self, connection: socket.socket) -> None:
        """Let a thread of its own speak with a client; this one goes on listening."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = _Transport(connection)
        transport.add_server_key(self._keys.host)
        transport.set_subsystem_handler("sftp", Sftp, Files, self._host.disk)
        with self._lock:
            self._transports = {other for other in self._transports if other.is_alive()} | {transport}
        # without an event paramiko would wait here for the other side's part of the handshake
        transport.start_server(event=threading.Event(), server=_Door(self._host, self._keys.login, self._attend))


def _break(transport: paramiko.Transport) -> None:
    """End the bytes first, so that nothing polite is said."""
    with suppress(OSError):
        transport.sock.shutdown(socket.SHUT_RDWR)
    transport.close()
