"""What a phone's fuel gauge counts, found out by a known burn: unit, sign and how often it looks.

The kernel's documentation says microamperes, negative while discharging. Phones print milliamperes (Huawei P8 Lite,
Samsung A52s, OnePlus 7T) and the other sign (Mi A1, Poco F1, OnePlus 7T). A phone idles at 0.3 to 2.5 W with its screen
on and takes 3 to 12 W with all cores busy: of two units a factor of 1000 apart only one lands there. More load always
moves the current towards discharge, which gives the sign; an idle current the other way then means a charger.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from statistics import median
from typing import Literal

UNITS = {"uA": 1e-6, "mA": 1e-3}
IDLE_W = (0.3, 2.5)
BURN_W = (3.0, 12.0)
MIN_SAMPLES = 5
CLEAR = 4.0
"""A burn is seen when it moves the current by so many standard errors."""


@dataclass(frozen=True)
class Sample:
    """One look at the gauge: seconds of the device's clock, the current as printed, the voltage in uV."""

    t_s: float
    current: int
    voltage_uv: int


@dataclass(frozen=True)
class Prior:
    """What a profile believes: unit, sign (1 as documented: negative while discharging) and cells in series.

    A phone of two cells may tell the current and voltage of one of them.
    """

    unit: Literal["uA", "mA"] | None = None
    sign: Literal[1, -1] | None = None
    cells: int = 1


@dataclass(frozen=True)
class Gauge:
    """A gauge understood: watts = -sign * current * `scale_a` * volts * `cells`, positive while discharging.

    `update_hz`: how often it looks, however often it is asked. `step_a`: its smallest step. `surprise`: where the
    profile believed otherwise. In any state but "ok" there is `why`, and nothing else counts.
    """

    state: Literal["ok", "unavailable"]
    why: str | None = None
    scale_a: float = 1e-6
    sign: int = 1
    update_hz: float | None = None
    step_a: float = 0.0
    cells: int = 1
    idle_w: float | None = None
    burn_w: float | None = None
    surprise: str | None = None

    def watts(self, current: int, voltage_uv: int) -> float:
        """Power out of the battery; negative while it is being charged."""
        return -self.sign * current * self.scale_a * voltage_uv * 1e-6 * self.cells


def calibrate(idle: Sequence[Sample], burn: Sequence[Sample], prior: Prior | None = None) -> Gauge:
    """Understand a gauge from its readings while the phone idles and while all its cores are busy.

    Only the later half of each counts: a gauge lags. Nothing is guessed: what does not fit is refused, with why.
    """
    prior = prior or Prior()
    quiet, busy = _settled(idle), _settled(burn)
    if len(quiet) < MIN_SAMPLES or len(busy) < MIN_SAMPLES:
        return _refused(
            f"{len(quiet)} readings at idle and {len(busy)} under the burn; {MIN_SAMPLES} of each are needed"
        )
    if len({one.current for one in (*idle, *burn)}) == 1:
        return _refused(f"the gauge is dead: it said {idle[0].current} at idle and under the burn")
    low, high = _level(quiet), _level(busy)
    direction = 1 if high > low else -1
    if abs(high - low) <= CLEAR * math.hypot(_error(quiet), _error(busy)):
        return _refused("the burn did not show in the gauge's current")
    if direction * high <= 0 or direction * low < 0:
        return _refused(
            f"the battery is being charged: its current is inwards ({low:g} at idle, {high:g} under the burn)"
        )
    return _fitted(quiet, busy, -direction, prior, update_rate(idle, burn), (*idle, *burn))


def _fitted(
    quiet: Sequence[Sample],
    busy: Sequence[Sample],
    sign: int,
    prior: Prior,
    update_hz: float | None,
    every: Sequence[Sample],
) -> Gauge:
    """The gauge in the unit that puts both figures where a phone's are."""
    told = []
    for unit, scale_a in UNITS.items():
        plain = Gauge("ok", scale_a=scale_a, sign=sign, cells=prior.cells)
        idle_w, burn_w = (median(plain.watts(one.current, one.voltage_uv) for one in part) for part in (quiet, busy))
        if IDLE_W[0] <= idle_w <= IDLE_W[1] and BURN_W[0] <= burn_w <= BURN_W[1] and burn_w > idle_w:
            step_a = _step([one.current for one in every]) * scale_a
            surprise = _surprise(unit, sign, prior)
            return Gauge("ok", None, scale_a, sign, update_hz, step_a, prior.cells, idle_w, burn_w, surprise)
        told.append(f"{idle_w:.3g} and {burn_w:.3g} W in {unit}")
    expected = f"{IDLE_W[0]:g}-{IDLE_W[1]:g} W at idle and {BURN_W[0]:g}-{BURN_W[1]:g} W under the burn"
    return _refused(f"no unit gives {expected}: {'; '.join(told)}")


def _refused(why: str) -> Gauge:
    return Gauge("unavailable", why)


def _settled(samples: Sequence[Sample]) -> Sequence[Sample]:
    return samples[len(samples) // 2 :]


def _level(samples: Sequence[Sample]) -> float:
    return median(one.current for one in samples)


def _error(samples: Sequence[Sample]) -> float:
    """Standard error of the level by the median deviation; repeated looks at one reading are one."""
    level = _level(samples)
    deviation = 1.4826 * median(abs(one.current - level) for one in samples)
    return 1.2533 * deviation / math.sqrt(max(1, _changes(samples) + 1))


def _changes(samples: Sequence[Sample]) -> int:
    return sum(before.current != after.current for before, after in pairwise(samples))


def _step(currents: Sequence[int]) -> int:
    """The greatest step that all readings are multiples apart by; 0 where they never differ."""
    values = sorted(set(currents))
    return reduce(math.gcd, (after - before for before, after in pairwise(values)), 0)


def _surprise(unit: str, sign: int, prior: Prior) -> str | None:
    believed = [
        f"{name} {was}, the burn shows {is_}"
        for name, was, is_ in (("unit", prior.unit, unit), ("sign", prior.sign, sign))
        if was is not None and was != is_
    ]
    return f"the profile believed {'; '.join(believed)}" if believed else None


def update_rate(*windows: Sequence[Sample]) -> float | None:
    """How often a gauge looks (Hz), by the times at which its reading changed; None where it hardly ever did.

    A reading may repeat, so that some intervals hold several periods: each counts as the whole number of the shortest
    (its fifth part, then reckoned anew) that it is nearest to. Never more than the rate at which it was asked.
    """
    intervals: list[float] = []
    asked: list[float] = []
    for window in windows:
        changed = [after.t_s for before, after in pairwise(window) if before.current != after.current]
        intervals += [after - before for before, after in pairwise(changed)]
        asked += [after.t_s - before.t_s for before, after in pairwise(window)]
    if len(intervals) < 3 or min(intervals) <= 0:
        return None
    period = sorted(intervals)[len(intervals) // 5]
    for _ in range(3):
        period = sum(intervals) / sum(max(1, round(interval / period)) for interval in intervals)
    rate = 1 / period
    return min(rate, len(asked) / sum(asked))
