"""Every test of the sh agent runs in three worlds; see shell_worlds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from shell_worlds import MARKED_WORLDS, ShellPhone, find_world, wait_gone


@pytest.fixture(params=MARKED_WORLDS)
def phone(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ShellPhone]:
    """A device of each world with the agent on it and nothing running; nothing may outlive the test by itself."""
    device = ShellPhone(find_world(request.param), tmp_path)
    yield device
    device.release()
    for pid in device.processes():
        wait_gone(pid, 5)
