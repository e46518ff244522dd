"""Files beside the store: copies of the database, and artifacts by hash."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from edgebench.errors import StoreError
from edgebench.store.engine import driver

_CHUNK = 1 << 20


def copy_database(engine: sa.Engine, path: Path, target: Path, *, replace: bool = False) -> None:
    """Copy the database of `engine` (at `path`), log included, to `target`, complete or not at all.

    Raises StoreError if `target` exists and not `replace`, or cannot be written.
    """
    import sqlite3

    if target.exists() and not replace:
        raise StoreError(f"{target} exists", hint="give a path that does not exist yet")
    with _whole_file(target) as temporary, driver(engine, path) as source:
        copy = sqlite3.connect(temporary)
        try:
            source.backup(copy)
        finally:
            copy.close()


def blob_path(store: Path, sha256: str) -> Path:
    """Where the content of an artifact lies: `blobs/ab/<sha256>` beside the store."""
    return store.parent / "blobs" / sha256[:2] / sha256


def keep_content(store: Path, source: Path, sha256: str) -> int:
    """Copy `source` to its blob; returns its bytes. Raises StoreError if its hash is another or it cannot be copied."""
    target = blob_path(store, sha256)
    digest = hashlib.sha256()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _whole_file(target) as temporary, source.open("rb") as reader, temporary.open("wb") as writer:
            while chunk := reader.read(_CHUNK):
                digest.update(chunk)
                writer.write(chunk)
            if digest.hexdigest() != sha256:
                raise StoreError(f"{source} is not the artifact {sha256[:12]}...: its hash is another")
            return writer.tell()
    except OSError as error:
        raise StoreError(f"cannot keep {source} in the store: {error.strerror}") from error


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    with path.open("rb") as reader:
        return hashlib.file_digest(reader, "sha256").hexdigest()


@contextmanager
def _whole_file(target: Path) -> Iterator[Path]:
    """A temporary file beside `target` that takes its place, synced, when the block ends well. Raises StoreError."""
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=target.name + ".")
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error.strerror}", hint="give another path") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(target)
        _sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Have the disk keep a file's or a folder's content."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
