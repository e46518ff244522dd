"""Power and energy of the soak and the paced pass (measurement.md, section 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgebench.controller.assembly.aggregates import chunks_of, gap_share
from edgebench.controller.events import Ints, JobEvents, Series, StepEvents
from edgebench.controller.spec import RunContext
from edgebench.records import Metric, Paced, PowerInfo
from edgebench.stats.energy import Trace, WindowEnergy, measure_window
from edgebench.stats.per_item import Figure, Sensor, per_item
from edgebench.units import NS_PER_S

MICRO = 1e-6
State = Literal["unsupported", "unavailable"]
POWER_METRICS = {"power_mean": "W", "power_idle": "W", "energy_gross": "mJ", "energy_net": "mJ"}


@dataclass(frozen=True)
class PowerSource:
    """A power source ready to integrate: its trace in watts or joules, its description and its sensor's errors.

    `edge_looks`: how many of an idle's looks at either end may be of the load beside it.
    """

    info: PowerInfo
    trace: Trace
    sensor: Sensor
    edge_looks: int = 0


def power_source(job: JobEvents) -> PowerSource | PowerInfo:
    """The run's power source, or the state that says why there is none."""
    candidates = [s for s in job.series.values() if str(s.source.get("name", "")).startswith("power")]
    chosen = next((s for s in candidates if s.source.get("state") == "ok"), None)
    if chosen is None:
        source = candidates[0].source if candidates else {}
        state = str(source.get("state") or "unavailable")
        return PowerInfo(state=state, why=str(source.get("why") or "no power source was announced"))
    source = chosen.source
    info = PowerInfo(
        state="ok",
        source=str(source["name"]),
        scope=_text(source.get("scope")),
        kind=_text(source.get("kind")),
        resolution_w=_number(source.get("resolution_w")),
        rate_hz=_number(source.get("rate_hz")),
        why=_text(source.get("excluded")),  # what the source's scope leaves out
    )
    if not source.get("total"):
        return PowerInfo(state="unavailable", source=info.source, why=str(source.get("total_why") or "no total"))
    trace = _trace(chosen)
    if trace is None:
        return PowerInfo(state="unavailable", source=info.source, why="the sensor gave no readings")
    sensor = Sensor(
        resolution_watts=info.resolution_w or 0.0,
        gain_share=_number(source.get("gain_share")) or 0.0,
        clock_s=_number(source.get("clock_s")) or 0.0,
    )
    return PowerSource(info, trace, sensor, int(_number(source.get("edge_looks")) or 0))


def _trace(series: Series) -> Trace | None:
    """The whitelisted columns added up, where all of them were read."""
    source = series.source
    total = [str(name) for name in source["total"]]
    by_time = [dict(zip(*(part.tolist() for part in series.column(name)), strict=True)) for name in total]
    times = sorted(set.intersection(*(set(column) for column in by_time))) if by_time else []
    if len(times) < 2:
        return None
    t_ns = np.asarray(times, np.int64)
    kind = source["kind"]
    if kind == "accumulating":
        values = np.zeros(t_ns.size)
        for name, column in zip(total, by_time, strict=True):
            values += _unwrapped(np.asarray([column[t] for t in times], np.float64), _wrap(source, name))
    else:
        values = np.asarray([sum(column[t] for column in by_time) for t in times], np.float64)
    window_ns = int(float(source.get("window_s") or 0.0) * NS_PER_S)
    return Trace(kind, t_ns, values * MICRO, window_ns=window_ns, rate_hz=_number(source.get("update_hz")))


def _unwrapped(counter: np.ndarray, wrap: float | None) -> np.ndarray:
    steps = np.diff(counter)
    if wrap:
        steps = np.where(steps < 0, steps + wrap, steps)
    return np.concatenate([[0.0], np.cumsum(steps)])


def _wrap(source: dict[str, object], name: str) -> float | None:
    wraps, columns = source.get("wrap"), source.get("columns")
    if not isinstance(wraps, list) or not isinstance(columns, list) or name not in columns:
        return None
    value = wraps[columns.index(name)]
    return float(value) if isinstance(value, int | float) else None


def power_metrics(
    context: RunContext, job: JobEvents, paced: Paced | None, source: PowerSource | PowerInfo
) -> tuple[PowerInfo, dict[str, Metric]]:
    """Mean and idle power, gross and net energy per item of the soak, and W@FPS of the paced pass."""
    if isinstance(source, PowerInfo):
        return source, _without(context, source.state, source.why or "")
    metrics: dict[str, Metric] = {}
    soak = job.of_pass("soak")
    span = soak_span(soak[-1]) if soak and soak[-1].ok else None
    if span is not None:
        metrics |= _soak_energy(context, soak[-1], span, source)
    else:
        metrics |= _without(context, "unavailable", "power is read from the soak, and there was none")
    if context.settings.target_fps:
        metrics["power_at_fps"] = _at_fps(job, paced, source)
    return source.info, metrics


def _paced_window(step: StepEvents) -> tuple[int, int] | None:
    """From the first frame's begin to the last's; of a tool's process, from its phase's begin to its end."""
    starts = step.start_ns
    return (int(starts[0]), int(starts[-1])) if starts.size > 1 else step.window("paced")


def _without(context: RunContext, state: str, why: str) -> dict[str, Metric]:
    known: State = "unsupported" if state == "unsupported" else "unavailable"
    units = dict(POWER_METRICS) | ({"power_at_fps": "W"} if context.settings.target_fps else {})
    return {name: Metric(unit=unit, state=known, why=why) for name, unit in units.items()}


