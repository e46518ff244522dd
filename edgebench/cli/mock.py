"""`edgebench mock ...`: simulated devices, for trying things out and for tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edgebench.controller.devices import DeviceEntry

app = typer.Typer(no_args_is_help=True, help="Simulated devices.\n\nExample: edgebench mock start jetson-nano")

BOARDS = {
    "localhost": ("rapl", "a PC: energy counters, one thermal zone"),
    "jetson-nano": ("iio", "JetPack 4's power monitor, three thermal zones"),
    "jetson-orin-nano": ("hwmon", "JetPack 6's power monitor, three thermal zones"),
    "jetson-agx-orin": ("agx-orin", "two power monitors with unconnected channels"),
    "jetson-thor": ("thor", "input power in uW, a gated rail, a zone that cannot be read"),
}
"""Profile -> the fake board's form, and what it shows."""

PID = "server.pid"
"""In the device's folder: who serves it."""


@app.command("list")
def list_() -> None:
    """List the devices that can be simulated.

    Example: edgebench mock list
    """
    from rich.table import Table

    from edgebench.cli.output import out

    table = Table.grid(padding=(0, 2))
    for profile, (_, text) in BOARDS.items():
        table.add_row(f"[bold]{profile}[/]", text)
    out().print(table)


@app.command()
def start(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="`edgebench mock list` names them.")],
    name: Annotated[str | None, typer.Option(help="The device's name; default mock-PROFILE.")] = None,
    speed: Annotated[float, typer.Option(min=0.01, help="Seconds of the device in one of ours.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of its sensors' noise.")] = 0,
    json: Annotated[str | None, typer.Option(metavar="PATH|-", help="The device as one line of JSON.")] = None,
) -> None:
    """Serve a simulated device, registered while this runs; Ctrl-C ends it.

    It computes on this machine; sensors and clocks are simulated, power follows this machine's load. Rows get grade D.

    Example: edgebench mock start localhost
    """
    import signal
    from tempfile import TemporaryDirectory

    from edgebench.errors import UnknownName
    from edgebench.mock.following import following_schedule
    from edgebench.mock.living import Living
    from edgebench.mock.sysfs import FakeBoard

    if profile not in BOARDS:
        raise UnknownName("simulated device", profile, BOARDS)
    with TemporaryDirectory(prefix="edgebench-mock-") as folder:
        entry = _entry(name or f"mock-{profile}", profile, Path(folder))
        with (
            FakeBoard(entry.root, BOARDS[profile][0], seed=seed, load=following_schedule()) as board,
            Living(board, speed=speed, seed=seed),
            _registered(entry),
        ):
            try:
                _tell(entry, json)
                signal.pause()
            except KeyboardInterrupt:
                return


def _entry(name: str, profile: str, folder: Path) -> DeviceEntry:
    """The device of a folder. Raises `ConfigError` if its name is no name."""
    from edgebench.controller.devices import NAME, DeviceEntry
    from edgebench.errors import ConfigError

    if not NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is not a device's name", hint="letters, digits, `.`, `_` and `-`")
    (folder / "root").mkdir()
    (folder / PID).write_text(str(os.getpid()), encoding="ascii")
    root, home = str(folder / "root"), str(folder / "home")
    return DeviceEntry(name, profile=profile, transport="local", simulated=True, root=root, home=home)


@contextmanager
def _registered(entry: DeviceEntry) -> Iterator[None]:
    """The device in the user's file while the block runs. Raises `ConfigError` for a name that is taken."""
    from edgebench.controller.devices import load_devices, remove_device, save_device
    from edgebench.errors import ConfigError

    other = load_devices().get(entry.name)
    if other is not None and not (other.simulated and _is_abandoned(other)):
        raise ConfigError(f"there is a device {entry.name} already", hint="choose another with --name")
    save_device(entry)
    try:
        yield
    finally:
        remove_device(entry.name)


def _is_abandoned(entry: DeviceEntry) -> bool:
    """Whether nobody serves a simulated device any more (its server was killed)."""
    try:
        os.kill(int((Path(entry.root).parent / PID).read_text(encoding="ascii")), 0)
    except (OSError, ValueError):
        return True
    return False


def _tell(entry: DeviceEntry, json: str | None) -> None:
    import json as encoder

    from edgebench.cli.output import out, write_document

    if json is not None:
        served = {"device": entry.name, "profile": entry.profile, "simulated": True, "root": entry.root}
        write_document(encoder.dumps(served | {"pid": os.getpid()}), json)
    if json != "-":
        out().print(f"{entry.name} is served; Ctrl-C ends it", markup=False)
        out().print(f"try: edgebench run --device {entry.name} --quick MODEL.onnx", markup=False, style="dim")
