"""The adb server: which one it is, asking it, and starting one where none is. None is ever killed or restarted."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from adbutils import AdbConnection, AdbError, AdbTimeout

from edgebench.errors import DeviceUnreachable, UsageError

DEFAULT_PORT = 5037
HOME = "/data/local/tmp"
"""The folder of a phone where its shell user may write and start programs (/sdcard is mounted noexec)."""

BROKEN = (AdbError, OSError, EOFError)
"""What a conversation with the server ends with when the server, the cable or the phone is gone."""

_ADDRESS = re.compile(r"(?P<host>[A-Za-z0-9][A-Za-z0-9._-]*)(?::(?P<port>\d{1,5}))?\Z")
_MAX_PORT = 65535
_START_S = 20.0
_READY_S = 3.0
_LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class AdbSettings:
    """How patient to be, and with what environment.

    `connect_s`: how long server or phone may take to answer a request (a frozen phone is listed and never does).
    `stall_s`: a transfer in which nothing moves for so long is given up. `slowest_bytes_per_s`: a transfer's last
    bytes lie in buffers on the way when all is sent; that they crawl so slowly is no stall.
    """

    home: str = HOME
    connect_s: float = 5.0
    stall_s: float = 20.0
    slowest_bytes_per_s: float = 200e3
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)


@dataclass(frozen=True)
class ServerAddress:
    """Where a server listens; one that somebody named as such (`is_given`) is not for us to start."""

    host: str
    port: int
    is_given: bool

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def server_address(given: str | None, environment: Mapping[str, str]) -> ServerAddress:
    """The server of `given` ("host:port"), else of adb's own variables, else adb's default. Raises UsageError.

    >>> str(server_address(None, {"ADB_SERVER_SOCKET": "tcp:172.20.0.1:5037"}))
    '172.20.0.1:5037'
    """
    if given:
        return _parsed(given, "server", is_given=True)
    spec = environment.get("ADB_SERVER_SOCKET")
    if spec:
        if not spec.startswith("tcp:"):
            raise UsageError(f"ADB_SERVER_SOCKET={spec} is not a TCP address", hint="write it as tcp:HOST:PORT")
        rest = spec.removeprefix("tcp:")
        rest = f"127.0.0.1:{rest}" if rest.isdigit() else rest
        address = _parsed(rest, "ADB_SERVER_SOCKET", is_given=True)
        return ServerAddress(address.host, address.port, is_given=address.host not in _LOOPBACK)
    host = environment.get("ANDROID_ADB_SERVER_ADDRESS") or _LOOPBACK[0]
    port = environment.get("ANDROID_ADB_SERVER_PORT") or str(DEFAULT_PORT)
    address = _parsed(f"{host}:{port}", "ANDROID_ADB_SERVER_ADDRESS:PORT", is_given=True)
    return ServerAddress(address.host, address.port, is_given=address.host not in _LOOPBACK)


def _parsed(text: str, what: str, *, is_given: bool) -> ServerAddress:
    parts = _ADDRESS.match(text)
    port = int(parts["port"] or DEFAULT_PORT) if parts else 0
    if not parts or not 0 < port <= _MAX_PORT:
        raise UsageError(f"{what}: {text!r} is not the address of an adb server", hint="write it as host:port")
    return ServerAddress(parts["host"], port, is_given)


class Connection(AdbConnection):  # type: ignore[misc]
    """A connection to the server that starts no server of its own accord (adbutils' would, with the adb on PATH)."""

    def __init__(self, address: ServerAddress, limit_s: float) -> None:
        self._where = (address.host, address.port)
        self._limit_s = limit_s
        super().__init__(address.host, address.port)

    def _safe_connect(self) -> socket.socket:
        made = socket.create_connection(self._where, timeout=self._limit_s)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a small push: 110 -> 66 ms
        return made

    def request(self, service: bytes) -> None:
        """Ask for a service and wait until it is granted. Raises AdbError with the refusal's words, OSError."""
        self.conn.sendall(b"%04x" % len(service) + service)
        self.check_okay()

    def close(self) -> None:
        """Close at once; adbutils waits 10 ms before, which every command would pay."""
        if not self.closed:
            self.conn.close()


class AdbServer:
    """An adb server that answered once. `name` is that of the device for whose sake it is asked."""

    def __init__(self, name: str, address: ServerAddress, settings: AdbSettings) -> None:
        self.name = name
        self.address = address
        self.settings = settings

    def ask(self, service: str, limit_s: float | None = None) -> str:
        """The server's answer to a host service. Raises DeviceUnreachable; AdbError with the words of a refusal."""
        with self._answering(), self.connect(limit_s) as connection:
            connection.request(os.fsencode(service))
            try:
                answer: str = connection.read_string_block()
            except ValueError as error:
                raise AdbError(f"an answer of no length: {error}") from error
            return answer

    def introduce(self, address: str) -> None:
        """Have the server connect to a phone at "ip:port" and wait until it is ready, but not for long.

        Raises DeviceUnreachable, AdbError; what became of it is seen in the list.
        """
        self.ask(f"host:connect:{address}")
        with self._answering(), self.connect(_READY_S) as connection:
            connection.request(os.fsencode(f"host-serial:{address}:wait-for-any-device"))
            connection.check_okay()  # a second one, when it is ready

    def connect(self, limit_s: float | None = None) -> Connection:
        """A new connection on which every step may take `limit_s` (default: connect_s). Raises OSError."""
        return Connection(self.address, limit_s or self.settings.connect_s)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Say that the server itself does not answer; what it refuses passes."""
        try:
            yield
        except (OSError, AdbTimeout) as error:
            raise _unanswered(self.name, self.address, error) from error


def find_server(name: str, given: str | None, settings: AdbSettings) -> AdbServer:
    """The server that the place or the environment names; started if it would be ours and nothing listens there.

    Raises DeviceUnreachable, and UsageError where there is no `adb` that could be started.
    """
    address = server_address(given, settings.environment)
    server = AdbServer(name, address, settings)
    try:
        server.connect().close()
    except ConnectionRefusedError as refused:
        if address.is_given:
            raise _unanswered(name, address, refused) from refused
        start_server(name, address, settings.environment)
    except OSError as error:
        raise _unanswered(name, address, error) from error
    return server


def start_server(
    name: str, address: ServerAddress, environment: Mapping[str, str], programs: Sequence[Path] | None = None
) -> None:
    """Start a server where none listens, with the first `adb` that runs. Raises UsageError, DeviceUnreachable."""
    said = ""
    for program in adb_programs() if programs is None else programs:
        argv = [str(program), "-P", str(address.port), "start-server"]
        # its outputs stay open in the server: a pipe would never end
        log = subprocess.DEVNULL
        try:
            done = subprocess.run(
                argv, env=dict(environment), stdin=log, stdout=log, stderr=log, timeout=_START_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            said = str(error)
            continue
        if done.returncode == 0:
            return
        said = f"{program} start-server: exit status {done.returncode}"
    if not said:
        raise UsageError("there is no `adb` that could be started", hint="sudo apt install adb")
    hint = "sudo apt install adb; then `adb start-server` says more"
    raise DeviceUnreachable(name, f"no adb server answers at {address}, and none could be started ({said})", hint=hint)


def adb_programs() -> list[Path]:
    """Programs that could start a server: the one that adbutils carries, then the one on PATH."""
    carried = Path(str(resources.files("adbutils"))) / "binaries" / "adb"
    found = shutil.which("adb")
    return [path for path in (carried, Path(found) if found else None) if path and os.access(path, os.X_OK)]


def _unanswered(name: str, address: ServerAddress, error: Exception) -> DeviceUnreachable:
    is_silent = isinstance(error, (TimeoutError, AdbTimeout))
    reason = "no answer" if is_silent else getattr(error, "strerror", None) or str(error)
    if address.host in _LOOPBACK:
        hint = f"is that the right port? `adb -P {address.port} devices` asks it"
    else:
        hint = "on that computer: `adb kill-server; adb -a nodaemon server`, and its firewall must let the port in"
    return DeviceUnreachable(name, f"the adb server at {address} does not answer ({reason})", hint=hint)
