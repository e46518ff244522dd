"""Rows of tools that give no samples: a mean over invocations, no percentiles, a soak of processes back to back.

Measurement.md, sections 2, 5 and 6. Every cell that stays empty says why.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgebench.controller.events import StepEvents
from edgebench.records import Metric, Summary
from edgebench.stats.invocations import across
from edgebench.stats.soak import Curve, Soak, Temperature, assess_curve, share_beside
from edgebench.units import NS_PER_MS, NS_PER_S

WHY = "the tool gives aggregates, not samples"
EMPTY = ("latency_p50", "latency_p90", "latency_p95", "latency_p99", "latency_p999")


def aggregate_of(step: StepEvents) -> Summary | None:
    """The tool's own summary of an invocation that finished, in ms; None where there is none, or samples are."""
    event = step.summary or {}
    if not step.ok or step.duration_ns.size or not event.get("aggregate"):
        return None
    n, mean = event.get("n"), _ms(event.get("mean"))
    if not isinstance(n, int) or n < 1 or mean is None or mean <= 0:
        return None
    low, high = _ms(event.get("min")), _ms(event.get("max"))
    return Summary(
        n=n, mean=mean, min=mean if low is None else low, max=mean if high is None else high, sd=_ms(event.get("sd"))
    )


def _ms(ns: object) -> float | None:
    return float(ns) / NS_PER_MS if isinstance(ns, int | float) and math.isfinite(ns) and ns >= 0 else None


def aggregate_metrics(steps: Sequence[StepEvents]) -> dict[str, Metric]:
    """The mean with its interval over invocations and the extremes, ms; {} where no invocation gave a summary."""
    known = [summary for summary in map(aggregate_of, steps) if summary is not None]
    if not known:
        return {}
    estimate = across([summary.mean for summary in known])
    n, k = sum(summary.n for summary in known), len(known)
    metrics: dict[str, Metric] = {
        name: Metric(unit="ms", state="unsupported", why=WHY, statistic=name.removeprefix("latency_"), k=k, n=n)
        for name in EMPTY
    }
    metrics["latency_mean"] = Metric(
        unit="ms",
        value=estimate.value,
        lo=estimate.lo,
        hi=estimate.hi,
        statistic="mean",
        k=k,
        n=n,
        window="after the tool's own warm-up",
        method="geometric mean of invocation means, t interval",
        why=estimate.why,
    )
    extremes = {"latency_min": min(one.min for one in known), "latency_max": max(one.max for one in known)}
    given = [(step.summary or {}).get("min") is not None for step in steps if aggregate_of(step)]
    for name, value in extremes.items():
        told = Metric(unit="ms", value=value, k=k, n=n, statistic=name[8:], why="describes the runs; no interval")
        metrics[name] = told if all(given) else Metric(unit="ms", state="unsupported", why="the tool gives no extremes")
    return metrics


@dataclass(frozen=True)
class Chunk:
    """One process of a soak: its window (device ns), its steady inferences and its warm-up."""

    begin: int
    end: int
    n: int
    mean_ns: float
    warmup_n: int = 0
    warmup_ns: float = 0.0

    @property
    def busy_ns(self) -> float:
        """Time of its steady inferences."""
        return self.n * self.mean_ns


def chunks_of(step: StepEvents) -> list[Chunk]:
    """The processes of a soak whose figures are sound, in order; [] for a soak of samples."""
    found = []
    for block in step.blocks:
        begin, end, n, mean = (block.get(key) for key in ("t0", "t1", "n", "mean_ns"))
        if not block.get("aggregate") or not isinstance(begin, int) or not isinstance(end, int) or begin >= end:
            continue
        if isinstance(n, int) and n >= 1 and isinstance(mean, int | float) and 0 < mean < math.inf:
            warmup_n, warmup_ns = block.get("warmup_n"), block.get("warmup_ns")
            known = isinstance(warmup_n, int) and isinstance(warmup_ns, int | float)
            found.append(Chunk(begin, end, n, float(mean), int(warmup_n or 0), float(warmup_ns or 0) if known else 0.0))
    return found


def gap_share(chunks: Sequence[Chunk]) -> float:
    """Share of the soak's time that went into no inference: starting, loading, ending."""
    return share_beside(chunks[-1].end - chunks[0].begin, sum(one.busy_ns + one.warmup_ns for one in chunks))


def chunk_curve(chunks: Sequence[Chunk], items: float) -> Curve:
    """A block a process, from its begin on: items/s inside it, and its mean where a median would stand."""
    means = np.asarray([one.mean_ns for one in chunks], np.float64)
    t_s = np.asarray([(one.begin - chunks[0].begin) / NS_PER_S for one in chunks], np.float64)
    return Curve(np.arange(len(chunks), dtype=np.int64), t_s, items * NS_PER_S / means, means)


@dataclass(frozen=True)
class ChunkedSoak:
    """A soak of processes: how it settled, items/s at first and in the end, and what its window was."""

    found: Soak
    burst: float
    sustained: float
    window: str
    iterations: int
    seconds: float


def assess_chunks(
    chunks: Sequence[Chunk], items: float, burst_s: float, temperature: Temperature | None = None
) -> ChunkedSoak:
    """Burst: the processes of the first `burst_s` seconds after warm-up; sustained: those of the steady segment, else
    of the last third. FPS is counted inside the processes alone, and the window tells of the time between them.
    """
    curve = chunk_curve(chunks, items)
    found = assess_curve(curve, chunks[0].begin, chunks[-1].end, temperature)
    after = curve.t_s - curve.t_s[found.warm_from]
    first = [one for one, t in zip(chunks, after, strict=True) if 0 <= t < burst_s]
    if found.steady_from is not None:
        last, name = chunks[found.steady_from :], "steady"
    else:
        third = chunks[-1].end - (chunks[-1].end - chunks[0].begin) // 3
        last, name = [one for one in chunks if one.end > third], "last-third"
    window = f"{name}, inside its processes; {gap_share(chunks):.0%} of the soak went into starting them"
    seconds = (chunks[-1].end - chunks[0].begin) / NS_PER_S
    return ChunkedSoak(found, _fps(first, items), _fps(last, items), window, sum(c.n for c in chunks), seconds)


def _fps(chunks: Sequence[Chunk], items: float) -> float:
    busy = sum(one.busy_ns for one in chunks)
    return sum(one.n for one in chunks) * items * NS_PER_S / busy if busy else math.nan
