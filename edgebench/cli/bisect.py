"""`edgebench bisect`: which operator an accelerator refuses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edgebench.artifacts.cutting import Cutter
    from edgebench.controller.bisect import Trial
    from edgebench.controller.bisecting import BisectReport
    from edgebench.controller.rows import RowRequest

Texts = list[str]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bisect")(bisect)


def bisect(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model file (.onnx, .tflite).")],
    accelerator: Annotated[str, typer.Option(help="The one that refuses: gpu, nnapi, cuda...")],
    device: Annotated[str, typer.Option(help="A device or a profile.")] = "localhost",
    backend: Annotated[str | None, typer.Option(help="The runtime.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the runtime.")] = None,
    option: Annotated[Texts, typer.Option(metavar="KEY=VALUE", help="To the runtime; repeatable.")] = [],  # noqa: B006
    shape: Annotated[Texts, typer.Option(metavar="NAME=1x3x180x320", help="Repeatable.")] = [],  # noqa: B006
    input: Annotated[str | None, typer.Option(metavar="FILE.npz", help="Instead of seeded noise.")] = None,
    input_range: Annotated[str | None, typer.Option(metavar="0,255", help="Of the inputs' values.")] = None,
    min_psnr: Annotated[float, typer.Option(metavar="DB", help="Under it an output is wrong.")] = 30.0,
    require_delegated: Annotated[
        str, typer.Option(metavar="SHARE", help="A part with less of it there counts as refused; 0: only what fails.")
    ] = "100%",
    keep: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the failing part there, to attach it to a report.")
    ] = None,
    json: Annotated[str | None, typer.Option(metavar="PATH|-", help="Everything as one JSON document.")] = None,
    store: Annotated[str | None, typer.Option(help="For what earlier sessions left on the device.")] = None,
) -> None:
    """Cut a model into parts, try them on a device, and name the smallest one that is refused or comes out wrong.

    Exit code 0: it was found, or nothing is refused; 4: it could not be decided.

    Example: edgebench bisect model.tflite --accelerator gpu --device pixel-8
    """
    from edgebench.artifacts.shapes import parse_shape
    from edgebench.cli.output import check_target
    from edgebench.cli.values import once, pairs, share, span
    from edgebench.controller.planning import resolve_settings
    from edgebench.controller.requests import RunOptions, build_requests
    from edgebench.errors import UsageError

    check_target(json)
    if accelerator == "auto" or "," in accelerator:
        raise UsageError("bisect takes one accelerator", hint="bisect again for the next one")
    options = RunOptions(
        settings=resolve_settings(mode="quick", power="off", memory=False),
        backends=[backend] if backend else [],
        accelerators=[accelerator],
        threads=[threads],
        shapes=once(shape, parse_shape, "--shape"),
        input=input,
        input_range=span(input_range, "--input-range"),
        options=pairs(option, "--option"),
        min_psnr=min_psnr,
        require_delegated=share(require_delegated, "--require-delegated") or None,
    )
    (whole,) = build_requests([model], options)
    report = _search(whole, device, keep, store)
    _show(report, json)
    raise typer.Exit(0 if report.found in ("nothing", "culprit") else 4)


def _search(whole: RowRequest, device: str, keep: Path | None, store: str | None) -> BisectReport:
    from edgebench.cli.output import tell
    from edgebench.controller.bisecting import Hunt, bisect_on_device
    from edgebench.controller.devices import load_devices, select_devices
    from edgebench.controller.view import SilentView
    from edgebench.errors import UsageError
    from edgebench.store import open_store

    entries = select_devices([device], load_devices())
    if len(entries) != 1:
        raise UsageError(f"bisect takes one device; {device} is {len(entries)}", hint="name one of them")

    class Telling(SilentView):
        def tell(self, text: str) -> None:
            tell(text)

    with open_store(store) as kept:
        return bisect_on_device(Hunt(whole, keep, _watch), entries[0], kept, Telling())


def _watch(trial: Trial, cutter: Cutter, number: int) -> None:
    from edgebench.cli.output import tell
    from edgebench.controller.bisect import expected_trials

    first, last = (cutter.operators[at].index for at in (trial.cut.first, trial.cut.last))
    part = f"op {first}" if first == last else f"ops {first}-{last}"
    why = f" ({trial.verdict.code})" if trial.verdict.code else ""
    about = max(number, expected_trials(len(cutter.operators)))
    tell(f"cut {number} of about {about}: {part}: {trial.verdict.state}{why}")


def _show(report: BisectReport, json: str | None) -> None:
    import msgspec

    from edgebench.cli.output import out, verbosity, write_document
    from edgebench.report.bisect_view import culprit_table, summary_lines

    document = msgspec.to_builtins(report)
    if json is not None:
        write_document(msgspec.json.format(msgspec.json.encode(report), indent=1).decode(), json)
    if json == "-" or verbosity() < -1:
        return
    console = out()
    if document["culprit"]:
        console.print(culprit_table(document))
    for line in summary_lines(document):
        console.print(line, markup=False)
