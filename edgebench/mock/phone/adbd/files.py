"""Where a path of the phone lies on this machine."""

from __future__ import annotations

from pathlib import Path


def real_path(folder: Path, path: str) -> Path:
    """Return the real path of a phone's path; its last part need not exist, and is not followed.

    Paths that already lie in the phone's folder are taken as they are; `/data` and `/sdcard` lie below `folder/root`.
    Raises PermissionError for everything else, and for links that lead out of the phone.
    """
    home = folder.resolve()
    if not path.startswith("/") or "\0" in path:
        raise PermissionError(13, "Permission denied", path)
    given = Path(path)
    if given.is_relative_to(home) or given.is_relative_to(folder):
        real = given
    elif given.parts[1:2] and given.parts[1] in ("data", "sdcard"):
        real = home / "root" / path.lstrip("/")
    else:
        raise PermissionError(13, "Permission denied", path)
    placed = real.parent.resolve() / real.name
    if real.name in ("", "..") or not placed.is_relative_to(home):
        raise PermissionError(13, "Permission denied", path)
    return placed
