from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import pytest
import zstandard
from store_builders import make_run, make_samples, make_session, make_variant

from edgebench.errors import StoreError, UnknownName
from edgebench.records import ArtifactRef
from edgebench.store import Merged, Pruned, SampleKey, open_store
from edgebench.store.codec import pack_text, unpack_text
from edgebench.store.store import Store

CONTENT = b"a model"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def three(store: Store) -> Store:
    """Three runs on three days, one of them pinned."""
    for day in (1, 2, 3):
        store.add_run(make_run(f"run-00000{day}", started_at=f"2026-03-0{day}T00:00:00Z"), make_samples(day))
    store.pin_baseline("run-000001")
    return store


@pytest.fixture
def other(tmp_path: Path) -> Store:
    """Another store, with a session of its own."""
    with open_store(str(tmp_path / "other/store.db")) as opened:
        opened.add_session(make_session("session-2"))
        yield opened


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "m.onnx"
    file.write_bytes(CONTENT)
    return file


def spoil(store: Store, statement: str) -> None:
    """Change the file behind the store's back."""
    connection = sqlite3.connect(store.path)
    with connection:
        connection.execute(statement)
    connection.close()


def kinds(store: Store) -> list[str]:
    return [problem.kind for problem in store.check()]


def test_a_sound_store_has_no_problems(three: Store) -> None:
    assert three.check() == []


@pytest.mark.parametrize(
    ("statement", "kind", "where"),
    [
        ("UPDATE samples SET data = x'0102' WHERE invocation = 0 AND run_id = 'run-000002'", "samples", "run-000002"),
        ("UPDATE samples SET data = 'text' WHERE invocation = 0 AND run_id = 'run-000002'", "samples", "run-000002"),
        ("UPDATE samples SET count = 7 WHERE invocation = 1 AND run_id = 'run-000003'", "samples", "run-000003"),
        ("UPDATE run SET document = '{}' WHERE id = 'run-000002'", "run", "run-000002"),
        (f"UPDATE run SET document = x'{pack_text('{}').hex()}' WHERE id = 'run-000002'", "run", "run-000002"),
        (f"UPDATE run SET document = x'{pack_text('{').hex()}' WHERE id = 'run-000002'", "run", "run-000002"),
        ("UPDATE run SET document = x'28b5' WHERE id = 'run-000002'", "run", "run-000002"),
        ("UPDATE session SET document = '[]'", "session", "session-1"),
        ("INSERT INTO run_tag VALUES ('absent', 'a', 'b')", "reference", "run_tag"),
        ("UPDATE artifact SET stored = 1", "artifact", "abab"),
    ],
)
def test_each_damage_is_one_problem(three: Store, statement: str, kind: str, where: str) -> None:
    spoil(three, statement)
    (problem,) = three.check()
    assert problem.kind == kind
    assert where in problem.where


def test_a_damaged_run_is_named_when_read(three: Store) -> None:
    spoil(three, "UPDATE run SET document = '{}' WHERE id = 'run-000002'")
    with pytest.raises(StoreError, match="stored run run-000002 does not read"):
        three.run("run-000002")


def test_damaged_pages_are_found(three: Store) -> None:
    path = three.path
    with three.transaction() as connection:
        root = connection.exec_driver_sql("SELECT rootpage FROM sqlite_master WHERE name = 'metric'").scalar_one()
    three.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)
    with open_store(str(path)) as reopened:
        assert {problem.kind for problem in reopened.check()} == {"database"}


