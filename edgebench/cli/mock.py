"""`edgebench mock ...`: simulated devices, for trying things out and for tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edgebench.controller.devices import DeviceEntry

app = typer.Typer(no_args_is_help=True, help="Simulated devices.\n\nExample: edgebench mock start jetson-nano")

LOCAL = {"localhost": "a PC: energy counters, one thermal zone"}
"""Profile -> what it shows; it is this machine with a tree of made-up sensors."""

BOARDS = {
    "jetson-nano": "JetPack 4: rails that only root reads, nvpmodel, jetson_clocks, tegrastats, trtexec",
    "jetson-nano-2gb": "JetPack 4, no power monitor at all",
    "jetson-xavier-nx": "JetPack 5, nine power modes",
    "jetson-orin-nano": "JetPack 6: rails in hwmon, over-current counters, a mode that needs a reboot",
    "jetson-agx-orin": "JetPack 5: two power monitors with unconnected channels",
    "jetson-thor": "JetPack 7: input power in uW, a zone that cannot be read",
    "raspberry-pi-5": "vcgencmd with the power chip's readings",
    "raspberry-pi-4": "vcgencmd, no power sensor",
}
"""Profile -> what the simulated board shows; they are reached through an SSH server of their own."""

PHONES = {
    "oneplus-7t": "a phone: gauge in mA once a second, GPU delegate, NNAPI that refuses",
    "pixel-8": "a phone: energy counters of its rails, NNAPI that takes a part",
    "generic-android": "a phone that no profile knows: gauge in uA, no NNAPI",
}
"""Profile -> what the simulated phone shows; they are reached through the adb server."""

PID = "server.pid"
"""In the device's folder: who serves it."""


@app.command("list")
def list_() -> None:
    """List the devices that can be simulated, and the faults that boards and phones can be given.

    Example: edgebench mock list
    """
    from rich.table import Table

    from edgebench.cli.output import out
    from edgebench.mock.jetson.faults import FAULTS as OF_BOARDS
    from edgebench.mock.phone.faults import FAULTS as OF_PHONES

    def show(rows: dict[str, str]) -> None:
        table = Table.grid(padding=(0, 2))
        for name, text in rows.items():
            table.add_row(f"[bold]{name}[/]", text)
        out().print(table)

    show(LOCAL | BOARDS | PHONES)
    out().print("faults of a board: --fault NAME, NAME@12s (from its second 12 on), NAME@3 (its third command)")
    show({name: text for name, (_, text) in OF_BOARDS.items()})
    out().print("faults of a phone: --fault NAME, NAME@12s (from its second 12 on), NAME@3 (its third push or run)")
    show({name: text for name, (_, text) in OF_PHONES.items()})


@app.command()
def start(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="`edgebench mock list` names them.")],
    name: Annotated[str | None, typer.Option(help="The device's name; default mock-PROFILE.")] = None,
    speed: Annotated[float, typer.Option(min=0.01, help="Seconds of the device in one of ours.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of its sensors' noise.")] = 0,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[@WHEN]", help="Of a board or phone; `edgebench mock list` names them."),
    ] = None,
    json: Annotated[str | None, typer.Option(metavar="PATH|-", help="The device as one line of JSON.")] = None,
) -> None:
    """Serve a simulated device, registered while this runs; Ctrl-C ends it.

    A board is reached by SSH and computes on this machine, all but TensorRT: sensors, clocks and its vendor's programs
    are simulated, power follows what its processes do. A phone is simulated as a whole and connected to the adb server;
    its latencies are made up too. Rows get grade D.

    Example: edgebench mock start jetson-nano
    """
    import signal
    from tempfile import TemporaryDirectory

    from edgebench.errors import UnknownName, UsageError

    known = LOCAL | BOARDS | PHONES
    if profile not in known:
        raise UnknownName("simulated device", profile, known)
    if fault and profile in LOCAL:
        raise UsageError(f"{profile} knows no faults", hint=f"boards and phones do: {', '.join(BOARDS | PHONES)}")
    with TemporaryDirectory(prefix="edgebench-mock-") as folder, ExitStack() as stack:
        place = Path(folder)
        entry = _entry(name or f"mock-{profile}", profile, place)
        try:
            if profile in PHONES:
                from edgebench.cli.mock_phones import serve_phone

                entry = serve_phone(stack, entry, place, faults=fault or [], speed=speed, seed=seed)
            elif profile in BOARDS:
                from edgebench.cli.mock_boards import serve_board

                entry = serve_board(stack, entry, place, faults=fault or [], speed=speed, seed=seed)
            else:
                _serve_local(stack, entry, speed, seed)
            stack.enter_context(_registered(entry))
            _tell(entry, json)
            signal.pause()
        except KeyboardInterrupt:
            return


def _serve_local(stack: ExitStack, entry: DeviceEntry, speed: float, seed: int) -> None:
    """A tree of made-up sensors that lives until the stack is closed."""
    from edgebench.mock.following import following_schedule
    from edgebench.mock.living import Living
    from edgebench.mock.sysfs import FakeBoard

    board = stack.enter_context(FakeBoard(entry.root, "rapl", seed=seed, load=following_schedule()))
    stack.enter_context(Living(board, speed=speed, seed=seed))


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
        served: dict[str, object] = {
            "device": entry.name,
            "profile": entry.profile,
            "simulated": True,
            "root": entry.root,
        }
        if entry.transport == "ssh":
            served |= {"host": entry.host, "port": entry.port, "user": entry.user, "key": entry.key,
                       "known_hosts": entry.known_hosts, "home": entry.home}  # fmt: skip
        if entry.serial:
            served |= {"serial": entry.serial, "server": entry.server, "home": entry.home}
        write_document(encoder.dumps(served | {"pid": os.getpid()}), json)
    if json != "-":
        out().print(f"{entry.name} is served; Ctrl-C ends it", markup=False)
        model = "MODEL.tflite" if entry.transport == "adb" else "MODEL.onnx"
        out().print(f"try: edgebench run --device {entry.name} --quick {model}", markup=False, style="dim")
