"""A phone's power, of its rails' counters or of the battery's gauge: the `power:...` source and its readings.

A gauge tells the battery's power only while nothing charges it: otherwise there is no figure but why there is none. It
looks at times of its own, once or a few times a second, and shows the last look in between: what counts are its looks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import Any

from edgebench.controller.native.announce import Event, reading_event, source_event
from edgebench.controller.native.lines import ONE_SIDED, STAMP_S, RawReadings
from edgebench.controller.native.rails import rail_events
from edgebench.controller.native.sources import GAUGES, UNPLUG
from edgebench.phones.battery import parse_battery_dump, volts_in_uv
from edgebench.phones.gauge import Gauge, Prior, Sample, calibrate, update_rate
from edgebench.phones.numbers import integer

NS = 1_000_000_000
GAUGE_GAIN = 0.03
"""Standard uncertainty of a fuel gauge's gain: "a few per cent" is what is said of them; nobody measured it."""
AFTER_NS = 2 * NS
"""The look after the end is needed to know the power up to it."""
FAST = 0.5
LATE = 1.2
"""Periods after which an unchanged reading was a new look, one period after the last, that found the same."""
MAINS = ("charging", "full", "not", "not charging")
"""States in which a charger, not the battery, feeds the phone; the sampler keeps the first word."""
MAINS_SHARE = 0.05

Job = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class PowerEvents:
    """Events of the power source; `gauge` as it was understood, None where the source is no gauge."""

    events: list[Event]
    gauge: Gauge | None = None


@dataclass(frozen=True)
class Look:
    """One reading of a gauge and what the battery's status was then, "" where it was not told."""

    t_ns: int
    sample: Sample
    status: str


def power_events(raw: RawReadings, layout: Mapping[str, Any], job: Job, gauge: Gauge | None = None) -> PowerEvents:
    """The power source that the layout names, or the state that says why there is none."""
    chosen = layout.get("power") or {}
    name = str(chosen.get("name") or "power")
    if chosen.get("state") != "ok":
        return _absent(name, str(chosen.get("state") or "unavailable"), str(chosen.get("why") or "none was chosen"))
    if name in GAUGES:
        return _gauge_power(name, _looks(raw, name), chosen, job, gauge)
    events = rail_events(raw, name, chosen)
    return PowerEvents(events) if events else _absent(name, "unavailable", "the rails gave no readings")


def _absent(name: str, state: str, why: str, gauge: Gauge | None = None) -> PowerEvents:
    return PowerEvents([{**source_event(name, None, None, None, ()), "state": state, "why": why}], gauge)


def _looks(raw: RawReadings, name: str) -> list[Look]:
    if name == "power:fuel-gauge":
        rows = [(t_ns, [*words, "", "", ""][:3]) for t_ns, words in raw.rows.get(name, ())]
        found = [_look(t_ns, integer(words[0]), volts_in_uv(words[1], 1), words[2]) for t_ns, words in rows]
    else:
        dumps = [(t_ns, parse_battery_dump("\n".join(lines))) for t_ns, lines in raw.blocks.get(name, ())]
        found = [_look(t_ns, one.current, one.voltage_uv, one.status or "") for t_ns, one in dumps]
    return [look for look in found if look is not None]


def _look(t_ns: int, current: int | None, voltage_uv: int | None, status: str) -> Look | None:
    if current is None or voltage_uv is None:
        return None
    return Look(t_ns, Sample(t_ns / NS, current, voltage_uv), status.lower())


