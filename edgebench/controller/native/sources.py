"""What a phone's sampler reads: `source...` lines of job.txt, and the layout that later says what each line was.

The layout travels in job.json, so that any controller can read the record. Power comes from the first of the profile's
`backend` that this phone has: rails (`odpm-iio`, `powerstats-hal`), else the battery's gauge, which a burn calibrates.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgebench.phones import commands
from edgebench.phones.gauge import Gauge
from edgebench.phones.rails import Rail, choose_total
from edgebench.profiles.profile import Profile

Facts = Mapping[str, Any]
JITTER = 0.3
INTERVALS = 509
"""A prime, so that the list does not come round in step with anything."""
BACKENDS = ("odpm-iio", "powerstats-hal", "sysfs-fuel-gauge", "dumpsys-battery")
NAMES = {
    "odpm-iio": "power:odpm",
    "powerstats-hal": "power:powerstats",
    "sysfs-fuel-gauge": "power:fuel-gauge",
    "dumpsys-battery": "power:battery-dump",
}
GAUGES = ("power:fuel-gauge", "power:battery-dump")
SLOW_S = 1.0
DUMP_S = 10.0
UNPLUG = "`run --unplugged` measures without the cable"
MAX_ZONES = 40


@dataclass(frozen=True)
class SourcePlan:
    """Lines for job.txt; `layout` for `readings.py` (JSON); whether a burn has to calibrate the gauge first."""

    lines: list[str]
    layout: dict[str, Any]
    needs_burn: bool


def plan_sources(
    facts: Facts,
    profile: Profile,
    *,
    power: str = "auto",
    power_hz: float = 10.0,
    seed: int = 0,
    gauge: Gauge | None = None,
    unplugged: bool = False,
    root: str = "/",
) -> SourcePlan:
    """Choose the sources for a phone. `power`: "auto", "off" or a backend's name; `gauge`: known from an earlier run.

    `unplugged`: the job will wait for the cable to be pulled, so that being plugged in now is no reason to refuse.
    `root` stands before /proc in a command; files get theirs from the agent.
    """
    sensors = facts.get("sensors") or {}
    tick_s = 1.0 / power_hz
    lines, columns = _slow_sources(sensors, tick_s, root.rstrip("/"))
    chosen, power_lines = _power(facts, profile, power, tick_s, unplugged)
    layout = {"hz": power_hz, "columns": columns, "power": chosen}
    needs_burn = chosen["name"] in GAUGES and chosen["state"] == "ok" and (gauge is None or gauge.state != "ok")
    return SourcePlan([_jitter(power_hz, seed), *power_lines, *lines], layout, needs_burn)


def burn_step(index: int, facts: Facts, seconds: float) -> list[str]:
    """The step that calibrates a gauge: all cores idle, busy and idle again, `seconds` each."""
    cores = int((facts.get("cpu") or {}).get("usable") or 8)
    limit = round(3 * seconds + 30)
    return [f"step {index} burn 0 0 0 {limit}", f"idle {seconds:g}", f"repeat {seconds:g}", f"burn {cores}", "run"]


def _jitter(hz: float, seed: int) -> str:
    """Intervals within +-30 % of the mean one: what is read in step with a periodic load is wrong at any length."""
    rng = random.Random(seed)
    return "jitter " + " ".join(f"{rng.uniform(1 - JITTER, 1 + JITTER) / hz:.4f}" for _ in range(INTERVALS))


def _every(seconds: float, tick_s: float) -> int:
    return max(1, round(seconds / tick_s))


def _slow_sources(sensors: Facts, tick_s: float, prefix: str) -> tuple[list[str], dict[str, list[str]]]:
    """Lines and columns of everything but power."""
    lines: list[str] = []
    columns: dict[str, list[str]] = {"process": ["VmHWM", "VmRSS"], "load": ["cpu"]}
    slow, dump = _every(SLOW_S, tick_s), _every(DUMP_S, tick_s)
    for name, rows in (("thermal", sensors.get("zones")), ("cooling", sensors.get("cooling"))):
        kept = [(path, kind) for path, kind in rows or () if _plain(path)][:MAX_ZONES]
        if kept:
            lines.append(f"source-every {slow} {name} " + " ".join(path for path, _ in kept))
            columns[name] = _distinct([kind for _, kind in kept])
    policies = [path for path in sensors.get("policies") or () if _plain(path)]
    if policies:
        paths = [f"{path}/{file}" for path in policies for file in ("scaling_cur_freq", "scaling_max_freq")]
        lines.append(f"source-every {slow} cpufreq " + " ".join(paths))
        columns["cpufreq"] = [name for path in policies for name in (_last(path), _last(path) + ".max")]
    if _plain(f"{prefix}/"):
        words = " ".join(commands.LOAD.argv).replace("{root}", prefix)
        lines.append(f"source-command {slow} load {words}")
    if sensors.get("thermal_dump"):
        lines.append(f"source-command {dump} thermal-service " + " ".join(commands.THERMAL_DUMP.argv))
        columns["thermal-service"] = []
    return lines, columns


def _plain(path: str) -> bool:
    """Whether a path can stand in a line of words."""
    return bool(path) and not any(char.isspace() for char in path)


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _distinct(labels: Sequence[str]) -> list[str]:
    """The labels, repeated ones with #2, #3 appended."""
    seen: dict[str, int] = {}
    found = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        found.append(label if seen[label] == 1 else f"{label}#{seen[label]}")
    return found


