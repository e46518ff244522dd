from __future__ import annotations

import fcntl
import os
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from store_builders import make_run, make_samples, make_session

from edgebench.errors import StoreError
from edgebench.store import SampleKey, open_store, schema
from edgebench.store.engine import make_engine
from edgebench.store.migrate import MIGRATIONS, prepare, upgrade
from edgebench.store.place import Place
from edgebench.store.store import Store

FIRST = Path(__file__).parent / "data" / "schema-0001.sql"


@pytest.fixture
def first(path: Path) -> Path:
    """A store as the first schema left it, with one run."""
    connection = sqlite3.connect(path)
    connection.executescript(FIRST.read_text())
    connection.close()
    return path


@pytest.fixture
def engine(path: Path) -> Iterator[sa.Engine]:
    made = make_engine(Place(path))
    yield made
    made.dispose()


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == schema.HEAD


def test_migrations_are_numbered_in_order() -> None:
    script = ScriptDirectory(str(MIGRATIONS))
    revisions = [revision.revision for revision in script.walk_revisions()][::-1]
    assert revisions == [f"{number:04}" for number in range(1, len(revisions) + 1)]


def test_tables_in_code_are_those_of_the_migrations(store: Store) -> None:
    with store.view() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, schema.metadata) == []


def test_storage_options_are_those_of_the_migrations(store: Store) -> None:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as fresh, store.view() as migrated:
        schema.metadata.create_all(fresh)
        assert definitions(fresh) == definitions(migrated)
    engine.dispose()


def definitions(connection: sa.Connection) -> dict[str, tuple[bool, set[str]]]:
    """Of each table: whether it has no row ids, and its foreign keys with their actions."""
    found = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
    return {
        name: ("WITHOUT ROWID" in sql, set(re.findall(r"FOREIGN KEY.*?REFERENCES[^,\n]*", sql)))
        for name, sql in found
        if name != "alembic_version"
    }


def test_the_first_schema_is_upgraded_with_its_data(first: Path) -> None:
    with open_store(str(first)) as store:
        assert store.run("last") == make_run()
        assert store.session("last") == make_session()
        assert store.samples("run-000001", 1).tolist() == make_samples(count=5)[SampleKey(1)].tolist()
        assert [row.latency_p50 for row in store.latest()] == [12.5]
        assert store.check() == []


def test_a_store_restored_from_a_dump_gets_its_log_back(store: Store, tmp_path: Path) -> None:
    source = sqlite3.connect(store.path)
    restored = sqlite3.connect(tmp_path / "restored.db")
    restored.executescript("\n".join(source.iterdump()))
    source.close()
    restored.close()
    with open_store(str(tmp_path / "restored.db")) as opened, opened.view() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"


def test_an_upgrade_waits_for_another_program_that_upgrades(first: Path) -> None:
    handle = os.open(first.parent, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    thread = threading.Thread(target=lambda: open_store(str(first)).close())
    thread.start()
    thread.join(timeout=0.5)
    waited = thread.is_alive()
    os.close(handle)
    thread.join()
    assert waited
    open_store(str(first)).close()


def test_a_copy_is_kept_before_an_upgrade(first: Path) -> None:
    open_store(str(first)).close()
    copy = first.with_name(f"store.db.before-{schema.HEAD}")
    connection = sqlite3.connect(copy)
    assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    connection.close()


def test_the_fixture_is_what_the_first_migration_makes(engine: sa.Engine, path: Path, tmp_path: Path) -> None:
    upgrade(engine, path, "0001")
    connection = sqlite3.connect(tmp_path / "fixture.db")
    connection.executescript(FIRST.read_text())
    assert master(connection) == master(sqlite3.connect(path))
    connection.close()


def master(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    """Every table and index, white space aside."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {(name, " ".join(sql.split())) for name, sql in rows}


def test_an_upgrade_that_fails_leaves_the_store_as_it_was(first: Path, engine: sa.Engine) -> None:
    with sqlite3.connect(first) as connection:
        connection.execute("CREATE VIEW v_history AS SELECT 1")
    connection.close()
    with pytest.raises(StoreError, match="v_history already exists"):
        open_store(str(first))
    connection = sqlite3.connect(first)
    assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'v_runs'").fetchall() == []
    connection.close()


def test_an_older_schema_that_may_not_be_written_is_refused(first: Path, engine: sa.Engine) -> None:
    with pytest.raises(StoreError, match="store is read-only"):
        prepare(engine, Place(first, read_only=True))


def test_a_newer_schema_is_refused(store: Store, path: Path) -> None:
    with store.transaction() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0999'")
    with pytest.raises(StoreError, match="has schema 0999") as caught:
        open_store(str(path))
    assert "upgrade edgebench" in (caught.value.hint or "")


MODULES = (
    "import sys; print(*sorted({name.split('.')[0] for name in sys.modules} & {'sqlalchemy', 'alembic', 'numpy'}))"
)


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import edgebench.store", ""),
        ("from edgebench.store import open_store; open_store(PATH).close()", "numpy sqlalchemy"),
    ],
)
def test_alembic_is_not_imported_for_a_store_up_to_date(store: Store, code: str, heavy: str) -> None:
    program = f"PATH = {str(store.path)!r}; {code}; {MODULES}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == heavy
