"""Devices for the transport tests: this machine, and a real SSH server on it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# tests/ has no packages; helpers that several rooms use (sshd, faults) lie beside the rooms
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faults import FaultProxy
from sshd import Sshd

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


@pytest.fixture
def mount(tmp_path) -> Iterator[Callable[..., Path]]:
    """Mounts a small file system in a private folder; skipped where that is not allowed, except in CI."""
    mounted: list[Path] = []

    def mount_at(name: str, options: str) -> Path:
        folder = tmp_path / name
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
