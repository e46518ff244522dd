"""Energy per item, gross and net of idle, with its uncertainty (measurement, section 7)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgebench.stats.distributions import student_t
from edgebench.stats.energy import WindowEnergy


@dataclass(frozen=True)
class Sensor:
    """Systematic error of a source: its step, and standard uncertainties of its offset, its gain and its clock.

    The first three come from the device's profile; `clock_s` is how far its time stamps may lie from the window's ends
    (an external meter's alignment, a shell sampler's coarse clock).
    """

    resolution_watts: float = 0.0
    offset_watts: float = 0.0
    gain_share: float = 0.0
    clock_s: float = 0.0


@dataclass(frozen=True)
class Figure:
    """mJ per item with its 95 % interval and standard uncertainties; an absent part is None and `why` says why.

    `lo`, `hi` and `u_stat` hold for ratios on the same device; `u` = sqrt(u_stat^2 + u_sys^2) for absolute figures.
    """

    mj_per_item: float | None
    lo_mj_per_item: float | None = None
    hi_mj_per_item: float | None = None
    u_stat_mj_per_item: float | None = None
    u_mj_per_item: float | None = None
    why: str | None = None


@dataclass(frozen=True)
class ItemEnergy:
    """Energy per item of one window, and the idle power that the net figure leaves out."""

    gross: Figure
    net: Figure
    idle_watts: float | None
    idle_u_stat_watts: float | None


def per_item(
    window: WindowEnergy,
    idle_before: WindowEnergy,
    idle_after: WindowEnergy,
    items: float,
    sensor: Sensor | None = None,
) -> ItemEnergy:
    """Gross E/N and net (E - P_idle T)/N of a window in which `items` were finished.

    P_idle is the mean of both idles and half their difference its standard uncertainty. A constant offset cancels in
    the net figure. Raises ValueError for no items.
    """
    if items <= 0:
        raise ValueError("energy per item needs items")
    sensor = sensor or Sensor()
    if window.watts is None:
        missing = Figure(None, why=window.why)
        return ItemEnergy(missing, missing, None, None)
    share = 1000 * window.seconds / items
    idles = [idle.watts for idle in (idle_before, idle_after) if idle.watts is not None]
    # Each end of the window exchanges load for idle while the clock is off.
    ends = math.sqrt(2) * sensor.clock_s / window.seconds * abs(window.watts - (min(idles) if idles else 0.0))
    gross_u_sys = math.hypot(_step(sensor), sensor.offset_watts, sensor.gain_share * window.watts, ends)
    gross = _figure(window, window.watts, 0.0, gross_u_sys, share)
    if idle_before.watts is None or idle_after.watts is None:
        why = f"idle: {idle_before.why or idle_after.why}"
        return ItemEnergy(gross, Figure(None, why=why), None, None)
    idle = (idle_before.watts + idle_after.watts) / 2
    idle_u = abs(idle_before.watts - idle_after.watts) / 2
    net_watts = window.watts - idle
    net_u_sys = math.hypot(_step(sensor), _step(sensor), sensor.gain_share * net_watts, ends)
    return ItemEnergy(gross, _figure(window, net_watts, idle_u, net_u_sys, share), idle, idle_u)


def _step(sensor: Sensor) -> float:
    """Standard uncertainty of rounding to a step."""
    return sensor.resolution_watts / math.sqrt(12)


def _figure(window: WindowEnergy, watts: float, idle_u: float, u_sys: float, share: float) -> Figure:
    """Watts as mJ per item; `share` is 1000 s/item."""
    value = watts * share
    if window.u_stat_watts is None:
        return Figure(value, why=window.interval_why)
    u_stat = math.hypot(window.u_stat_watts, idle_u)
    half = student_t(0.975, window.blocks - 1) * u_stat * share
    return Figure(value, value - half, value + half, u_stat * share, math.hypot(u_stat, u_sys) * share)
