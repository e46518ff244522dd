"""`edgebench store ...`."""

import sqlite3

import pytest
from cli_program import Program
from run_records import failed_run, fill, make_run, soak_samples


@pytest.fixture
def program(tmp_path):
    """A store of two old runs with samples and a new one."""
    found = Program(tmp_path)
    runs = [make_run(f"0a1b2c{at:06}", started_at=f"2025-01-0{at + 1}T10:00:00Z") for at in range(2)]
    with found.store() as store:
        fill(store, *runs, failed_run(), samples=soak_samples())
    return found


def test_the_path_is_told_without_a_store(tmp_path):
    said = Program(tmp_path)("store", "path", "--json", "-")
    assert said.document == {"path": str(tmp_path / "store.db"), "exists": False}
    assert not (tmp_path / "store.db").exists()


def test_a_sound_store_is_sound(program):
    said = program("store", "check")
    assert (said.code, said.out) == (0, f"{program.folder / 'store.db'} is sound\n")
    assert program("store", "check", "--json", "-").document["problems"] == []


def test_what_is_wrong_is_listed_and_ends_with_4(program):
    with sqlite3.connect(program.folder / "store.db") as connection:
        connection.execute("UPDATE samples SET count = count + 1 WHERE name = 'latency'")
    said = program("store", "check")
    assert said.code == 4
    assert "samples: run 0a1b2c000000, latency of soak 0: 4800 samples, its row says 4801" in said.out
    kinds = [problem["kind"] for problem in program("store", "check", "--json", "-").document["problems"]]
    assert kinds == ["samples"] * 3


def test_a_backup_is_a_store_and_never_overwrites(program):
    said = program("store", "backup", "copy.db", "--json", "-")
    assert said.document == {"path": "copy.db", "bytes": (program.folder / "copy.db").stat().st_size}
    assert len(program("history", "--store", "copy.db", "--json", "-").document["runs"]) == 3
    again = program("store", "backup", "copy.db")
    assert (again.code, "exists" in again.err) == (2, True)


def test_pruning_is_shown_asked_for_and_done(program):
    options = ("store", "prune", "--before", "2025-06-01")
    refused = program(*options)
    assert refused.code == 2
    assert "would remove 2 runs" in refused.err
    assert "--yes" in refused.err
    assert program(*options, "--dry-run", "--json", "-").document["removed"] is False
    assert len(program("history", "--json", "-").document["runs"]) == 3
    only = program(*options, "--samples-only", "--yes", "--json", "-").document
    assert (only["runs"], only["removed"]) == (2, True)
    assert program(*options, "--yes").out.startswith("removed 2 runs (0 B of samples)")
    assert [run["id"] for run in program("history", "--json", "-").document["runs"]] == ["fa11ed000000"]
    assert program(*options).out.startswith("would remove 0 runs")


def test_another_store_is_merged(program, tmp_path):
    other = Program(tmp_path / "other")
    other.folder.mkdir()
    with other.store() as store:
        fill(store, make_run("0fe4e4000000"), make_run("0a1b2c000000", p50=99.0))
    said = program("store", "merge", tmp_path / "other" / "store.db")
    assert said.code == 0
    assert said.out.splitlines()[0] == "1 run and 0 sessions are new here"
    assert "0a1b2c000000" in said.out
    assert len(program("history", "--json", "-").document["runs"]) == 4
    missing = program("store", "merge", "nothing.db")
    assert (missing.code, "there is no store" in missing.err) == (2, True)
