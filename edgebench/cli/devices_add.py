"""`edgebench devices add` and `discover`."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgebench.cli.ask import ask_password, confirm
from edgebench.cli.output import out, tell, write_document
from edgebench.errors import DeviceUnfit, UnknownName

if TYPE_CHECKING:
    from edgebench.controller.devices import DeviceEntry
    from edgebench.transports.places import SshPlace


class Terminal:
    """Asks the person at the terminal; questions go to stderr."""

    def accept(self, host: str, key_type: str, fingerprint: str) -> bool:
        """Show the fingerprint and ask once."""
        typer.echo(f"{host} shows the {key_type} host key {fingerprint}", err=True)
        return confirm("Is this the device's? It is written to known_hosts")

    def install(self, public_key: Path, why: str) -> str | None:
        """Offer to install the key; the password is read without echo and not kept."""
        typer.echo(why, err=True)
        if not confirm(f"Install {public_key} there, with a password now?"):
            return None
        return ask_password("password (once, not kept): ")


def add(
    target: Annotated[str, typer.Argument(metavar="USER@HOST", help="user@host, user@host:port, or an ssh alias.")],
    name: Annotated[str | None, typer.Option(help="What to call it; default: the host's first word.")] = None,
    port: Annotated[int | None, typer.Option(help="SSH port.")] = None,
    key: Annotated[str | None, typer.Option(metavar="FILE", help="Private key; default: what ssh uses.")] = None,
    profile: Annotated[str | None, typer.Option(help="What it is; default: found from the device itself.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="A label; `--device @LABEL` names all that bear it.")] = None,
    python: Annotated[str | None, typer.Option(metavar="PATH", help="Its interpreter; default python3.")] = None,
    fingerprint: Annotated[
        str | None, typer.Option(metavar="SHA256:...", help="Accept this host key without being asked.")
    ] = None,
) -> None:
    """Add a device that is reached over SSH: check its host key, log in, find out what it is.

    Example: edgebench devices add user@192.168.1.20 --name jetson-nano
    """
    from edgebench.controller.add_device import let_in, meet, new_entry
    from edgebench.controller.devices import load_devices, save_device
    from edgebench.controller.profiles import profile_names, profile_of

    entry = new_entry(target, load_devices(), name=name, port=port, key=key, python=python, labels=label or [])
    if profile:
        if profile not in profile_names():
            raise UnknownName("profile", profile, profile_names())
        entry = replace(entry, profile=profile)
        profile_of(entry)
    asker = Terminal() if sys.stdin.isatty() else None
    meet(entry, asker, fingerprint)
    let_in(entry, asker, _try_login)
    save_device(entry)
    _describe(entry)


def _try_login(place: SshPlace) -> None:
    from edgebench.transports.registry import open_transport

    open_transport(place).close()  # it answered a moment ago: no retries


def _describe(entry: DeviceEntry) -> None:
    """Find the device's profile, write it down, say what was found."""
    from edgebench.controller.devices import save_device
    from edgebench.controller.profiles import choose_profile
    from edgebench.controller.runtimes import find_runtime
    from edgebench.controller.session import DeviceSession
    from edgebench.controller.view import SilentView

    try:
        with DeviceSession(entry, SilentView()) as session:
            facts, python = session.facts, ".".join(map(str, session.client.python_version))
    except DeviceUnfit:
        tell(f"{entry.name} is added, but edgebench cannot work on it yet:")
        raise
    if not entry.profile:
        entry = replace(entry, profile=choose_profile(facts))
        save_device(entry)
    board = (facts.get("board") or {}).get("model") or (facts.get("os") or {}).get("name") or facts.get("machine")
    runtime = find_runtime(facts, "onnxruntime")
    has = f"onnxruntime {runtime.version}" if runtime else f"no runtime: `edgebench devices setup {entry.name}`"
    out().print(f"{entry.name}: {board}, profile {entry.profile}, Python {python}, {has}", markup=False)


def discover(
    probe: Annotated[bool, typer.Option("--probe", help="Also try whether each answers now.")] = False,
    document: Annotated[
        str | None, typer.Option("--json", metavar="PATH|-", help="Write JSON to a file, or - for stdout.")
    ] = None,
) -> None:
    """Hosts of your ssh config and known_hosts that are not added yet. The network is not scanned.

    Example: edgebench devices discover --probe
    """
    from edgebench.controller.devices import load_devices
    from edgebench.controller.discover import find_candidates
    from edgebench.controller.discover import probe as probe_host

    found = find_candidates(load_devices().values())
    rows = [
        {"host": one.host, "port": one.port, "source": one.source, "add": one.command}
        | ({"answer": probe_host(one)} if probe else {})
        for one in found
    ]
    if document:
        write_document(json.dumps({"candidates": rows}, indent=2), document)
        return
    if not rows:
        tell("no host of your ssh config or known_hosts is left to add")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table("host", "named in", *(["now"] if probe else []), "add it with", box=None)
    for row in rows:
        table.add_row(*(Text(str(row[key])) for key in ("host", "source", *(["answer"] if probe else []), "add")))
    out().print(table)


def register(app: typer.Typer) -> None:
    """Put the commands into their group."""
    app.command()(add)
    app.command()(discover)
