"""What can be made to go wrong on a simulated board, and when."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from edgebench.errors import UnknownName, UsageError

Place = Literal["link", "board", "trtexec"]

FAULTS: dict[str, tuple[Place, str]] = {
    "no-sudo": ("board", "sudo asks for a password"),
    "mode-needs-reboot": ("board", "every change of the power mode asks for a reboot"),
    "rails-unreadable": ("board", "the power monitor's files are root's alone"),
    "rails-readable": ("board", "no fault: they are everybody's, as an image with its own udev rule has them"),
    "rails-eagain": ("board", "the power monitor's files open and never read"),
    "rails-negative": ("board", "the GPU's rail reads one step below zero"),
    "sensor-dead": ("board", "the GPU's temperature is -256 degC"),
    "hwmon-shuffled": ("board", "hwmon numbers are dealt anew, at the start and at each boot"),
    "throttle": ("board", "it gets hot within seconds, and slows down"),
    "warm": ("board", "it is hot from what it did before, and cools down"),
    "brown-out": ("board", "its input sags under load, and the under-voltage counter steps"),
    "oc-storm": ("board", "the counter of instant over-current rises all the time"),
    "clocks-left-locked": ("board", "a session that died has left the clocks locked"),
    "no-nvpmodel": ("board", "there is no nvpmodel"),
    "no-tegrastats": ("board", "there is no tegrastats"),
    "no-trtexec": ("board", "there is no trtexec"),
    "link-cut": ("link", "the connection breaks; the next one is taken"),
    "reboot": ("link", "it starts anew, what ran is gone"),
    "disk-full": ("link", "pushes fail: no space is left"),
    "trtexec-unknown-dialect": ("trtexec", "trtexec prints what no release has printed"),
    "build-oom": ("trtexec", "the engine's builder runs out of memory"),
    "op-unsupported": ("trtexec", "TensorRT's parser does not know an operator of the model"),
    "trtexec-hangs": ("trtexec", "trtexec starts and never ends"),
    "output-wrong": ("trtexec", "its outputs are not the model's"),
}
"""Name -> where it strikes, and what it looks like."""

BUILD = "build"
"""The moment of `NAME@build`: while an engine is being built."""

_TEXT = re.compile(r"([a-z-]+)(?:@(?:(build)|(\d+(?:\.\d+)?)(s?)))?")


@dataclass(frozen=True)
class Fault:
    """A fault that strikes from second `after_s` of the board on, at the `nth` command (from 1), or at a `moment`.

    With none of them, it strikes always.
    """

    name: str
    after_s: float | None = None
    nth: int | None = None
    moment: str | None = None

    @property
    def place(self) -> Place:
        """Where it strikes."""
        return FAULTS[self.name][0]

    def strikes(self, seconds: float = 0.0, nth: int = 0, moment: str | None = None) -> bool:
        """Whether it does `seconds` after the board was started, at the `nth` command, or at a `moment`."""
        if self.moment is not None:
            return moment == self.moment
        if self.nth is not None:
            return nth == self.nth
        return self.after_s is None or seconds >= self.after_s


def parse_fault(text: str) -> Fault:
    """`NAME`, `NAME@12s` (from that second of the board on), `NAME@3` (at the third command) or `NAME@build`.

    Raises `UnknownName` and `UsageError`.

    >>> parse_fault("link-cut@build")
    Fault(name='link-cut', after_s=None, nth=None, moment='build')
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        hint = "NAME, NAME@12s (after 12 s), NAME@3 (the third command) or NAME@build (during an engine build)"
        raise UsageError(f"{text!r} is no fault", hint=hint)
    name, moment, when, unit = match.groups()
    if name not in FAULTS:
        raise UnknownName("fault", name, FAULTS)
    if when is None:
        return Fault(name, moment=moment)
    if unit:
        return Fault(name, after_s=float(when))
    if "." in when or int(when) < 1:
        raise UsageError(f"{text!r}: commands are counted from 1", hint=f"{name}@1, or {name}@{when}s")
    return Fault(name, nth=int(when))


class Faults:
    """All faults of one board."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self.all = tuple(faults)

    def has(self, name: str) -> bool:
        """Whether that fault is there at all."""
        return any(fault.name == name for fault in self.all)

    def now(self, name: str, seconds: float = 0.0, nth: int = 0, moment: str | None = None) -> bool:
        """Whether that fault strikes at this time, command and moment."""
        return any(fault.name == name and fault.strikes(seconds, nth, moment) for fault in self.all)
