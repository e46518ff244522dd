"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    _devices()
    _sessions()
    _series()
    _runs()
    _samples()
    _verdicts()


def _devices() -> None:
    """Devices and what was observed of them."""
    op.create_table(
        "device",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("profile", sa.String()),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("noise_floor", sa.Float()),
        sa.Column("noise_measured_at", sa.String()),
        sa.PrimaryKeyConstraint("id", name="pk_device"),
    )
    op.create_index("ix_device_name", "device", ["name"])
    op.create_table(
        "device_snapshot",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("taken_at", sa.String(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name="fk_device_snapshot_device_id"),
        sa.PrimaryKeyConstraint("id", name="pk_device_snapshot"),
    )
    op.create_index("ix_device_snapshot_device_id", "device_snapshot", ["device_id"])


def _sessions() -> None:
    """Sessions and their plans."""
    op.create_table(
        "session",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("started_at", sa.String(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("snapshot_id", sa.String(), nullable=False),
        sa.Column("transport", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name="fk_session_device_id"),
        sa.ForeignKeyConstraint(["snapshot_id"], ["device_snapshot.id"], name="fk_session_snapshot_id"),
        sa.PrimaryKeyConstraint("id", name="pk_session"),
    )
    op.create_index("ix_session_device_id", "session", ["device_id"])
    op.create_index("ix_session_snapshot_id", "session", ["snapshot_id"])
    op.create_index("ix_session_started_at_id", "session", ["started_at", "id"])
    op.create_table(
        "plan_step",
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("order_in_round", sa.Integer(), nullable=False),
        sa.Column("pass", sa.String(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name="fk_plan_step_session_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("session_id", "position", name="pk_plan_step"),
        sqlite_with_rowid=False,
    )


def _series() -> None:
    """Artifacts and series."""
    op.create_table(
        "artifact",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("stored", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_artifact"),
    )
    op.create_table(
        "series",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("backend", sa.String(), nullable=False),
        sa.Column("accelerator", sa.String()),
        sa.Column("precision", sa.String()),
        sa.Column("threads", sa.String()),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("shapes", sa.Text(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name="fk_series_device_id"),
        sa.PrimaryKeyConstraint("key", name="pk_series"),
    )
    op.create_index("ix_series_device_id", "series", ["device_id"])
    op.create_index("ix_series_model", "series", ["model"])


def _runs() -> None:
    """Runs with their tags and metrics."""
    op.create_table(
        "run",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("series_key", sa.String(), nullable=False),
        sa.Column("artifact_sha256", sa.String(), nullable=False),
        sa.Column("started_at", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("code", sa.String()),
        sa.Column("message", sa.Text()),
        sa.Column("grade", sa.String(), nullable=False),
        sa.Column("note", sa.Text()),
        sa.Column("parent", sa.String()),
        sa.Column("fingerprint", sa.String()),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["artifact_sha256"], ["artifact.sha256"], name="fk_run_artifact_sha256"),
        sa.ForeignKeyConstraint(["series_key"], ["series.key"], name="fk_run_series_key"),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name="fk_run_session_id"),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
    )
    op.create_index("ix_run_artifact_sha256", "run", ["artifact_sha256"])
    op.create_index("ix_run_series_key_started_at_id", "run", ["series_key", "started_at", "id"])
    op.create_index("ix_run_session_id", "run", ["session_id"])
    op.create_index("ix_run_started_at_id", "run", ["started_at", "id"])
    op.create_table(
        "run_tag",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_tag_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "key", name="pk_run_tag"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_run_tag_key_value", "run_tag", ["key", "value"])
    op.create_table(
        "metric",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.Float()),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("lo", sa.Float()),
        sa.Column("hi", sa.Float()),
        sa.Column("n", sa.Integer()),
        sa.Column("k", sa.Integer()),
        sa.Column("statistic", sa.String()),
        sa.Column("state", sa.String()),
        sa.Column("why", sa.Text()),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_metric_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "name", name="pk_metric"),
        sqlite_with_rowid=False,
    )


def _samples() -> None:
    """Invocations and their samples."""
    op.create_table(
        "invocation",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("invocation", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("order_in_round", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("code", sa.String()),
        sa.Column("load_ms", sa.Float()),
        sa.Column("build_ms", sa.Float()),
        sa.Column("first_ms", sa.Float()),
        sa.Column("steady_class", sa.String(), nullable=False),
        sa.Column("steady_start", sa.Integer(), nullable=False),
        sa.Column("iterations", sa.Integer(), nullable=False),
        sa.Column("median_ms", sa.Float()),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_invocation_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "invocation", name="pk_invocation"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "samples",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("pass", sa.String(), nullable=False),
        sa.Column("invocation", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_samples_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "pass", "invocation", "name", name="pk_samples"),
    )


def _verdicts() -> None:
    """Baselines, comparisons and alarms."""
    op.create_table(
        "baseline",
        sa.Column("series_key", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("pinned_at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name="fk_baseline_run_id", initially="DEFERRED", deferrable=True
        ),
        sa.ForeignKeyConstraint(["series_key"], ["series.key"], name="fk_baseline_series_key"),
        sa.PrimaryKeyConstraint("series_key", name="pk_baseline"),
    )
    op.create_index("ix_baseline_run_id", "baseline", ["run_id"])
    op.create_table(
        "comparison",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("made_at", sa.String(), nullable=False),
        sa.Column("baseline_run_id", sa.String(), nullable=False),
        sa.Column("variant_run_id", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("ratio", sa.Float()),
        sa.Column("lo", sa.Float()),
        sa.Column("hi", sa.Float()),
        sa.Column("level", sa.Float()),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("margin", sa.Float(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["baseline_run_id"], ["run.id"], name="fk_comparison_baseline_run_id", initially="DEFERRED", deferrable=True
        ),
        sa.ForeignKeyConstraint(
            ["variant_run_id"], ["run.id"], name="fk_comparison_variant_run_id", initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("id", name="pk_comparison"),
    )
    op.create_index("ix_comparison_baseline_run_id", "comparison", ["baseline_run_id"])
    op.create_index("ix_comparison_variant_run_id", "comparison", ["variant_run_id"])
    op.create_table(
        "alarm",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("raised_at", sa.String(), nullable=False),
        sa.Column("series_key", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("baseline_run_id", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("ratio", sa.Float()),
        sa.Column("upper", sa.Float()),
        sa.Column("closed_at", sa.String()),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["baseline_run_id"], ["run.id"], name="fk_alarm_baseline_run_id", initially="DEFERRED", deferrable=True
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_alarm_run_id", initially="DEFERRED", deferrable=True),
        sa.ForeignKeyConstraint(["series_key"], ["series.key"], name="fk_alarm_series_key"),
        sa.PrimaryKeyConstraint("id", name="pk_alarm"),
    )
    op.create_index("ix_alarm_baseline_run_id", "alarm", ["baseline_run_id"])
    op.create_index("ix_alarm_run_id", "alarm", ["run_id"])
    op.create_index("ix_alarm_series_key", "alarm", ["series_key"])
