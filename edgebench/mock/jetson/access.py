"""Files of a simulated board that only its root may read.

Whoever runs the simulation owns every file of the tree. So a file that is root's alone on the board has no permission
at all here, and what runs on the board runs without the capabilities that override permissions (`session`): an
ordinary user and root alike get EACCES then, as on the board. The board itself writes by descriptors it has.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOTS_ALONE = 0o400
EVERYBODYS = 0o444
_CLAUSE = re.compile(r"([ugoa]*)([+-])([rwx]+)")
_WHO = {"u": 6, "g": 3, "o": 0}


class Access:
    """Remembers the modes that files would have on the board; what others may read there may be read here."""

    def __init__(self) -> None:
        self._modes: dict[Path, int] = {}

    def hide(self, path: Path) -> None:
        """Make it root's alone."""
        self._set(path, ROOTS_ALONE)

    def mode(self, path: Path) -> int:
        """Its mode on the board."""
        return self._modes.get(path, EVERYBODYS)

    def change(self, path: Path, spec: str) -> bool:
        """What `chmod SPEC` does. Returns False for a mode that it does not know."""
        mode = changed(self.mode(path), spec)
        if mode is None:
            return False
        self._set(path, mode)
        return True

    def read(self, path: Path) -> bytes:
        """What root reads. Raises OSError."""
        if path not in self._modes or self._modes[path] & 0o004:
            return path.read_bytes()
        path.chmod(ROOTS_ALONE)
        try:
            return path.read_bytes()
        finally:
            path.chmod(0)

    def open_all(self) -> None:
        """Give everything back, so that the tree can be removed."""
        for path in self._modes:
            if path.exists():
                path.chmod(0o700 if path.is_dir() else 0o600)

    def _set(self, path: Path, mode: int) -> None:
        self._modes[path] = mode
        readable = 0o555 if path.is_dir() else 0o444
        path.chmod(readable if mode & 0o004 else 0)


def changed(mode: int, spec: str) -> int | None:
    """The mode after `chmod SPEC` (octal, or clauses as `a+r,go-w`); None where SPEC is neither.

    >>> oct(changed(0o400, "a+r")), oct(changed(0o444, "go-r"))
    ('0o444', '0o400')
    """
    if re.fullmatch(r"[0-7]{3,4}", spec):
        return int(spec, 8)
    for clause in spec.split(","):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            return None
        who, sign, what = match.groups()
        bits = sum({"r": 4, "w": 2, "x": 1}[letter] for letter in set(what))
        for person in "ugo" if not who or "a" in who else set(who):
            mode = mode | bits << _WHO[person] if sign == "+" else mode & ~(bits << _WHO[person])
    return mode
