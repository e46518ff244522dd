"""A room for acceptance tests on a simulated board: the installed command, `edgebench mock start`, SSH in between.

    with JetsonRoom(tmp_path) as room, room.board("jetson-nano", "throttle@20s"):
        done = room.run(model, "--backend", "onnxruntime")
        done.returncode, done.runs, done.stderr

The board lives at `speed` of its own seconds in one of ours. What stands for its `/` is `room.tree`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

from mock_room import BRIEF, MockRoom

__all__ = ["BRIEF", "JetsonRoom"]


class JetsonRoom(MockRoom):
    """Boards are named `mock-PROFILE`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def board(
        self,
        profile: str = "jetson-nano",
        *faults: str,
        speed: float = 1.0,
        seed: int = 0,
        around: Sequence[str] = (),
        folder: Path | None = None,
    ) -> AbstractContextManager[str]:
        """Serve a board while the block runs; gives its name. `around`: words before the command; `folder`: its own."""
        env = {"TMPDIR": str(folder)} if folder else {}
        return self.served(profile, "--speed", speed, "--seed", seed, faults=faults, around=around, env=env)

    @property
    def home(self) -> Path:
        """edgebench's folder on the board."""
        return Path(self.told["home"])

    def file(self, path: str) -> str:
        """What a file of the board says, as everybody may read it."""
        return (self.tree / path.lstrip("/")).read_text()
