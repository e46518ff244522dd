"""What a probe is: one described source, and `read()` giving its columns as integers.

A probe's `source` is the dict that the `source` event carries: name, kind (``instantaneous``, ``windowed``,
``accumulating``), scope, unit of the raw integers, columns, window_s, resolution_w, max_hz, wrap (for counters: the
range of each column, or null), total (columns that add up to the source's total, or null with total_why), state
(``ok``, ``unsupported``: this machine has no such sensor, ``unavailable``: it has, but we cannot have it) and why.

Power is always in uW and energy in uJ, whatever the kernel's file says. A column that could not be read at this moment
(EAGAIN, an empty file, a placeholder) is `MISSING`. Files stay open and are read at offset 0 with `pread`, where the
kernel renews their content: one attempt, no retry.
"""

import os
import re

MISSING = -(2**62)  # differences to any readable value still fit the 64 bits of packed integers; -2**63 would not
LIMIT = 2**61  # a number as large as this is garbage, not a reading


def describe(name, kind, scope, unit, columns, **more):
    """Return the description of a working source; `more` overrides the other fields of the module's docstring."""
    source = {"name": name, "kind": kind, "scope": scope, "unit": unit, "columns": list(columns), "missing": MISSING}
    source.update({"window_s": None, "resolution_w": None, "max_hz": None, "wrap": None})
    source.update({"total": None, "total_why": None, "state": "ok", "why": None})
    source.update(more)
    return source


class Probe(object):
    """A source and the readers of its columns: `readers` are callables that return an integer or `MISSING`.

    A source that comes by itself has a `stream` instead (fd, probes, receive, look, close, cpu_s; see
    `probes.tegrastats.Stream`): it is listened to, not read. `companions` are probes to be read along with it.
    """

    def __init__(self, source, readers):
        self.source = source
        self.stream = None
        self.companions = []
        self._readers = list(readers)

    @property
    def ok(self):
        """Whether there is something to read."""
        return self.source["state"] == "ok"

    def read(self):
        """Return one integer a column, `MISSING` where the sensor gave none. Never raises for what a sensor does."""
        return tuple([reader() for reader in self._readers])


def absent(name, state, why, **more):
    """Return a probe that only says why there is none; `state` is ``unsupported`` or ``unavailable``."""
    return Probe(describe(name, None, None, None, [], state=state, why=why, **more), [])


def parse_int(data, scale=1):
    """Return the integer that `data` (bytes) holds times `scale`, or `MISSING` if it holds none or an absurd one."""
    try:
        value = int(data) * scale
    except ValueError:
        return MISSING
    return value if -LIMIT < value < LIMIT else MISSING


class RawFile(object):
    """A file kept open; `read()` gives its present content (bytes, at most `size`), empty if it cannot be read now."""

    def __init__(self, path, size=64):
        self.path = path
        self._size = size
        # O_NONBLOCK: nothing that poses as a sensor file may hang the sampler
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def read(self):
        """Return the file's bytes from its beginning; b"" after any error of the kernel's."""
        try:
            return os.pread(self._fd, self._size, 0)
        except OSError:
            return b""

    def __del__(self):
        if hasattr(self, "_fd"):
            os.close(self._fd)


class IntFile(RawFile):
    """A file with one integer, kept open. Calling it returns the integer times `scale`, or `MISSING`."""

    def __init__(self, path, scale=1):
        RawFile.__init__(self, path)
        self._scale = scale

    def __call__(self):
        """Return the present value."""
        return parse_int(self.read(), self._scale)


def open_ints(named_paths, scale=1):
    """Open (name, path) pairs; return ([(name, IntFile)], [paths that permission forbids]); others are left out."""
    opened, denied = [], []
    for name, path in named_paths:
        try:
            opened.append((name, IntFile(path, scale)))
        except PermissionError:
            denied.append(path)
        except OSError:
            continue
    return opened, denied


def denied_why(paths):
    """Return the text for files that only root may read, with what to do about it."""
    return "permission: %s is readable by root only; as root: chmod a+r %s" % (paths[0], " ".join(paths))


def below(root, *parts):
    """Return the path of absolute `parts` under the root prefix ("/" for the machine itself)."""
    return os.path.join(root, *[part.lstrip("/") for part in parts])


def natural(name):
    """Sort key that puts hwmon10 after hwmon2."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split("([0-9]+)", name) if part]


def names(folder, pattern=""):
    """Return the names in `folder` that match the regular expression wholly, in natural order; none if unreadable."""
    try:
        found = os.listdir(folder)
    except OSError:
        return []
    return sorted([name for name in found if not pattern or re.match(pattern + r"\Z", name)], key=natural)


def text(path):
    """Return a small file's text without surrounding white space and NULs, "" if it cannot be read."""
    try:
        data = RawFile(path, 4096).read()
    except OSError:
        return ""
    return data.decode("utf-8", "replace").strip(" \t\r\n\0")


def distinct(labels):
    """Return the labels with a ``#2``, ``#3`` appended to repeated ones, so that columns have names of their own."""
    seen, result = {}, []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        result.append(label if seen[label] == 1 else "%s#%d" % (label, seen[label]))
    return result
