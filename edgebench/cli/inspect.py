"""`edgebench inspect`: what a model file holds and needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgebench.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("inspect")(inspect)


def inspect(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model file.")],
    shape: Annotated[list[str], typer.Option(metavar="NAME=1x3x180x320", help="Repeatable.")] = [],  # noqa: B006
    accelerator: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Lint for one accelerator: gpu, nnapi, qnn... (default: for all)."),
    ] = None,
    top: Annotated[int, typer.Option(min=0, help="How many of the most expensive nodes to list.")] = 5,
    flops_as: Annotated[str, typer.Option(metavar="macs|flops", help="What shares are of.")] = "macs",
    device: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A device or a profile: which side of its roofline each layer is on."),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="With --device: the layers in fp32, tf32, fp16, int8... (default: the model's)."
        ),
    ] = None,
    json: Annotated[str | None, typer.Option(metavar="PATH|-", help="Everything as one JSON document.")] = None,
) -> None:
    """Show a model's inputs, operators, parameters, MACs, memory, and which runtimes load it; nothing is run.

    Files: .onnx and .tflite; what accelerators are known to refuse is told with the rewrite that helps. --device adds
    the board's roofline: operations a byte, the ridge, the least time of the whole and of each layer.

    Example: edgebench inspect model.tflite --accelerator gpu
    """
    import msgspec

    from edgebench.artifacts import parse_shape
    from edgebench.cli.output import out, verbosity, write_document
    from edgebench.cli.values import once
    from edgebench.controller.inspecting import inspect_model

    if flops_as not in ("macs", "flops"):
        raise UsageError(f"--flops-as takes macs or flops, not {flops_as!r}")
    if precision is not None and device is None:
        raise UsageError("--precision is for --device NAME: nothing is computed without a board")
    board = None
    if device is not None:
        from edgebench.controller.boards import find_board

        board = find_board(device)
    found = inspect_model(model, once(shape, parse_shape, "--shape"), accelerator, board, precision)
    document: dict[str, Any] = msgspec.to_builtins(found)
    if json is not None:
        write_document(msgspec.json.format(msgspec.json.encode(found), indent=1).decode(), json)
    if json != "-" and verbosity() >= -1:
        _show(out(), document, top, flops_as)


def _show(console: Console, document: dict[str, Any], top: int, flops_as: str) -> None:
    from edgebench.cli.run_page import print_pairs, print_section
    from edgebench.report import inspect_view as view

    print_pairs(console, view.file_lines(document))
    figures = view.figure_lines(document)
    if figures:
        console.print()
        print_pairs(console, figures)
    for table in (
        view.ops_table(document, flops_as),
        view.nodes_table(document, top, flops_as),
        view.runtimes_table(document),
    ):
        if table is not None:
            console.print()
            console.print(table)
    if document["roofline"]:
        _show_roofline(console, document["roofline"], top)
    uncounted = (document["graph"] or {}).get("uncounted", [])
    print_section(console, "not counted", uncounted)
    print_section(console, "cures", view.cure_lines(document), copied=True)
    print_section(console, "lint", view.lint_lines(document))
    print_section(console, "notes", view.note_lines(document))


def _show_roofline(console: Console, found: dict[str, Any], top: int) -> None:
    from edgebench.cli.run_page import print_pairs, print_section
    from edgebench.report import roofline_view as view

    console.print()
    print_pairs(console, view.board_lines(found))
    for table in (view.precisions_table(found), view.layers_table(found, top)):
        if table is not None:
            console.print()
            console.print(table)
    print_section(console, "roofline", view.note_lines(found))
