"""`edgebench devices calibrate`: a device's arithmetic and memory peaks measured, for `inspect --device`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from edgebench.cli.output import out, tell, write_document


def calibrate(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A device of `edgebench devices list`.")],
    backend: Annotated[
        str, typer.Option("--runtime", "--backend", metavar="NAME", help="The runtime that computes.")
    ] = "onnxruntime",
    accelerator: Annotated[str | None, typer.Option(metavar="NAME", help="cpu, cuda... (default: cpu)")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads (default: the runtime's).")] = None,
    document: Annotated[
        str | None, typer.Option("--json", metavar="PATH|-", help="Write JSON to a file, or - for stdout.")
    ] = None,
) -> None:
    """Measure what a device can reach: matrix products and long arrays of growing size, a few minutes in all.

    The result is kept with your devices, in the place of an earlier one; `inspect MODEL --device NAME` uses it and
    says so.

    Example: edgebench devices calibrate localhost
    """
    from edgebench.controller.calibrate import calibrate as measure
    from edgebench.controller.calibrate import document as as_json
    from edgebench.controller.calibrations import save_calibration
    from edgebench.controller.devices import load_devices, select_device
    from edgebench.controller.view import SilentView

    entry = select_device(name, load_devices())
    found = measure(entry, SilentView(), tell, backend=backend, accelerator=accelerator, threads=threads)
    place = save_calibration(found)
    if document:
        write_document(json.dumps(as_json(found), indent=1), document)
    if document != "-":
        from edgebench.report.calibration_view import calibration_lines

        for line in calibration_lines(as_json(found)):
            out().print(line, markup=False)
    tell(f"kept in {place}")


def register(app: typer.Typer) -> None:
    """Put the command into its group."""
    app.command()(calibrate)
