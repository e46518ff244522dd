"""A room for acceptance tests on a simulated phone: the installed command, the real adb server, `edgebench mock start`.

    with PhoneRoom(tmp_path) as room, room.phone("oneplus-7t"):
        done = room.run(model, "--accelerator", "cpu,gpu")
        done.returncode, done.runs, done.stderr

The phone lives at `speed` of its own seconds in one of ours. Its folder is `room.tree`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from adb_room import AdbServer
from mock_room import BRIEF, MockRoom

__all__ = ["BRIEF", "PhoneRoom"]


class PhoneRoom(MockRoom):
    """Runs an adb server from `with` until its end; phones are named `mock-PROFILE`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.adb = AdbServer(folder)

    def __enter__(self) -> Self:
        self.adb.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.adb.__exit__(kind, error, trace)

    @property
    def env(self) -> dict[str, str]:
        """The environment of the commands: nothing of the user's, and our own adb server."""
        return super().env | self.adb.environment

    def phone(
        self, profile: str = "oneplus-7t", *faults: str, speed: float = 20.0, seed: int = 0
    ) -> AbstractContextManager[str]:
        """Serve a phone while the block runs; gives its name."""
        return self.served(profile, "--speed", speed, "--seed", seed, faults=faults)

    @property
    def home(self) -> Path:
        """edgebench's folder on the phone."""
        return self.tree / "data/local/tmp/edgebench"
