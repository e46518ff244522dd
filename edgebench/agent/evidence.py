"""Why a process ended without saying so: its status, the kernel's oom counters, its last words in the log."""

import os
import re
import signal

from . import files
from .process import signal_name

TAIL_BYTES = 8192
NO_MEMORY = re.compile(r"^\s*(MemoryError\b|.*std::bad_alloc)", re.MULTILINE)
PYTHON_DUMP = "Fatal Python error:"
"""From here on stands Python's own dump of a crash, which says where it was and not why."""


def oom_kills(root):
    """Return the kernel's counts of processes killed for memory: the machine's, and our cgroup's (None: unknown)."""
    group = files.read_text(files.under(root, "/proc/self/cgroup")) or ""
    own = [line.split(":", 2)[2] for line in group.splitlines() if line.startswith("0::")]
    events = "/sys/fs/cgroup%s/memory.events" % (own[0] if own else "")
    return [_count(files.under(root, path)) for path in ("/proc/vmstat", events)]


def _count(path):
    for line in (files.read_text(path) or "").splitlines():
        name, _, value = line.partition(" ")
        if name == "oom_kill" and value.strip().isdigit():
            return int(value)
    return None


def oom_grew(before, after):
    """Tell whether one of the counts grew."""
    return any(b is not None and a is not None and a > b for b, a in zip(before, after))


def last_words(path, offset):
    """Return the end of what the log gained since `offset`, at most 8 KiB."""
    try:
        with open(path, "rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(offset, size - TAIL_BYTES))
            return log.read().decode("utf-8", "replace")
    except OSError:
        return ""


def outcome(process, went, oom, words, error):
    """Return the fields of `done` for a process that ended without its own.

    `went`: whether it had its go; `oom`: whether the kernel's counters grew meanwhile; `words`: its last words;
    `error`: its `error` event or None. A finished pass says so: whatever comes here has failed, status 0 included (a
    runtime may end the process).
    """
    name = None if process.signal is None else signal_name(process.signal)
    said = [line.strip() for line in words.partition(PYTHON_DUMP)[0].splitlines() if line.strip()]
    last = said[-1][:500] if said else ""
    if (process.signal == signal.SIGKILL and oom) or NO_MEMORY.search(words):
        return failed("oom", "out of memory: " + (last if NO_MEMORY.search(last) else "killed by the kernel"), name)
    if name is not None:
        when = "while running" if went else "while loading"
        return failed("crashed", "killed by %s %s%s" % (name, when, ": " + last if last else ""), name)
    if error is not None:
        return failed(error.get("code") or "internal", error.get("message"), None)
    return failed("crashed", "ended with status %d and no result%s" % (process.code, ": " + last if last else ""), None)


def failed(code, message, name=None):
    """Return the fields of a failed `done`."""
    return {"outcome": "failed", "code": code, "message": message, "signal": name}
