"""`edgebench devices add`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgebench.cli.ask import ask_password, confirm
from edgebench.cli.output import out, tell
from edgebench.errors import DeviceUnfit, UnknownName, UsageError

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
    target: Annotated[
        str | None,
        typer.Argument(metavar="USER@HOST|SERIAL", help="user@host, user@host:port, ssh alias; with --adb a serial."),
    ] = None,
    adb: Annotated[
        bool, typer.Option("--adb", help="A phone behind adb: that of SERIAL, else the only one there.")
    ] = False,
    server: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="With --adb: the adb server; default: adb's own.")
    ] = None,
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
    """Add a device: over SSH (check its host key, log in) or, with --adb, a phone. Finds out what it is.

    Example: edgebench devices add user@192.168.1.20 --name jetson-nano; edgebench devices add --adb --name my-phone
    """
    from edgebench.controller.add_device import let_in, meet, new_entry
    from edgebench.controller.devices import load_devices, save_device

    if adb:
        _refuse(
            {"--port": port, "--key": key, "--python": python, "--fingerprint": fingerprint},
            "only for a device over SSH",
        )
        _add_phone(target, server, name, profile, label or [])
        return
    _refuse({"--server": server}, "only for a phone: add --adb")
    if target is None:
        raise UsageError("which device?", hint="user@host; or --adb for the phone that is connected")
    entry = new_entry(target, load_devices(), name=name, port=port, key=key, python=python, labels=label or [])
    if profile:
        entry = replace(entry, profile=_checked(profile))
    asker = Terminal() if sys.stdin.isatty() else None
    meet(entry, asker, fingerprint)
    let_in(entry, asker, _try_login)
    save_device(entry)
    _describe(entry)


def _refuse(options: dict[str, object], why: str) -> None:
    """Raise `UsageError` for options that were given and are not for this kind of device."""
    given = [option for option, value in options.items() if value is not None]
    if given:
        raise UsageError(f"{', '.join(given)}: {why}")


def _checked(profile: str) -> str:
    """The profile's name. Raises `UnknownName`, and `ConfigError` where it cannot be read."""
    from edgebench.controller.devices import DeviceEntry
    from edgebench.controller.profiles import profile_names, profile_of

    if profile not in profile_names():
        raise UnknownName("profile", profile, profile_names())
    profile_of(DeviceEntry("new", profile=profile))
    return profile


def _add_phone(
    serial: str | None, server: str | None, name: str | None, profile: str | None, labels: list[str]
) -> None:
    """Reach the phone, write it down, say what it is."""
    from edgebench.controller.add_phone import meet_phone
    from edgebench.controller.devices import load_devices, save_device

    profile = _checked(profile) if profile else None
    phone = meet_phone(serial, server, load_devices(), name=name, profile=profile, labels=labels)
    save_device(phone.entry)
    entry = phone.entry
    simulated = ", simulated" if entry.simulated else ""
    what = f"{phone.model}, Android {phone.android}, serial {entry.serial}, profile {entry.profile}{simulated}"
    out().print(f"{entry.name}: {what}", markup=False)


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


def register(app: typer.Typer) -> None:
    """Put the command into its group."""
    app.command()(add)
