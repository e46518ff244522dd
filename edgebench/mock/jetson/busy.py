"""What the processes of a simulated board use of this machine: CPU time and memory, by a mark in their environment."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MARK = "EDGEBENCH_MOCK_BOARD"
"""In the environment of everything that runs on a simulated board: its folder."""
FORGET_S = 2.0
"""Who was found to be a stranger is looked at again after this long: it may have become one of ours (exec)."""
RENEW_S = 0.08
"""The kernel counts CPU time in steps of 10 ms: shares of shorter spans would be noise."""


@dataclass(frozen=True)
class Usage:
    """CPUs kept busy (a mean over the last span) and resident memory in KiB."""

    cpus: float = 0.0
    kib: int = 0


class Busy:
    """Looks through this machine's processes (Linux; elsewhere nothing is seen)."""

    def __init__(self, folder: Path, proc: Path = Path("/proc"), seconds: Callable[[], float] = time.monotonic) -> None:
        self._mark = f"{MARK}={folder}\0".encode()
        self._proc, self._seconds = proc, seconds
        self._strangers: set[str] = set()
        self._forget_s = 0.0
        self._ticks: dict[tuple[str, str], int] = {}
        self._looked_s = seconds()
        self._usage = Usage()
        self._hz = os.sysconf("SC_CLK_TCK")
        self._page_kib = os.sysconf("SC_PAGE_SIZE") // 1024

    def usage(self) -> Usage:
        """What they use; looked at anew when the last look is long enough ago."""
        now_s = self._seconds()
        if now_s - self._looked_s < RENEW_S:
            return self._usage
        ticks, kib, spent = {}, 0, 0
        for pid in self.pids():
            try:
                fields = (self._proc / pid / "stat").read_text(errors="replace").rpartition(")")[2].split()
                who, used = (pid, fields[19]), int(fields[11]) + int(fields[12])
            except (OSError, IndexError):
                continue
            ticks[who] = used
            spent += max(used - self._ticks.get(who, 0), 0)
            kib += int(fields[21]) * self._page_kib
        self._usage = Usage(spent / self._hz / (now_s - self._looked_s), kib)
        self._ticks, self._looked_s = ticks, now_s
        return self._usage

    def pids(self, *, afresh: bool = False) -> list[str]:
        """The board's processes of now; `afresh` asks strangers again, too, who may just have become one of ours."""
        now_s = self._seconds()
        if afresh or now_s >= self._forget_s:
            self._strangers.clear()
            self._forget_s = now_s + FORGET_S
        try:
            there = {name for name in os.listdir(self._proc) if name.isdigit()}  # noqa: PTH208 - every few moments
        except OSError:
            return []
        self._strangers &= there
        return [pid for pid in there - self._strangers if self._is_ours(pid)]

    def _is_ours(self, pid: str) -> bool:
        try:
            with open(f"{self._proc}/{pid}/environ", "rb") as environ:  # noqa: PTH123 - hundreds, every few moments
                ours = self._mark in environ.read() + b"\0"
        except OSError:  # gone, or somebody else's
            ours = False
        if not ours:
            self._strangers.add(pid)
        return ours
