"""`edgebench store ...`: care of the results store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgebench.errors import UsageError

if TYPE_CHECKING:
    from edgebench.store import Problem

app = typer.Typer(no_args_is_help=True, help="Care of the results store.\n\nExample: edgebench store check")

UNSOUND = 4
StoreOption = Annotated[str | None, typer.Option("--store", metavar="URL", help="The results store.")]
JsonOption = Annotated[str | None, typer.Option("--json", metavar="PATH|-", help="The answer as a JSON document.")]


@app.command()
def path(store: StoreOption = None, json: JsonOption = None) -> None:
    """Print where the store is.

    Example: edgebench store path
    """
    from edgebench.store.place import store_path

    found = store_path(store)
    _answer({"path": str(found), "exists": found.exists()}, json, str(found))


@app.command()
def check(store: StoreOption = None, json: JsonOption = None) -> None:
    """Read all of the store and list what is wrong with it; exit code 4 if anything is.

    Example: edgebench store check
    """
    from edgebench.store import open_store

    with open_store(store, create=False) as opened:
        problems = opened.check()
        document = {"path": str(opened.path), "problems": [_problem(found) for found in problems]}
        sound = f"{opened.path} is sound"
    _answer(document, json, *([_text(found) for found in problems] or [sound]))
    if problems:
        raise typer.Exit(UNSOUND)


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(metavar="PATH", help="The copy; must not exist yet.")],
    store: StoreOption = None,
    json: JsonOption = None,
) -> None:
    """Copy the store, even while it is used.

    Example: edgebench store backup ~/edgebench-2026-11-21.db
    """
    from edgebench.store import open_store
    from edgebench.units import bytes_text

    with open_store(store, create=False) as opened:
        opened.backup(target)
    size = target.stat().st_size
    _answer({"path": str(target), "bytes": size}, json, f"copied to {target} ({bytes_text(size)})")


@app.command()
def prune(
    before: Annotated[str, typer.Option(metavar="WHEN", help="Runs from before 2026-11-01, or 90d, 12h, 2w ago.")],
    samples_only: Annotated[bool, typer.Option("--samples-only", help="Keep the runs, remove their samples.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    store: StoreOption = None,
    json: JsonOption = None,
) -> None:
    """Remove old runs, or only their raw samples; baselines and compared runs stay.

    Example: edgebench store prune --before 90d --samples-only
    """
    from edgebench.cli.moments import parse_moment
    from edgebench.store import open_store
    from edgebench.units import bytes_text

    if before.endswith("m") and before[:-1].isdigit():
        raise UsageError(f"--before {before}: minutes or months?", hint="say it in days: --before 30d")
    moment = parse_moment(before, "--before")
    with open_store(store, create=False) as opened:
        found = opened.prune(moment, samples_only=samples_only)
        what = f"the samples of {_runs(found.runs)}" if samples_only else _runs(found.runs)
        what += f" ({bytes_text(found.sample_bytes)} of samples) from before {moment[:16]}"
        removing = found.runs > 0 and not dry_run and (yes or _confirmed(what))
        if removing:
            found = opened.prune(moment, samples_only=samples_only, dry_run=False)
    document = {"runs": found.runs, "sample_bytes": found.sample_bytes, "removed": removing}
    _answer(document, json, f"removed {what}" if removing else f"would remove {what}; nothing was removed")


@app.command()
def merge(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Another store.")],
    store: StoreOption = None,
    json: JsonOption = None,
) -> None:
    """Bring over what another store has and this one has not.

    Example: edgebench store merge /media/usb/store.db
    """
    from dataclasses import asdict

    from edgebench.store import open_store

    with open_store(store) as opened:
        merged = opened.merge(file)
    lines = [f"{_runs(merged.runs)} and {merged.sessions} sessions are new here"]
    if merged.completed:
        lines.append(f"{_runs(merged.completed)} that had been lost here came complete")
    if merged.differing:
        lines.append(f"left as here, though they differ there: {', '.join(merged.differing)}")
    _answer(asdict(merged), json, *lines)


def _confirmed(what: str) -> bool:
    from edgebench.cli.ask import confirm

    if not sys.stdin.isatty():
        raise UsageError(f"would remove {what}", hint="`--yes` removes without asking; `--dry-run` only says so")
    return confirm(f"remove {what}?")


def _runs(count: int) -> str:
    return f"{count} run{'s' if count != 1 else ''}"


def _problem(found: Problem) -> dict[str, str]:
    return {"kind": found.kind, "where": found.where, "text": found.text}


def _text(found: Problem) -> str:
    return f"{found.kind}: {found.where}: {found.text}"


def _answer(document: dict[str, Any], json: str | None, *lines: str) -> None:
    """The document where it was asked for, else lines for people."""
    import json as encoder

    from edgebench.cli.output import out, write_document

    if json is not None:
        write_document(encoder.dumps(document, indent=1), json)
    if json != "-":
        for line in lines:
            out().print(line, markup=False)
