"""Fixtures of the acceptance tests: one sshd for all, a room with a device on each transport."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rooms import Room
from sshd import Sshd


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A running sshd that accepts its own user key."""
    with Sshd(tmp_path_factory.mktemp("sshd") / "server") as server:
        yield server


@pytest.fixture(params=[pytest.param("local", marks=pytest.mark.heavy), "ssh"])
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Room:
    """A device called `board` behind SSH, and with the heavy tests the same on this machine."""
    sshd = request.getfixturevalue("sshd") if request.param == "ssh" else None
    return Room(tmp_path, request.param, sshd)
