"""Why a run's grade is not better: the table of `grade.py` applied to what was seen."""

from __future__ import annotations

from collections.abc import Sequence

from edgebench.controller.assembly.board import brown_out, lost_clock, over_current, swapping
from edgebench.controller.assembly.environment import drift_c
from edgebench.controller.assembly.grade import (
    BATTERY_LOW,
    CPU_UTIL_LIMIT,
    DRIFT_LIMIT_C,
    FOREIGN_LOAD_LIMIT,
    SAMPLER_LIMIT,
    SPREAD_LIMIT,
)
from edgebench.controller.assembly.latency import mostly_never_steady
from edgebench.controller.events import JobEvents
from edgebench.controller.planning import reduced_text
from edgebench.controller.spec import NativeUse, RunContext
from edgebench.records import Environment, Invocation, Metric, Placement, SteadySummary
from edgebench.stats.quantised import TimerCheck

DEFAULT_INVOCATIONS = 6
MOVING = ("fan",)
"""What is looked at with the pins and moves by itself."""

REFUSALS = {"pin-failed": "not-pinnable", "needs-root": "needs-root"}
"""Warning of the agent -> the reason that it is."""


def find_reasons(
    context: RunContext,
    job: JobEvents,
    *,
    invocations: Sequence[Invocation],
    steady: SteadySummary,
    environment: Environment,
    placement: Placement,
    median: Metric | None,
    timer: TimerCheck | None,
) -> dict[str, str]:
    """Code -> what was seen, for every row of the table that applies."""
    found: dict[str, str] = {}
    found |= _how_measured(context, job, invocations, steady)
    found |= _surroundings(context, job, environment)
    found |= _pins(environment, context.native) | _not_set(job)
    if "clocks=max" in _refused(job, *REFUSALS):
        found.pop("clocks-free", None)  # its remedy is what was asked for
    found |= _board(job)
    found |= _phone(context) | _gate(context, job)
    if placement.share is not None and placement.share < 1:
        found["fallback"] = f"{placement.share:.0%} of the model ran on {context.ask.accelerator}"
    if placement.state == "partial":
        found["fallback"] = f"a part of the model, not told how large, ran on {context.ask.accelerator}"
    if timer is not None and not timer.spread_allowed:
        found["quantised-timer"] = timer.why or "quantised timer"
    found |= _spread(context, median)
    return found


def _how_measured(
    context: RunContext, job: JobEvents, invocations: Sequence[Invocation], steady: SteadySummary
) -> dict[str, str]:
    found = {}
    if context.device.simulated:
        found["simulated"] = "simulated device"
    if "emulat" in str((job.facts.get("is_virtual") or {}).get("hints")):
        found["emulated"] = "emulated processor"
    planned = context.settings.invocations
    if context.settings.mode == "quick":
        found["quick"] = "quick"
    elif planned < DEFAULT_INVOCATIONS:
        found["quick"] = f"{planned} invocation{'s' if planned != 1 else ''}"
    good = sum(one.outcome.status == "ok" for one in invocations)
    if good and any(one.outcome.status == "failed" for one in invocations):
        found["invocations-failed"] = f"{good} of {planned} invocations finished"
    if mostly_never_steady(steady):
        found["never-steady"] = "never steady: " + ", ".join(f"{n} {kind}" for kind, n in steady.counts.items())
    if job.damaged or job.end is None:
        found["damaged-record"] = f"{job.damaged} damaged events" if job.damaged else "the record has no end"
    if job.plan.get("reduced"):
        found["cut-short"] = f"--max-time {context.settings.max_time_s:g} left {reduced_text(job.plan['reduced'])}"
    if any("aggregate" in (step.summary or {}) for step in job.of_pass("invocation")):
        found["aggregate-only"] = "aggregates only"
    return found


def _surroundings(context: RunContext, job: JobEvents, environment: Environment) -> dict[str, str]:
    found = {}
    if environment.throttle:
        found["throttled"] = "throttled: " + ", ".join(environment.throttle)
    moved = drift_c(job)
    if moved > DRIFT_LIMIT_C:
        found["temperature-drift"] = f"temperature moved {moved:.1f} degC"
    if environment.foreign_load is not None and environment.foreign_load > FOREIGN_LOAD_LIMIT:
        found["foreign-load"] = f"other programs took {environment.foreign_load:.0%} of the CPU"
    if environment.cpu_util is not None and environment.cpu_util < CPU_UTIL_LIMIT:
        found["cpu-starved"] = f"CPU time / (wall x threads) {environment.cpu_util:.2f}"
    share = environment.sampler.get("core_share")
    # below a root of its own a sampler waits by other means: what it costs there tells nothing of a device
    if share is not None and share > SAMPLER_LIMIT and not (context.device.simulated and context.native):
        found["sampler-cost"] = f"sampler took {share:.1%} of a core"
    return found


