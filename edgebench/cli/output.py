"""Where the program prints: tables to stdout, progress and messages to stderr, one JSON document when asked."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.errors import EdgebenchError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

_verbosity = [0]


def set_verbosity(level: int) -> None:
    """-2: no tables, -1: no progress, 0: usual, 1 and more: tell more."""
    _verbosity[0] = level


def verbosity() -> int:
    """The level that -q and -v left."""
    return _verbosity[0]


def out() -> Console:
    """The console for tables. Wide enough for a table when it is not a terminal."""
    from rich.console import Console

    return Console(soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 160, highlight=False)


def err() -> Console:
    """The console for progress and messages."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def tell(text: str) -> None:
    """A line of progress for people, nothing with -q."""
    if verbosity() >= 0:
        err().print(text, markup=False)


def fail(error: EdgebenchError) -> int:
    """Print an error with its hint; return its exit code."""
    console = err()
    console.print("[bold red]error:[/]", end=" ")
    console.print(error.message, markup=False)
    if error.hint:
        console.print("[bold cyan]hint:[/]", end=" ")
        console.print(error.hint, markup=False)
    if error.exit_code == 70:
        console.print("this is a bug of edgebench: please report it with the command line and this output")
    return error.exit_code


def check_target(target: str | None) -> None:
    """Refuse a file that could not be written, before minutes are spent on what goes into it. Raises `UsageError`."""
    if target in (None, "-"):
        return
    path = Path(str(target))
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        why = "it is a folder" if path.is_dir() else f"{path.parent} cannot be written to"
        raise UsageError(f"cannot write {target}: {why}", hint="choose another file with --json")


def write_document(text: str, target: str) -> None:
    """A document to a file, or to stdout for `-`. Raises `UsageError` where it cannot be written."""
    if target == "-":
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()
        return
    try:
        Path(target).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror}", hint="choose another file with --json") from error