def _gauge_power(name: str, looks: list[Look], chosen: Mapping[str, Any], job: Job, gauge: Gauge | None) -> PowerEvents:
    """The battery's power in uW, one row for each look of the gauge."""
    begin, end = _measured(job)
    looks = [look for look in looks if begin <= look.t_ns <= end]
    if not looks:
        return _absent(name, "unavailable", "the gauge gave no readings")
    if sum(look.status in MAINS for look in looks) > MAINS_SHARE * len(looks):
        return _absent(name, "unavailable", f"the phone was plugged in while it was measured; {UNPLUG}")
    gauge = _understood(looks, chosen, job) or gauge
    if gauge is None:
        return _absent(name, "unavailable", "the gauge was not calibrated: no burn was run")
    if gauge.state != "ok":
        hint = f"; {UNPLUG}" if "charged" in (gauge.why or "") else ""
        return _absent(name, "unavailable", f"{gauge.why}{hint}", gauge)
    watts = [gauge.watts(look.sample.current, look.sample.voltage_uv) for look in looks]
    inward = sum(value < 0 for value in watts) / len(watts)
    if inward > MAINS_SHARE:
        why = f"the battery was being charged: its current was inwards for {inward:.0%} of the time; {UNPLUG}"
        return _absent(name, "unavailable", why, gauge)
    rate = update_rate([look.sample for look in looks]) or gauge.update_hz
    rows = [(look.t_ns, [round(gauge.watts(look.sample.current, look.sample.voltage_uv) * 1e6)])
            for look in own_looks(looks, rate)]  # fmt: skip
    volts = median(look.sample.voltage_uv for look in looks) * 1e-6
    source = source_event(name, "instantaneous", "battery", "uW", ["battery"])
    source |= {
        "total": ["battery"],
        "resolution_w": gauge.step_a * volts * gauge.cells,
        "rate_hz": rate,
        "update_hz": rate,
        "gain_share": GAUGE_GAIN,
        "clock_s": math.hypot(STAMP_S / ONE_SIDED, 0.5 / rate if rate else 0.0),
        "calibration": _calibration(gauge),
    }
    return PowerEvents([source, *reading_event(name, ["battery"], rows)], gauge)


def _calibration(gauge: Gauge) -> dict[str, Any]:
    return {
        "scale_a": gauge.scale_a,
        "sign": gauge.sign,
        "cells": gauge.cells,
        "idle_w": gauge.idle_w,
        "burn_w": gauge.burn_w,
        "surprise": gauge.surprise,
    }


def own_looks(looks: Sequence[Look], rate_hz: float | None) -> list[Look]:
    """The looks that the gauge itself took: a changed reading, or the same one again, where a change is overdue.

    In between it shows the old reading: taken as a reading of that moment it would lag by half a period. A gauge about
    as fast as it was asked took every one.
    """
    seconds = (looks[-1].t_ns - looks[0].t_ns) / NS if looks else 0.0
    if not rate_hz or rate_hz * seconds > FAST * len(looks):
        return list(looks)
    kept, period_ns = [looks[0]], round(NS / rate_hz)
    for before, look in pairwise(looks):
        unbroken = look.t_ns - before.t_ns <= period_ns
        if unbroken and look.t_ns - kept[-1].t_ns >= LATE * period_ns:
            kept.append(replace(before, t_ns=kept[-1].t_ns + period_ns))
        if look.sample.current != kept[-1].sample.current:
            kept.append(look)
    return kept


def _measured(job: Job) -> tuple[int, int]:
    """From the first step to a little after the last (ns): before it the cable may still have been in."""
    begins = [int(event["t"]) for event in job if event.get("ev") == "step" and isinstance(event.get("t"), int)]
    ends = [int(event["t"]) for event in job if event.get("ev") == "done" and isinstance(event.get("t"), int)]
    return min(begins, default=0), max(ends, default=2**62) + AFTER_NS


def _understood(looks: Sequence[Look], chosen: Mapping[str, Any], job: Job) -> Gauge | None:
    """The gauge by the job's burn, None where it had none."""
    windows = burn_windows(job)
    if windows is None:
        return None
    idle, busy = ([look.sample for look in looks if begin <= look.t_ns < end] for begin, end in windows)
    prior = Prior(chosen.get("unit"), chosen.get("sign"), int(chosen.get("cells") or 1))
    return calibrate(idle, busy, prior)


def burn_windows(job: Job) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """((idle begin, end), (burn begin, end)) in ns of the job's pass "burn", None where it did not run to its end."""
    index = next(
        (event.get("step") for event in job if event.get("ev") == "step" and event.get("pass") == "burn"), None
    )
    mine = [event for event in job if index is not None and event.get("step") == index]
    phases = {event.get("name"): event.get("t") for event in mine if event.get("ev") == "phase"}
    tool = next((event for event in mine if event.get("ev") == "tool"), {})
    done = next((event.get("t") for event in mine if event.get("ev") == "done"), None)
    idle, begin = phases.get("idle-before"), tool.get("begin", phases.get("burn"))
    end = tool.get("end", phases.get("idle-after", done))
    if not (isinstance(idle, int) and isinstance(begin, int) and isinstance(end, int) and idle < begin < end):
        return None
    return (idle, begin), (begin, end)
