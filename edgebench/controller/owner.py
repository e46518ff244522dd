"""Whose job it is: which process of which host began it, and whether that one still lives.

A job that waits on a device may be collected by any session, but not from under the controller that measures it.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path


def this_controller() -> str:
    """This process, as `host/pid/start`; `start` (ticks since boot, "" where there is no /proc) tells pids apart."""
    return f"{platform.node()}/{os.getpid()}/{_started(os.getpid())}"


def is_alive(owner: str) -> bool | None:
    """Whether another process began the job and still lives; None where this host cannot know.

    This very process counts as not alive: it never waits for itself.
    """
    host, pid, start = ["", "", *owner.rsplit("/", 2)][-3:]
    if host != platform.node() or not pid.isdigit():
        return None
    if owner == this_controller():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's, and alive
    return _started(int(pid)) == start


def _started(pid: int) -> str:
    """When a process was started, by /proc/PID/stat (proc(5), field 22); its name may hold blanks and brackets."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    # a zombie has ended: only its parent has not looked yet
    return "" if fields[0] == "Z" else fields[19]
