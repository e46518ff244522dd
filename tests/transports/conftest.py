"""Devices for the transport tests: this machine, a real SSH server on it, and phones behind a real adb server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

# tests/ has no packages; helpers that several rooms use (sshd, faults) lie beside the rooms
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from adb_room import AdbServer, PlainPhone
from faults import FaultProxy
from sshd import Sshd

from edgebench.mock.phone.adbd.server import AdbDaemon
from edgebench.transports.adb import AdbTransport
from edgebench.transports.places import AdbPlace
from edgebench.transports.ssh import SshTransport


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Sshd]:
    with Sshd(tmp_path_factory.mktemp("sshd") / "server") as running:
        yield running


@pytest.fixture
def proxy(server) -> Iterator[FaultProxy]:
    with FaultProxy(server.port) as running:
        server.know(running.port)
        yield running


@pytest.fixture
def board(server) -> Iterator[SshTransport]:
    with SshTransport(server.place(), server.settings()) as transport:
        yield transport


@pytest.fixture
def far_board(server, proxy) -> Iterator[SshTransport]:
    """The same server behind the fault proxy, with a short stall limit."""
    with SshTransport(server.place(port=proxy.port), server.settings(stall_s=0.6)) as transport:
        yield transport


@pytest.fixture(scope="session")
def adb(tmp_path_factory) -> Iterator[AdbServer]:
    """A real adb server on a port of its own."""
    with AdbServer(tmp_path_factory.mktemp("adb")) as running:
        yield running


@pytest.fixture(scope="session")
def behind(adb) -> Callable[[PlainPhone], AbstractContextManager[AdbTransport]]:
    """Gives the transport to a phone that the server is told of."""

    @contextmanager
    def reach(phone: PlainPhone) -> Iterator[AdbTransport]:
        with AdbDaemon(phone) as daemon:
            address = adb.connect(daemon)
            with AdbTransport(AdbPlace("phone", serial=address, server=adb.address)) as transport:
                yield transport
            adb.run("disconnect", address)

    return reach


@pytest.fixture
def phone(tmp_path) -> PlainPhone:
    """A phone that belongs to one test."""
    return PlainPhone(tmp_path / "phone")


@pytest.fixture
def daemon(phone) -> Iterator[AdbDaemon]:
    """The phone's daemon; no server knows it yet."""
    with AdbDaemon(phone) as running:
        yield running


@pytest.fixture
def mount(tmp_path) -> Iterator[Callable[..., Path]]:
    """Mounts a small file system in a private folder; skipped where that is not allowed, except in CI."""
    mounted: list[Path] = []

    def mount_at(name: str, options: str, below: Path | None = None) -> Path:
        folder = (below or tmp_path) / name
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False
        )
        if done.returncode != 0:
            message = f"cannot mount a tmpfs (needs root): {done.stderr.decode().strip()}"
            pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
        mounted.append(folder)
        return folder

    yield mount_at
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()
