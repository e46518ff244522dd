"""Getting to know a phone behind an adb server: its own serial, what it is, its profile."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from edgebench.controller.add_device import check_name
from edgebench.controller.devices import DeviceEntry
from edgebench.controller.profiles import choose_phone_profile
from edgebench.phones.properties import parse_properties
from edgebench.transports.places import AdbPlace

_SIMULATED = re.compile(r"\bsimulated\b")  # in the build's fingerprint of edgebench's own simulated phones

_GENERIC = "generic-android"


@dataclass(frozen=True)
class NewPhone:
    """A phone that answered: the entry to save, and what it said of itself ("unknown" where it did not)."""

    entry: DeviceEntry
    model: str
    android: str


def meet_phone(
    serial: str | None,
    server: str | None,
    taken: Iterable[str],
    *,
    name: str | None = None,
    profile: str | None = None,
    labels: Iterable[str] = (),
) -> NewPhone:
    """The phone of that serial (None: the only one) by way of that server ("host:port", None: the environment's).

    The entry holds the phone's own serial, so that it serves by cable and over Wi-Fi. Raises `UsageError` for a name
    that is taken and where several phones could be meant, and the transport's `DeviceError`s.
    """
    from edgebench.transports.adb import AdbTransport

    taken = set(taken)
    if name:
        check_name(name, taken)
    with AdbTransport(AdbPlace(name or serial or "adb", serial=serial, server=server)) as transport:
        said = transport.exec(["getprop"]).stdout.decode("utf-8", "replace")
        own = transport.serial
    properties = parse_properties(said)
    profile = profile or choose_phone_profile(properties)
    entry = DeviceEntry(
        name or check_name(_name_of(profile, properties), taken),
        profile=profile,
        transport="adb",
        serial=own,
        server=server,
        labels=tuple(labels),
    )
    if _SIMULATED.search(properties.get("ro.build.fingerprint", "")):
        entry = replace(entry, simulated=True)
    model = f"{properties.get('ro.product.manufacturer', '')} {properties.get('ro.product.model', '')}".strip()
    return NewPhone(entry, model or "unknown", properties.get("ro.build.version.release") or "unknown")


def _name_of(profile: str, properties: dict[str, str]) -> str:
    """A phone is called as its profile, and by its model where that is nobody's."""
    if profile != _GENERIC:
        return profile
    words = re.sub(r"[^a-z0-9]+", "-", properties.get("ro.product.model", "").lower()).strip("-")
    return words[:63] or "phone"
