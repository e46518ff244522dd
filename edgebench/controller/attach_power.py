"""An external meter's power for a run: followed while it is measured, or attached to a stored run afterwards.

The meter has a clock of its own. The recorded pair of the device's clocks says roughly where its samples belong; the
soak itself, a step from idle to load and back, says it precisely (measurement.md, section 7).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import msgspec

from edgebench.controller.assembly.power import PowerSource, idle_bounds, power_metrics
from edgebench.controller.events import Ints, JobEvents, StepEvents
from edgebench.controller.meter import Meter, follow_meter, read_meter
from edgebench.controller.spec import ModelFacts, RunContext, Settings, VariantAsk
from edgebench.errors import RowFailure, UnknownName, UsageError
from edgebench.records import Metric, Paced, PowerInfo, Run, Warn
from edgebench.stats.energy import Trace
from edgebench.stats.per_item import Sensor
from edgebench.stats.power_csv import align, to_device_ns
from edgebench.store.answers import SampleKey
from edgebench.store.store import Store
from edgebench.units import NS_PER_S, significant

SCOPES = ("battery", "input", "module", "rails", "soc", "wall")
IDLE = SampleKey(0, "idle", "soak")
"""Begin and end of the idle before and of the idle after the soak: four values in ns of the device's clock."""

SEARCH_S = 10.0
UNQUIET_S = 10.0
"""How far around a soak without idle phases to look: what lies beyond is another pass."""

Figures = tuple[PowerInfo, dict[str, Metric]]


def external_power(context: RunContext, job: JobEvents, paced: Paced | None, scope: str = "wall") -> Figures:
    """Power and energy of a run from the file `context.power_csv`, which may still grow; never raises for the file.

    To be called instead of `power_metrics` once the job is collected; waits up to 10 s for the file to reach the
    end of the soak.
    """
    path = Path(context.power_csv or "")
    clock = {key: int(value) for key, value in (job.hello.get("clock") or {}).items() if isinstance(value, int)}
    try:
        meter = follow_meter(path, _end_unix_s(job, clock))
    except UsageError as error:
        return power_metrics(context, job, paced, PowerInfo(state="unavailable", why=error.message))
    return meter_figures(context, job, paced, meter, clock, scope)


def attach_power(store: Store, name: str, path: Path, *, scope: str = "wall", replacing: bool = False) -> Run:
    """Add a meter's file to a stored run; returns the run as it is stored now.

    Raises `UnknownName` for the run or the scope, `UsageError` where the run cannot take it (no soak samples, or power
    figures already, unless `replacing`), `RowFailure` where the file does not fit the run: a run without figures
    keeps the reason, one with figures stays as it was.
    """
    if scope not in SCOPES:
        raise UnknownName("scope", scope, SCOPES)
    run = store.run(name)
    had = run.power.state == "ok"
    if had and not replacing:
        text = f"run {run.id[:8]} has power figures from {run.power.source}"
        raise UsageError(text, hint="`--replace` puts the meter's in their place")
    job = stored_job(store, run)
    info, metrics = meter_figures(_context(store, run), job, run.paced, read_meter(path), run.environment.clock, scope)
    if info.state != "ok" and had:
        raise _misfit(run, info)
    warnings = [*run.warnings, _replaced(run)] if had else run.warnings
    changed = msgspec.structs.replace(run, power=info, metrics=run.metrics | metrics, warnings=warnings)
    store.update_run(changed)
    if info.state != "ok":
        raise _misfit(run, info)
    return changed


def meter_figures(
    context: RunContext, job: JobEvents, paced: Paced | None, meter: Meter, clock: dict[str, int], scope: str
) -> Figures:
    """Power and energy from a meter's samples; unavailable, with the reason, where they cannot be aligned."""
    source = _source(job, meter, clock, scope)
    if isinstance(source, PowerInfo):
        return power_metrics(context, job, paced, source)
    return power_metrics(context, _with_margins(job, source.error_ns), paced, source.power)


def stored_job(store: Store, run: Run) -> JobEvents:
    """A stored run's soak and paced pass as its job reported them. Raises `UsageError` if it has no soak samples."""
    keys = store.sample_keys(run.id)
    job = JobEvents()
    for index, name in enumerate(("soak", "paced")):
        latency, start = SampleKey(0, "latency", name), SampleKey(0, "start", name)  # type: ignore[arg-type]
        if latency in keys and start in keys:
            step = StepEvents(index, latency.pass_, done={"outcome": "ok"})
            step.starts.append(store.samples(run.id, key=start))
            step.durations.append(store.samples(run.id, key=latency))
            job.steps[index] = step
    if not job.of_pass("soak"):
        hint = "power is read from the soak; it was not run, or its samples were pruned"
        raise UsageError(f"run {run.id[:8]} has no samples of a soak", hint=hint)
    if IDLE in keys:
        job.of_pass("soak")[0].phases = _phases(store.samples(run.id, key=IDLE))
    return job


def _phases(idle: Ints) -> list[tuple[str, int]]:
    names = ("idle-before", "soak", "idle-after", "end")
    return [(name, int(t)) for name, t in zip(names, idle, strict=True)]


@dataclass(frozen=True)
class _Aligned:
    """A meter as a power source, and how far its times may be off (95 %)."""

    power: PowerSource
    error_ns: int