@dataclass(frozen=True)
class Span:
    """The time (ns) over which a soak's energy is counted, the inferences in it, and what else happened in it."""

    begin: int
    end: int
    inferences: int
    besides: str = ""


def soak_span(step: StepEvents) -> Span | None:
    """Whole inferences from the first begin to the last; of a tool's processes, from the first's start to the last's
    end, warm-ups counted as the inferences they are. None where there is too little of either.
    """
    starts, chunks = step.start_ns, chunks_of(step)
    if starts.size > 1:
        return Span(int(starts[0]), int(starts[-1]), int(starts.size) - 1)
    if not chunks:
        return None
    besides = f"{len(chunks)} processes, {gap_share(chunks):.0%} of the time their starts"
    return Span(chunks[0].begin, chunks[-1].end, sum(one.n + one.warmup_n for one in chunks), besides)


def _soak_energy(context: RunContext, step: StepEvents, span: Span, source: PowerSource) -> dict[str, Metric]:
    busy = measure_window(source.trace, span.begin, span.end)
    items = span.inferences * context.ask.batch * context.ask.frames_per_inference
    idles = [_idle(step, source, name) for name in ("idle-before", "idle-after")]
    energy = per_item(busy, idles[0], idles[1], items, source.sensor)
    metrics = {
        "power_mean": _watts(busy, span.besides),
        "energy_gross": _figure(energy.gross, span.besides),
        "energy_net": _figure(energy.net, span.besides),
    }
    if energy.idle_watts is None:
        metrics["power_idle"] = Metric(unit="W", state="unavailable", why=energy.net.why or busy.why)
    else:
        spread = f"mean of both idles, +- {energy.idle_u_stat_watts:.3g} W between them"
        metrics["power_idle"] = Metric(unit="W", value=energy.idle_watts, k=2, window="idle", why=spread)
    return metrics


def _idle(step: StepEvents, source: PowerSource, name: str) -> WindowEnergy:
    window = step.window(name)
    if window is None or window[1] <= window[0]:
        return WindowEnergy(0.0, 0, why=f"no {name} window")
    trace = source.trace
    # the last idle ends the job and with it the sampler, whose last reading lies a little before
    last = int(trace.t_ns[-1]) - (trace.window_ns // 2 if trace.kind == "windowed" else 0)
    # a slow sensor's looks next to the window's ends may be of the load
    margin = int(2 * source.sensor.clock_s * NS_PER_S)
    begin, end = window[0] + margin, min(window[1] - margin, last)
    if trace.kind == "accumulating":
        begin, end = _looks_within(trace, begin, end, source.edge_looks)
    if end <= begin:
        return WindowEnergy(0.0, 0, why=f"no readings in {name}")
    return measure_window(trace, begin, end)


def _looks_within(trace: Trace, begin: int, end: int, aside: int) -> tuple[int, int]:
    """From the first look at a counter in that time to the last, `aside` looks at either end left out.

    A line from a look before the idle to one in it would spread the load beside it into the idle.
    """
    inside = trace.t_ns[(trace.t_ns >= begin) & (trace.t_ns <= end)]
    kept = inside[aside : inside.size - aside]
    return (int(kept[0]), int(kept[-1])) if kept.size else (begin, begin)


def idle_bounds(step: StepEvents) -> Ints | None:
    """Begin and end (ns) of the idle before and after a soak, shape (4,); None unless it idled on both sides."""
    before, after = step.window("idle-before"), step.window("idle-after")
    if not before or not after or before[1] <= before[0] or after[1] <= after[0]:
        return None
    return np.asarray([*before, *after], np.int64)


def _watts(window: WindowEnergy, besides: str = "") -> Metric:
    if window.watts is None:
        return Metric(unit="W", state="unavailable", why=window.why)
    return Metric(
        unit="W",
        value=window.watts,
        lo=window.lo_watts,
        hi=window.hi_watts,
        k=1,
        n=window.samples,
        window="soak",
        method="; ".join(part for part in (f"{window.blocks} blocks of the soak", besides) if part),
        why=window.interval_why,
    )


def _figure(figure: Figure, besides: str = "") -> Metric:
    if figure.mj_per_item is None:
        return Metric(unit="mJ", state="unavailable", why=figure.why)
    total = figure.u_mj_per_item
    errors = f"u = {total:.3g} mJ with the sensor's own errors" if total is not None else ""
    return Metric(
        unit="mJ",
        value=figure.mj_per_item,
        lo=figure.lo_mj_per_item,
        hi=figure.hi_mj_per_item,
        k=1,
        window="soak",
        statistic="per item",
        method="; ".join(part for part in (errors, besides) if part) or None,
        why=figure.why,
    )


def _at_fps(job: JobEvents, paced: Paced | None, source: PowerSource) -> Metric:
    """W@FPS: mean power of the paced pass, unless over 1 % of the frames were missed."""
    if paced is None:
        return Metric(unit="W", state="unavailable", why="the paced pass did not finish")
    if not paced.held:
        why = f"cannot hold {paced.target_fps:g} FPS: {paced.miss_share:.1%} of the frames missed"
        return Metric(unit="W", state="unavailable", why=why)
    window = _paced_window(job.of_pass("paced")[-1])
    if window is None:
        return Metric(unit="W", state="unavailable", why="the paced pass told nothing of its window")
    found = _watts(measure_window(source.trace, *window))
    import msgspec

    return msgspec.structs.replace(found, window="paced", method=None)


def _text(value: object) -> str | None:
    return str(value) if value is not None else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
