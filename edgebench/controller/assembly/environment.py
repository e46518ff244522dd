"""What surrounded the run: pins, clocks, temperatures, throttle evidence, load, and what the sampler itself cost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from edgebench.controller.assembly.board import event_counts, overlaps, supply_v, swapped_mib, timed_windows
from edgebench.controller.assembly.moments import Moment, foreign_shares
from edgebench.controller.events import JobEvents, Series
from edgebench.records import Environment, Invocation, Metric

FINGERPRINT_FACTS = (
    ("machine",),
    ("kernel",),
    ("os", "id"),
    ("os", "version"),
    ("board", "model"),
    ("board", "l4t"),
    ("python", "libc_version"),
    ("cpu", "model"),
    ("cpu", "usable"),
    ("cpu", "governors"),
    ("cpu", "turbo"),
    ("cpu", "smt"),
)
BOARD_FACTS = (
    ("board", "module"),
    ("board", "jetpack"),
    ("software", "tensorrt"),
    ("software", "cuda"),
    ("software", "cudnn"),
)
"""Count only where they are known, so that machines without them keep the fingerprints that they have.

The power mode stands among the pins, as it was while the run went on."""

ACCELERATOR_CLOCKS = (
    ("gpu", "kHz", "gpu"),
    ("gpu", "max.kHz", "gpu.max"),
    ("emc", "kHz", "emc"),
    ("tegrastats", "GR3D.kHz", "gpu"),
    ("tegrastats", "EMC.kHz", "emc"),
)


def describe_environment(
    job: JobEvents, backend_version: str | None, invocations: Sequence[Invocation], moments: Sequence[Moment]
) -> Environment:
    """The environment record of a run."""
    utils = [one.cpu_util for one in invocations if one.cpu_util is not None]
    sampler = job.sampler
    wall = float(sampler.get("wall_ns") or 0)
    return Environment(
        fingerprint=fingerprint(job.facts, backend_version, settings_of(job.prepared.get("pins"))),
        facts=job.facts,
        pins=dict(job.prepared.get("pins") or {}),
        pins_after=dict(job.after.get("pins") or {}),
        frequencies_mhz=_ranges(job, "cpufreq", 1000.0) | _accelerator_clocks(job),
        temperatures_c=_temperatures(job),
        throttle=_throttles(job, moments),
        over_current=event_counts(job),
        supply_v=supply_v(job),
        swap_mib=swapped_mib(job),
        foreign_load=foreign_load(job),
        cpu_util=min(utils) if utils else None,
        sampler={
            "core_share": float(sampler["cpu_ns"]) / wall if wall and sampler.get("cpu_ns") is not None else None,
            "reads": float(sampler["reads"]) if sampler.get("reads") is not None else None,
        },
        clock={key: int(value) for key, value in (job.hello.get("clock") or {}).items() if isinstance(value, int)},
    )


def _throttles(job: JobEvents, moments: Sequence[Moment]) -> list[str]:
    """What held the machine back while something was timed."""
    windows = timed_windows(job)
    return sorted({kind for t0, t1, kind in moments if kind.startswith("throttle") and overlaps(t0, t1, windows)})


def _accelerator_clocks(job: JobEvents) -> dict[str, list[float]]:
    """The GPU's and the memory controller's clocks, whoever tells them, as `_ranges` gives them."""
    found: dict[str, list[float]] = {}
    for source, column, name in ACCELERATOR_CLOCKS:
        khz = _ranges(job, source, 1000.0).get(column)
        if khz is not None:
            found.setdefault(name, khz)
    return found


def settings_of(pins: object) -> object:
    """The pins without what is a reading: a fan that its board governs never turns at the same speed twice."""
    return {key: value for key, value in pins.items() if key != "fan"} if isinstance(pins, dict) else pins


def fingerprint(facts: dict[str, Any], backend_version: str | None, pins: object) -> str:
    """A short digest of what makes two runs comparable: machine, system, driver, runtime, pins."""
    kept = [_fact(facts, path) for path in FINGERPRINT_FACTS]
    of_board = {".".join(path): _fact(facts, path) for path in BOARD_FACTS}
    known = {name: value for name, value in of_board.items() if value is not None}
    text = json.dumps([kept, backend_version, pins, *([known] if known else [])], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _fact(facts: dict[str, Any], path: tuple[str, ...]) -> object:
    found: Any = facts
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def foreign_load(job: JobEvents) -> float | None:
    """Mean share of all CPU time taken by others over the whole job, None where it was not seen."""
    series = job.series.get("load")
    shares = foreign_shares(series) if series else []
    total = sum(end - begin for begin, end, _ in shares)
    return sum((end - begin) * share for begin, end, share in shares) / total if total else None


def _temperatures(job: JobEvents) -> dict[str, list[float]]:
    """Those of the run, without the gate's wait: how hot it was before it was let begin is another matter."""
    begun = job.gate.get("t")
    return _ranges(job, "thermal", 1000.0, since_ns=begun if isinstance(begun, int) else 0)


def _ranges(job: JobEvents, source: str, scale: float, since_ns: int = 0) -> dict[str, list[float]]:
    """First, least, greatest and last value of every column, from a moment on."""
    series = job.series.get(source) or Series({})
    found = {}
    for column in series.columns[1:]:
        t, values = series.column(column)
        values = values[t >= since_ns]
        if values.size:
            found[column] = [float(v) / scale for v in (values[0], values.min(), values.max(), values[-1])]
    return found


def temperature_metric(job: JobEvents) -> Metric:
    """Hottest reading of any zone during the run."""
    ranges = _temperatures(job)
    if not ranges:
        source = job.series["thermal"].source if "thermal" in job.series else {}
        why = str(source.get("why") or "no thermal zone was read")
        if source.get("state") == "unsupported":
            return Metric(unit="degC", state="unsupported", why=why)
        return Metric(unit="degC", state="unavailable", why=why)
    zone = max(ranges, key=lambda name: ranges[name][2])
    return Metric(unit="degC", value=ranges[zone][2], statistic=f"max of {zone}", k=1, why="a maximum: no interval")


def drift_c(job: JobEvents) -> float:
    """How far the temperature moved between first and last invocation: the largest of all zones, degC."""
    invocations = [step for step in job.of_pass("invocation") if step.start_ns.size]
    series = job.series.get("thermal")
    if not series or len(invocations) < 2:
        return 0.0
    begin, end = int(invocations[0].start_ns[0]), int(invocations[-1].start_ns[-1])
    moved = [0.0]
    for column in series.columns[1:]:
        t, milli = series.column(column)
        inside = milli[(t >= begin) & (t <= end)]
        if inside.size > 1:
            moved.append(abs(float(inside[-1] - inside[0])) / 1000)
    return max(moved)
