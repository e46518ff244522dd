"""What can be made to go wrong on a simulated phone, and when."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from edgebench.errors import UnknownName, UsageError

Place = Literal["link", "tool", "phone"]

FAULTS: dict[str, tuple[Place, str]] = {
    "unauthorized": ("link", "the phone has not allowed this computer"),
    "offline": ("link", "it answers its greeting late, or never"),
    "frozen": ("link", "it is listed and says nothing more"),
    "drop": ("link", "the connection breaks"),
    "slow": ("link", "a slow link"),
    "reboot": ("link", "it starts anew, what ran is gone"),
    "disk-full": ("link", "pushes fail: no space is left"),
    "flip": ("link", "one bit of a pushed file is wrong"),
    "hung-tool": ("tool", "the benchmark tool never ends"),
    "crash": ("tool", "the tool dies of SIGSEGV"),
    "oom": ("tool", "the tool is killed: out of memory"),
    "delegate-refusal": ("tool", "the GPU delegate refuses an operator and nothing is applied"),
    "flex-op": ("tool", "the model asks for an operator that the tool was not built with"),
    "wrong-output": ("tool", "its outputs are not the model's"),
    "sixth-dialect": ("tool", "the tool prints what no release has printed"),
    "wrong-abi": ("phone", "the tool was built for another processor"),
    "low-battery": ("phone", "5 % are left"),
    "charging": ("phone", "a charger is plugged in"),
    "throttling": ("phone", "it gets hot within seconds, and slows down"),
    "dead-gauge": ("phone", "current_now never changes"),
    "inverted-sign": ("phone", "the gauge counts the other way round"),
    "swapped-unit": ("phone", "the gauge says mA for uA, or uA for mA"),
    "garbage-dumpsys": ("phone", "dumpsys answers with nonsense"),
    "hot-nonsense": ("phone", "thermal sensors of -99.9 and 8900 degC among the others"),
    "screen-locked": ("phone", "the screen is off and locked"),
    "noexec": ("phone", "nothing below /data/local/tmp may be executed"),
    "rooted": ("phone", "no fault: `su` answers, and files of root are readable"),
}
"""Name -> where it strikes, and what it looks like."""

_TEXT = re.compile(r"([a-z-]+)(?:@(\d+(?:\.\d+)?)(s?))?")


@dataclass(frozen=True)
class Fault:
    """A fault that strikes from second `after_s` of the phone on, or only at the `nth` push or run (from 1).

    With neither, it strikes always.
    """

    name: str
    after_s: float | None = None
    nth: int | None = None

    @property
    def place(self) -> Place:
        """Where it strikes."""
        return FAULTS[self.name][0]

    def strikes(self, nth: int, seconds: float) -> bool:
        """Whether it does at the `nth` occasion, `seconds` after the phone was started."""
        if self.nth is not None:
            return nth == self.nth
        return self.after_s is None or seconds >= self.after_s


def parse_fault(text: str) -> Fault:
    """`NAME`, `NAME@12s` (from that second of the phone on) or `NAME@3` (the third push or run).

    Raises `UnknownName` and `UsageError`.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is no fault", hint="NAME, NAME@12s (after 12 s) or NAME@3 (the third push or run)")
    name, when, unit = match.groups()
    if name not in FAULTS:
        raise UnknownName("fault", name, FAULTS)
    if when is None:
        return Fault(name)
    if unit:
        return Fault(name, after_s=float(when))
    if "." in when or int(when) < 1:
        raise UsageError(f"{text!r}: pushes and runs are counted from 1", hint=f"{name}@1, or {name}@{when}s")
    return Fault(name, nth=int(when))


class Faults:
    """All faults of one phone."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self.all = tuple(faults)

    def has(self, name: str) -> bool:
        """Whether that fault is there at all."""
        return any(fault.name == name for fault in self.all)

    def now(self, name: str, nth: int = 0, seconds: float = 0.0) -> bool:
        """Whether that fault strikes at this occasion and time."""
        return any(fault.name == name and fault.strikes(nth, seconds) for fault in self.all)
