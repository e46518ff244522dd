"""A real OpenSSH server on a loopback port with keys, home folder and configuration of its own.

    with Sshd(tmp_path) as server:
        with SshTransport(server.place("board"), server.settings()) as board: ...

Its "home" is `server.home`: commands and SFTP both start there (bash reads `.bashrc` in it, as on a device).
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from edgebench.transports.known_hosts import key_name
from edgebench.transports.places import SshPlace
from edgebench.transports.ssh_config import SshSettings

BINARY = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def need_sshd() -> None:
    """Skip the calling test where there is no openssh-server, but fail in CI: there it must be."""
    if BINARY is None:
        message = "openssh-server is not installed (sshd not found): SSH tests cannot run"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


def make_key(path: Path) -> Path:
    """A new ed25519 key pair without a passphrase."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


class Sshd:
    """Starts in `__enter__` and is listening when that returns; `stop` and `start` keep port and keys."""

    def __init__(self, folder: Path, *, lines: Iterable[str] = (), user_key: Path | None = None) -> None:
        need_sshd()
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.host_key = make_key(folder / "host_key")
        self.user_key = user_key or make_key(folder / "user_key")
        self.known_hosts = folder / "known_hosts"
        self.log = folder / "sshd.log"
        self.lines = list(lines)
        self.subsystem: str | None = f"internal-sftp -d {self.home}"
        self.port = _free_port()
        self.user = getpass.getuser()
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "authorized_keys").write_text(self.user_key.with_suffix(".pub").read_text())
        (self.home / ".bashrc").write_text('cd "$HOME"\n')
        self.know(self.port)

    def know(self, port: int, known_hosts: Path | None = None) -> None:
        """Write this server's true key under another port too (of a proxy before it)."""
        kind, blob = self.host_key.with_suffix(".pub").read_text().split()[:2]
        with (known_hosts or self.known_hosts).open("a") as file:
            file.write(f"{key_name('127.0.0.1', port)} {kind} {blob}\n")

    def place(self, name: str = "board", *, port: int | None = None) -> SshPlace:
        """This server, or a proxy's `port` before it, as a place with everything given."""
        return SshPlace(name, "127.0.0.1", port or self.port, self.user, self.user_key, self.known_hosts)

    def settings(self, **changes: object) -> SshSettings:
        """Settings that read nothing of the user's; short limits."""
        values: dict[str, object] = {
            "config_files": (),
            "known_hosts": (),
            "agent": False,
            "connect_s": 10.0,
            "stall_s": 10.0,
        }
        return SshSettings(**{**values, **changes})  # type: ignore[arg-type]

    def start(self) -> None:
        """Start the server; returns when it listens."""
        Path("/run/sshd").mkdir(exist_ok=True) if os.geteuid() == 0 else None
        config = self.folder / "sshd_config"
        config.write_text("\n".join([*self._config(), *self.lines]) + "\n")
        assert BINARY is not None
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([BINARY, "-D", "-e", "-f", config], stderr=log)
        _wait_until_listening(self.port, self._process, self.log)

    def stop(self) -> None:
        """Stop listening and end all sessions; may be called twice."""
        if self._process is not None:
            subprocess.run(["pkill", "-KILL", "-P", str(self._process.pid)], check=False)
            self._process.terminate()
            self._process.wait()
            self._process = None

    def _config(self) -> list[str]:
        return [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self.host_key}",
            f"AuthorizedKeysFile {self.folder / 'authorized_keys'}",
            f"PidFile {self.folder / 'sshd.pid'}",
            "PermitRootLogin yes",
            "StrictModes no",
            "UsePAM no",
            "MaxStartups 100",
            "AllowTcpForwarding yes",
            f"SetEnv HOME={self.home}",
            *([f"Subsystem sftp {self.subsystem}"] if self.subsystem else []),
        ]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_listening(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Connect until the server sends its banner; a server that ended tells why."""
    while process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as probe:
                if probe.recv(4) == b"SSH-":
                    return
        except ConnectionRefusedError:
            # nothing to wait on before it listens: yield the processor to it
            os.sched_yield()
    raise AssertionError(f"sshd ended at once: {log.read_text()}")
