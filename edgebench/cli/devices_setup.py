"""`edgebench devices setup`: a runtime brought to a device, after showing what it takes."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from edgebench.cli.ask import confirm
from edgebench.cli.output import out, tell, verbosity
from edgebench.errors import UsageError

if TYPE_CHECKING:
    from edgebench.controller.session import DeviceSession
    from edgebench.controller.setup import SetupPlan
    from edgebench.controller.wheels import Wheel

MIB = 1024 * 1024


def setup(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A device of `edgebench devices list`.")],
    backend: Annotated[
        str,
        typer.Option(
            "--runtime", "--backend", metavar="NAME", help="The runtime: onnxruntime, tflite, onnxruntime-gpu."
        ),
    ] = "onnxruntime",
    sudoers: Annotated[
        bool, typer.Option("--sudoers", help="No runtime: print the sudoers drop-in for what takes root there.")
    ] = False,
    install: Annotated[
        bool, typer.Option("--install", help="With --sudoers: put it in place, if sudo asks nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
) -> None:
    """Bring a runtime to a device: this host's pip fetches the wheels; the device needs no pip and no network.

    Shows the pip command, then the files and where they go, and asks before it changes anything on the device.
    --sudoers: which commands of edgebench take root there, as a drop-in that allows exactly those without a password.

    Example: edgebench devices setup jetson-nano
    """
    from edgebench.controller.devices import load_devices, select_device
    from edgebench.controller.runtimes import FoundRuntime
    from edgebench.controller.session import DeviceSession
    from edgebench.controller.setup import plan_setup
    from edgebench.controller.view import SilentView

    if install and not sudoers:
        raise UsageError("--install is for --sudoers", hint=f"a runtime: `edgebench devices setup {name}`")
    entry = select_device(name, load_devices())
    with DeviceSession(entry, SilentView()) as session:
        if sudoers:
            _sudoers(session, install)
            return
        plan = plan_setup(session, backend)
        if isinstance(plan, FoundRuntime):
            _already(session, backend, plan)
            return
        _show_command(session, plan)
        if not yes and not sys.stdin.isatty():
            raise UsageError("nothing was done: there is no terminal to ask on", hint="add --yes")
        with TemporaryDirectory(prefix="edgebench-wheels-") as folder:
            _fetch_and_bring(session, plan, Path(folder), yes)


def _sudoers(session: DeviceSession, install: bool) -> None:
    """Print the drop-in, or place it where root may be had without a password."""
    from edgebench.controller.sudoers import DROP_IN, ask_privileges
    from edgebench.controller.sudoers import install as place

    name = session.entry.name
    needed = ask_privileges(session)
    if needed.text is None:
        tell(f"{name}: nothing that edgebench does there takes root")
    elif install:
        place(session, needed)
        out().print(f"{name}: {DROP_IN} is in place: {len(needed.commands)} commands for {needed.user}", markup=False)
    else:
        out().print(needed.text.rstrip("\n"), markup=False, soft_wrap=True)
        tell(f"nothing was changed on {name}; --install puts it into {DROP_IN} there, checked by visudo")


def _already(session: DeviceSession, backend: str, found: object) -> None:
    """Nothing to bring: does what is there start?"""
    from edgebench.controller.runtimes import FoundRuntime
    from edgebench.controller.setup import try_runtime

    assert isinstance(found, FoundRuntime)
    said = try_runtime(session, backend, found)
    where = f"in {session.client.home}/{found.path}" if found.path else "with its Python"
    out().print(f"{session.entry.name} has {backend} {said['version']} {where}: nothing to do", markup=False)


def _show_command(session: DeviceSession, plan: SetupPlan) -> None:
    """What this host will run."""
    from edgebench.controller.wheels import pip_command

    command = shlex.join(pip_command(plan.target, plan.requirements, "FOLDER"))
    tags = plan.target.platforms
    if verbosity() < 1:
        rest = " ".join(f"--platform {tag}" for tag in tags[1:])
        command = command.replace(rest, f"... ({len(tags)} platforms down to {tags[-1]}, all with -v)")
    tell(f"this host fetches wheels for {plan.target.tag} of {session.entry.name}:\n  {command}")


def _fetch_and_bring(session: DeviceSession, plan: SetupPlan, folder: Path, yes: bool) -> None:
    from edgebench.controller.setup import bring_runtime, fetch_wheels

    wheels = fetch_wheels(session, plan, folder)
    target = f"{session.client.home}/runtimes/{plan.name(wheels)}"
    _show_wheels(wheels, session.entry.name, target)
    if not yes and not confirm(f"Bring them to {session.entry.name}?"):
        tell(f"nothing was changed on {session.entry.name}")
        return
    said = bring_runtime(session, plan, wheels)
    providers = ", ".join(said["providers"] or [])
    ending = f" ({providers})" if providers else ""
    out().print(f"{session.entry.name}: {plan.backend} {said['version']} in {target}{ending}", markup=False)


def _show_wheels(wheels: list[Wheel], device: str, target: str) -> None:
    """The files, their sizes and where they go."""
    from rich.table import Table

    table = Table("wheel", "MiB", "unpacked MiB", box=None)
    for wheel in wheels:
        table.add_row(wheel.path.name, f"{wheel.bytes / MIB:.1f}", f"{wheel.unpacked_bytes / MIB:.1f}")
    total, unpacked = sum(wheel.bytes for wheel in wheels), sum(wheel.unpacked_bytes for wheel in wheels)
    table.add_row("in all", f"{total / MIB:.1f}", f"{unpacked / MIB:.1f}")
    out().print(table)
    tell(f"they go to {device}, unpacked into {target}")


def register(app: typer.Typer) -> None:
    """Put the command into its group."""
    app.command()(setup)