def _pins(environment: Environment, use: NativeUse | None) -> dict[str, str]:
    before, after = environment.pins, environment.pins_after
    governors = before.get("governor") or before.get("governors")
    values = set(governors.values()) if isinstance(governors, dict) else {governors} if governors else set()
    found = {}
    if use is not None and use.unpinned:
        found["not-pinnable"] = "; ".join(use.unpinned)
    elif before.get("clocks_locked") is False:
        found["clocks-free"] = "the clocks of CPU and GPU are not locked"
    elif before.get("clocks_locked"):
        pass  # whatever the governors are called, nothing moves
    elif not values:
        found["not-pinnable"] = "clock governor not visible, as on virtual machines"
    elif values != {"performance"}:
        found["not-pinned"] = f"clock governor {', '.join(sorted(map(str, values)))}"
    lost = sorted(key for key in before if key not in MOVING and after and after.get(key) != before[key])
    if lost:
        found["pin-lost"] = "changed during the run: " + ", ".join(lost)
    return found


def _not_set(job: JobEvents) -> dict[str, str]:
    """What was asked to be set and could not be, or did not hold; why is told by the row's warnings."""
    found = {}
    for code, reason in REFUSALS.items():
        if refused := _refused(job, code):
            found[reason] = f"could not be pinned: {', '.join(refused)}"
    lost = sorted({str(one.get("key")) for one in job.after.get("lost") or [] if isinstance(one, dict)})
    if lost:
        found["pin-lost"] = "changed during the run: " + ", ".join(lost)
    return found


def _refused(job: JobEvents, *codes: str) -> list[str]:
    """The settings (`clocks=max`) that the agent warned of, each once."""
    texts = [str(w.get("text")) for w in job.warnings if w.get("code") in codes]
    return list(dict.fromkeys(text.partition(" could not be pinned")[0] for text in texts))


def _board(job: JobEvents) -> dict[str, str]:
    """What a board's supply, clocks and swap did."""
    seen = {"brown-out": brown_out(job), "over-current": over_current(job), "swapping": swapping(job)}
    seen["clock-short"] = lost_clock(job)
    return {code: text for code, text in seen.items() if text}


def _phone(context: RunContext) -> dict[str, str]:
    """What a run on a phone's own tool knew of the phone before it began."""
    use = context.native
    if use is None:
        return {}
    found = {}
    battery = context.session.device.facts.get("battery") or {}
    if battery.get("plugged") and not context.settings.unplugged:
        found["charging"] = f"plugged in ({', '.join(battery['plugged'])})"
    level = battery.get("level")
    if isinstance(level, int | float) and level < BATTERY_LOW:
        found["battery-low"] = f"battery at {level:g} %"
    screen = context.session.device.facts.get("screen") or {}
    if screen.get("locked") or screen.get("on") is False:
        found["screen-off"] = "screen locked" if screen.get("locked") else "screen off"
    if use.gate:
        found["gate-skipped"] = use.gate
    return found


def _gate(context: RunContext, job: JobEvents) -> dict[str, str]:
    """How a board's temperature gate ended, where it was not passed."""
    if context.gate_skipped:
        return {"gate-skipped": "temperature gate skipped"}
    if job.gate.get("state") != "timeout":
        return {}
    celsius, waited = job.gate.get("celsius"), job.gate.get("waited_s")
    how_long = f" in {waited:.0f} s" if isinstance(waited, int | float) else ""
    return {"gate-skipped": f"begun at {celsius} degC: it had not cooled down{how_long}"}


def _spread(context: RunContext, median: Metric | None) -> dict[str, str]:
    if median is None or median.value is None or median.lo is None or median.hi is None:
        return {}
    half = (median.hi - median.lo) / 2 / median.value
    limit = context.session.noise_floor or SPREAD_LIMIT
    return {"spread": f"interval +-{half:.1%}"} if half > limit else {}
