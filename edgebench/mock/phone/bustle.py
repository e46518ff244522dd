"""How many of the phone's cores are kept busy by what its shells run: busy loops on this machine heat the phone."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

MARK = "EDGEBENCH_MOCK_PHONE"
"""In the environment of everything that runs on a simulated phone: its folder."""
LOOKS = 3
FORGET_S = 2.0
"""Who was found to be a stranger is looked at again after this long: a number is used for another process at times."""

Runner = tuple[str, str, str]
"""Number and start of a process, and how often it had slept by then."""


class Bustle:
    """Looks through this machine's processes (Linux; elsewhere nothing is seen).

    A process of the phone that was running at three looks in a row and never slept between them counts as a busy
    core: on a busy machine one that wakes now and then is found waiting for its turn as often as not.
    """

    def __init__(self, folder: Path, proc: Path = Path("/proc"), seconds: Callable[[], float] = time.monotonic) -> None:
        self._mark = f"{MARK}={folder}\0".encode()
        self._proc = proc
        self._seconds = seconds
        self._strangers: set[str] = set()
        self._forget_s = 0.0
        self._running: Counter[Runner] = Counter()

    def busy(self) -> int:
        """Look once more. Returns the number of busy cores."""
        now_s = self._seconds()
        if now_s >= self._forget_s:
            self._strangers.clear()
            self._forget_s = now_s + FORGET_S
        pids = self._pids()
        self._strangers &= pids
        running: Counter[Runner] = Counter()
        for pid in pids - self._strangers:
            who = self._who_runs(pid)
            if who is not None:
                running[who] = self._running[who] + 1
        self._running = running
        return sum(looks >= LOOKS for looks in running.values())

    def _who_runs(self, pid: str) -> Runner | None:
        """A process, if it is the phone's and runs."""
        try:
            if self._mark not in (self._proc / pid / "environ").read_bytes() + b"\0":
                self._strangers.add(pid)
                return None
            fields = (self._proc / pid / "stat").read_text(errors="replace").rpartition(")")[2].split()
            return (pid, fields[19], self._sleeps(pid)) if fields[0] == "R" else None
        except (OSError, IndexError, StopIteration):
            return None

    def _sleeps(self, pid: str) -> str:
        """How often it has gone to sleep by itself."""
        lines = (self._proc / pid / "status").read_text(errors="replace").splitlines()
        return next(line for line in lines if line.startswith("voluntary_ctxt_switches:"))

    def _pids(self) -> set[str]:
        try:
            return {name for name in os.listdir(self._proc) if name.isdigit()}  # noqa: PTH208 - every few moments
        except OSError:
            return set()