def _source(job: JobEvents, meter: Meter, clock: dict[str, int], scope: str) -> _Aligned | PowerInfo:
    name = f"csv:{meter.name}"
    steps = [step for step in job.of_pass("soak") if step.start_ns.size > 1]
    pair = clock.get("monotonic_ns"), clock.get("realtime_ns")
    if not steps or pair[0] is None or pair[1] is None:
        why = (
            "power is read from the soak, and there was none" if not steps else "the device's clocks were not recorded"
        )
        return PowerInfo(state="unavailable", source=name, why=f"not aligned: {why}")
    step, clocks = steps[-1], (pair[0], pair[1])
    soak = int(step.start_ns[0]), int(step.start_ns[-1] + step.duration_ns[-1])
    quiet = _quiet_ns(step, soak)
    claimed = to_device_ns(meter.t_unix_s, *clocks)
    near = (claimed >= soak[0] - quiet[0]) & (claimed <= soak[1] + quiet[1])
    search_s = min(SEARCH_S, 2 / 3 * min(quiet) / NS_PER_S)
    found = align(meter.t_unix_s[near], meter.watts[near], clocks, soak, search_s)
    if found.offset_ns is None or found.error_ns is None:
        return PowerInfo(state="unavailable", source=name, scope=scope, why=found.why)
    shift, off = found.offset_ns / NS_PER_S, found.error_ns / NS_PER_S
    info = PowerInfo(
        state="ok",
        source=name,
        scope=scope,
        kind="instantaneous",
        resolution_w=meter.resolution_w,
        rate_hz=meter.rate_hz,
        why=f"aligned by the soak's edges: shifted {shift:+.2f} s, +- {significant(off, 2)} s",
    )
    sensor = Sensor(resolution_watts=meter.resolution_w, clock_s=off / 2)  # from 95 % to a standard uncertainty
    trace = Trace("instantaneous", claimed + found.offset_ns, meter.watts)
    return _Aligned(PowerSource(info, trace, sensor), found.error_ns)


def _quiet_ns(step: StepEvents, soak: tuple[int, int]) -> tuple[int, int]:
    """How long the device was idle before and after the soak; a guess where no idle was recorded."""
    idle = idle_bounds(step)
    if idle is None:
        return round(UNQUIET_S * NS_PER_S), round(UNQUIET_S * NS_PER_S)
    return max(1, soak[0] - int(idle[0])), max(1, int(idle[3]) - soak[1])


def _with_margins(job: JobEvents, error_ns: int) -> JobEvents:
    """The job with idle phases short of their ends by the alignment's error, so that none of the load is in them."""
    steps = {
        at: replace(step, phases=_shortened(step.phases, error_ns)) if step.pass_ == "soak" else step
        for at, step in job.steps.items()
    }
    return replace(job, steps=steps)


def _shortened(phases: list[tuple[str, int]], error_ns: int) -> list[tuple[str, int]]:
    kept: list[tuple[str, int]] = []
    for (name, begin), (_, end) in pairwise(phases):
        if name.startswith("idle-") and end - begin > 2 * error_ns:
            kept += [(name, begin + error_ns), ("margin", end - error_ns)]
        else:
            kept.append((name, begin))
    return kept + phases[-1:]


def _end_unix_s(job: JobEvents, clock: dict[str, int]) -> float:
    """When, by the device's own clock, the last that a meter must have seen was over; 0 where that is not known."""
    soak = job.of_pass("soak")
    if not soak or not soak[-1].start_ns.size or not {"monotonic_ns", "realtime_ns"} <= clock.keys():
        return 0.0
    ends = [int(soak[-1].start_ns[-1]), *(t for _, t in soak[-1].phases)]
    return (clock["realtime_ns"] + max(ends) - clock["monotonic_ns"]) / NS_PER_S


def _context(store: Store, run: Run) -> RunContext:
    """As much of the run's context as power is assembled from."""
    variant, artifact = run.variant, run.variant.artifact
    return RunContext(
        run_id=run.id,
        session=store.session(run.session),
        started_at=run.started_at,
        device=run.device,
        model_path=variant.model,
        model=variant.model,
        label=variant.label,
        ask=VariantAsk(backend=variant.backend, batch=variant.batch, frames_per_inference=_frames(run)),
        facts=ModelFacts(sha256=artifact.sha256, bytes=artifact.bytes, format=artifact.format),
        settings=Settings(target_fps=run.paced.target_fps if run.paced else None),
    )


def _frames(run: Run) -> int:
    """Frames of one inference: items a second over iterations a second and batch."""
    items, iterations = run.metrics.get("sustained_fps"), run.metrics.get("iterations_per_s")
    if not items or not iterations or not items.value or not iterations.value:
        return 1
    return max(1, round(items.value / iterations.value / run.variant.batch))


def _misfit(run: Run, info: PowerInfo) -> RowFailure:
    hint = "the file must cover the soak and the idle around it, and its clock agree with the device's within seconds"
    return RowFailure("bad-input", f"run {run.id[:8]}: {info.why}", hint=hint)


def _replaced(run: Run) -> Warn:
    shown = [
        f"{name} {significant(metric.value)} {metric.unit}"
        for name in ("power_mean", "power_idle", "energy_gross", "energy_net")
        if (metric := run.metrics.get(name)) is not None and metric.value is not None
    ]
    text = f"power figures of {run.power.source} ({run.power.scope}) were replaced: {', '.join(shown) or 'none'}"
    return Warn(code="power-replaced", text=text, hint="the meter's file was attached afterwards")
