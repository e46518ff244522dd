"""The page of one stored run, as `history RUN` prints it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgebench.cli.output import out
from edgebench.records import Run
from edgebench.report.details import detail_lines
from edgebench.report.history_view import (
    SERIES_FROM,
    absent_lines,
    environment_lines,
    grade_lines,
    head_lines,
    metrics_table,
    p50_series,
    step_text,
    warning_lines,
)
from edgebench.report.sparkline import sparkline

if TYPE_CHECKING:
    from rich.console import Console


def print_run(run: Run, series: Sequence[Run]) -> None:
    """Print all about a run; `series` are the runs of its series up to it, oldest first."""
    from rich.table import Table

    console = out()
    head = Table.grid(padding=(0, 2))
    for name, text in head_lines(run):
        head.add_row(f"[bold]{name}[/]", _escaped(text))
    console.print(head)
    _section(console, "trust", grade_lines(run))
    if any(metric.value is not None for metric in run.metrics.values()):
        console.print()
        console.print(metrics_table(run))
    _section(console, "not there", absent_lines(run))
    _section(console, "details", [*detail_lines(run), *_course(series)])
    _section(console, "environment", environment_lines(run))
    _section(console, "warnings", warning_lines(run))


def _course(series: Sequence[Run]) -> list[str]:
    medians = p50_series(series)
    if len(medians) < SERIES_FROM:
        return []
    return [f"series: {len(medians)} runs, p50 {sparkline(medians)}, last step {step_text(medians)}"]


def _section(console: Console, title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    from rich.padding import Padding
    from rich.text import Text

    console.print()
    console.print(title, style="bold")
    for line in lines:
        if console.is_terminal:
            console.print(Padding(Text(line), (0, 0, 0, 4)))
        else:
            console.print(f"    {line}", markup=False)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
