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
    json: Annotated[str | None, typer.Option(metavar="PATH|-", help="Everything as one JSON document.")] = None,
) -> None:
    """Show a model's inputs, operators, parameters, MACs, memory, and which runtimes load it; nothing is run.

    Files: .onnx and .tflite; what accelerators are known to refuse is told with the rewrite that helps.

    Example: edgebench inspect model.tflite --accelerator gpu
    """
    import msgspec

    from edgebench.artifacts import parse_shape
    from edgebench.cli.output import out, verbosity, write_document
    from edgebench.cli.values import once
    from edgebench.controller.inspecting import inspect_model

    if flops_as not in ("macs", "flops"):
        raise UsageError(f"--flops-as takes macs or flops, not {flops_as!r}")
    found = inspect_model(model, once(shape, parse_shape, "--shape"), accelerator)
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
    uncounted = (document["graph"] or {}).get("uncounted", [])
    print_section(console, "not counted", uncounted)
    print_section(console, "cures", view.cure_lines(document), copied=True)
    print_section(console, "lint", view.lint_lines(document))
    print_section(console, "notes", view.note_lines(document))
