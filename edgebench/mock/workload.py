"""What a simulated device is given to do: watts over time, from a schedule of shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]


class Shape(Protocol):
    """Power at full clock speed as a function of the seconds since the shape began."""

    def watts(self, seconds: Series) -> Series:
        """Return watts, one for each of `seconds`."""


@dataclass(frozen=True)
class Constant:
    """The same power all the time."""

    level_w: float

    def watts(self, seconds: Series) -> Series:
        """Return `level_w` everywhere."""
        return np.full_like(seconds, self.level_w)


@dataclass(frozen=True)
class Square:
    """Inferences: `high_w` for the first `duty` share of each period, `low_w` for the rest."""

    high_w: float = 7.0
    low_w: float = 3.5
    period_s: float = 0.010
    duty: float = 0.6

    def watts(self, seconds: Series) -> Series:
        """Return the square wave. Its edges are those of the grid it is asked on."""
        # the small shift keeps 0.03 % 0.01 from landing at the end of the period before
        phase = np.mod(seconds + 1e-9, self.period_s) / self.period_s
        return np.where(phase < self.duty, self.high_w, self.low_w)


@dataclass(frozen=True)
class Ramp:
    """A straight line from `start_w` to `end_w` within `seconds`, then `end_w`."""

    start_w: float
    end_w: float
    seconds: float

    def watts(self, seconds: Series) -> Series:
        """Return the line."""
        share = np.clip(seconds / self.seconds, 0.0, 1.0)
        return self.start_w + (self.end_w - self.start_w) * share


@dataclass(frozen=True)
class Schedule:
    """Shapes one after another, each for its seconds; `idle_w` after them and as the floor clocks cannot lower."""

    segments: tuple[tuple[float, Shape], ...] = ()
    idle_w: float = 2.0

    def watts(self, seconds: Series) -> Series:
        """Return watts at the seconds since the board's start."""
        result = np.full_like(seconds, self.idle_w)
        begin = 0.0
        for length, shape in self.segments:
            inside = (seconds >= begin - 1e-9) & (seconds < begin + length - 1e-9)
            if inside.any():
                result[inside] = shape.watts(seconds[inside] - begin)
            begin += length
        return result
