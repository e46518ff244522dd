"""What a phone's job reads beside its tool: the sampler's lines, the burn that calibrates a gauge, what to announce."""

from __future__ import annotations

from typing import Any

from edgebench.controller.native.job import Line
from edgebench.controller.native.sources import GAUGES, SourcePlan, burn_step, plan_sources
from edgebench.controller.session import DeviceSession
from edgebench.controller.spec import Settings
from edgebench.profiles import Profile
from edgebench.profiles.catalog import load_profile

BURN_STEP = 999
"""The burn's number among the steps of a job: behind all of the plan's."""

BURN_S = {"quick": 8.0}
USUAL_BURN_S = 20.0
GAUGE_HZ = 1.0
"""What fuel gauges do, until this one has been seen."""

METER_HZ = 1.0


def plan_telemetry(device: DeviceSession, settings: Settings) -> SourcePlan:
    """The sources of a job on an open phone. Raises `UnknownName` and `ConfigError` for its profile."""
    return plan_sources(
        device.facts,
        profile_for(device),
        power=settings.power,
        power_hz=settings.power_hz,
        seed=settings.seed,
        gauge=device.gauge,
        unplugged=settings.unplugged,
        root=device.client.root,
    )


def profile_for(device: DeviceSession) -> Profile:
    """The phone's profile, the generic one where it has none."""
    return device.profile or load_profile("generic-android")


def telemetry_lines(plan: SourcePlan, device: DeviceSession, settings: Settings) -> tuple[list[Line], list[Line]]:
    """(the sampler's lines, the step that calibrates the gauge: none where it is known)."""
    burn = burn_step(BURN_STEP, device.facts, burn_seconds(settings)) if plan.needs_burn else []
    return [_split(line) for line in plan.lines], [_split(line) for line in burn]


def burn_seconds(settings: Settings) -> float:
    """How long the cores idle, burn and idle again; three times this goes by."""
    return BURN_S.get(settings.mode, USUAL_BURN_S)


def announced(plan: SourcePlan, device: DeviceSession, power_hz: float) -> list[dict[str, Any]]:
    """The sources as the Python agent's `sensors` verb would announce them."""
    power = plan.layout["power"]
    rate = None
    if power["name"] in GAUGES:
        rate = device.gauge.update_hz if device.gauge else GAUGE_HZ
    elif power["state"] == "ok":
        rate = power_hz if power["name"] == "power:odpm" else METER_HZ
    found = {
        "ev": "source", "name": power["name"], "state": power["state"], "why": power["why"], "rate_hz": rate,
        "columns": power.get("columns") or (["battery"] if power["name"] in GAUGES else []),
        "total": power.get("total") or (["battery"] if power["name"] in GAUGES else []),
        # the look at either end of an idle may be of the load beside it
        "unsure_s": 1.0 / rate if rate else 0.0,
        "scope": "battery" if power["name"] in GAUGES else "rails",
    }  # fmt: skip
    rest = [
        {"ev": "source", "name": name, "state": "ok", "why": None, "columns": columns, "scope": "soc"}
        for name, columns in plan.layout["columns"].items()
        if name in ("thermal", "cpufreq") and columns
    ]
    return [found, *rest]


def _split(line: str) -> Line:
    key, _, value = line.partition(" ")
    return key, value
