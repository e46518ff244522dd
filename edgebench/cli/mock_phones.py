"""A simulated phone behind the adb server, for `edgebench mock start`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgebench.controller.devices import DeviceEntry
    from edgebench.transports.adb_server import AdbServer


def serve_phone(
    stack: ExitStack, entry: DeviceEntry, folder: Path, *, faults: Sequence[str], speed: float, seed: int
) -> DeviceEntry:
    """A phone of the entry's profile in `folder`, alive and connected until `stack` is closed; the entry to reach it.

    The adb server is that of the environment, started if there is none. Raises `UnknownName` and `UsageError` for
    faults that there are not, `DeviceUnreachable` where there is no adb server.
    """
    from edgebench.errors import ConfigError
    from edgebench.mock.phone.adbd.server import AdbDaemon
    from edgebench.mock.phone.faults import parse_fault, place_of
    from edgebench.mock.phone.link_faults import link_fault
    from edgebench.mock.phone.phone import Phone
    from edgebench.transports.adb_server import AdbSettings, find_server

    wanted = [parse_fault(text) for text in faults]
    if entry.profile is None:
        raise ConfigError(f"{entry.name} has no profile")
    server = find_server(entry.name, None, AdbSettings())
    phone = stack.enter_context(Phone(folder, entry.profile, faults=wanted, seed=seed, speed=speed))
    daemon = stack.enter_context(AdbDaemon(phone))
    for fault in wanted:
        if place_of(fault) == "link":
            daemon.faults.put(link_fault(fault, speed))
    _connect(stack, server, daemon.address)
    home = phone.root / "data/local/tmp/edgebench"
    return replace(entry, transport="adb", serial=daemon.address, server=str(server.address), home=str(home))


def _connect(stack: ExitStack, server: AdbServer, address: str) -> None:
    """Have the server connect to the phone, and forget it in the end. One that does not answer is listed so."""
    from edgebench.errors import DeviceUnreachable
    from edgebench.transports.adb_server import BROKEN

    def disconnect() -> None:
        with contextlib.suppress(DeviceUnreachable, *BROKEN):
            server.ask(f"host:disconnect:{address}")

    stack.callback(disconnect)
    with contextlib.suppress(DeviceUnreachable, *BROKEN):
        server.introduce(address)
