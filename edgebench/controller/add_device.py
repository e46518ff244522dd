"""Getting to know a new device: its host key accepted by a person, a key of the user's let in, its profile found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from edgebench.controller.devices import NAME, DeviceEntry
from edgebench.controller.session import place_of
from edgebench.errors import AuthRefused, HostKeyError, UsageError
from edgebench.transports.places import SshPlace

_TARGET = re.compile(
    r"(?:(?P<user>[^@\s]+)@)?(?P<host>\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9][A-Za-z0-9._-]*)(?::(?P<port>\d+))?\Z"
)
MAX_PORT = 65535


class Asker(Protocol):
    """The person at the terminal; `None` in its place: nobody is there."""

    def accept(self, host: str, key_type: str, fingerprint: str) -> bool:
        """Whether this is the device's key."""
        ...

    def install(self, public_key: Path, why: str) -> str | None:
        """The password for installing that public key, None to leave it."""
        ...


def new_entry(
    target: str,
    taken: Iterable[str],
    *,
    name: str | None = None,
    port: int | None = None,
    key: str | None = None,
    python: str | None = None,
    labels: Iterable[str] = (),
) -> DeviceEntry:
    """The entry for `user@host[:port]`. Raises `UsageError` for what is no target, and for a name that is taken."""
    parts = _TARGET.match(target)
    if not parts:
        raise UsageError(f"{target!r} is not a place", hint="write it as user@host, user@host:port or an ssh alias")
    host = parts["host"].strip("[]")
    port = port or (int(parts["port"]) if parts["port"] else None)
    if port is not None and not 0 < port <= MAX_PORT:
        raise UsageError(f"{port} is no port")
    name = check_name(name or _name_from(host), taken)
    return DeviceEntry(
        name, transport="ssh", host=host, port=port, user=parts["user"], key=key, python=python, labels=tuple(labels)
    )


def check_name(name: str, taken: Iterable[str]) -> str:
    """The name, if a device can bear it. Raises `UsageError`."""
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be a device's name", hint="letters, digits, `.`, `_`, `-`; at most 63")
    if name in taken:
        raise UsageError(
            f"there is a device {name!r} already", hint=f"`edgebench devices remove {name}`, or another --name"
        )
    return name


def _name_from(host: str) -> str:
    """`nano.lab.example` is called nano; an address keeps its digits."""
    return host if re.fullmatch(r"[\d.]+", host) else host.split(".")[0].replace(":", "-")


def meet(entry: DeviceEntry, asker: Asker | None, fingerprint: str | None) -> None:
    """See that the device's host key is known: it was, `fingerprint` is its, or the asker says so.

    Raises `HostKeyError` for a key that changed, is not the one given, or that nobody accepts; `DeviceUnreachable`.
    """
    from edgebench.transports.hostkeys import accept_host_key, scan_host_key
    from edgebench.transports.ssh_config import SshSettings, route
    from edgebench.transports.ssh_link import known_to

    place = _ssh_place(entry)
    settings = SshSettings.of_user()
    known_as = route(place, settings)[-1].known_as
    is_known = bool(known_to(place, settings).keys_of(known_as))
    if is_known and fingerprint is None:
        return  # the connection checks it
    key = scan_host_key(place, settings)
    if fingerprint is not None and key.fingerprint != fingerprint:
        raise HostKeyError(
            entry.name,
            f"{known_as} shows {key.type} {key.fingerprint}, not {fingerprint}",
            hint="compare with what `ssh-keygen -lf` says of /etc/ssh/ssh_host_*_key.pub on the device itself",
        )
    if is_known:
        return
    if fingerprint is None and not (asker and asker.accept(known_as, key.type, key.fingerprint)):
        raise HostKeyError(
            entry.name,
            f"the host key of {known_as} is not accepted: {key.type} {key.fingerprint}",
            hint=f"if the device itself shows this one: add `--fingerprint {key.fingerprint}`",
        )
    accept_host_key(place, key, settings)


def let_in(entry: DeviceEntry, asker: Asker | None, connect: Callable[[SshPlace], None]) -> None:
    """Log in; where no key is taken, install one of the user's with a password asked once. Raises `AuthRefused`."""
    from edgebench.transports.hostkeys import install_public_key

    place = _ssh_place(entry)
    try:
        connect(place)
    except AuthRefused as refused:
        public = public_key(entry)
        password = asker.install(public, refused.message) if asker and public else None
        if public is None or password is None:
            raise
        install_public_key(place, public.read_text(encoding="utf-8"), password)
        connect(place)


def public_key(entry: DeviceEntry) -> Path | None:
    """The user's public key for this device: beside `key`, else the first of ssh's default ones."""
    from edgebench.transports.ssh_config import SshSettings

    keys = [Path(entry.key).expanduser()] if entry.key else SshSettings.of_user().default_keys
    candidates = [key.with_name(f"{key.name}.pub") for key in keys]
    return next((path for path in candidates if path.is_file()), None)


def _ssh_place(entry: DeviceEntry) -> SshPlace:
    place = place_of(entry)
    if not isinstance(place, SshPlace):
        raise UsageError(f"{entry.name} is not reached over ssh")
    return place
