"""When something goes wrong on a simulated device: always, from a second on, at the nth occasion, or at a moment."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from edgebench.errors import UnknownName, UsageError

_TEXT = re.compile(r"([a-z-]+)(?:@(?:([a-z]+)|(\d+(?:\.\d+)?)(s?)))?")


@dataclass(frozen=True)
class Fault:
    """A fault that strikes from second `after_s` of the device on, at the `nth` occasion (from 1), or at a `moment`.

    With none of them, it strikes always.
    """

    name: str
    after_s: float | None = None
    nth: int | None = None
    moment: str | None = None

    def strikes(self, seconds: float = 0.0, nth: int = 0, moment: str | None = None) -> bool:
        """Whether it does `seconds` after the device was started, at the `nth` occasion, or at a `moment`."""
        if self.moment is not None:
            return moment == self.moment
        if self.nth is not None:
            return nth == self.nth
        return self.after_s is None or seconds >= self.after_s


def parse(text: str, names: Collection[str], counted: tuple[str, str], moments: Collection[str] = ()) -> Fault:
    """`NAME`, `NAME@12s` (from that second of the device on), `NAME@3` (the third occasion) or `NAME@MOMENT`.

    `counted`: what occasions are, of one and of many, as ("push or run", "pushes and runs"). Raises `UnknownName` and
    `UsageError`.

    >>> parse("link-cut@build", ["link-cut"], ("command", "commands"), ["build"])
    Fault(name='link-cut', after_s=None, nth=None, moment='build')
    """
    one, many = counted
    match = _TEXT.fullmatch(text)
    if match is None or (match[2] and match[2] not in moments):
        ways = ["NAME", "NAME@12s (after 12 s)", f"NAME@3 (the third {one})", *(f"NAME@{name}" for name in moments)]
        raise UsageError(f"{text!r} is no fault", hint=f"{', '.join(ways[:-1])} or {ways[-1]}")
    name, moment, when, unit = match.groups()
    if name not in names:
        raise UnknownName("fault", name, names)
    if when is None:
        return Fault(name, moment=moment)
    if unit:
        return Fault(name, after_s=float(when))
    if "." in when or int(when) < 1:
        raise UsageError(f"{text!r}: {many} are counted from 1", hint=f"{name}@1, or {name}@{when}s")
    return Fault(name, nth=int(when))


class Faults:
    """All faults of one device."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self.all = tuple(faults)

    def has(self, name: str) -> bool:
        """Whether that fault is there at all."""
        return any(fault.name == name for fault in self.all)

    def now(self, name: str, seconds: float = 0.0, nth: int = 0, moment: str | None = None) -> bool:
        """Whether that fault strikes at this time, occasion and moment."""
        return any(fault.name == name and fault.strikes(seconds, nth, moment) for fault in self.all)
