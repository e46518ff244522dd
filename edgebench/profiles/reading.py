"""From a file's text to a `Profile`: strict, with messages that name file, table and the nearest right key."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from edgebench.errors import ConfigError, nearest_hint
from edgebench.profiles.profile import Modes, Profile

EXTENDS = "extends"
_PATH = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<where>.*)`)?$", re.DOTALL)


def read_tables(path: Path) -> dict[str, Any]:
    """The tables of a file, numbered power modes gathered under `names`. Raises `ConfigError`."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}", hint="mend the file") from error
    modes = data.get("modes")
    if isinstance(modes, dict):
        names = {int(key): modes.pop(key) for key in list(modes) if key.isascii() and key.isdigit()}
        if names:
            modes["names"] = names
    extends = data.get(EXTENDS)
    if extends is not None and not isinstance(extends, str):
        raise ConfigError(f"{path}: {EXTENDS} must be a profile's name, not {extends!r}")
    _check_keys(Profile, {key: value for key, value in data.items() if key != EXTENDS}, path, "")
    return data


def to_profile(data: dict[str, Any], path: Path) -> Profile:
    """The record of merged tables. Raises `ConfigError` naming the place of what is wrong."""
    try:
        profile = msgspec.convert(data, Profile)
        re.compile(profile.match.model_regex or "")
    except msgspec.ValidationError as error:
        parts = _PATH.match(str(error))
        where = parts["where"] if parts and parts["where"] else ""
        what = parts["what"] if parts else str(error)
        raise ConfigError(f"{path}: {where.lstrip('.') or 'the file'}: {what}") from error
    except re.error as error:
        raise ConfigError(f"{path}: [match] model_regex: {error}") from error
    return profile


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` laid over `base`: tables are merged key by key, everything else (lists too) is replaced."""
    merged = dict(base)
    for key, value in over.items():
        before = merged.get(key)
        merged[key] = merge(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return merged


def _check_keys(struct: type[msgspec.Struct], data: dict[str, Any], path: Path, table: str) -> None:
    """Refuse keys that the struct has not, here and in tables below."""
    hints = get_type_hints(struct)
    for key, value in data.items():
        if key not in hints:
            known = [name for name in hints if not (struct is Modes and name == "names")]
            where = f"[{table}] " if table else ""
            raise ConfigError(f"{path}: {where}unknown key {key!r}", hint=nearest_hint(key, known))
        below = f"{table}.{key}" if table else key
        inner = _struct_of(hints[key])
        if inner is None:
            continue
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                _check_keys(inner, item, path, below)


def _struct_of(hint: Any) -> type[msgspec.Struct] | None:
    """The struct that a field holds, alone, in a tuple or beside None."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint
    if get_origin(hint) in (tuple, Union, UnionType):
        return next((found for found in map(_struct_of, get_args(hint)) if found), None)
    return None
