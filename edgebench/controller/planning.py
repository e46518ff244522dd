"""From settings to steps: which passes a run has, how long each lasts, how long it will all take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgebench.controller.spec import MODES, RunContext, Settings
from edgebench.records import PlanStep

LOAD_ALLOWANCE_S = 2.0
"""Assumed load time of one process before anything is known of the model."""

JITTER_ROOM = 1.05
"""With jittered intervals, n/f seconds hold n samples only on average."""

LOAD_LIMIT_S = 300.0
"""A model that has not finished its first inference by then counts as hung."""

UNPLUG_S = 600
"""How long a job waits for its cable to be pulled."""

LOAD_LIMIT_LEAST_S = 10.0
"""Loading gets this long however short `--max-time` is: a small board takes seconds to import a runtime."""


def resolve_settings(
    *,
    mode: str = "default",
    invocations: int | None = None,
    min_time_s: float | None = None,
    max_time_s: float | None = None,
    soak_s: float | None = None,
    target_fps: float | None = None,
    power: str = "auto",
    memory: bool = True,
    unplugged: bool = False,
) -> Settings:
    """Fill a mode's numbers, each of which can be set; times in seconds."""
    base = MODES[mode]
    return Settings(
        mode=base.name,
        invocations=invocations if invocations is not None else base.invocations,
        min_time_s=min_time_s if min_time_s is not None else base.min_time_s,
        min_iterations=base.min_iterations,
        soak_s=soak_s if soak_s is not None else base.soak_s,
        soak_given=soak_s is not None,
        idle_s=base.idle_s,
        burst_s=base.burst_s,
        paced_s=base.paced_s,
        max_time_s=max_time_s if max_time_s is not None else base.max_time_s,
        target_fps=target_fps,
        power=power,
        memory=memory,
        unplugged=unplugged,
    )


def extend_for_power(settings: Settings, rate_hz: float | None, *, unsure_s: float = 0.0) -> tuple[Settings, list[str]]:
    """Lengthen soak, paced pass and idles so that a slow power source gives enough samples.

    Measurement.md, section 7: 100/f s (quick: 20/f s) unless `--soak` was given, each idle 20/f s.
    Without a source (`rate_hz` None) there is nothing to idle for. `unsure_s`: how far a look at either end of an idle
    may be of the load beside it. Returns the settings and what to tell the user.
    """
    if rate_hz is None:
        return _replace(settings, idle_s=0.0), []
    needed = JITTER_ROOM * (20 if settings.mode == "quick" else 100) / rate_hz
    changes: dict[str, float] = {}
    if not settings.soak_given and settings.soak_s and needed > settings.soak_s:
        changes["soak_s"] = needed
    if settings.target_fps and needed > settings.paced_s:
        changes["paced_s"] = needed
    idle_needed = JITTER_ROOM * 20 / rate_hz + 2 * unsure_s
    if idle_needed > settings.idle_s:
        changes["idle_s"] = idle_needed
    told = [
        f"{name.removesuffix('_s')} extended to {value:.0f} s: the power source gives {rate_hz:.3g} samples a second"
        for name, value in changes.items()
    ]
    return _replace(settings, **changes), told


def _replace(settings: Settings, **changes: float) -> Settings:
    return type(settings)(**{name: getattr(settings, name) for name in settings.__struct_fields__} | changes)


def job_steps(settings: Settings) -> list[dict[str, Any]]:
    """The steps of one run, in order: what must be built, fidelity (it fails fast), the statistics, then heat."""
    steps: list[dict[str, Any]] = [{"pass": "build", "limit_s": settings.build_s}] if settings.build_s else []
    steps.append({"pass": "fidelity"})
    steps += [
        {"pass": "invocation", "min_time_s": settings.min_time_s, "min_iterations": settings.min_iterations}
        for _ in range(settings.invocations)
    ]
    if settings.memory:
        steps.append({"pass": "memory", "iterations": 3})
    if settings.soak_s > 0:
        steps.append({"pass": "soak", "seconds": settings.soak_s, "idle_s": settings.idle_s})
    if settings.target_fps:
        paced = {"pass": "paced", "seconds": settings.paced_s, "fps": settings.target_fps, "idle_s": settings.idle_s}
        steps.append(paced)
    rounds = 0
    for step in steps:
        rounds += step["pass"] == "invocation"
        step.update(variant=0, round=rounds if step["pass"] == "invocation" else 0, order=0)
    return steps


def plan_rows(label: str, settings: Settings) -> list[PlanStep]:
    """The same steps as plan rows of the session record; a build is no pass of it."""
    steps = [step for step in job_steps(settings) if step["pass"] != "build"]
    return [PlanStep(round=s["round"], variant=label, pass_=s["pass"], order=0) for s in steps]


def planned_seconds(settings: Settings) -> float:
    """How long the run should take on the device, before anything is known of the model."""
    total = 0.0
    for step in job_steps(settings):
        busy = step.get("min_time_s", step.get("seconds", 0.5))
        total += LOAD_ALLOWANCE_S + float(busy) + 2 * float(step.get("idle_s", 0.0))
    return total


def lease_seconds(settings: Settings) -> float:
    """Length of the device's lease: planned time + 50 %, never shorter than the time `--max-time` allows.

    Where the job waits for its cable to be pulled or to cool down, or builds an engine first, that time comes on top.
    """
    planned = planned_seconds(settings)
    unbounded = 10 * planned + LOAD_LIMIT_S
    allowed = settings.max_time_s if settings.max_time_s is not None else unbounded
    before = (UNPLUG_S if settings.unplugged else 0) + settings.build_s + settings.gate_s
    return 1.5 * max(planned, allowed) + LOAD_LIMIT_S + before


def reduced_text(reduced: Mapping[str, Any]) -> str:
    """What `--max-time` left of the plan, from a `plan` event.

    >>> reduced_text({"invocations": [3, 6], "min_iterations": [10, 100]})
    '3 of 6 invocations, 10 of 100 iterations'
    """
    units = {"invocations": "invocations", "min_time_s": "s each", "min_iterations": "iterations"}
    parts = [
        f"{reduced[key][0]:.3g} of {reduced[key][1]:g} {unit}"
        for key, unit in units.items()
        if isinstance(reduced.get(key), list | tuple) and len(reduced[key]) == 2
    ]
    return ", ".join(parts) or "less than planned"


def build_job(
    context: RunContext, *, nonce: str, holder: str, variant: dict[str, Any], **device: Any
) -> dict[str, Any]:
    """job.json as `agent/protocol.py` describes it; `device` gives root, prepare and gate of the device."""
    import msgspec

    settings = context.settings
    allowed_s = LOAD_LIMIT_S if settings.max_time_s is None else min(LOAD_LIMIT_S, settings.max_time_s)
    return {
        "protocol": 1,
        "job": context.run_id,
        "nonce": nonce,
        "holder": holder,
        "lease_s": lease_seconds(settings),
        "root": device.get("root", "/"),
        "host": msgspec.to_builtins(context),
        "variants": [variant],
        "steps": job_steps(settings),
        "limits": {"max_time_s": settings.max_time_s, "load_s": max(LOAD_LIMIT_LEAST_S, allowed_s)},
        "telemetry": {
            "power": None if settings.power == "off" else settings.power,
            "power_hz": settings.power_hz,
            "slow_hz": 1.0,
            "seed": settings.seed,
            "probes": context.probes,
        },
        "prepare": device.get("prepare", {}),
        "gate": device.get("gate"),
    }
