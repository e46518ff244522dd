"""Option values as people type them: lists with commas, KEY=VALUE, shares, ranges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from edgebench.errors import UsageError

T = TypeVar("T")


def split_list(text: str | None) -> list[str]:
    """`a,b` as a list; nothing as an empty one."""
    return [part.strip() for part in text.split(",") if part.strip()] if text else []


def split_ints(text: str | None, option: str, least: int = 1) -> list[int]:
    """`1,2,4` as integers of at least `least`. Raises `UsageError`."""
    try:
        values = [int(part) for part in split_list(text)]
    except ValueError:
        raise UsageError(f"{option} takes whole numbers, not {text!r}", hint=f"for example `{option} 1,2`") from None
    if any(value < least for value in values):
        raise UsageError(f"{option} takes numbers from {least} on, not {text!r}")
    return values


def pairs(values: Sequence[str], option: str) -> dict[str, str]:
    """Repeated KEY=VALUE as a dict. Raises `UsageError`."""
    found = {}
    for value in values:
        key, equals, rest = value.partition("=")
        if not equals or not key:
            raise UsageError(f"{option} takes KEY=VALUE, not {value!r}", hint=f"for example `{option} name=value`")
        found[key] = rest
    return found


def floats(values: dict[str, str], option: str) -> dict[str, float]:
    """The values as numbers. Raises `UsageError`."""
    found = {}
    for key, value in values.items():
        try:
            found[key] = float(value)
        except ValueError:
            raise UsageError(f"{option} {key} takes a number, not {value!r}") from None
    return found


def share(text: str | None, option: str) -> float | None:
    """`95%` or `0.95` as a share. Raises `UsageError`."""
    if text is None:
        return None
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UsageError(f"{option} takes a share such as 95%, not {text!r}")
    return value


def span(text: str | None, option: str) -> tuple[float, float] | None:
    """`0,255` as a range. Raises `UsageError`."""
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"{option} takes LOW,HIGH, not {text!r}", hint=f"for example `{option} 0,255`") from None
    if not low < high:
        raise UsageError(f"{option}: {low:g} is not below {high:g}")
    return low, high


def once(values: Sequence[str], parse: Callable[[str], tuple[str, T]], option: str) -> dict[str, T]:
    """Parsed NAME=... options, each name once. Raises `UsageError`."""
    found: dict[str, T] = {}
    for value in values:
        name, parsed = parse(value)
        if name in found:
            raise UsageError(f"{option} {name} is given twice")
        found[name] = parsed
    return found
