"""A simulated board's power that follows what this machine does, so that a run on it looks like a run."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from edgebench.mock.workload import Schedule, Series

RENEW_S = 0.1
"""The kernel counts in steps of 10 ms: shares of shorter spans would be noise."""

ALWAYS_S = 1e9


class MachineLoad:
    """A `Shape`: `idle_w` on an idle machine, `busy_w` with every CPU busy, in proportion between them."""

    def __init__(self, idle_w: float, busy_w: float, stat: Path = Path("/proc/stat")) -> None:
        self._idle_w = idle_w
        self._span_w = busy_w - idle_w
        self._stat = stat
        self._busy, self._total = self._counters()
        self._share = 0.0
        self._renewed_s = time.monotonic()

    def watts(self, seconds: Series) -> Series:
        """Return the present power, whichever seconds are asked for."""
        now_s = time.monotonic()
        if now_s - self._renewed_s >= RENEW_S:
            self._renewed_s = now_s
            self.renew()
        return np.full_like(seconds, self._idle_w + self._share * self._span_w)

    def renew(self) -> None:
        """Take the share of busy CPU time since the last call."""
        busy, total = self._counters()
        if total > self._total:
            self._share = (busy - self._busy) / (total - self._total)
        self._busy, self._total = busy, total

    def _counters(self) -> tuple[int, int]:
        ticks = [int(field) for field in self._stat.read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]]
        return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def following_schedule(idle_w: float = 2.0, busy_w: float = 7.0) -> Schedule:
    """A schedule without end that follows this machine's load."""
    return Schedule(((ALWAYS_S, MachineLoad(idle_w, busy_w)),), idle_w)
