"""`edgebench devices ...`: the user's devices. This file has what needs no device, and `restore`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgebench.cli import devices_add, devices_calibrate, devices_check, devices_discover, devices_setup
from edgebench.cli.output import out, tell, write_document

if TYPE_CHECKING:
    from edgebench.controller.devices import DeviceEntry

app = typer.Typer(
    no_args_is_help=True,
    help="The user's devices: add, look at, prepare, put back in order.\n\n"
    "Example: edgebench devices check jetson-nano",
)
Json = Annotated[str | None, typer.Option("--json", metavar="PATH|-", help="Write JSON to a file, or - for stdout.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A device of `edgebench devices list`.")]


@app.command("list")
def list_devices(document: Json = None) -> None:
    """The devices that edgebench knows.

    Example: edgebench devices list
    """
    from edgebench.controller.devices import load_devices

    entries = list(load_devices().values())
    if document:
        write_document(json.dumps({"devices": [as_json(entry) for entry in entries]}, indent=2), document)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table("device", "where", "profile", "labels", "simulated", box=None)
    for entry in entries:
        labels = " ".join(f"@{label}" for label in entry.labels)
        simulated = "simulated" if entry.is_simulated else ""
        table.add_row(*map(Text, (entry.name, entry.where, entry.profile or "-", labels, simulated)))
    out().print(table)


def as_json(entry: DeviceEntry) -> dict[str, Any]:
    """An entry as JSON gives it: what the file says, and what follows from it."""
    from edgebench.controller.devices import FIELDS

    said = {key: getattr(entry, key) for key in FIELDS if getattr(entry, key) not in (None, ())}
    return {"name": entry.name, "where": entry.where, **said, "simulated": entry.is_simulated}


@app.command()
def show(
    name: Name,
    live: Annotated[bool, typer.Option("--live", help="Ask the device, instead of the last session's facts.")] = False,
    document: Json = None,
) -> None:
    """One device: its entry, its profile, and its facts of the last session (with --live: of now).

    Example: edgebench devices show jetson-nano --live
    """
    from edgebench.controller.devices import load_devices, select_device
    from edgebench.controller.profiles import profile_of

    entry = select_device(name, load_devices())
    profile = profile_of(entry)
    facts, source = _facts(entry, live)
    shown: dict[str, Any] = {"device": as_json(entry), "profile": None, "facts": facts, "facts_from": source}
    if profile:
        import msgspec

        shown["profile"] = msgspec.to_builtins(profile)
    if document:
        write_document(json.dumps(shown, indent=2), document)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table("", "", box=None, show_header=False)
    for title in ("device", "profile", "facts"):
        for key, value in _flat(shown[title] or {}):
            table.add_row(Text(f"{title}.{key}"), Text(value))
    table.add_row("facts", source)
    out().print(table)


def _flat(value: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested tables as (path, text) rows; what is empty is left out."""
    rows: list[tuple[str, str]] = []
    for key, inner in value.items():
        if isinstance(inner, dict):
            rows += _flat(inner, f"{prefix}{key}.")
        elif inner not in (None, [], (), "", False):
            rows.append((f"{prefix}{key}", inner if isinstance(inner, str) else json.dumps(inner)))
    return rows


def _facts(entry: DeviceEntry, live: bool) -> tuple[dict[str, Any] | None, str]:
    """The device's facts and where they are from."""
    if live:
        from edgebench.controller.session import DeviceSession
        from edgebench.controller.view import SilentView

        with DeviceSession(entry, SilentView()) as session:
            return session.facts, "asked just now"
    from edgebench.errors import StoreError
    from edgebench.store import Filters, open_store

    try:
        with open_store(create=False) as store:
            runs = store.history(Filters(device=entry.name, limit=1))
            if runs:
                session_record = store.session(runs[0].session)
                return session_record.device.facts, f"session {session_record.id[:8]}, {session_record.started_at}"
    except StoreError:
        return None, "no results store yet: ask the device with --live"
    return None, "no session yet: ask the device with --live"


@app.command()
def remove(name: Name) -> None:
    """Forget a device; its results stay in the store, its files on the device.

    Example: edgebench devices remove old-board
    """
    from edgebench.controller.deploy_agent import PHONE_HOME
    from edgebench.controller.devices import load_devices, remove_device

    entry = load_devices().get(name)
    remove_device(name)
    usual = PHONE_HOME if entry is not None and entry.transport == "adb" else "~/.edgebench"
    tell(f"{name} is forgotten; what edgebench left on it lies in {(entry and entry.home) or usual} there")


@app.command()
def restore(
    name: Name,
    force: Annotated[bool, typer.Option("--force", help="End the session that holds the device first.")] = False,
    allow_reboot: Annotated[
        bool, typer.Option("--allow-reboot", help="Restart a board whose power mode takes that.")
    ] = False,
    store: Annotated[str | None, typer.Option(metavar="URL", help="The results store.")] = None,
    document: Json = None,
) -> None:
    """Put back what a dead session left set on a device, and bring home what it had measured.

    Example: edgebench devices restore jetson-nano --force
    """
    from edgebench.controller.collect import collect_leftovers
    from edgebench.controller.devices import load_devices, select_device
    from edgebench.controller.reboot import put_back
    from edgebench.controller.restore import restore_device
    from edgebench.controller.session import DeviceSession
    from edgebench.controller.view import SilentView
    from edgebench.store import open_store

    entry = select_device(name, load_devices())
    with DeviceSession(entry, SilentView()) as session, open_store(store) as results:
        done = put_back(session, force=force) if allow_reboot else restore_device(session, force=force)
        collected = collect_leftovers(session, results, SilentView())
    if document:
        ids = [run.id for run in collected]
        write_document(json.dumps({"device": entry.name, **done.document(), "collected": ids}, indent=2), document)
    for line in done.lines():
        tell(f"{entry.name}: {line}")
    for run in collected:
        tell(f"{entry.name}: collected {run.variant.label}: `edgebench history {run.id[:8]}`")
    if done.failed:
        raise typer.Exit(4)


devices_add.register(app)
devices_calibrate.register(app)
devices_check.register(app)
devices_discover.register(app)
devices_setup.register(app)
