"""The program as a user starts it: `python -m edgebench ...` with a store and a configuration of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebench.store import open_store
from edgebench.store.store import Store


@dataclass(frozen=True)
class Said:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Program:
    """One user's surroundings in a folder."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        own = {"EDGEBENCH_STORE": str(self.folder / "store.db"), "EDGEBENCH_CONFIG": str(self.folder / "config")}
        return {**os.environ, **own, "NO_COLOR": "1", "XDG_CACHE_HOME": str(self.folder / "cache")}

    def __call__(self, *arguments: object) -> Said:
        command = [sys.executable, "-m", "edgebench", *map(str, arguments)]
        done = subprocess.run(
            command, env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

    def store(self) -> Store:
        return open_store(str(self.folder / "store.db"))
