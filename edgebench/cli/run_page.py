"""Pages of pairs and sections; the page of one stored run, as `history RUN` prints it."""

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
    console = out()
    print_pairs(console, head_lines(run))
    print_section(console, "trust", grade_lines(run))
    if any(metric.value is not None for metric in run.metrics.values()):
        console.print()
        console.print(metrics_table(run))
    print_section(console, "not there", absent_lines(run))
    print_section(console, "details", [*detail_lines(run), *_course(series)])
    print_section(console, "environment", environment_lines(run))
    print_section(console, "warnings", warning_lines(run))


def _course(series: Sequence[Run]) -> list[str]:
    medians = p50_series(series)
    if len(medians) < SERIES_FROM:
        return []
    return [f"series: {len(medians)} runs, p50 {sparkline(medians)}, last step {step_text(medians)}"]


def print_pairs(console: Console, pairs: Sequence[tuple[str, str]]) -> None:
    """Print names and texts in two columns."""
    from rich.markup import escape
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    for name, text in pairs:
        grid.add_row(f"[bold]{name}[/]", escape(text))
    console.print(grid)


def print_section(console: Console, title: str, lines: Sequence[str], *, copied: bool = False) -> None:
    """Print a title and indented lines; nothing for no lines. Lines to be `copied` are not broken."""
    if not lines:
        return
    from rich.padding import Padding
    from rich.text import Text

    console.print()
    console.print(title, style="bold")
    for line in lines:
        if console.is_terminal and not copied:
            console.print(Padding(Text(line), (0, 0, 0, 4)))
        else:
            console.print(f"    {line}", markup=False, soft_wrap=True)
