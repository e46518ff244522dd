"""The phones that a running adb server knows, each once, with their state."""

from __future__ import annotations

from dataclasses import dataclass

from edgebench.errors import DeviceError
from edgebench.transports.adb import link_to, list_phones, serial_of
from edgebench.transports.adb_phones import Listed, by_phone, unusable
from edgebench.transports.adb_server import AdbServer, AdbSettings, find_server, server_address


@dataclass(frozen=True)
class FoundPhone:
    """A phone: its own serial (as listed where it does not say), the way to it, and what it is in, in words.

    `todo` says what to do where it is not ready.
    """

    serial: str
    way: str
    state: str
    todo: str | None = None


def find_phones(given: str | None = None, settings: AdbSettings | None = None) -> list[FoundPhone]:
    """What the server of `given` ("host:port") or of the environment knows; no server is started for this.

    Phones that are ready are asked for their serial, so that cable and Wi-Fi of one count once; one that does not
    answer stands under the serial that is listed. Raises DeviceUnreachable where no server answers, UsageError.
    """
    settings = settings or AdbSettings()
    address = server_address(given, settings.environment)
    server = find_server("adb", str(address), settings)  # an address that is given is not started
    listed = list_phones(server)
    phones = by_phone([one for one in listed if one.is_ready], lambda way: serial_of(link_to(server, way)))
    found = [FoundPhone(serial, way.serial, _state(server, way)) for serial, way in phones.items()]
    return found + [_not_ready(one) for one in listed if not one.is_ready]


def _state(server: AdbServer, way: Listed) -> str:
    return "ready over the network" if way.is_network else "ready"


def _not_ready(one: Listed) -> FoundPhone:
    why: DeviceError = unusable("adb", one)
    return FoundPhone(one.serial, one.serial, one.state.split(" (")[0], why.hint)
