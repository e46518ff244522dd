"""Which of the phones that a server lists is meant, and what its state means when it cannot be used."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgebench.errors import AuthRefused, DeviceError, DeviceUnfit, DeviceUnreachable, UsageError

_NETWORK = re.compile(r".+:\d+\Z|.+\._adb(-tls-connect)?\._tcp\.?\Z")
_NO_SERIAL = ("", "unknown", "0", "(no serial number)", "????????????")


@dataclass(frozen=True)
class Listed:
    """One line of `adb devices`: a way to a phone, and its state in adb's words."""

    serial: str
    state: str

    @property
    def is_ready(self) -> bool:
        """Whether commands can be run there (as far as the server knows: a frozen phone is listed so too)."""
        return self.state == "device"

    @property
    def is_network(self) -> bool:
        """Whether it is reached over a network, not by a cable."""
        return bool(_NETWORK.match(self.serial))


def listed_of(text: str) -> list[Listed]:
    """The lines of the server's `host:devices`.

    >>> listed_of("HD1901\\tdevice\\n192.168.1.7:5555\\toffline\\n")[1].state
    'offline'
    """
    fields = (line.split("\t", 1) for line in text.splitlines())
    return [Listed(parts[0].strip(), parts[1].strip()) for parts in fields if len(parts) > 1]


def own_serial(said: str, listed: str) -> str:
    """A phone's `ro.serialno`, or what the server lists where that is empty or says nothing."""
    said = said.strip()
    return listed if said in _NO_SERIAL or not said.isprintable() else said


def choose(name: str, listed: Sequence[Listed], wanted: str | None, ask: Callable[[Listed], str]) -> Listed:
    """The way to the phone that is meant; `ask` gives the own serial of one that is ready.

    A phone that is listed twice (cable and Wi-Fi) counts once; the cable is preferred. With no serial wanted, one that
    is not ready counts too, as it may be the one that is meant; `offline` is what old addresses say and does not.
    Raises UsageError where several could be meant, else AuthRefused, DeviceUnfit or DeviceUnreachable.
    """
    ready = [one for one in listed if one.is_ready]
    if wanted is not None:
        return _named(name, listed, ready, wanted, ask)
    phones = by_phone(ready, ask)
    others = [one for one in listed if not one.is_ready and one.state != "offline"]
    if len(phones) + len(others) > 1:
        names = [*sorted(phones), *(f"{one.serial} ({one.state.split()[0]})" for one in others)]
        hint = f'name one: `--adb {names[0]}` of `edgebench devices add`, or `serial = "{names[0]}"` in devices.toml'
        raise UsageError(f"{name}: adb lists {len(names)} phones: {', '.join(names)}", hint=hint)
    if phones:
        return next(iter(phones.values()))
    if others or listed:
        raise unusable(name, (others or list(listed))[0])
    raise DeviceUnreachable(name, "adb lists no phone", hint=_CONNECT_HINT)


_CONNECT_HINT = (
    "connect it by cable, switch on `USB debugging` in its developer options, and look at its screen; over Wi-Fi: "
    "`adb connect IP:PORT`"
)


def _named(
    name: str, listed: Sequence[Listed], ready: Sequence[Listed], wanted: str, ask: Callable[[Listed], str]
) -> Listed:
    exact = [one for one in listed if one.serial == wanted]
    for one in exact:
        if one.is_ready:
            return one
    phones = by_phone(ready, ask)
    if wanted in phones:
        return phones[wanted]
    if exact:
        raise unusable(name, exact[0])
    there = [*sorted(phones), *(f"{one.serial} ({one.state.split()[0]})" for one in listed if not one.is_ready)]
    hint = f"adb lists {', '.join(there)}" if there else f"adb lists no phone at all: {_CONNECT_HINT}"
    raise DeviceUnreachable(name, f"the phone {wanted} is not there", hint=hint)


def by_phone(ready: Sequence[Listed], ask: Callable[[Listed], str]) -> dict[str, Listed]:
    """The best way to each phone by its own serial: a cable before a network, else the first that is listed.

    One that does not answer stands under the serial that is listed.
    """
    phones: dict[str, Listed] = {}
    for one in sorted(ready, key=lambda one: one.is_network):
        try:
            serial = ask(one)
        except DeviceError:
            serial = one.serial
        phones.setdefault(serial, one)
    return phones


def unusable(name: str, one: Listed) -> DeviceError:
    """What a state other than `device` means, and what to do."""
    state = one.state.split("; see")[0]
    if state == "unauthorized":
        message = f"the phone {one.serial} does not allow USB debugging from this computer yet"
        hint = (
            "unlock it and press `Allow` at `Allow USB debugging?`; if it does not ask: switch USB debugging off and "
            "on in its developer options"
        )
        return AuthRefused(name, message, hint=hint)
    if state.startswith("no permissions"):
        message = f"this user may not use the USB device of the phone {one.serial} ({state})"
        hint = "sudo apt install android-sdk-platform-tools-common (udev rules), `sudo usermod -aG plugdev $USER`, "
        return DeviceUnfit(name, message, code="permission", hint=hint + "then log in again and reconnect the cable")
    hint = _STATE_HINTS.get(state, "`adb reconnect` or the cable once more; `adb devices` shows its state")
    return DeviceUnreachable(name, f"the phone {one.serial} is {_STATE_WORDS.get(state, state)}", hint=hint)


_STATE_WORDS = {
    "recovery": "in recovery mode",
    "sideload": "in sideload mode",
    "rescue": "in rescue mode",
    "bootloader": "in its bootloader",
    "authorizing": "still being asked for permission",
    "connecting": "still connecting",
}
_REBOOT = "restart it into Android: `adb reboot`"
_STATE_HINTS = {
    "offline": "is it restarting? else unplug it and plug it in again, or `adb reconnect offline`",
    "recovery": _REBOOT,
    "sideload": _REBOOT,
    "rescue": _REBOOT,
    "bootloader": "restart it into Android: `fastboot reboot`",
    "authorizing": "look at its screen: press `Allow`",
    "connecting": "wait a moment",
}
