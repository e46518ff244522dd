"""Every test of the sh agent runs in three worlds; see shell_worlds."""

from __future__ import annotations

from pathlib import Path

import pytest
from shell_worlds import WORLDS, ShellPhone, find_world


@pytest.fixture(params=WORLDS)
def phone(request: pytest.FixtureRequest, tmp_path: Path) -> ShellPhone:
    """A device of each world with the agent on it and nothing running."""
    return ShellPhone(find_world(request.param), tmp_path)
