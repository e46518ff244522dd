"""Creating and upgrading a store, one program at a time. Alembic is imported only when there is something to do."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from edgebench.errors import StoreError
from edgebench.store.engine import driver, reading, writing
from edgebench.store.files import copy_database
from edgebench.store.place import ELSEWHERE, Place, read_only_error
from edgebench.store.schema import HEAD

MIGRATIONS = Path(__file__).parent / "migrations"


def prepare(engine: sa.Engine, place: Place) -> None:
    """Bring the place's file to the newest schema; nothing is written where it has it already.

    An older store is copied to `NAME.before-REVISION` first. Raises StoreError: another program's file, a newer
    schema, or older and read-only.
    """
    if revision(engine, place.path) == HEAD and (place.read_only or _has_log(engine, place.path)):
        return
    if place.read_only:
        raise read_only_error(place.path)
    with _alone(place.path.parent):
        found = revision(engine, place.path)
        with driver(engine, place.path) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        if found == HEAD:
            return
        if found is not None:
            copy_database(engine, place.path, place.path.with_name(f"{place.path.name}.before-{HEAD}"), replace=True)
        upgrade(engine, place.path)


def _has_log(engine: sa.Engine, path: Path) -> bool:
    """Whether the file is in WAL mode; one restored from a dump is not."""
    with reading(engine, path) as connection:
        return connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def revision(engine: sa.Engine, path: Path) -> str | None:
    """The schema's revision, None for an empty file. Raises StoreError for a file that is not ours, or newer."""
    with reading(engine, path) as connection:
        tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
        if not tables:
            return None
        known = "alembic_version" in tables
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() if known else None
    if found is None or not re.fullmatch(r"\d{4}", found):
        raise StoreError(f"{path} is the SQLite database of another program", hint=ELSEWHERE)
    if found > HEAD:
        raise StoreError(
            f"store {path} has schema {found}, this edgebench knows up to {HEAD}",
            hint="upgrade edgebench (`pip install -U edgebench`), or " + ELSEWHERE,
        )
    return str(found)


def upgrade(engine: sa.Engine, path: Path, target: str = "head") -> None:
    """Run the migrations up to `target` in one transaction. Raises StoreError."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with writing(engine, path) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, target)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: of several programs that meet a new store, one makes it and the others wait."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
