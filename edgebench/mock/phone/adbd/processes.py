"""All processes of a phone, found by a mark in their environment, detached ones too."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

PROC = Path("/proc")


def marked(name: str, value: str) -> list[int]:
    """Return the processes that were started with the variable; `env -i` hides one."""
    wanted = f"{name}={value}".encode()
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def end_marked(name: str, value: str) -> None:
    """Kill them until there are none: one that is just forking may be missed at first."""
    while found := marked(name, value):
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
