"""SQLite as the store needs it (WAL, FULL, foreign keys, BEGIN IMMEDIATE), and its errors as ours."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from edgebench.errors import StoreError
from edgebench.store.place import ELSEWHERE, Place, read_only_error

BUSY_MS = 30_000
_WRITE = "edgebench_write"
_ALMOST_NOTHING = 1 << 20


def make_engine(place: Place) -> sa.Engine:
    """An engine on the place's file; every connection waits 30 s for others and syncs each commit to the disk."""
    engine = sa.create_engine(
        "sqlite://",
        creator=lambda: _connect(place.uri),
        poolclass=sa.pool.QueuePool,
    )
    sa.event.listen(engine, "begin", _begin)
    return engine


def _connect(uri: str) -> sqlite3.Connection:
    """One connection in driver-level autocommit: `_begin` says when and how a transaction starts."""
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None, timeout=BUSY_MS / 1000)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _begin(connection: sa.Connection) -> None:
    """Writers take the lock at once: a lock upgraded later fails without waiting."""
    write = connection.get_execution_options().get(_WRITE)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


@contextmanager
def reading(engine: sa.Engine, path: Path) -> Iterator[sa.Connection]:
    """A connection with one consistent view. Raises StoreError for what goes wrong on it."""
    with translated(path), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: sa.Engine, path: Path) -> Iterator[sa.Connection]:
    """A write transaction, on the disk when the block ends, undone when it raises. Raises StoreError."""
    with translated(path), engine.connect() as plain:
        connection = plain.execution_options(**{_WRITE: True})
        with connection.begin():
            yield connection


@contextmanager
def driver(engine: sa.Engine, path: Path) -> Iterator[sqlite3.Connection]:
    """The bare driver connection, outside of any transaction (backup, attach, vacuum). Raises StoreError."""
    with translated(path):
        pooled = engine.raw_connection()
        try:
            connection = pooled.driver_connection
            assert isinstance(connection, sqlite3.Connection)
            yield connection
        finally:
            pooled.close()


@contextmanager
def attached(engine: sa.Engine, path: Path, other: Place, name: str) -> Iterator[sa.Connection]:
    """A connection that writes here and sees the database at `other` as schema `name`. Raises StoreError."""
    with translated(path), engine.connect() as plain:
        connection = plain.execution_options(**{_WRITE: True})
        bare = connection.connection.driver_connection
        assert isinstance(bare, sqlite3.Connection)
        bare.execute(f"ATTACH ? AS {name}", (other.uri,))
        try:
            yield connection
        finally:
            bare.execute(f"DETACH {name}")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite and SQLAlchemy raise into StoreError."""
    try:
        yield
    except exc.DBAPIError as error:
        raise store_error(path, error.orig) from error
    except sqlite3.Error as error:
        raise store_error(path, error) from error


def store_error(path: Path, error: Any) -> StoreError:
    """The StoreError that says what `error` (of sqlite3) means for the user, and what to do."""
    name: str = getattr(error, "sqlite_errorname", None) or ""
    if name.startswith("SQLITE_READONLY"):
        return read_only_error(path)
    if name == "SQLITE_FULL" or (name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")) and _full(path)):
        return StoreError(f"the disk is full; nothing more was stored in {path}", hint="make room, or " + ELSEWHERE)
    if name == "SQLITE_NOTADB":
        return StoreError(f"{path} is not an edgebench store", hint=ELSEWHERE)
    if name.startswith("SQLITE_CORRUPT"):
        return StoreError(f"store {path} is damaged: {error}", hint="see `edgebench store check`; restore a backup")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreError(
            f"another program has kept store {path} locked for {BUSY_MS // 1000} s", hint="end it, then try again"
        )
    if name.startswith("SQLITE_CANTOPEN"):
        return StoreError(f"store {path} cannot be opened", hint=ELSEWHERE)
    return StoreError(f"store {path}: {error}", hint="see `edgebench store check`")


def _full(path: Path) -> bool:
    """Whether the disk of `path` has almost nothing left."""
    try:
        return shutil.disk_usage(path.parent).free < _ALMOST_NOTHING
    except OSError:
        return False
