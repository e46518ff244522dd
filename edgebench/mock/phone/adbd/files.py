"""Where a path of the phone lies on this machine."""

from __future__ import annotations

import errno
import os
from pathlib import Path

TREES = ("data", "sdcard")


def real_path(folder: Path, path: str, *, follow: bool = False) -> Path:
    """Return the real path of a phone's path; its last part need not exist, and is followed only with `follow`.

    Paths that already lie in the phone's folder are taken as they are; `/data` and `/sdcard` lie below `folder/root`.
    Raises PermissionError for everything else, and for links that lead out of the phone.
    """
    home = folder.resolve()
    real = _placed(folder, home, path)
    placed = real.resolve() if follow else real.parent.resolve() / real.name
    if real.name in ("", "..") or not placed.is_relative_to(home):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    return placed


def _placed(folder: Path, home: Path, path: str) -> Path:
    given = Path(path)
    if path.startswith("/") and "\0" not in path:
        if given.is_relative_to(home) or given.is_relative_to(folder):
            return given
        if given.parts[1:2] and given.parts[1] in TREES:
            return home / "root" / path.lstrip("/")
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
