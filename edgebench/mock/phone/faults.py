"""What can be made to go wrong on a simulated phone, and when."""

from __future__ import annotations

from typing import Literal

from edgebench.mock.faults import Fault, Faults, parse

__all__ = ["FAULTS", "Fault", "Faults", "parse_fault", "place_of"]

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

COUNTED = ("push or run", "pushes and runs")


def place_of(fault: Fault) -> Place:
    """Where a fault strikes."""
    return FAULTS[fault.name][0]


def parse_fault(text: str) -> Fault:
    """`NAME`, `NAME@12s` or `NAME@3` (the third push or run). Raises `UnknownName` and `UsageError`."""
    return parse(text, FAULTS, COUNTED)
