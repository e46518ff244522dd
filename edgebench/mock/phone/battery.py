"""The battery of a simulated phone and the gauge that watches it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgebench.mock.phone.forms import GaugeForm

OHM = 0.09
OPEN_V = ((0.0, 3.30), (0.05, 3.55), (0.2, 3.72), (0.5, 3.85), (0.8, 4.10), (1.0, 4.38))
"""Open-circuit volts by state of charge: the usual shape of a lithium cobalt cell."""
UPDATE_JITTER = 0.01
OSCILLATOR = 0.02


class Battery:
    """A cell with an inner resistance. `charge` is its state from 0 to 1; `inflow_w` is what a charger brings in."""

    def __init__(self, milliamp_hours: float, charge: float) -> None:
        self.charge = charge
        self.inflow_w = 0.0
        self._coulombs = milliamp_hours * 3.6

    def current(self, watts: float) -> float:
        """Amperes out of the cell (negative: into it) while the phone draws `watts`."""
        drawn = watts - self.inflow_w
        volts = self.open_volts
        return (volts - math.sqrt(max(volts * volts - 4 * OHM * drawn, 0.0))) / (2 * OHM)

    def volts(self, watts: float) -> float:
        """Terminal volts while the phone draws `watts`."""
        return self.open_volts - OHM * self.current(watts)

    @property
    def open_volts(self) -> float:
        """Volts without a load."""
        charges, volts = zip(*OPEN_V, strict=True)
        return float(np.interp(self.charge, charges, volts))

    @property
    def coulombs(self) -> float:
        """What is left in it, in C."""
        return self.charge * self._coulombs

    def live(self, joules: float, seconds: float) -> None:
        """Give that much energy in that time."""
        amperes = self.current(joules / seconds)
        self.charge = min(max(self.charge - amperes * seconds / self._coulombs, 0.001), 1.0)


@dataclass(frozen=True)
class Reading:
    """What the gauge shows: counts of its own unit, uV, and the phone's millisecond of the conversion."""

    counts: int
    microvolts: int
    at_ms: int


class Gauge:
    """Converts the current now and then; between conversions it shows the last. A dead one shows the first for ever."""

    def __init__(self, form: GaugeForm, battery: Battery, rng: np.random.Generator, dead: bool = False) -> None:
        self.form = form
        self._battery = battery
        self._rng = rng
        self._dead = dead
        self._period_ms = (form.update_s or 0.0) * 1000 * (1 + OSCILLATOR * float(rng.standard_normal()))
        self.due_ms = float(rng.uniform(0, self._period_ms))
        self._shown: Reading | None = None

    def next_ms(self) -> float:
        """When it converts next; infinity for one that converts when it is read."""
        return self.due_ms if self._period_ms else math.inf

    def live(self, now_ms: int, watts: float) -> None:
        """Convert if it is time."""
        if self._period_ms and now_ms >= self.due_ms:
            self._shown = self._converted(now_ms, watts)
            jitter = 1 + UPDATE_JITTER * float(self._rng.standard_normal())
            self.due_ms += self._period_ms * max(jitter, 0.5)

    def read(self, now_ms: int, watts: float) -> Reading:
        """What a reader sees now."""
        if self._shown is None or (not self._period_ms and not self._dead):
            self._shown = self._converted(now_ms, watts)
        return self._shown

    def _converted(self, now_ms: int, watts: float) -> Reading:
        if self._dead and self._shown is not None:
            return self._shown
        counts = self._battery.current(watts) / self.form.amps * self.form.sign
        microvolts = round(self._battery.volts(watts) * 1e6 / 1000) * 1000
        return Reading(round(counts / self.form.step) * self.form.step, microvolts, now_ms)
