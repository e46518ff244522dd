"""What runs on a simulated phone at this moment, and what it draws above idle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgebench.mock.workload import Series

SHORTEST_PERIOD_S = 0.004
"""Inferences faster than this are a constant on a grid of 1 ms."""


@dataclass(frozen=True)
class Work:
    """Something that runs: `watts` on average while it does, drawn in waves of `period_s` (None: evenly).

    `kind` says which rails carry it: cpu, gpu or tpu.
    """

    kind: str
    watts: float
    period_s: float | None = None
    depth: float = 0.35
    duty: float = 0.6

    def drawn(self, seconds: Series, begin_s: float) -> Series:
        """Watts above idle at `seconds`, of a work that began at `begin_s`."""
        if self.period_s is None or self.period_s < SHORTEST_PERIOD_S:
            return np.full_like(seconds, self.watts)
        phase = np.mod(seconds - begin_s + 1e-9, self.period_s) / self.period_s
        high = self.watts * (1 + self.depth)
        low = self.watts * (1 - self.depth * self.duty / (1 - self.duty))
        return np.where(phase < self.duty, high, low)


class Load:
    """A `Shape` that is the sum of the works going on. Works begin and end at whatever time the body has reached."""

    def __init__(self, idle_w: float) -> None:
        self.idle_w = idle_w
        self._works: dict[object, tuple[Work, float]] = {}

    def watts(self, seconds: Series) -> Series:
        """Return watts at the phone's seconds."""
        total = np.full_like(seconds, self.idle_w)
        for work, begin_s in self._works.values():
            total = total + work.drawn(seconds, begin_s)
        return total

    def set(self, who: object, work: Work | None, now_s: float) -> None:
        """Let `who` do that work from now on; None: nothing."""
        present = self._works.get(who)
        if work is None:
            self._works.pop(who, None)
        elif present is None or present[0] != work:
            self._works[who] = (work, now_s)

    def clear(self) -> None:
        """Nothing works any more."""
        self._works.clear()

    def kinds(self) -> dict[str, float]:
        """Watts above idle by kind."""
        watts: dict[str, float] = {}
        for work, _ in self._works.values():
            watts[work.kind] = watts.get(work.kind, 0.0) + work.watts
        return watts
