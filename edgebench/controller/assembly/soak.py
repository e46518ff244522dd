"""The soak and the paced pass as records (measurement.md, section 6)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgebench.controller.assembly.aggregates import Chunk, aggregate_of, assess_chunks, chunks_of
from edgebench.controller.events import JobEvents, Series, StepEvents
from edgebench.controller.spec import RunContext
from edgebench.records import CurvePoint, Metric, Paced, Soak, SteadyMark, TimePoint
from edgebench.stats.quantiles import quantile
from edgebench.stats.soak import (
    Curve,
    Temperature,
    assess_soak,
    burst_fps,
    sustained_drop,
    sustained_fps,
    throttle_onset_s,
)
from edgebench.units import NS_PER_MS, NS_PER_S

MISS_LIMIT = 0.01
ONCE = "one pass: no interval across invocations"


def soak_metrics(context: RunContext, job: JobEvents) -> tuple[Soak | None, dict[str, Metric]]:
    """Curve, burst and sustained FPS, drop and throttle onset of the soak."""
    names = ("burst_fps", "sustained_fps", "sustained_drop", "iterations_per_s")
    steps = job.of_pass("soak")
    if not steps:
        why = "no soak was asked for" if context.settings.soak_s <= 0 else "the soak was not run"
        return None, {name: Metric(unit=_unit(name), state="unavailable", why=why) for name in names}
    step = steps[-1]
    chunks = chunks_of(step) if step.ok else []
    if chunks:
        return _chunked(context, job, chunks)
    starts, durations = step.start_ns, step.duration_ns
    if not step.ok or starts.size < 2:
        why = str((step.error or step.done or {}).get("message") or "the soak gave no samples")
        return None, {name: Metric(unit=_unit(name), state="unavailable", why=why) for name in names}
    items = context.ask.batch * context.ask.frames_per_inference
    found = assess_soak(starts, durations, items, _temperature(job, int(starts[0]), int(starts[-1])))
    burst = burst_fps(starts, found, items, context.settings.burst_s)
    sustained = sustained_fps(starts, found, items)
    onset = throttle_onset_s(found.curve)
    seconds = float(starts[-1] + durations[-1] - starts[0]) / NS_PER_S
    curve = found.curve
    record = Soak(
        curve=_points(curve),
        steady=SteadyMark(class_=found.kind, start=found.steady_from or 0),
        window=sustained.window,
        throttle_onset=onset,
        temperatures=_temperature_curves(job, int(starts[0]), int(starts[-1])),
        temperature_state=found.temperature,
        seconds=seconds,
    )
    n = int(starts.size)
    metrics = {
        "burst_fps": _once(burst, "1/s", f"first {context.settings.burst_s:g} s after warm-up", n),
        "sustained_fps": _once(sustained.fps, "1/s", sustained.window, n),
        "sustained_drop": _once(sustained_drop(burst, sustained.fps), "share", sustained.window, n),
        "iterations_per_s": _once(sustained.fps / items, "1/s", sustained.window, n),
    }
    if onset is not None:
        metrics["throttle_onset"] = _once(onset, "s", "soak", n)
    return record, metrics


def _chunked(context: RunContext, job: JobEvents, chunks: Sequence[Chunk]) -> tuple[Soak, dict[str, Metric]]:
    """The same of a soak of processes back to back, as a tool without samples gives it."""
    items = context.ask.batch * context.ask.frames_per_inference
    begin, end = chunks[0].begin, chunks[-1].end
    soak = assess_chunks(chunks, items, context.settings.burst_s, _temperature(job, begin, end))
    onset = throttle_onset_s(soak.found.curve)
    record = Soak(
        curve=_points(soak.found.curve),
        steady=SteadyMark(class_=soak.found.kind, start=soak.found.steady_from or 0),
        window=soak.window,
        throttle_onset=onset,
        temperatures=_temperature_curves(job, begin, end),
        temperature_state=soak.found.temperature,
        seconds=soak.seconds,
    )
    n, window = soak.iterations, soak.window
    drop = sustained_drop(soak.burst, soak.sustained) if math.isfinite(soak.burst) else math.nan
    metrics = {
        "burst_fps": _once(soak.burst, "1/s", f"processes of the first {context.settings.burst_s:g} s", n),
        "sustained_fps": _once(soak.sustained, "1/s", window, n),
        "sustained_drop": _once(drop, "share", window, n),
        "iterations_per_s": _once(soak.sustained / items, "1/s", window, n),
    }
    if onset is not None:
        metrics["throttle_onset"] = _once(onset, "s", "soak", n)
    return record, metrics


def _points(curve: Curve) -> list[CurvePoint]:
    return [
        CurvePoint(t_s=float(t), fps=float(fps), median_ms=float(ns) / NS_PER_MS)
        for t, fps, ns in zip(curve.t_s, curve.fps, curve.median_ns, strict=True)
        if math.isfinite(float(fps))
    ]


def _once(value: float, unit: str, window: str, n: int) -> Metric:
    if not math.isfinite(value):
        return Metric(unit=unit, state="unavailable", why="too few iterations in the window", n=n)
    return Metric(unit=unit, value=value, window=window, k=1, n=n, why=ONCE)


def _unit(name: str) -> str:
    return "share" if name.endswith("drop") else "1/s"


def _temperature(job: JobEvents, begin: int, end: int) -> Temperature | None:
    """The zone that got hottest during the soak."""
    hottest: Temperature | None = None
    for t, celsius in _zones(job, begin, end).values():
        if hottest is None or celsius.max() > hottest.degrees_c.max():
            steps = np.diff(np.unique(celsius))
            hottest = Temperature(t, celsius, float(steps.min()) if steps.size else 1.0)
    return hottest


def _zones(job: JobEvents, begin: int, end: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    series = job.series.get("thermal") or Series({})
    zones = {}
    for column in series.columns[1:]:
        t, milli = series.column(column)
        inside = (t >= begin) & (t <= end)
        if inside.any():
            zones[column] = (t[inside], milli[inside] / 1000.0)
    return zones


def _temperature_curves(job: JobEvents, begin: int, end: int) -> dict[str, list[TimePoint]]:
    return {
        zone: [TimePoint(t_s=float(at - begin) / NS_PER_S, value=float(c)) for at, c in zip(t, celsius, strict=True)]
        for zone, (t, celsius) in _zones(job, begin, end).items()
    }


def paced_metrics(context: RunContext, job: JobEvents) -> tuple[Paced | None, dict[str, Metric]]:
    """Deadline misses and latency at the target pace."""
    target = context.settings.target_fps
    steps = job.of_pass("paced")
    if not target or not steps:
        return None, {}
    step = steps[-1]
    slots, missed = step.paced.get("slots"), step.paced.get("missed")
    if step.ok and slots and missed is None:
        return None, {"deadline_miss": Metric(unit="share", state="unsupported", why=str(step.paced.get("why")))}
    if not step.ok or not slots or missed is None:
        why = str((step.error or step.done or {}).get("message") or "the paced pass did not finish")
        return None, {"deadline_miss": Metric(unit="share", state="unavailable", why=why)}
    share = float(missed) / float(slots)
    ordered, told = np.sort(step.duration_ns), aggregate_of(step)
    items = context.ask.batch * context.ask.frames_per_inference
    paced = Paced(
        target_fps=target,
        frames=int(slots),
        missed=int(missed),
        miss_share=share,
        latency_p50_ms=float(np.median(ordered)) / NS_PER_MS if ordered.size else None,
        latency_p99_ms=quantile(ordered, 0.99) / NS_PER_MS if ordered.size >= 368 else None,
        held=share <= MISS_LIMIT,
    )
    metrics = {
        "deadline_miss": Metric(unit="share", value=share, k=1, n=int(slots), window="paced", why=ONCE),
    }
    if told is None:
        rate = paced_rate(step) * items
        metrics["paced_fps"] = Metric(unit="1/s", value=rate, k=1, n=int(slots), window="paced", why=ONCE)
    return paced, metrics


def paced_rate(step: StepEvents) -> float:
    """Iterations per second that the paced pass really did."""
    starts = step.start_ns
    return (starts.size - 1) * NS_PER_S / float(starts[-1] - starts[0]) if starts.size > 1 else 0.0
