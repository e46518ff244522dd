"""Files of a simulated board that may be written, by root: the board checks a value as its kernel would, and obeys."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable

from edgebench.mock.cells import Cell, Tree

Check = Callable[[str], str | None]
"""The value as the kernel keeps it, None where it refuses."""

READ_ONLY = 0o444


class Knobs:
    """All of them by their paths on the board. Nobody but the board writes the files: they are root's."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._cells: dict[str, Cell] = {}
        self._checks: dict[str, Check] = {}
        self._values: dict[str, str] = {}

    def add(self, path: str, value: str, check: Check) -> None:
        """Make one."""
        cell = self._tree.cell(path, value)
        cell.path.chmod(READ_ONLY)
        self._cells[path], self._checks[path], self._values[path] = cell, check, value

    def __contains__(self, path: str) -> bool:
        return path in self._values

    def __getitem__(self, path: str) -> str:
        return self._values[path]

    def number(self, path: str) -> int:
        """A value that is a number."""
        return int(self._values[path])

    def paths(self) -> Iterable[str]:
        """All paths, in the order in which they were made."""
        return tuple(self._values)

    def set(self, path: str, text: str) -> None:
        """Write a value. Raises OSError (EINVAL) where the kernel would."""
        kept = self._checks[path](text.strip())
        if kept is None:
            raise OSError(errno.EINVAL, "Invalid argument", path)
        self._values[path] = kept
        self._cells[path].set(kept)


def one_of(words: str) -> Check:
    """Takes one of the words."""
    allowed = words.split()
    return lambda text: text if text in allowed else None


def between(low: int, high: int) -> Check:
    """Takes a number and brings it within its limits, as cpufreq and devfreq do."""

    def check(text: str) -> str | None:
        return str(min(max(int(text), low), high)) if text.isdecimal() else None

    return check
