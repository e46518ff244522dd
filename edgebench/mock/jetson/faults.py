"""What can be made to go wrong on a simulated board, and when."""

from __future__ import annotations

from typing import Literal

from edgebench.mock.faults import Fault, Faults, parse

__all__ = ["BUILD", "FAULTS", "Fault", "Faults", "parse_fault"]

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

COUNTED = ("command", "commands")


def parse_fault(text: str) -> Fault:
    """`NAME`, `NAME@12s`, `NAME@3` or `NAME@build`. Raises `UnknownName` and `UsageError`."""
    return parse(text, FAULTS, COUNTED, (BUILD,))
