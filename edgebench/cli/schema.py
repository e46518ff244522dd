"""`edgebench schema`: the JSON Schemas of what edgebench writes."""

from __future__ import annotations

from typing import Annotated

import typer

SCHEMAS = {
    "report": "what `run --json` writes",
    "history": "what `history --json` writes",
}
"""The documents that have a schema, and where they come from."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("schema")(schema)


def schema(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Which document: report, history.")] = None,
    output: Annotated[str, typer.Option("--output", "-o", metavar="PATH|-", help="Where to write it.")] = "-",
) -> None:
    """Print the JSON Schema (2020-12) of a document; without NAME, list them.

    Example: edgebench schema report --output report-1.json
    """
    from edgebench.cli.output import out, write_document
    from edgebench.errors import UnknownName

    if name is None:
        for known, text in SCHEMAS.items():
            out().print(f"{known:<10}{text}", markup=False)
        return
    if name not in SCHEMAS:
        raise UnknownName("schema", name, SCHEMAS)
    write_document(schema_text(name), output)


def schema_text(name: str) -> str:
    """A schema as the text that is printed and kept in `docs/schema`."""
    import json

    from edgebench.records import json_schema

    return json.dumps(json_schema(name), indent=1, sort_keys=True)
