"""Looking back: the table of stored runs, how a series went, and everything about one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from edgebench.records import Metric, Run
from edgebench.report.cells import DASH, latency_cell, metric_cell, status_cell
from edgebench.report.sparkline import sparkline
from edgebench.report.table import STATUS_STYLES

if TYPE_CHECKING:
    from rich.table import Table

ID_SHOWN = 8
SERIES_FROM = 3
"""Fewer runs than this show no course."""


def history_table(runs: Sequence[Run]) -> Table:
    """One row a run, newest first: which, when, where, what, and its main figures.

    The device stands there where there are several or it is not measured on, watts where some run has them.
    """
    from rich.markup import escape

    years = {moment_text(run.started_at)[:4] for run in runs}
    one_year = f"{years.pop()} (UTC)" if len(years) == 1 else ""
    devices = len({run.device.name for run in runs}) > 1 or any(run.kind != "measured" for run in runs)
    power = any(_has(run, "power_mean") for run in runs)
    columns = [("run", "left"), (one_year or "when (UTC)", "left"), ("device", "left"), ("model", "left")]
    columns += [("p50 ms [95 %]", "right"), ("FPS", "right"), ("W", "right"), ("grade", "left")]
    shown = [name for name, _ in columns if (name != "device" or devices) and (name != "W" or power)]
    table = plain_table(*[column for column in columns if column[0] in shown])
    for column in table.columns:
        column.no_wrap = column.header not in ("device", "model", "grade")
        if column.header == "device":
            column.min_width = len("(simulated)")
    for run in runs:
        when = moment_text(run.started_at)[5 if one_year else 0 :]
        cells = [run.id[:ID_SHOWN], when, _device_cell(run), escape(what(run)), *_figures(run)]
        table.add_row(*[cell for (name, _), cell in zip(columns, cells, strict=True) if name in shown])
    return table


def _has(run: Run, name: str) -> bool:
    metric = run.metrics.get(name)
    return metric is not None and metric.value is not None


def series_table(groups: Sequence[Sequence[Run]]) -> Table | None:
    """How each series went (its runs oldest first): a sparkline of p50 and the last step; None if none is long enough.

    Only runs with figures count.
    """
    from rich.markup import escape

    table = plain_table(("series", "left"), ("runs", "right"), ("p50", "left"), ("last ms", "right"), ("step", "right"))
    for runs in groups:
        medians = p50_series(runs)
        if len(medians) < SERIES_FROM:
            continue
        name = escape(f"{what(runs[-1])} on {runs[-1].device.name}")
        table.add_row(name, str(len(medians)), sparkline(medians), f"{medians[-1]:.4g}", step_text(medians))
    return table if table.row_count else None


def p50_series(runs: Sequence[Run]) -> list[float]:
    """The p50 of every run that has one, ms."""
    values = [run.metrics["latency_p50"].value for run in runs if "latency_p50" in run.metrics]
    return [value for value in values if value is not None]


def step_text(values: Sequence[float]) -> str:
    """The last value against the one before it, in per cent.

    >>> step_text([10.0, 10.5])
    '+5.0 %'
    """
    return f"{values[-1] / values[-2] - 1:+.1%}".replace("%", " %") if len(values) > 1 else ""


def what(run: Run) -> str:
    """The model and, where it says more, the row's label."""
    model, label = run.variant.model, run.variant.label
    return label if label.startswith(model) else f"{model} {label}"


def moment_text(moment: str) -> str:
    """A stored moment to the minute, UTC.

    >>> moment_text("2026-11-21T04:05:06.7+01:00")
    '2026-11-21 03:05'
    """
    try:
        return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return moment


def plain_table(*columns: tuple[str, str]) -> Table:
    """An unboxed table of (name, justify) columns; long text folds."""
    from rich.table import Table

    table = Table(header_style="bold", box=None, pad_edge=False)
    for name, justify in columns:
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    return table


def _device_cell(run: Run) -> str:
    from rich.markup import escape

    kind = "" if run.kind == "measured" else f" [magenta]({run.kind})[/]"
    return escape(run.device.name) + kind


def _figures(run: Run) -> list[str]:
    from rich.markup import escape

    status = run.outcome.status
    if status in ("failed", "skipped"):
        return [f"[{STATUS_STYLES[status]}]{status}[/]", DASH, DASH, f"[red]{escape(run.outcome.code or '')}[/]"]
    reason = run.grade.reasons[0].code if run.grade.reasons else ""
    grade = " ".join(part for part in (run.grade.letter, reason) if part)
    unstable = " [yellow]unstable[/]" if status == "unstable" else ""
    fps, watts = (metric_cell(run.metrics.get(name), interval=False) for name in ("sustained_fps", "power_mean"))
    return [escape(latency_cell(run)), fps, watts, escape(grade) + unstable]


def metrics_table(run: Run) -> Table:
    """Every metric that has a value: interval, and what it rests on."""
    from rich.markup import escape

    table = plain_table(("metric", "left"), ("value [95 %]", "right"), ("unit", "left"), ("rests on", "left"))
    for name, metric in run.metrics.items():
        if metric.value is not None:
            unit = "" if metric.unit in ("count", "score") else metric.unit
            table.add_row(escape(name), escape(_value(metric)), unit, escape(_basis(metric)))
    return table


def absent_lines(run: Run) -> list[str]:
    """Metrics without a value, those of one reason together."""
    by_reason: dict[str, list[str]] = {}
    for name, metric in run.metrics.items():
        if metric.value is None:
            by_reason.setdefault(f"{metric.state or 'absent'}: {metric.why or 'no reason given'}", []).append(name)
    return [f"{', '.join(names)}: {reason}" for reason, names in by_reason.items()]


