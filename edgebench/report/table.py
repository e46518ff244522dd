"""The summary table of runs, and what a reader should know beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgebench.records import Run
from edgebench.report.cells import DASH, count_cell, grade_cell, latency_cell, metric_cell, status_cell, tail_cell
from edgebench.report.next_steps import next_step

if TYPE_CHECKING:
    from rich.table import Table

WIDE = 130
"""Columns from which on a table has room for the grades' reasons; on fewer they would break into single words."""

MOST_LABELS = 2
"""A note under the table names so many rows; of more it says how many they are."""

STATUS_STYLES = {"ok": "green", "unstable": "yellow", "failed": "red", "skipped": "dim"}


def runs_table(runs: Sequence[Run], *, title: str | None = None, flops_as: str = "macs", reasons: bool = True) -> Table:
    """One row a run: latency with its interval, tail, sustained FPS, power, energy, memory, grade.

    Without `reasons`, for terminals under `WIDE`, grades are letters alone (`notes(..., reasons=False)` says the rest)
    and intervals have a line of their own.
    """
    from rich.table import Table

    padding = (0, 1, 0, 1 if reasons else 0)
    table = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False, padding=padding)
    several = len({run.device.name for run in runs}) > 1
    columns = [("device", "left"), ("model", "left"), ("p50 ms\n[95 %]", "right"), ("p99\nms", "right")]
    columns += [("FPS", "right"), ("W", "right"), ("mJ\nnet", "right"), ("peak\nMiB", "right")]
    columns += [({"macs": "MACs", "flops": "FLOPs"}[flops_as], "right"), ("dB\nref", "right"), ("grade", "left")]
    for name, justify in columns if several or any(run.device.simulated for run in runs) else columns[1:]:
        header = name.replace("\n", " ") if reasons else name
        table.add_column(header, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for run in runs:
        cells = row_cells(run, flops_as, reasons=reasons)
        table.add_row(*(cells if len(table.columns) == len(cells) else cells[1:]))
    return table


def row_cells(run: Run, flops_as: str = "macs", *, reasons: bool = True) -> list[str]:
    """The cells of one row, device first, as rich markup."""
    from rich.markup import escape

    device = escape(run.device.name) + (" [magenta](simulated)[/]" if run.device.simulated else "")
    counts = count_cell(run.metrics.get(flops_as))
    gap = " " if reasons else "\n"
    if run.outcome.status in ("failed", "skipped"):
        said = escape(status_cell(run)).replace(" ", gap, 1)
        style = STATUS_STYLES[run.outcome.status]
        return [device, escape(run.variant.label), f"[{style}]{said}[/]", *[DASH] * 5, counts, DASH, DASH]
    metrics = run.metrics
    label = escape(run.variant.label)
    if run.outcome.status == "unstable":
        label += " [yellow](unstable)[/]"
    psnr = run.fidelity.psnr_db
    return [
        device,
        label,
        latency_cell(run).replace(" [", f"{gap}[", 1),
        tail_cell(run),
        metric_cell(metrics.get("sustained_fps"), interval=False),
        metric_cell(metrics.get("power_mean"), interval=False),
        metric_cell(metrics.get("energy_net"), interval=False),
        metric_cell(metrics.get("memory_peak"), interval=False),
        counts,
        DASH if psnr is None else ("same" if psnr >= 200 else f"{psnr:.1f}"),
        escape(grade_cell(run)) if reasons else run.grade.letter,
    ]


def notes(runs: Sequence[Run], *, reasons: bool = True) -> list[str]:
    """Lines under the table: failures with their cause, warnings with what to do, why cells are empty.

    What holds for every row is said once. `reasons`: the table says each grade's first reason already.
    """
    told: dict[str, list[str]] = {}
    several = len({run.device.name for run in runs}) > 1
    for run in runs:
        label = f"{run.device.name} {run.variant.label}" if several else run.variant.label
        for line in _notes_of(run, 1 if reasons else 0):
            told.setdefault(line, []).append(label)
    return [_of_whom(line, labels, len(runs)) for line, labels in told.items()]


def _of_whom(line: str, labels: Sequence[str], rows: int) -> str:
    """A line with those it holds for, unless it holds for all; a long list is counted, not read."""
    if len(labels) == rows:
        return line
    shown = ", ".join(labels) if len(labels) <= MOST_LABELS else f"{len(labels)} of {rows} rows"
    return f"{shown}: {line}"


def _notes_of(run: Run, said: int) -> list[str]:
    lines = []
    if run.outcome.message and run.outcome.status != "ok":
        lines.append(_with_hint(f"{run.outcome.status}: {run.outcome.message}", next_step(run)))
    if run.outcome.status not in ("ok", "unstable"):
        foreseen = [warning for warning in run.warnings if warning.code == "preflight"]
        return lines + [_with_hint(warning.text, warning.hint) for warning in foreseen]
    lines += [_with_hint(reason.text, reason.remedy) for reason in run.grade.reasons[said:]]
    lines += [_with_hint(warning.text, warning.hint) for warning in run.warnings]
    for name, shown in (("latency_p99", "p99"), ("power_mean", "W"), ("memory_peak", "peak MiB")):
        metric = run.metrics.get(name)
        if metric is not None and metric.value is None:
            lines.append(f"no {shown}: {metric.why}")
    return lines


def _with_hint(text: str, hint: str | None) -> str:
    return f"{text} -> {hint}" if hint else text