def _power(
    facts: Facts, profile: Profile, wanted: str, tick_s: float, unplugged: bool
) -> tuple[dict[str, Any], list[str]]:
    """The power source's part of the layout, and its lines."""
    if wanted == "off":
        return _no_power("power", "unavailable", "power was switched off for this run"), []
    order = [wanted] if wanted != "auto" else [one for one in profile.power.backend or BACKENDS if one in BACKENDS]
    whys = []
    for backend in order:
        found = _backend(backend, facts, profile, tick_s)
        if isinstance(found, str):
            whys.append(f"{backend}: {found}")
            continue
        plugged = (facts.get("battery") or {}).get("plugged")
        if NAMES[backend] in GAUGES and plugged and not unplugged:
            why = f"the phone is plugged in ({', '.join(plugged)}): its gauge tells the charger's current; {UNPLUG}"
            return _no_power(NAMES[backend], "unavailable", why), []
        return {"name": NAMES[backend], "state": "ok", "why": None, **_prior(profile), **found[0]}, found[1]
    state = "unsupported" if wanted == "auto" else "unavailable"
    return _no_power("power", state, "; ".join(whys) or "no source of power is known"), []


def _no_power(name: str, state: str, why: str) -> dict[str, Any]:
    return {"name": name, "state": state, "why": why}


def _prior(profile: Profile) -> dict[str, Any]:
    unit, sign = profile.power.current_unit, profile.power.current_sign
    return {
        "unit": unit if unit != "auto" else None,
        "sign": sign if sign != "auto" else None,
        "cells": profile.power.cells or 1,
    }


def _backend(backend: str, facts: Facts, profile: Profile, tick_s: float) -> tuple[dict[str, Any], list[str]] | str:
    """What the layout adds and the lines for one backend, or why this phone has it not."""
    sensors = facts.get("sensors") or {}
    if backend == "odpm-iio":
        return _odpm(sensors, profile)
    if backend == "powerstats-hal":
        return _meter(sensors, profile, tick_s)
    if backend == "sysfs-fuel-gauge":
        return _gauge(sensors)
    if backend == "dumpsys-battery":
        if not sensors.get("battery_dump_current"):
            return "dumpsys battery tells no current"
        every = _every(SLOW_S, tick_s)
        return {}, [f"source-command {every} power:battery-dump " + " ".join(commands.BATTERY_DUMP.argv)]
    return f"no such source; there are {', '.join(BACKENDS)}"


def _odpm(sensors: Facts, profile: Profile) -> tuple[dict[str, Any], list[str]] | str:
    files = [row for row in sensors.get("rails") or () if _plain(row["path"])]
    rails = [Rail(*pair) for row in files for pair in row["rails"]]
    total = _total(rails, profile)
    if isinstance(total, str):
        return total
    lines = [f"source-lines power:odpm{at} {row['path']}" for at, row in enumerate(files)]
    return {"total": total, "columns": [rail.name for rail in rails], "files": len(files)}, lines


def _meter(sensors: Facts, profile: Profile, tick_s: float) -> tuple[dict[str, Any], list[str]] | str:
    rails = [Rail(*pair) for pair in sensors.get("meter") or ()]
    total = _total(rails, profile)
    if isinstance(total, str):
        return total
    line = f"source-command {_every(SLOW_S, tick_s)} power:powerstats " + " ".join(commands.METER_DUMP.argv)
    return {"total": total, "columns": [rail.name for rail in rails]}, [line]


def _total(rails: Sequence[Rail], profile: Profile) -> list[str] | str:
    if not rails:
        return "no rail can be read"
    return choose_total(rails, profile.power.total_rails) or "no profile says which of its rails add up"


def _gauge(sensors: Facts) -> tuple[dict[str, Any], list[str]] | str:
    files = sensors.get("gauge") or {}
    if "current_now" not in files or "voltage_now" not in files:
        return "the gauge's files cannot be read"
    paths = [files["current_now"], files["voltage_now"], *([files["status"]] if "status" in files else [])]
    return {}, ["source power:fuel-gauge " + " ".join(paths)]
