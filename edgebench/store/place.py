"""Where the store is: URL, environment or default; and whether SQLite may live there."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

import platformdirs

from edgebench.errors import StoreError

ENVIRONMENT = "EDGEBENCH_STORE"
ELSEWHERE = "use another place with `--store PATH` or EDGEBENCH_STORE"
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "fuse.sshfs", "fuse.glusterfs"})


@dataclass(frozen=True)
class Place:
    """A store's file, and whether it may only be read."""

    path: Path
    read_only: bool = False

    @property
    def uri(self) -> str:
        """The `file:` URI that SQLite opens.

        A read-only store without a write-ahead log is opened as immutable: SQLite could not create the log's
        shared memory beside it.
        """
        text = f"file:{quote(str(self.path))}"
        if not self.read_only:
            return text
        wal = self.path.with_name(self.path.name + "-wal")
        return text + ("?mode=ro" if wal.exists() else "?mode=ro&immutable=1")


def find_place(url: str | None = None, *, create: bool = True, mounts: Path = Path("/proc/mounts")) -> Place:
    """Resolve `url` to a place that can be opened; makes the folder if `create`.

    `mounts` is the kernel's table of mounts. Raises StoreError where no store can be.
    """
    path = store_path(url)
    kind = network_kind(path, mounts)
    if kind:
        raise StoreError(
            f"store {path} is on a network file system ({kind}), where its log is not safe", hint=ELSEWHERE
        )
    if path.is_dir():
        raise StoreError(f"store {path} is a folder", hint="give the path of the file, as in `--store FOLDER/store.db`")
    if path.exists():
        return Place(path, read_only=not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)))
    if not create:
        raise StoreError(f"there is no store at {path}", hint="`edgebench run` makes one; or " + ELSEWHERE)
    _make_folder(path.parent)
    return Place(path)


def store_path(url: str | None = None) -> Path:
    """The absolute path that `url` names, or the default. Raises StoreError for a URL of another kind."""
    text = url or os.environ.get(ENVIRONMENT) or str(platformdirs.user_data_path("edgebench") / "store.db")
    scheme = re.match(r"([a-z][a-z0-9+]*):", text)
    if scheme is None or (scheme[1] != "sqlite" and "://" not in text):
        return Path(text).expanduser().absolute()
    if scheme[1].startswith("postgres"):
        raise StoreError("PostgreSQL stores are not supported yet", hint="give a path: `--store PATH`")
    if scheme[1] != "sqlite":
        raise StoreError(f"no store of kind {scheme[1]!r}", hint="give a path, or sqlite:///PATH")
    path = unquote(text.removeprefix("sqlite:///"))
    if not path or path == ":memory:" or not text.startswith("sqlite:///"):
        raise StoreError(f"{text!r} names no file", hint="give a path, or sqlite:///PATH")
    return Path(path).expanduser().absolute()


def network_kind(path: Path, mounts: Path = Path("/proc/mounts")) -> str | None:
    """The network file system that `path` would be on, or None (also where the system has no table of mounts)."""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return None
    real = path.resolve()
    best, kind = -1, ""
    for fields in (line.split() for line in lines):
        if len(fields) < 3:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[1])
        if real.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), fields[2]
    return kind if kind in _NETWORK else None


def read_only_error(path: Path) -> StoreError:
    """What is raised for a write to a store that may only be read."""
    return StoreError(f"store is read-only: {path}", hint=ELSEWHERE)


def _make_folder(folder: Path) -> None:
    """Make the folder of a new store. Raises StoreError where that is not allowed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the store's folder {folder}: {error.strerror}", hint=ELSEWHERE) from error
    if not os.access(folder, os.W_OK):
        raise read_only_error(folder)
