"""The tables, as the newest migration leaves them; docs/store.md describes each.

Types are SQLAlchemy's plain ones. Times are text in UTC with microseconds, so that they sort.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

HEAD = "0002"
"""The newest migration; a store with a greater number was written by a newer edgebench."""

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _run_child() -> Column[str]:
    """The first key of a table whose rows live and die with their run."""
    return Column("run_id", String, ForeignKey("run.id", ondelete="CASCADE"), primary_key=True)


def _run_reference(name: str) -> Column[str]:
    """A column that names a run, checked at commit so that a run can be replaced inside a transaction."""
    key = ForeignKey("run.id", deferrable=True, initially="DEFERRED")
    return Column(name, String, key, nullable=False, index=True)


device = Table(
    "device",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False, index=True),
    Column("profile", String),
    Column("simulated", Boolean, nullable=False),
    Column("noise_floor", Float),
    Column("noise_measured_at", String),
)

device_snapshot = Table(
    "device_snapshot",
    metadata,
    Column("id", String, primary_key=True),
    Column("device_id", String, ForeignKey("device.id"), nullable=False, index=True),
    Column("taken_at", String, nullable=False),
    Column("facts", Text, nullable=False),
)

session = Table(
    "session",
    metadata,
    Column("id", String, primary_key=True),
    Column("started_at", String, nullable=False),
    Column("device_id", String, ForeignKey("device.id"), nullable=False, index=True),
    Column("snapshot_id", String, ForeignKey("device_snapshot.id"), nullable=False, index=True),
    Column("transport", String, nullable=False),
    Column("document", Text, nullable=False),
    Index(None, "started_at", "id"),
)

plan_step = Table(
    "plan_step",
    metadata,
    Column("session_id", String, ForeignKey("session.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("round", Integer, nullable=False),
    Column("order_in_round", Integer, nullable=False),
    Column("pass", String, nullable=False),
    Column("variant", String, nullable=False),
    sqlite_with_rowid=False,
)

artifact = Table(
    "artifact",
    metadata,
    Column("sha256", String, primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    Column("format", String, nullable=False),
    Column("stored", Boolean, nullable=False),
)

series = Table(
    "series",
    metadata,
    Column("key", String, primary_key=True),
    Column("device_id", String, ForeignKey("device.id"), nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("model", String, nullable=False, index=True),
    Column("label", String, nullable=False),
    Column("backend", String, nullable=False),
    Column("accelerator", String),
    Column("precision", String),
    Column("threads", String),
    Column("batch", Integer, nullable=False),
    Column("shapes", Text, nullable=False),
    Column("options", Text, nullable=False),
)

run = Table(
    "run",
    metadata,
    Column("id", String, primary_key=True),
    Column("session_id", String, ForeignKey("session.id"), nullable=False, index=True),
    Column("series_key", String, ForeignKey("series.key"), nullable=False),
    Column("artifact_sha256", String, ForeignKey("artifact.sha256"), nullable=False, index=True),
    Column("started_at", String, nullable=False),
    Column("status", String, nullable=False),
    Column("code", String),
    Column("message", Text),
    Column("grade", String, nullable=False),
    Column("note", Text),
    Column("parent", String),
    Column("fingerprint", String),
    Column("document", LargeBinary, nullable=False),
    Index(None, "series_key", "started_at", "id"),
    Index(None, "started_at", "id"),
)

run_tag = Table(
    "run_tag",
    metadata,
    _run_child(),
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
    Index(None, "key", "value"),
    sqlite_with_rowid=False,
)

metric = Table(
    "metric",
    metadata,
    _run_child(),
    Column("name", String, primary_key=True),
    Column("value", Float),
    Column("unit", String, nullable=False),
    Column("lo", Float),
    Column("hi", Float),
    Column("n", Integer),
    Column("k", Integer),
    Column("statistic", String),
    Column("state", String),
    Column("why", Text),
    sqlite_with_rowid=False,
)

invocation = Table(
    "invocation",
    metadata,
    _run_child(),
    Column("invocation", Integer, primary_key=True, autoincrement=False),
    Column("round", Integer, nullable=False),
    Column("order_in_round", Integer, nullable=False),
    Column("status", String, nullable=False),
    Column("code", String),
    Column("load_ms", Float),
    Column("build_ms", Float),
    Column("first_ms", Float),
    Column("steady_class", String, nullable=False),
    Column("steady_start", Integer, nullable=False),
    Column("iterations", Integer, nullable=False),
    Column("median_ms", Float),
    sqlite_with_rowid=False,
)

samples = Table(
    "samples",
    metadata,
    _run_child(),
    Column("pass", String, primary_key=True),
    Column("invocation", Integer, primary_key=True, autoincrement=False),
    Column("name", String, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

baseline = Table(
    "baseline",
    metadata,
    Column("series_key", String, ForeignKey("series.key"), primary_key=True),
    _run_reference("run_id"),
    Column("pinned_at", String, nullable=False),
)

comparison = Table(
    "comparison",
    metadata,
    Column("id", String, primary_key=True),
    Column("made_at", String, nullable=False),
    _run_reference("baseline_run_id"),
    _run_reference("variant_run_id"),
    Column("metric", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("ratio", Float),
    Column("lo", Float),
    Column("hi", Float),
    Column("level", Float),
    Column("rounds", Integer, nullable=False),
    Column("margin", Float, nullable=False),
    Column("document", Text, nullable=False),
)

alarm = Table(
    "alarm",
    metadata,
    Column("id", String, primary_key=True),
    Column("raised_at", String, nullable=False),
    Column("series_key", String, ForeignKey("series.key"), nullable=False, index=True),
    _run_reference("run_id"),
    _run_reference("baseline_run_id"),
    Column("metric", String, nullable=False),
    Column("ratio", Float),
    Column("upper", Float),
    Column("closed_at", String),
    Column("document", Text, nullable=False),
)
