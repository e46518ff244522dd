"""Invocations and the latency figures of a run (measurement.md, sections 2 to 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from edgebench.controller.assembly.aggregates import aggregate_metrics, aggregate_of
from edgebench.controller.assembly.moments import Moment
from edgebench.controller.events import BROKE_OFF, Ints, StepEvents
from edgebench.records import (
    Invocation,
    Metric,
    Outcome,
    OutcomeCode,
    Outlier,
    Outliers,
    SteadyMark,
    SteadySummary,
    Summary,
)
from edgebench.stats.invocations import across
from edgebench.stats.outliers import find_outliers, join
from edgebench.stats.quantiles import effective_size, quantile, tail_interval, tail_state
from edgebench.stats.quantised import TimerCheck, check_timer
from edgebench.stats.steady import Steadiness, assess_invocation, majority
from edgebench.units import NS_PER_MS

TAILS = {"latency_p90": 0.90, "latency_p95": 0.95, "latency_p99": 0.99, "latency_p999": 0.999}
WORST_KEPT = 20


@dataclass(frozen=True)
class MeasuredInvocation:
    """One invocation with samples, and how it settled."""

    step: StepEvents
    steadiness: Steadiness
    start_ns: Ints
    duration_ns: Ints

    @property
    def steady_ns(self) -> Ints:
        """Latencies (ns) from the first steady iteration on."""
        return self.duration_ns[self.steadiness.start :]


def measured_invocations(steps: Sequence[StepEvents]) -> list[MeasuredInvocation]:
    """Invocations that finished and gave samples."""
    found = []
    for step in steps:
        durations = step.duration_ns
        if step.ok and durations.size:
            found.append(MeasuredInvocation(step, assess_invocation(durations), step.start_ns, durations))
    return found


def invocation_records(
    steps: Sequence[StepEvents],
    measured: Sequence[MeasuredInvocation],
    moments: Sequence[Moment],
    threads: int | None,
    names: Sequence[str],
) -> list[Invocation]:
    """A record of every planned invocation, the failed ones with their outcome."""
    by_index = {one.step.index: one for one in measured}
    return [_record(at, step, by_index.get(step.index), moments, threads, names) for at, step in enumerate(steps)]


def _record(
    at: int,
    step: StepEvents,
    measured: MeasuredInvocation | None,
    moments: Sequence[Moment],
    threads: int | None,
    names: Sequence[str],
) -> Invocation:
    durations, told = step.duration_ns, aggregate_of(step)
    common: dict[str, Any] = {
        "index": at,
        "round": step.round,
        "order": step.order,
        "outcome": step_outcome(step),
        "load_ms": _ms(step.loaded.get("load_ns")),
        "build_ms": _ms(step.loaded.get("build_ns")),
        "first_ms": _ms(step.first_ns),
        "iterations": told.n if told else int(durations.size),
        "cpu_util": cpu_util(step, threads),
    }
    if measured is None:
        return Invocation(**common, summary=told)
    steady = measured.steady_ns
    files = step.file_index
    return Invocation(
        **common,
        steady=SteadyMark(class_=measured.steadiness.kind, start=measured.steadiness.start),
        median_ms=float(np.median(steady)) / NS_PER_MS,
        summary=_summary(steady),
        outliers=_outliers(measured, moments, names, files),
        files=[names[i] for i in files if i < len(names)] if files.size and names else None,
    )


def step_outcome(step: StepEvents) -> Outcome:
    """How one step ended."""
    if step.ok:
        return Outcome(status="ok")
    said = step.error or step.done or {}
    done = step.done or {}
    if done.get("outcome") == "skipped":
        return Outcome(status="skipped", message=done.get("message"))
    code = outcome_code(done.get("code") or said.get("code"), "device-lost")
    return Outcome(status="failed", code=code, message=str(said.get("message") or done.get("message") or BROKE_OFF))


def outcome_code(said: object, otherwise: OutcomeCode) -> OutcomeCode:
    """A code of the closed list; what a device says beyond the list counts as `otherwise`."""
    return said if said in get_args(OutcomeCode) else otherwise  # type: ignore[return-value]


def _summary(steady: Ints) -> Summary:
    ms = steady / NS_PER_MS
    sd = float(ms.std(ddof=1)) if ms.size > 1 else None
    return Summary(n=int(ms.size), mean=float(ms.mean()), min=float(ms.min()), max=float(ms.max()), sd=sd)


def _outliers(one: MeasuredInvocation, moments: Sequence[Moment], names: Sequence[str], files: Ints) -> Outliers:
    """Counted over the steady part; of all over twice the median the worst are named with their moment and file."""
    steady = one.steady_ns
    found = find_outliers(steady)
    indices = sorted(found.indices, key=lambda index: -int(steady[index]))[:WORST_KEPT]
    at = np.asarray(indices, np.int64) + one.steadiness.start
    causes = join(one.start_ns[at], one.duration_ns[at], moments)
    worst = [
        Outlier(
            index=int(index),
            ms=float(one.duration_ns[index]) / NS_PER_MS,
            ratio=float(one.duration_ns[index]) / found.median,
            causes=list(cause),
            file=names[int(files[index])] if files.size > index and int(files[index]) < len(names) else None,
        )
        for index, cause in zip(at, causes.per_outlier, strict=True)
    ]
    two, five, ten = found.shares
    return Outliers(over_2x=two, over_5x=five, over_10x=ten, worst=worst)


def cpu_util(step: StepEvents, threads: int | None) -> float | None:
    """CPU time / (wall x threads) of the timed window, None where the threads are not known."""
    wall, cpu = step.usage.get("wall_ns"), step.usage.get("cpu_ns")
    if not threads or not wall or cpu is None:
        return None
    return float(cpu) / (float(wall) * threads)


def steady_summary(measured: Sequence[MeasuredInvocation]) -> SteadySummary:
    """A run's class: the majority of its invocations'."""
    if not measured:
        return SteadySummary()
    found = majority([one.steadiness.kind for one in measured])
    return SteadySummary(class_=found.kind, counts=found.counts)


def mostly_never_steady(steady: SteadySummary) -> bool:
    """Whether more than half of the invocations never got steady: the commonest of five classes may be a minority."""
    return 2 * steady.counts.get("never-steady", 0) > sum(steady.counts.values())


def timer_check(measured: Sequence[MeasuredInvocation], resolution_ns: int) -> TimerCheck | None:
    """Whether the timer is fine enough for a spread to mean anything."""
    if not measured:
        return None
    return check_timer(np.concatenate([one.steady_ns for one in measured]), resolution_ns)


def latency_metrics(measured: Sequence[MeasuredInvocation], timer: TimerCheck | None) -> dict[str, Metric]:
    """Median with its interval over invocations, tails in rank space, extremes, load and first inference; ms."""
    if not measured:
        return {}
    metrics = {"latency_p50": _median_metric(measured, timer)}
    pooled = np.sort(np.concatenate([one.steady_ns for one in measured]))
    for name, p in TAILS.items():
        metrics[name] = _tail_metric(measured, pooled, p)
    n, k = int(pooled.size), len(measured)
    described = {"latency_mean": pooled.mean(), "latency_min": pooled[0], "latency_max": pooled[-1]}
    for name, value in described.items():
        statistic = name.removeprefix("latency_")
        metrics[name] = Metric(
            unit="ms",
            value=float(value) / NS_PER_MS,
            statistic=statistic,
            k=k,
            n=n,
            window="steady",
            why="describes the samples; no interval",
        )
    metrics |= once_metrics([one.step for one in measured])
    return metrics


def tool_metrics(steps: Sequence[StepEvents]) -> dict[str, Metric]:
    """The same of a tool that gives no samples: the mean over invocations, no percentiles."""
    finished = [step for step in steps if aggregate_of(step) is not None]
    return aggregate_metrics(finished) | once_metrics(finished) if finished else {}


def _median_metric(measured: Sequence[MeasuredInvocation], timer: TimerCheck | None) -> Metric:
    medians = [float(np.median(one.steady_ns)) / NS_PER_MS for one in measured]
    n = sum(int(one.steady_ns.size) for one in measured)
    if min(medians) <= 0:
        return Metric(unit="ms", state="unavailable", why="the timer's step is longer than the inference", n=n)
    estimate = across(medians)
    spread_ok = timer is None or timer.spread_allowed
    return Metric(
        unit="ms",
        value=estimate.value,
        lo=estimate.lo if spread_ok else None,
        hi=estimate.hi if spread_ok else None,
        statistic="p50",
        k=estimate.k,
        n=n,
        window="steady",
        method="geometric mean of invocation medians, t interval",
        why=estimate.why if spread_ok else (timer.why if timer else None),
    )


def _tail_metric(measured: Sequence[MeasuredInvocation], pooled: Ints, p: float) -> Metric:
    q = quantile(pooled, p)
    n_eff = sum(effective_size(one.steady_ns, q) for one in measured)
    state = tail_state(p, n_eff)
    name = f"p{p * 100:g}".replace(".", "")
    if state.state == "too-few":
        why = f"{n_eff:.0f} effective iterations; {name} needs {state.needed}"
        return Metric(unit="ms", state="unavailable", why=why, statistic=name, k=len(measured), n=int(pooled.size))
    interval = tail_interval([one.steady_ns for one in measured], p)
    notes = [f"low-n: {n_eff:.0f} of {state.needed} effective iterations" if state.state == "low-n" else None]
    notes += [interval.why, interval.note]
    return Metric(
        unit="ms",
        value=q / NS_PER_MS,
        lo=interval.lo / NS_PER_MS if interval.lo is not None else None,
        hi=interval.hi / NS_PER_MS if interval.hi is not None else None,
        hi_state=interval.hi_state,
        statistic=name,
        k=len(measured),
        n=int(pooled.size),
        window="steady",
        method="nearest rank over all steady iterations, interval in rank space over invocations",
        why="; ".join(note for note in notes if note) or None,
    )


def once_metrics(steps: Sequence[StepEvents]) -> dict[str, Metric]:
    """Load, build and first inference: once per invocation, so the invocation's figures are the samples."""
    values = {
        "load": [_ms(step.loaded.get("load_ns")) for step in steps],
        "build": [_ms(step.loaded.get("build_ns")) for step in steps],
        "first": [_ms(step.first_ns) for step in steps],
    }
    metrics = {}
    for name, found in values.items():
        known = [value for value in found if value is not None and value > 0]
        if known:
            estimate = across(known)
            metrics[name] = Metric(
                unit="ms",
                value=estimate.value,
                lo=estimate.lo,
                hi=estimate.hi,
                k=estimate.k,
                n=estimate.k,
                statistic="geometric mean",
                why=estimate.why,
            )
        elif name == "build":
            metrics[name] = Metric(unit="ms", state="unsupported", why="this backend builds nothing")
    return metrics


def _ms(ns: object) -> float | None:
    return float(ns) / NS_PER_MS if isinstance(ns, int | float) else None
