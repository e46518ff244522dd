"""What happens to stored rows when processes die, race, or meet files they cannot use."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import store_builders
from store_builders import make_run, make_samples, make_session

from edgebench.errors import StoreError
from edgebench.store import open_store
from edgebench.store.engine import store_error
from edgebench.store.place import Place
from edgebench.store.store import Store

WRITER = [sys.executable, "-W", "error", store_builders.__file__]


def writer(path: Path, prefix: str, count: int) -> subprocess.Popen[str]:
    """A process that stores runs and prints each id after its commit."""
    return subprocess.Popen([*WRITER, str(path), prefix, str(count)], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("acknowledged", [1, 7, 40])
def test_kill_loses_nothing_acknowledged(path: Path, acknowledged: int) -> None:
    process = writer(path, "writer-a", 1_000_000)
    assert process.stdout is not None
    seen = [process.stdout.readline().strip() for _ in range(acknowledged)]
    process.send_signal(signal.SIGKILL)
    seen += process.stdout.read().split()
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    with open_store(str(path), create=False) as store:
        assert store.check() == []
        stored = {run.id for run in store.history()}
        assert set(seen) <= stored
        assert len(stored) <= len(seen) + 1
        for run_id in stored:
            assert len(store.sample_keys(run_id)) == 2


def test_four_writers_on_a_new_store_all_succeed(path: Path) -> None:
    processes = [writer(path, f"writer-{letter}", 15) for letter in "abcd"]
    printed = [process.communicate()[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    with open_store(str(path), create=False) as store:
        assert {run.id for run in store.history()} == {run_id for ids in printed for run_id in ids}
        assert len(store.history()) == 60
        assert store.check() == []


def test_commits_are_synced(store: Store) -> None:
    with store.view() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 30_000


def test_a_reader_is_not_blocked_by_a_writer(store: Store, path: Path) -> None:
    store.add_run(make_run())
    with open_store(str(path)) as second, store.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM run_tag")
        assert second.run("last").id == "run-000001"


def test_a_failed_transaction_is_undone(store: Store) -> None:
    def spoilt() -> None:
        with store.transaction() as connection:
            connection.exec_driver_sql("DELETE FROM session")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        spoilt()
    assert store.session("last").id == "session-1"


def test_disk_full_keeps_earlier_rows(small_disk: Path) -> None:
    with open_store(str(small_disk / "store.db")) as store:
        store.add_session(make_session())
        stored: list[str] = []
        with pytest.raises(StoreError, match="the disk is full") as caught:
            fill(store, stored)
        assert "--store PATH" in (caught.value.hint or "")
        assert stored
        assert {run.id for run in store.history()} == set(stored)
        assert store.check() == []
    with open_store(str(small_disk / "store.db")) as store:
        assert {run.id for run in store.history()} == set(stored)


def fill(store: Store, stored: list[str]) -> None:
    """Add more runs than the disk can hold; `stored` gets the ids of those that fit."""
    for index in range(1000):
        run = make_run(f"run-{index:06}")
        store.add_run(run, make_samples(index, count=5000))
        stored.append(run.id)


def test_a_read_only_disk_is_read_but_not_written(small_disk: Path) -> None:
    path = small_disk / "store.db"
    with open_store(str(path)) as store:
        store.add_session(make_session())
        store.add_run(make_run(), make_samples())
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with open_store(str(path)) as store:
        assert store.read_only
        assert store.run("last") == make_run()
        assert store.check() == []
        refused(lambda: store.add_run(make_run("run-000002")))
        refused(lambda: store.put_artifact(path, "ab" * 32))
        refused(lambda: store.merge(path))
    refused(lambda: open_store(str(small_disk / "new.db")))


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root; the read-only disk is tested instead")
def test_a_file_without_write_permission(path: Path) -> None:
    with open_store(str(path)) as store:
        store.add_session(make_session())
    path.chmod(0o444)
    with open_store(str(path)) as store:
        refused(lambda: store.add_run(make_run()))


def refused(call: Callable[[], object]) -> None:
    """The call says that the store is read-only, and what to do."""
    with pytest.raises(StoreError, match="store is read-only") as caught:
        call()
    assert "--store PATH" in (caught.value.hint or "")


def test_a_store_that_becomes_read_only_while_open(store: Store) -> None:
    with store.view() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    refused(lambda: store.add_run(make_run()))


def test_a_file_that_is_no_database(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04" + b"x" * 5000)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="is not an edgebench store"):
        open_store(str(path))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE note (text)"],
        ["CREATE TABLE alembic_version (version_num VARCHAR(32))"],
        [
            "CREATE TABLE alembic_version (version_num VARCHAR(32))",
            "INSERT INTO alembic_version VALUES ('ae1027a6acf')",
        ],
    ],
)
def test_the_database_of_another_program(path: Path, statements: list[str]) -> None:
    connection = sqlite3.connect(path)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        open_store(str(path))
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.touch()
    with open_store(str(path)) as store:
        assert store.history() == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SQLITE_BUSY", "locked for 30 s"),  # waiting for the real one takes as long
        ("SQLITE_CANTOPEN", "cannot be opened"),
        ("SQLITE_CORRUPT_INDEX", "is damaged"),
        ("SQLITE_READONLY_DIRECTORY", "store is read-only"),
        ("SQLITE_IOERR_READ", "see me"),
    ],
)
def test_errors_that_are_hard_to_provoke(path: Path, name: str, text: str) -> None:
    error = sqlite3.OperationalError("see me")
    error.sqlite_errorname = name
    told = store_error(path, error)
    assert text in told.message
    assert told.hint


def test_an_input_error_on_a_full_disk_is_told_as_that(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(1_500_000))
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR_SHMSIZE"
    assert "the disk is full" in store_error(small_disk / "store.db", error).message


def test_other_errors_keep_their_text(path: Path) -> None:
    error = sqlite3.OperationalError("odd")
    assert "odd" in store_error(path, error).message


def test_awkward_file_names(tmp_path: Path) -> None:
    path = tmp_path / "a b%20c?d#e" / "störe.db"
    with open_store(str(path)) as store:
        store.add_session(make_session())
    assert path.exists()
    assert Place(path, read_only=True).uri.endswith("?mode=ro&immutable=1")
