"""One run's record, put together from its context and what the device reported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from edgebench.controller.assembly.board import clock_warnings
from edgebench.controller.assembly.engine import (
    computed_in,
    engine_metrics,
    layer_warnings,
    not_in_precision,
    tool_clock_warnings,
    with_layers,
)
from edgebench.controller.assembly.environment import describe_environment, temperature_metric
from edgebench.controller.assembly.fidelity import judge_fidelity
from edgebench.controller.assembly.grade import grade
from edgebench.controller.assembly.latency import (
    invocation_records,
    latency_metrics,
    measured_invocations,
    mostly_never_steady,
    outcome_code,
    steady_summary,
    step_outcome,
    timer_check,
    tool_metrics,
)
from edgebench.controller.assembly.memory import memory_metrics
from edgebench.controller.assembly.moments import find_moments
from edgebench.controller.assembly.placement import judge_placement
from edgebench.controller.assembly.power import idle_bounds, power_metrics, power_source
from edgebench.controller.assembly.reasons import find_reasons
from edgebench.controller.assembly.soak import paced_metrics, soak_metrics
from edgebench.controller.assembly.static import static_metrics, variant_record
from edgebench.controller.events import CollectedJob, Ints, JobEvents
from edgebench.controller.spec import RunContext
from edgebench.records import (
    Fidelity,
    Grade,
    Invocation,
    Metric,
    Outcome,
    Paced,
    Placement,
    PowerInfo,
    Run,
    SteadySummary,
    Warn,
)
from edgebench.store.answers import SampleKey
from edgebench.units import NS_PER_MS, significant

Samples = dict[SampleKey, Ints]
"""Raw arrays of a run."""

OUTLIER_SHARE = 0.01
RATES_APART = 1.25


def assemble(context: RunContext, job: CollectedJob) -> tuple[Run, Samples]:
    """The run and its raw samples."""
    events = job.events
    steps = events.of_pass("invocation")
    effective = _effective(events)
    threads = effective.get("threads")
    threads = threads if isinstance(threads, int) else None
    measured = measured_invocations(steps)
    moments = find_moments(events)
    invocations = invocation_records(steps, measured, moments, threads, context.inputs)
    timer = timer_check(measured, int((events.hello.get("clock") or {}).get("resolution_ns") or 1))
    metrics = (latency_metrics(measured, timer) or tool_metrics(steps)) | engine_metrics(measured, events)
    soak, soak_figures = soak_metrics(context, events)
    paced, paced_figures = paced_metrics(context, events)
    power, power_figures = _power(context, events, paced)
    memory, memory_figures = memory_metrics(context, events)
    placement = with_layers(judge_placement(context, events), events)
    if compute := computed_in(placement):
        effective["compute"] = compute
    fidelity = judge_fidelity(context, job)
    environment = describe_environment(events, _version(events), invocations, moments)
    steady = steady_summary(measured)
    metrics |= soak_figures | paced_figures | power_figures | memory_figures
    metrics |= {"temperature_max": temperature_metric(events), "cpu_util": _util_metric(environment.cpu_util)}
    outcome = judge_outcome(context, events, invocations, steady, fidelity, placement)
    reasons = find_reasons(
        context,
        events,
        invocations=invocations,
        steady=steady,
        environment=environment,
        placement=placement,
        median=metrics.get("latency_p50") if measured else metrics.get("latency_mean"),
        timer=timer,
    )
    run = Run(
        id=context.run_id,
        session=context.session.id,
        started_at=context.started_at,
        device=context.device,
        kind="simulated" if context.device.simulated else "measured",
        note=context.note,
        parent=context.parent,
        tags=context.tags,
        variant=variant_record(context, effective, _version(events)),
        outcome=outcome,
        grade=grade(reasons) if outcome.status in ("ok", "unstable") else Grade(letter="D"),
        metrics=(metrics if outcome.status in ("ok", "unstable") else {}) | static_metrics(context),
        steady=steady,
        soak=soak,
        paced=paced,
        invocations=invocations,
        power=power,
        memory=memory,
        placement=placement,
        fidelity=fidelity,
        environment=environment,
        warnings=[
            *_warnings(context, events, invocations, fidelity),
            *tool_clock_warnings(events),
            *layer_warnings(context, placement),
        ],
    )
    return run, _samples(events)


def _power(context: RunContext, job: JobEvents, paced: Paced | None) -> tuple[PowerInfo, dict[str, Metric]]:
    """From the user's meter where one was named, else from the device's own source."""
    if context.power_csv:
        from edgebench.controller.attach_power import external_power  # it builds on this package

        return external_power(context, job, paced)
    return power_metrics(context, job, paced, power_source(job))


def judge_outcome(
    context: RunContext,
    job: JobEvents,
    invocations: Sequence[Invocation],
    steady: SteadySummary,
    fidelity: Fidelity,
    placement: Placement,
) -> Outcome:
    """Status and code of the run (measurement.md, section 9)."""
    good = [one for one in invocations if one.outcome.status == "ok" and one.iterations]
    ended = str((job.end or {}).get("code") or "")
    if ended == "interrupted":
        return Outcome(status="failed", code="interrupted", message=f"stopped after {len(good)} invocations")
    if not good:
        return _first_failure(job, ended)
    if fidelity.state == "wrong":
        return Outcome(status="failed", code="wrong-output", message=fidelity.why)
    missing = _not_delegated(context, placement) or not_in_precision(context, placement)
    if missing is not None:
        return missing
    planned = len(invocations)
    failed = next((one.outcome for one in invocations if one.outcome.status == "failed"), None)
    if failed is not None:
        message = f"{len(good)} of {planned} invocations finished; {failed.message}"
        return Outcome(status="unstable", code=failed.code, message=message)
    if job.end is None or ended:
        why = str((job.end or {}).get("message") or job.broke_off)
        return Outcome(
            status="unstable",
            code=outcome_code(ended, "device-lost"),
            message=f"{len(good)} invocations finished; {why}",
        )
    if mostly_never_steady(steady):
        never, all_ = steady.counts["never-steady"], sum(steady.counts.values())
        return Outcome(status="unstable", message=f"{never} of {all_} invocations never got steady")
    return Outcome(status="ok")


def _first_failure(job: JobEvents, ended: str) -> Outcome:
    for _, step in sorted(job.steps.items()):
        found = step_outcome(step)
        if found.status == "failed":
            return found
    for error in job.errors:
        return Outcome(
            status="failed", code=outcome_code(error.get("code"), "internal"), message=str(error.get("message"))
        )
    message = str((job.end or {}).get("message") or job.broke_off)
    return Outcome(status="failed", code=outcome_code(ended, "device-lost"), message=message)


def _not_delegated(context: RunContext, placement: Placement) -> Outcome | None:
    wanted = context.ask.accelerator
    if placement.state == "partial" and context.require_delegated is not None:
        message = f"the tool does not tell how much ran on {wanted}; {context.require_delegated:.0%} were required"
        return Outcome(status="failed", code="delegate-partial", message=message)
    if placement.share is None or wanted == "cpu":
        return None
    if placement.share == 0:
        return Outcome(status="failed", code="delegate-failed", message=f"no node ran on {wanted}")
    required = context.require_delegated
    if required is not None and placement.share < required:
        message = f"{placement.share:.0%} of the nodes ran on {wanted}; {required:.0%} were required"
        return Outcome(status="failed", code="delegate-partial", message=message)
    return None


def _effective(job: JobEvents) -> dict[str, object]:
    for _, step in sorted(job.steps.items()):
        if step.loaded.get("effective"):
            return dict(step.loaded["effective"])
    return {}


def _version(job: JobEvents) -> str | None:
    return next((str(s.loaded["version"]) for s in job.steps.values() if s.loaded.get("version")), None)


def _util_metric(value: float | None) -> Metric:
    if value is None:
        return Metric(unit="share", state="unavailable", why="the number of threads is not known")
    return Metric(unit="share", value=value, statistic="least of all invocations", why="describes the run; no interval")


def _warnings(context: RunContext, job: JobEvents, invocations: Sequence[Invocation], fidelity: Fidelity) -> list[Warn]:
    told = [Warn(code=code, text=text, hint=hint or None) for code, text, hint in context.warnings]
    events = job.warnings + [w for step in job.steps.values() for w in step.warnings]
    seen = {(str(w.get("code")), str(w.get("text"))): w for w in events}
    told += [Warn(code=code, text=text, hint=w.get("hint")) for (code, text), w in seen.items()]
    told += _rates_differ(job, invocations) + clock_warnings(job)
    shares = [one.outliers.over_2x for one in invocations if one.outcome.status == "ok"]
    if shares and max(shares) > OUTLIER_SHARE:
        text = f"up to {max(shares):.1%} of the iterations took over twice the median"
        told.append(Warn(code="outliers", text=text, hint="`--json` names their moments; close other programs"))
    if fidelity.state == "unavailable" and any(one.outcome.status == "ok" for one in invocations):
        hint = "give one with `--reference MODEL`"
        told.append(Warn(code="no-reference", text=f"outputs not checked: {fidelity.why}", hint=hint))
    if context.facts.uncounted:
        text = f"not counted in MACs: {', '.join(context.facts.uncounted[:3])}"
        told.append(Warn(code="uncounted-ops", text=text, hint="`edgebench inspect` lists them all"))
    return told


def _rates_differ(job: JobEvents, invocations: Sequence[Invocation]) -> list[Warn]:
    """Soak and invocations ran the same model: where they disagree, something changed between them."""
    medians = [one.median_ms for one in invocations if one.median_ms is not None]
    soak = [step for step in job.of_pass("soak") if step.ok and step.duration_ns.size]
    if not medians or not soak:
        return []
    soaked, invoked = float(np.median(soak[-1].duration_ns)) / NS_PER_MS, float(np.median(medians))
    if 1 / RATES_APART < soaked / invoked < RATES_APART:
        return []
    text = f"the soak took {significant(soaked)} ms an inference, the invocations {significant(invoked)} ms"
    return [
        Warn(code="rates-differ", text=text, hint="something changed in between; run again on an idle, cool device")
    ]


def _samples(job: JobEvents) -> Samples:
    samples: Samples = {}
    for at, step in enumerate(job.of_pass("invocation")):
        if step.duration_ns.size:
            samples[SampleKey(at)] = step.duration_ns
            samples[SampleKey(at, "start")] = step.start_ns
    names: tuple[Literal["soak", "paced"], ...] = ("soak", "paced")
    for name in names:
        for step in job.of_pass(name):
            if step.duration_ns.size:
                samples[SampleKey(0, "latency", name)] = step.duration_ns
                samples[SampleKey(0, "start", name)] = step.start_ns
    for step in job.of_pass("soak"):
        idle = idle_bounds(step)
        if idle is not None:
            samples[SampleKey(0, "idle", "soak")] = idle
    return samples
