"""Fuel gauges with known truth: a phone's power as a function of time, seen through unit, sign, step, noise and lag."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Power = Callable[[float], float]


@dataclass(frozen=True)
class TrueGauge:
    """`per_a`: counts an ampere; `sign`: 1 as documented, negative while discharging; `rate_hz` None: every look."""

    per_a: float = 1e6
    sign: int = 1
    step: int = 1
    rate_hz: float | None = 1.0
    noise: float = 0.02
    charger_w: float = 0.0
    gain: float = 1.0
    seed: int = 0


def looks(
    gauge: TrueGauge, power: Power, begin_s: float, end_s: float, poll_hz: float = 10.0
) -> Iterator[tuple[float, int, int]]:
    """(seconds, current as printed, uV) at jittered times."""
    rng = random.Random(gauge.seed)
    at, due, shown = begin_s, begin_s - 10.0, (0, 0)
    if gauge.rate_hz:
        due += rng.random() / gauge.rate_hz
    while at <= end_s:
        if gauge.rate_hz is None:
            shown = _converted(gauge, power(at), rng)
        while gauge.rate_hz is not None and due <= at:
            shown = _converted(gauge, power(max(due, begin_s)), rng)
            due += rng.gauss(1.0, 0.01) / gauge.rate_hz
        yield (at, *shown)
        at += rng.uniform(0.7, 1.3) / poll_hz


def _converted(gauge: TrueGauge, watts: float, rng: random.Random) -> tuple[int, int]:
    """What it says of that power: the battery gives what the charger does not."""
    drawn = watts - gauge.charger_w
    volts = 3.9 - 0.1 * drawn / 3.9
    amps = drawn / volts * (1 + rng.gauss(0, gauge.noise))
    counts = -gauge.sign * amps * gauge.per_a * gauge.gain
    return round(counts / gauge.step) * gauge.step, round(volts * 1e3) * 1000
