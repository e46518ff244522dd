"""Questions to the person at the terminal; the caller has seen that there is one. The answers decide alone."""

from __future__ import annotations

import typer

from edgebench.errors import Interrupted


def confirm(question: str) -> bool:
    """Ask on stderr for yes or no. Raises `Interrupted` for Ctrl-C and a closed terminal."""
    try:
        return typer.confirm(question, err=True)
    except typer.Abort as abort:
        raise Interrupted from abort


def ask_password(question: str) -> str:
    """Read one line without echo. Raises `Interrupted` for Ctrl-C and a closed terminal."""
    import getpass

    try:
        return getpass.getpass(question)
    except (EOFError, KeyboardInterrupt) as end:
        raise Interrupted from end