def _value(metric: Metric) -> str:
    if metric.unit in ("count", "bytes") and metric.value is not None:
        return f"{metric.value:,.0f}".replace(",", " ")
    return metric_cell(metric, digits=4)


def _basis(metric: Metric) -> str:
    counts = [f"{metric.k} invocations" if metric.k and metric.k > 1 else "", f"n {metric.n}" if metric.n else ""]
    window = f"window {metric.window}" if metric.window else ""
    parts = [metric.statistic or "", *counts, window, metric.method or "", metric.why or ""]
    return ", ".join(part for part in parts if part)


def head_lines(run: Run) -> list[tuple[str, str]]:
    """Name and text of what the run was: variant, device, artifact, outcome, grade, notes."""
    variant, artifact = run.variant, run.variant.artifact
    shapes = " ".join(f"{name}={'x'.join(map(str, dims))}" for name, dims in variant.shapes.items())
    pairs = [
        ("run", f"{run.id}, session {run.session[:ID_SHOWN]}, {moment_text(run.started_at)} UTC"),
        ("device", f"{run.device.name} ({run.device.profile or 'no profile'}), {run.device.id}"),
        ("kind", "" if run.kind == "measured" else f"{run.kind}{f', from {run.source}' if run.source else ''}"),
        ("model", what(run)),
        ("artifact", f"{artifact.format}, sha256 {artifact.sha256[:12]}" if artifact.bytes else "not at hand"),
        ("backend", f"{variant.backend} {variant.backend_version or ''}".strip()),
        ("runs as", _runs_as(run) if run.kind != "reported" else ""),
        ("shapes", f"{shapes} batch {variant.batch}".strip()),
        ("options", " ".join(f"{key}={value}" for key, value in variant.options.items())),
        ("outcome", status_cell(run) + (f": {run.outcome.message}" if run.outcome.message else "")),
        ("note", run.note or ""),
        ("parent", run.parent or ""),
        ("tags", " ".join(f"{key}={value}" for key, value in run.tags.items())),
    ]
    return [(name, text) for name, text in pairs if text]


def _runs_as(run: Run) -> str:
    variant = run.variant
    parts = variant.precision.effective
    precision = f"weights {parts.weights or '?'}, compute {parts.compute or '?'}"
    threads = variant.threads.effective if variant.threads.effective is not None else variant.threads.requested
    accelerator = variant.accelerator.effective or variant.accelerator.requested or "accelerator not known"
    counted = "threads not known" if threads is None else f"{threads} thread{'s' if threads != 1 else ''}"
    return f"{accelerator}, {precision}, {counted}"


def grade_lines(run: Run) -> list[str]:
    """The grade and each reason with its remedy."""
    if run.outcome.status not in ("ok", "unstable"):
        return []
    reasons = [
        (reason.text if reason.text.startswith(reason.code) else f"{reason.code}: {reason.text}")
        + (f" -> {reason.remedy}" if reason.remedy else "")
        for reason in run.grade.reasons
    ]
    return [f"grade {run.grade.letter}", *(f"  {reason}" for reason in reasons)]


def warning_lines(run: Run) -> list[str]:
    """Each warning with what to do about it."""
    return [f"{warn.code}: {warn.text}" + (f" -> {warn.hint}" if warn.hint else "") for warn in run.warnings]


def environment_lines(run: Run) -> list[str]:
    """What surrounded the run, a line a thing."""
    env = run.environment
    if run.kind == "reported":
        return []
    lines = [f"power source: {_power(run)}"]
    if env.pins:
        lines.append("pins: " + _pairs(env.pins) + ("" if env.pins_after in ({}, env.pins) else ", lost afterwards"))
    for name, (first, low, high, last) in _ranges(env.frequencies_mhz):
        lines.append(f"clock {name}: {first:.0f} -> {last:.0f} MHz (from {low:.0f} to {high:.0f})")
    for name, (first, low, high, last) in _ranges(env.temperatures_c):
        lines.append(f"temperature {name}: {first:.1f} -> {last:.1f} degC (from {low:.1f} to {high:.1f})")
    for name, (_, low, high, _) in _ranges(env.supply_v):
        lines.append(f"supply {name}: from {low:.2f} to {high:.2f} V")
    if env.over_current:
        lines.append("over-current events: " + _pairs(env.over_current))
    if env.swap_mib:
        lines.append(f"swap: grew by {env.swap_mib:.1f} MiB")
    if env.throttle:
        lines.append("throttling: " + ", ".join(env.throttle))
    loads = (("other programs", env.foreign_load), ("CPU use of the run, a thread", env.cpu_util))
    lines += [f"{name}: {share:.1%}" for name, share in loads if share is not None]
    if env.fingerprint:
        lines.append(f"fingerprint: {env.fingerprint}")
    return lines


def _ranges(found: dict[str, list[float]]) -> list[tuple[str, tuple[float, float, float, float]]]:
    return [(name, (v[0], v[1], v[2], v[3])) for name, v in found.items() if len(v) == 4]


def _pairs(values: Mapping[str, object]) -> str:
    return " ".join(f"{key}={value}" for key, value in values.items())


def _power(run: Run) -> str:
    power = run.power
    if power.state != "ok":
        return f"{power.state}: {power.why or 'no reason given'}"
    parts = [power.scope, power.kind, f"{power.rate_hz:.3g} Hz" if power.rate_hz else None, power.why]
    return f"{power.source} ({', '.join(part for part in parts if part)})"
