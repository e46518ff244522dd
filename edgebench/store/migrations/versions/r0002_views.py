"""Views for people who query the store: v_runs, v_latest, v_history."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_METRICS = ("latency_p50", "latency_p90", "latency_p99", "latency_mean")
_SINGLE = ("sustained_fps", "sustained_drop", "power_mean", "energy_net", "memory_peak", "size")


def upgrade() -> None:
    """Make the views."""
    op.execute(_runs())
    op.execute(_latest())
    op.execute(_history())


def _runs() -> str:
    """v_runs: one flat row a run; the joins of columns not asked for cost nothing."""
    wide = [f"m_{name}.value AS {name}, m_{name}.lo AS {name}_lo, m_{name}.hi AS {name}_hi" for name in _METRICS]
    single = [f"m_{name}.value AS {name}" for name in _SINGLE]
    joins = [
        f"LEFT JOIN metric m_{name} ON m_{name}.run_id = r.id AND m_{name}.name = '{name}'"
        for name in (*_METRICS, *_SINGLE)
    ]
    return f"""
        CREATE VIEW v_runs AS
        SELECT r.id, r.session_id, r.series_key, r.started_at,
               d.name AS device, d.id AS device_id, d.profile, d.simulated, s.kind,
               s.model, s.label, s.backend, s.accelerator, s.precision, s.threads, s.batch,
               r.status, r.code, r.message, r.grade, r.note, r.parent, r.artifact_sha256, r.fingerprint,
               {", ".join(wide + single)}
        FROM run r
        JOIN series s ON s.key = r.series_key
        JOIN device d ON d.id = s.device_id
        {" ".join(joins)}
    """  # noqa: S608 - names of our own metrics, nothing from outside


def _latest() -> str:
    """v_latest: the newest run of every series. One index look-up a series; GROUP BY max() would read every run."""
    return """
        CREATE VIEW v_latest AS
        SELECT v.* FROM v_runs v
        WHERE v.id IN (
            SELECT (SELECT n.id FROM run n WHERE n.series_key = s.key ORDER BY n.started_at DESC, n.id DESC LIMIT 1)
            FROM series s
        )
    """


def _history() -> str:
    """v_history: every run with the latency of the run before it in its series, and their ratio."""
    return """
        CREATE VIEW v_history AS
        SELECT h.*, before.value AS previous_p50, h.latency_p50 / before.value AS over_previous
        FROM (
            SELECT v.*, (
                SELECT p.id FROM run p
                WHERE p.series_key = v.series_key AND (p.started_at, p.id) < (v.started_at, v.id)
                ORDER BY p.started_at DESC, p.id DESC LIMIT 1
            ) AS previous_id
            FROM v_runs v
        ) h
        LEFT JOIN metric before ON before.run_id = h.previous_id AND before.name = 'latency_p50'
    """
