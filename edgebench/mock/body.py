"""The physics of a simulated device: power, heat and throttling on a 1 kHz grid, and the truth about all of it.

The integration is this module's own; nothing of the estimators that it serves to test is used here.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgebench.mock.workload import Schedule

CHUNK_MS = 100
KEEP_MS = 7_200_000


@dataclass(frozen=True)
class Heat:
    """First-order thermal model: steady at ambient + ohm * watts, constant tau; above `trip_c` the clock is lowered."""

    ambient_c: float = 25.0
    ohm_c_per_w: float = 5.0
    tau_s: float = 60.0
    trip_c: float = 95.0
    hysteresis_c: float = 3.0
    step_s: float = 1.0
    levels: int = 5
    clock_step: float = 0.12


@dataclass(frozen=True)
class Truth:
    """What really happened between two times of the board."""

    seconds: float
    joules: float

    @property
    def mean_watts(self) -> float:
        """Energy over time, in W."""
        return self.joules / self.seconds


class Body:
    """A device that draws what its schedule asks for, warms up and slows down.

    Its state at `now_ms`: `watts` (of the last millisecond), `joules` (since the start), `celsius`, `throttle_level`,
    `throttle_events` (lowerings so far), `throttled_at_s` (when each of them was) and `clock_share`.
    `followers` are called before each step of 100 ms: they may change `heat` and what the schedule's shapes give.
    """

    def __init__(self, schedule: Schedule, heat: Heat, rng: np.random.Generator, noise: float = 0.01) -> None:
        self.schedule = schedule
        self.heat = heat
        self.now_ms = 0
        self.watts = schedule.idle_w
        self.joules = 0.0
        self.celsius = heat.ambient_c + heat.ohm_c_per_w * schedule.idle_w
        self.throttle_level = 0
        self.throttle_events = 0
        self.throttled_at_s: list[float] = []
        self.followers: list[Callable[[Body], None]] = []
        self._rng = rng
        self._noise = noise
        self._since_step_s = 0.0
        self._curve = array("d", [0.0])  # joules at every whole millisecond from _curve_from_ms on
        self._curve_from_ms = 0

    @property
    def clock_share(self) -> float:
        """Present clock as a share of the full one."""
        return 1.0 - self.heat.clock_step * self.throttle_level

    def advance(self, milliseconds: int) -> None:
        """Live on for that many whole milliseconds."""
        while milliseconds > 0:
            step = min(milliseconds, CHUNK_MS)
            self._advance_chunk(step)
            milliseconds -= step

    def truth(self, begin_s: float, end_s: float) -> Truth:
        """Return the truth of a window in board seconds. Raises ValueError if it is not wholly lived and remembered."""
        return Truth(end_s - begin_s, self._joules_at(end_s) - self._joules_at(begin_s))

    def _joules_at(self, seconds: float) -> float:
        at = seconds * 1000.0 - self._curve_from_ms
        low = math.floor(at)
        if low < 0 or low >= len(self._curve):
            raise ValueError(f"the board knows nothing about second {seconds}: it is at {self.now_ms / 1000}")
        if low + 1 == len(self._curve):
            return self._curve[low] + self.watts * (at - low) / 1000.0  # within the millisecond that has begun
        return self._curve[low] + (self._curve[low + 1] - self._curve[low]) * (at - low)

    def _advance_chunk(self, milliseconds: int) -> None:
        for follow in self.followers:
            follow(self)
        seconds = (self.now_ms + np.arange(milliseconds, dtype=np.float64)) / 1000.0
        asked = self.schedule.watts(seconds)
        idle = self.schedule.idle_w
        # what is above idle falls with the square of the clock: frequency and voltage go together
        drawn = np.where(asked > idle, idle + (asked - idle) * self.clock_share**2, asked)
        drawn = drawn * (1.0 + self._noise * self._rng.standard_normal(milliseconds))
        curve = self.joules + np.cumsum(drawn) / 1000.0
        self._curve.frombytes(curve.tobytes())
        self.watts, self.joules = float(drawn[-1]), float(curve[-1])
        self.now_ms += milliseconds
        self._warm(float(drawn.mean()), milliseconds / 1000.0)
        if len(self._curve) > 2 * KEEP_MS:
            del self._curve[:KEEP_MS]
            self._curve_from_ms += KEEP_MS

    def _warm(self, watts: float, seconds: float) -> None:
        target = self.heat.ambient_c + self.heat.ohm_c_per_w * watts
        self.celsius += (target - self.celsius) * -math.expm1(-seconds / self.heat.tau_s)
        self._since_step_s += seconds
        if self._since_step_s < self.heat.step_s:
            return
        self._since_step_s = 0.0
        if self.celsius > self.heat.trip_c and self.throttle_level < self.heat.levels:
            self.throttle_level += 1
            self.throttle_events += 1
            self.throttled_at_s.append(self.now_ms / 1000)
        elif self.celsius < self.heat.trip_c - self.heat.hysteresis_c and self.throttle_level > 0:
            self.throttle_level -= 1
