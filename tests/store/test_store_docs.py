"""docs/store.md says what is true: its queries run, its tables and columns are the store's."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from store_builders import make_run

from edgebench.records import Environment
from edgebench.store import RunRow, schema
from edgebench.store.store import Store

DOCS = (Path(__file__).parents[2] / "docs" / "store.md").read_text()
QUERIES = re.findall(r"```sql\n(.*?)```", DOCS, re.DOTALL)


@pytest.fixture
def nightly(store: Store) -> Store:
    """Three nights of one series: 10 ms, 12 ms, and 15 ms on another environment."""
    store.add_run(make_run("run-000001", p50=10.0, started_at="2026-03-01T00:00:00Z"))
    store.add_run(make_run("run-000002", p50=12.0, started_at="2026-03-02T00:00:00Z"))
    moved = Environment(fingerprint="beef")
    store.add_run(make_run("run-000003", p50=15.0, started_at="2026-03-03T00:00:00Z", environment=moved))
    return store


def ask(store: Store, query: str) -> list[dict[str, object]]:
    with store.view() as connection:
        return [dict(row) for row in connection.exec_driver_sql(query).mappings()]


def columns(store: Store, view: str) -> list[str]:
    return [str(row["name"]) for row in ask(store, f"PRAGMA table_info({view})")]


def test_there_are_three_queries() -> None:
    assert len(QUERIES) == 3


def test_fastest_variant(nightly: Store) -> None:
    (row,) = ask(nightly, QUERIES[0])
    assert (row["model"], row["device"], row["p50_ms"]) == ("esrgan", "pi", 15.0)


def test_slower_than_before_on_an_unchanged_environment(nightly: Store) -> None:
    (row,) = ask(nightly, QUERIES[1])
    assert (row["latency_p50"], row["previous_p50"], row["over_previous"]) == (12.0, 10.0, 1.2)


def test_metrics_by_tag(nightly: Store) -> None:
    (row,) = ask(nightly, QUERIES[2])
    assert row == {"suite": "nightly", "name": "latency_p50", "unit": "ms", "runs": 3, "best": 10.0, "worst": 15.0}


def test_the_table_of_tables_is_complete() -> None:
    listed = re.findall(r"^\| `(\w+)`", DOCS.split("## Tables")[1], re.MULTILINE)
    assert set(listed) == {*schema.metadata.tables, "alembic_version"}


def test_every_view_is_described(store: Store) -> None:
    listed = re.findall(r"^\| `(v_\w+)`", DOCS, re.MULTILINE)
    assert listed == [row["name"] for row in ask(store, "SELECT name FROM sqlite_master WHERE type = 'view'")]


def test_columns_of_the_views(store: Store) -> None:
    flat = [field.name for field in dataclasses.fields(RunRow)]
    assert columns(store, "v_runs") == flat
    assert columns(store, "v_latest") == flat
    assert columns(store, "v_history") == [*flat, "previous_id", "previous_p50", "over_previous"]
    described = set(re.findall(r"`(\w+)`", DOCS.split("Columns of `v_runs`:")[1].split("A metric that")[0]))
    assert {name for name in flat if not name.endswith(("_lo", "_hi"))} <= described


def test_a_long_history_is_answered_by_look_ups(nightly: Store) -> None:
    plan = " | ".join(str(row["detail"]) for row in ask(nightly, "EXPLAIN QUERY PLAN SELECT * FROM v_history"))
    assert "SEARCH p USING COVERING INDEX ix_run_series_key_started_at_id" in plan