def test_backup_is_a_store_of_its_own(three: Store, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    three.backup(target)
    with open_store(str(target), create=False) as copy:
        assert copy.history() == three.history()
        assert copy.check() == []
        with copy.view() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
    assert [file.name for file in tmp_path.glob("copy.db.*")] == []


def test_backup_overwrites_nothing(three: Store, model: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="exists"):
        three.backup(model)
    assert model.read_bytes() == CONTENT
    with pytest.raises(StoreError, match="cannot write"):
        three.backup(tmp_path / "absent/copy.db")


def test_a_dry_prune_changes_nothing(three: Store) -> None:
    pruned = three.prune("2026-03-03")
    assert pruned.runs == 1
    assert pruned.sample_bytes > 0
    assert len(three.history()) == 3


def test_prune_keeps_baselines_and_newer_runs(three: Store) -> None:
    foreseen = three.prune("2026-03-03")
    assert three.prune("2026-03-03", dry_run=False) == foreseen
    assert [run.id for run in three.history()] == ["run-000003", "run-000001"]
    assert three.check() == []


def test_prune_of_samples_keeps_the_runs(three: Store) -> None:
    assert three.prune("2026-03-03", samples_only=True, dry_run=False).runs == 1
    assert len(three.history()) == 3
    with pytest.raises(UnknownName):
        three.samples("run-000002", 0)
    assert len(three.samples("run-000001", 0)) == 100
    assert three.prune("2026-03-03", samples_only=True) == Pruned(runs=0, sample_bytes=0)


def test_prune_drops_sessions_and_series_without_runs(store: Store) -> None:
    store.add_run(make_run(), make_samples())
    store.prune("2027-01-01", dry_run=False)
    with store.view() as connection:
        for table in ("session", "series", "run", "samples", "metric", "plan_step"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 0


def test_prune_gives_the_room_back(store: Store) -> None:
    for index in range(20):
        store.add_run(make_run(f"run-{index:06}"), make_samples(index, count=2000))
    before = _pages(store)
    store.prune("2027-01-01", dry_run=False)
    assert _pages(store) < before / 2


def _pages(store: Store) -> int:
    with store.view() as connection:
        return int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())


def test_merge_brings_what_is_new(three: Store, other: Store) -> None:
    samples = make_samples(9)
    other.add_run(make_run("run-000009", session="session-2"), samples)
    assert three.merge(other.path) == Merged(sessions=1, runs=1, completed=0, differing=[])
    assert three.run("run-000009") == other.run("run-000009")
    assert three.samples("run-000009", 1).tolist() == samples[SampleKey(1)].tolist()
    assert three.session("session-2") == other.session("session-2")
    assert three.check() == []
    assert len(other.history()) == 1


def test_merging_twice_changes_nothing(three: Store, other: Store) -> None:
    other.merge(three.path)
    assert other.merge(three.path) == Merged(sessions=0, runs=0, completed=0, differing=[])
    assert other.history() == three.history()
    assert other.baseline(three.latest()[0].series_key) == three.run("run-000001")


def test_merge_leaves_differing_runs_as_they_are_here(three: Store, other: Store) -> None:
    other.add_session(make_session())
    other.add_run(make_run("run-000002", p50=99.0), make_samples(8))
    assert three.merge(other.path).differing == ["run-000002"]
    assert three.run("run-000002").metrics["latency_p50"].value == 12.5
    assert three.samples("run-000002", 0).tolist() == make_samples(2)[SampleKey(0)].tolist()


def test_runs_that_only_pack_differently_do_not_differ(three: Store, other: Store) -> None:
    other.merge(three.path)
    with other.transaction() as connection:
        packed = connection.exec_driver_sql("SELECT document FROM run WHERE id = 'run-000002'").scalar_one()
        loose = zstandard.ZstdCompressor(level=19).compress(unpack_text(packed))
        assert loose != packed
        connection.exec_driver_sql("UPDATE run SET document = ? WHERE id = 'run-000002'", (loose,))
    assert three.merge(other.path).differing == []


def test_merge_completes_a_lost_run(store: Store, other: Store) -> None:
    store.add_run(make_run(status="failed", code="device-lost"))
    other.add_session(make_session())
    other.add_run(make_run(), make_samples())
    assert store.merge(other.path) == Merged(sessions=1, runs=0, completed=1, differing=[])
    assert store.run("run-000001").outcome.status == "ok"
    assert len(store.samples("run-000001", 0)) == 100
    lost = other.merge(store.path)
    assert lost.differing == []


def test_merge_does_not_lose_a_complete_run(store: Store, other: Store) -> None:
    store.add_run(make_run())
    other.add_session(make_session())
    other.add_run(make_run(status="failed", code="interrupted"))
    assert store.merge(other.path).completed == 0
    assert store.run("run-000001").outcome.status == "ok"


def test_merge_needs_another_store(three: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is this store itself"):
        three.merge(three.path)
    with pytest.raises(StoreError, match="there is no store"):
        three.merge(tmp_path / "absent.db")


def test_artifact_content_is_kept_by_hash(store: Store, model: Path) -> None:
    ref = ArtifactRef(sha256=SHA256, bytes=len(CONTENT), format="onnx")
    store.add_run(make_run(variant=make_variant(artifact=ref)))
    kept = store.put_artifact(model, SHA256)
    assert kept == store.path.parent / "blobs" / SHA256[:2] / SHA256
    assert kept.read_bytes() == CONTENT
    assert store.check() == []
    kept.write_bytes(b"other")
    assert kinds(store) == ["artifact"]
    kept.unlink()
    assert kinds(store) == ["artifact"]


def test_content_of_another_hash_is_refused(store: Store, model: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="its hash is another"):
        store.put_artifact(model, "ab" * 32)
    with pytest.raises(StoreError, match="cannot keep"):
        store.put_artifact(tmp_path / "absent.onnx", SHA256)
    assert [file for file in (tmp_path / "blobs").rglob("*") if file.is_file()] == []
    assert store.check() == []


def test_merge_brings_contents(store: Store, other: Store, model: Path) -> None:
    other.put_artifact(model, SHA256)
    store.merge(other.path)
    assert (store.path.parent / "blobs" / SHA256[:2] / SHA256).read_bytes() == CONTENT
    assert store.check() == []
