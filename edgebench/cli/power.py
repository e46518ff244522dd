"""`edgebench power ...`: external meters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edgebench.records import Run

app = typer.Typer(no_args_is_help=True, help="External power meters.\n\nExample: edgebench power attach last meter.csv")

SHOWN = ("power_mean", "power_idle", "energy_gross", "energy_net", "power_at_fps")


@app.command()
def attach(
    run: Annotated[str, typer.Argument(metavar="RUN", help="An id, a prefix of at least 6 characters, or `last`.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The meter's CSV: t_unix_s,watts.")],
    scope: Annotated[
        str, typer.Option(metavar="NAME", help="What it measures: battery, input, module, rails, soc, wall.")
    ] = "wall",
    replace: Annotated[bool, typer.Option("--replace", help="Replace the power figures that the run has.")] = False,
    store: Annotated[str | None, typer.Option(metavar="URL", help="The results store.")] = None,
    json: Annotated[str | None, typer.Option(metavar="PATH|-", help="The run as one JSON document.")] = None,
) -> None:
    """Add a meter's file to a stored run; the run's soak, a step in power, aligns their clocks.

    Example: edgebench power attach last meter.csv --scope wall
    """
    from edgebench.cli.output import write_document
    from edgebench.controller.attach_power import attach_power
    from edgebench.records import History, to_json
    from edgebench.store import open_store

    with open_store(store, create=False) as opened:
        found = attach_power(opened, run, file, scope=scope, replacing=replace)
    if json is not None:
        write_document(to_json(History(runs=[found]), indent=1), json)
    if json != "-":
        _show(found)


def _show(run: Run) -> None:
    from rich.table import Table

    from edgebench.cli.output import out
    from edgebench.report.cells import metric_cell

    table = Table.grid(padding=(0, 2))
    for name in SHOWN:
        metric = run.metrics.get(name)
        if metric is not None:
            table.add_row(name, f"{metric_cell(metric)} {metric.unit}", metric.why or "")
    out().print(table)
    out().print(f"{run.power.source}, {run.power.scope}: {run.power.why}", markup=False, style="dim")
