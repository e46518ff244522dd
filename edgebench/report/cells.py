"""Figures as table cells: a value with its interval, or the word for why there is none."""

from __future__ import annotations

from edgebench.records import Metric, Run
from edgebench.units import count_text, significant

DASH = "-"
"""Not tried. Nothing else looks like a dash."""


def metric_cell(metric: Metric | None, *, digits: int = 3, interval: bool = True, scale: float = 1.0) -> str:
    """One metric: `48.5 [48.1, 49.0]`, `n/a` for unsupported, `?` for unavailable, a dash for not tried."""
    if metric is None:
        return DASH
    if metric.value is None:
        return "n/a" if metric.state == "unsupported" else "?"
    text = significant(metric.value * scale, digits)
    if interval and metric.lo is not None:
        high = f">= {text}" if metric.hi is None else significant(metric.hi * scale, digits)
        text = f"{text} [{significant(metric.lo * scale, digits)}, {high}]"
    return text


def latency_cell(run: Run) -> str:
    """The median with its interval; `mean 4.9 [4.8, 5.0]` where a tool gives aggregates only."""
    median, mean = run.metrics.get("latency_p50"), run.metrics.get("latency_mean")
    if (median is None or median.value is None) and mean is not None and mean.value is not None:
        return f"mean {metric_cell(mean)}"
    return metric_cell(median)


def low_n(metric: Metric | None) -> bool:
    """Whether a percentile rests on few effective iterations."""
    return metric is not None and (metric.why or "").startswith("low-n")


def tail_cell(run: Run, name: str = "latency_p99") -> str:
    """A percentile with its mark for few iterations."""
    metric = run.metrics.get(name)
    text = metric_cell(metric, interval=False)
    return f"{text} low-n" if metric is not None and metric.value is not None and low_n(metric) else text


def count_cell(metric: Metric | None) -> str:
    """A count with a metric suffix."""
    if metric is None or metric.value is None:
        return metric_cell(metric)
    return count_text(metric.value)


def status_cell(run: Run) -> str:
    """How a row ended, in one word and its code."""
    outcome = run.outcome
    if outcome.status == "ok":
        return "ok"
    return f"{outcome.status}: {outcome.code}" if outcome.code else outcome.status


def grade_cell(run: Run) -> str:
    """`C: quick (A: --publish, 25 min)`: the letter, the worst reason and its remedy."""
    if run.outcome.status not in ("ok", "unstable"):
        return DASH
    if not run.grade.reasons:
        return run.grade.letter
    worst = run.grade.reasons[0]
    remedy = f" ({worst.remedy})" if worst.remedy else ""
    more = f" +{len(run.grade.reasons) - 1}" if len(run.grade.reasons) > 1 else ""
    return f"{run.grade.letter}: {worst.text}{remedy}{more}"
