"""The user's devices: `devices.toml`, its names, labels and profiles.

Place and device are two things: an entry says how to reach a device; what it is comes from its profile and its facts.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebench.errors import ConfigError, UnknownName, UsageError, nearest_hint

LOCALHOST = "localhost"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True)
class DeviceEntry:
    """One device of the user's file. `root` other than `/` is a fake sysfs tree: such a device counts as simulated."""

    name: str
    profile: str | None = None
    transport: str = "ssh"
    host: str | None = None
    port: int | None = None
    user: str | None = None
    key: str | None = None
    known_hosts: str | None = None
    python: str | None = None
    home: str | None = None
    root: str = "/"
    serial: str | None = None
    server: str | None = None
    labels: tuple[str, ...] = ()
    simulated: bool = False

    @property
    def is_simulated(self) -> bool:
        """Whether figures of this device are simulated."""
        return self.simulated or self.root != "/"

    @property
    def where(self) -> str:
        """How it is reached, in words."""
        if self.transport == "local":
            return "this machine"
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        return f"{self.transport} {user}{self.host or self.serial or '?'}{port}"


FIELDS: dict[str, type] = {
    "profile": str,
    "transport": str,
    "host": str,
    "port": int,
    "user": str,
    "key": str,
    "known_hosts": str,
    "python": str,
    "home": str,
    "root": str,
    "serial": str,
    "server": str,
    "labels": list,
    "simulated": bool,
}


def config_dir() -> Path:
    """The user's config folder; `EDGEBENCH_CONFIG` overrides it."""
    given = os.environ.get("EDGEBENCH_CONFIG")
    if given:
        return Path(given)
    import platformdirs

    return Path(platformdirs.user_config_dir("edgebench"))


def devices_file() -> Path:
    """The user's `devices.toml`."""
    return config_dir() / "devices.toml"


def load_devices(path: Path | None = None) -> dict[str, DeviceEntry]:
    """All devices of the file, and `localhost`. Raises `ConfigError` naming the key and the nearest right one."""
    path = path or devices_file()
    entries = {LOCALHOST: DeviceEntry(LOCALHOST, profile=LOCALHOST, transport="local")}
    if not path.exists():
        return entries
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}", hint="mend the file; `edgebench devices list` reads it again") from error
    for name, table in data.items():
        entries[name] = _entry(name, table, path)
    return entries


def _entry(name: str, table: Any, path: Path) -> DeviceEntry:
    if not NAME.fullmatch(name) or not isinstance(table, dict):
        raise ConfigError(f"{path}: {name!r} is not a device", hint="a device is a table: `[jetson-nano]`")
    for key, value in table.items():
        kind = FIELDS.get(key)
        if kind is None:
            raise ConfigError(f"{path}: [{name}] unknown key {key!r}", hint=nearest_hint(key, FIELDS))
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ConfigError(f"{path}: [{name}] {key} must be {_KIND_NAMES[kind]}, not {value!r}")
    values = dict(table)
    values["labels"] = tuple(str(label) for label in values.get("labels", ()))
    entry = DeviceEntry(name=name, **values)
    known = ("local", "ssh", "adb")
    if entry.transport not in known:
        raise ConfigError(
            f"{path}: [{name}] unknown transport {entry.transport!r}", hint=nearest_hint(entry.transport, known)
        )
    if entry.transport == "ssh" and not entry.host:
        raise ConfigError(f"{path}: [{name}] has no host", hint='add `host = "192.168.1.20"`')
    return entry


_KIND_NAMES = {str: "a string", int: "a number", list: "a list", bool: "true or false"}


def select_devices(names: Iterable[str], entries: dict[str, DeviceEntry]) -> list[DeviceEntry]:
    """The devices meant by names, profile names and @labels, in order, each once.

    A profile's name works when exactly one *real* device has that profile. Raises `UnknownName`.
    """
    chosen: dict[str, DeviceEntry] = {}
    for name in names:
        for entry in _meant(name, entries):
            chosen[entry.name] = entry
    return list(chosen.values())


def select_device(name: str, entries: dict[str, DeviceEntry]) -> DeviceEntry:
    """The one device meant by a name. Raises `UnknownName`, and `UsageError` for a label of several."""
    chosen = select_devices([name], entries)
    if len(chosen) > 1:
        names = ", ".join(entry.name for entry in chosen)
        raise UsageError(f"{name} names {len(chosen)} devices: {names}", hint="name one of them")
    return chosen[0]


def _meant(name: str, entries: dict[str, DeviceEntry]) -> list[DeviceEntry]:
    if name in entries:
        return [entries[name]]
    if name.startswith("@"):
        labelled = [entry for entry in entries.values() if name[1:] in entry.labels]
        if not labelled:
            labels = {f"@{label}" for entry in entries.values() for label in entry.labels}
            raise UnknownName("label", name, labels)
        return labelled
    real = [entry for entry in entries.values() if entry.profile == name and not entry.is_simulated]
    if len(real) == 1:
        return real
    if len(real) > 1:
        both = ", ".join(entry.name for entry in real)
        raise UnknownName("device", name, entries, hint=f"several devices have that profile: {both}; name one")
    close = nearest_hint(name, entries)
    add = (
        f"add it: `edgebench devices add user@host --name {name}`, a phone `devices add --adb --name {name}`"
        if NAME.fullmatch(name)
        else ""
    )
    joined = " Or " if close and close.endswith("?") else "; or "
    raise UnknownName("device", name, entries, hint=joined.join(part for part in (close, add) if part))


def save_device(entry: DeviceEntry, path: Path | None = None) -> None:
    """Write or replace one device in the user's file, keeping the comments of the rest."""
    import tomlkit

    path = path or devices_file()
    document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
    table = tomlkit.table()
    for key in FIELDS:
        value = getattr(entry, key)
        if value not in (None, (), False) and not (key == "root" and value == "/"):
            table[key] = list(value) if key == "labels" else value
    document[entry.name] = table
    _write(path, tomlkit.dumps(document))


def remove_device(name: str, path: Path | None = None) -> None:
    """Take one device out of the user's file. Raises `UnknownName`."""
    import tomlkit

    path = path or devices_file()
    document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
    if name not in document:
        raise UnknownName("device", name, document.keys())
    del document[name]
    _write(path, tomlkit.dumps(document))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part-{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
