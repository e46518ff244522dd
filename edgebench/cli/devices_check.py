"""`edgebench devices check`: the doctor for one device."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from edgebench.cli.output import out, write_document

COLOURS = {"ok": "green", "missing": "red", "unknown": "yellow"}


def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A device of `edgebench devices list`.")],
    document: Annotated[
        str | None, typer.Option("--json", metavar="PATH|-", help="Write JSON to a file, or - for stdout.")
    ] = None,
) -> None:
    """Everything that a run needs on a device, and what to do about what is not there.

    Exit code 0: a run can work; 3: the device cannot be had; 4: it can, but something needed is missing.

    Example: edgebench devices check jetson-nano
    """
    from edgebench.controller.check import check_device
    from edgebench.controller.devices import load_devices, select_device
    from edgebench.controller.session import DeviceSession
    from edgebench.controller.view import SilentView
    from edgebench.transports.registry import open_transport

    entry = select_device(name, load_devices())
    # no retries: a doctor tells what is so now
    report = check_device(entry, DeviceSession(entry, SilentView(), open_transport))
    if document:
        write_document(json.dumps(report.document(), indent=2), document)
    else:
        from rich.table import Table
        from rich.text import Text

        table = Table("", "check", "found", "what to do", box=None)
        for one in report.findings:
            table.add_row(Text(one.state, COLOURS[one.state]), one.name, Text(one.text), Text(one.todo))
        out().print(table)
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def register(app: typer.Typer) -> None:
    """Put the command into its group."""
    app.command()(check)
