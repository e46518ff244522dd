"""How many of the phone's cores are kept busy by what its shells run: busy loops on this machine heat the phone."""

from __future__ import annotations

import os
from pathlib import Path

MARK = "EDGEBENCH_MOCK_PHONE"
"""In the environment of everything that runs on a simulated phone: its folder."""


class Bustle:
    """Looks through this machine's processes (Linux; elsewhere nothing is seen).

    A process of the phone that was running at two looks in a row counts as a busy core.
    """

    def __init__(self, folder: Path, proc: Path = Path("/proc")) -> None:
        self._mark = f"{MARK}={folder}\0".encode()
        self._proc = proc
        self._ours: dict[tuple[str, str], bool] = {}
        self._running: set[tuple[str, str]] = set()

    def busy(self) -> int:
        """Look once more. Returns the number of busy cores."""
        seen: dict[tuple[str, str], bool] = {}
        running = set()
        for pid in self._pids():
            try:
                fields = (self._proc / pid / "stat").read_text(errors="replace").rpartition(")")[2].split()
                who = (pid, fields[19])
                seen[who] = self._ours[who] if who in self._ours else self._is_ours(pid)
            except (OSError, IndexError):
                continue
            if seen[who] and fields[0] == "R":
                running.add(who)
        count = len(running & self._running)
        self._ours, self._running = seen, running
        return count

    def _pids(self) -> list[str]:
        try:
            return [name for name in os.listdir(self._proc) if name.isdigit()]  # noqa: PTH208 - every few moments
        except OSError:
            return []

    def _is_ours(self, pid: str) -> bool:
        return self._mark in (self._proc / pid / "environ").read_bytes() + b"\0"
