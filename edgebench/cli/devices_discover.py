"""`edgebench devices discover`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from edgebench.cli.output import out, tell, write_document
from edgebench.errors import DeviceUnreachable

if TYPE_CHECKING:
    from edgebench.controller.devices import DeviceEntry
    from edgebench.controller.discover import PhoneCandidate


def discover(
    probe: Annotated[bool, typer.Option("--probe", help="Also try whether each host answers now.")] = False,
    server: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="The adb server; default: adb's own.")] = None,
    document: Annotated[
        str | None, typer.Option("--json", metavar="PATH|-", help="Write JSON to a file, or - for stdout.")
    ] = None,
) -> None:
    """What could be added: hosts of your ssh config and known_hosts, phones of the adb server. Nothing is scanned.

    Example: edgebench devices discover --probe
    """
    from edgebench.controller.devices import load_devices
    from edgebench.controller.discover import find_candidates
    from edgebench.controller.discover import probe as probe_host

    entries = list(load_devices().values())
    found = find_candidates(entries)
    answers = {one: probe_host(one) for one in found} if probe else {}
    phones, silent = _phones(entries, server)
    if document:
        hosts = [
            {"host": one.host, "port": one.port, "source": one.source, "add": one.command}
            | ({"answer": answers[one]} if probe else {})
            for one in found
        ]
        listed = [{"serial": one.serial, "state": one.state, "todo": one.todo, "add": one.command} for one in phones]
        write_document(json.dumps({"candidates": hosts, "phones": listed, "adb": silent}, indent=2), document)
        return
    rows = [(one.host, one.source, answers.get(one, ""), one.command) for one in found]
    rows += [(one.serial, f"adb: {one.state}", "", one.todo or one.command) for one in phones]
    if not rows:
        tell("no host of your ssh config or known_hosts is left to add, and no phone")
    else:
        _show(rows, probe)
    if silent:
        tell(f"phones: {silent}")


def _phones(entries: list[DeviceEntry], server: str | None) -> tuple[list[PhoneCandidate], str | None]:
    """Phones that could be added, and why there are none where no adb server answers."""
    from edgebench.controller.discover import find_phone_candidates

    try:
        return find_phone_candidates(entries, server), None
    except DeviceUnreachable as error:
        start = "" if server else "; `edgebench devices add --adb` starts one"
        return [], error.message.removeprefix("adb: ") + start


def _show(rows: list[tuple[str, str, str, str]], probe: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("device", "known from", *(["now"] if probe else []), "add it with", box=None)
    for device, known, now, add_with in rows:
        table.add_row(*map(Text, (device, known, *([now] if probe else []), add_with)))
    out().print(table)


def register(app: typer.Typer) -> None:
    """Put the command into its group."""
    app.command()(discover)
