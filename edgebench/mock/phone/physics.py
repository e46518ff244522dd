"""A simulated phone without files: its body, battery, gauge and rails on one clock, and the truth about them.

Time stands still until `advance_ns`. This is what tests in simulated time drive; `Phone` shows the same in files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import numpy as np

from edgebench.mock.body import Body, Heat, Truth
from edgebench.mock.phone.battery import Battery, Gauge, Reading
from edgebench.mock.phone.faults import Fault, Faults
from edgebench.mock.phone.forms import FORMS, GaugeForm, PhoneForm
from edgebench.mock.phone.loads import Load
from edgebench.mock.phone.rails import Rails
from edgebench.mock.workload import Schedule, Shape

ALWAYS_S = 1e9
STEP_MS = 100
CHARGER_W = 7.5
MS = 1_000_000
FIXED_PERFORMANCE = 0.8
CPU_C_PER_W = 4.0
BOOT_S = 18


@dataclass(frozen=True)
class Temperatures:
    """What its sensors would show, in degC."""

    cpu: float
    gpu: float
    skin: float
    battery: float


class PhoneBody:
    """A phone of `form` (a name of `FORMS`) that draws what `load` asks for; everything random comes from `seed`.

    `booted_s` is its uptime at the start. Times are ns of its own uptime clock.
    """

    def __init__(
        self, form: str | PhoneForm, *, seed: int = 0, faults: Iterable[Fault] = (), load: Shape | None = None
    ) -> None:
        self.form = FORMS[form] if isinstance(form, str) else form
        self.faults = Faults(faults)
        rng = np.random.default_rng(seed)
        self.load = Load(self.form.idle_w)
        schedule = Schedule(((ALWAYS_S, load or self.load),), self.form.idle_w)
        self._body = Body(schedule, self._heat(), rng)
        self.battery = Battery(self.form.battery_mah, 0.05 if self.faults.has("low-battery") else 0.72)
        self.gauge = Gauge(self._gauge_form(), self.battery, rng, self.faults.has("dead-gauge"))
        self.rails = Rails(self.form)
        self.start_ns = round(float(rng.uniform(2000, 9000)) * 1000) * MS
        self._elapsed_ns = 0
        self.throttled_at_ns: list[int] = []
        self.input_suspended = False
        self.cable_out = False
        self.fixed_performance = False
        self.celsius_battery = self._body.celsius - 1.0

    def _heat(self) -> Heat:
        if not self.faults.has("throttling"):
            return self.form.heat
        return replace(self.form.heat, ambient_c=34.0, tau_s=6.0, step_s=1.0, levels=3)

    def _gauge_form(self) -> GaugeForm:
        gauge = self.form.gauge
        if self.faults.has("inverted-sign"):
            gauge = replace(gauge, sign=-gauge.sign)
        if self.faults.has("swapped-unit"):
            micro = gauge.amps < 1e-4
            gauge = replace(gauge, amps=1e-3 if micro else 1e-6, step=1 if micro else 1000)
        return gauge

    def now_ns(self) -> int:
        """Its uptime."""
        return self.start_ns + self._elapsed_ns

    @property
    def lived_s(self) -> float:
        """Seconds since it was started as a simulation."""
        return self._elapsed_ns / 1e9

    @property
    def elapsed_ns(self) -> int:
        """What it has lived so far as a simulation."""
        return self._elapsed_ns

    def reboot(self) -> None:
        """Its uptime begins anew, as far on as a phone that answers again; nothing works any more."""
        self.start_ns = BOOT_S * 1_000 * MS - self._elapsed_ns
        self.load.clear()
        self.input_suspended = self.fixed_performance = False

    @property
    def charging(self) -> bool:
        """Whether a charger brings energy in."""
        return self.plugged and not self.input_suspended

    @property
    def plugged(self) -> bool:
        """Whether a charger is there."""
        return not self.cable_out and self.faults.now("charging", seconds=self.lived_s)

    @property
    def watts(self) -> float:
        """What it draws in this millisecond."""
        return self._body.watts

    @property
    def clock_share(self) -> float:
        """The present clock as a share of the full one."""
        return self._body.clock_share * (FIXED_PERFORMANCE if self.fixed_performance else 1.0)

    @property
    def throttle_level(self) -> int:
        """How many steps the clock is lowered by."""
        return self._body.throttle_level

    @property
    def temperatures(self) -> Temperatures:
        """Temperatures of its zones."""
        above = max(self._body.watts - self.form.idle_w, 0.0)
        skin = self._body.celsius
        return Temperatures(skin + CPU_C_PER_W * above, skin + 0.6 * CPU_C_PER_W * above, skin, self.celsius_battery)

    def advance_ns(self, nanoseconds: int) -> None:
        """Live on."""
        if nanoseconds < 0:
            raise ValueError("a phone's time does not run backwards")
        self._elapsed_ns += nanoseconds
        left = self._elapsed_ns // MS - self._body.now_ms
        while left > 0:
            until_gauge = max(int(min(self.gauge.next_ms(), 1e15)) + 1 - self._body.now_ms, 1)
            step = min(left, until_gauge, STEP_MS)
            self._advance_ms(step)
            left -= step

    def advance(self, seconds: float) -> None:
        """Live on for that many seconds."""
        self.advance_ns(round(seconds * 1e9))

    def reading(self) -> Reading:
        """What the fuel gauge shows now."""
        return self.gauge.read(self._body.now_ms, self._body.watts)

    def counters(self) -> list[int]:
        """What the rails' counters show now, in uWs."""
        return self.rails.counts(self._body.now_ms)

    def truth(self, begin_ns: int, end_ns: int) -> Truth:
        """The true energy between two times of its clock. Raises ValueError beyond now."""
        return self._body.truth((begin_ns - self.start_ns) / 1e9, (end_ns - self.start_ns) / 1e9)

    def truth_of_rails(self, begin_ns: int, end_ns: int, names: Collection[str] | None = None) -> Truth:
        """The true energy of its rails together, or of those with `names`, where the others carry idle power alone.

        Raises ValueError where one that is left out carries more, and for a window that is not wholly lived.
        """
        left_out = [rail for rail in self.form.rails if names is not None and rail.name not in names]
        if any(rail.busy for rail in left_out):
            raise ValueError("a rail that is left out carries work")
        whole = self.truth(begin_ns, end_ns)
        idle_w = self.form.idle_w * sum(rail.idle for rail in left_out)
        return Truth(whole.seconds, (whole.joules - idle_w * whole.seconds) * self.form.rails_share)

    def _advance_ms(self, milliseconds: int) -> None:
        before, level = self._body.joules, self._body.throttle_level
        self._body.advance(milliseconds)
        seconds = milliseconds / 1000
        self.battery.inflow_w = CHARGER_W if self.charging else 0.0
        self.battery.live(self._body.joules - before, seconds)
        self.rails.live(self._body.joules, self.form.idle_w * seconds, self.load.kinds())
        self.gauge.live(self._body.now_ms, self._body.watts)
        self.celsius_battery += (self._body.celsius - 1.0 - self.celsius_battery) * min(seconds / 90.0, 1.0)
        if self._body.throttle_level > level:
            self.throttled_at_ns.append(self.now_ns_of(self._body.now_ms))

    def now_ns_of(self, now_ms: int) -> int:
        """The uptime at a millisecond of the body."""
        return self.start_ns + now_ms * MS
