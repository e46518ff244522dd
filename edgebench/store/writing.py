"""Rows into the store; every function works inside the caller's transaction."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from edgebench.errors import StoreError, UnknownName
from edgebench.records import Run, Session
from edgebench.store import rows, schema
from edgebench.store.series import series_fields, series_key

REPLACEABLE = ("device-lost", "interrupted")
_CHILDREN = (schema.run_tag, schema.metric, schema.invocation, schema.samples)
_DESCRIBED = {schema.run_tag: rows.tag_rows, schema.metric: rows.metric_rows, schema.invocation: rows.invocation_rows}
"""Tables of what a run's record says, and how it becomes their rows."""


def insert_session(connection: sa.Connection, session: Session) -> None:
    """Store a session with its device, what was observed of it, and its plan. Raises StoreError if it is there."""
    if _exists(connection, schema.session, session.id):
        raise StoreError(f"session {session.id} is already stored")
    _put_session_device(connection, session)
    connection.execute(sa.insert(schema.session), rows.session_row(session))
    _insert_many(connection, schema.plan_step, rows.plan_rows(session))


def update_session(connection: sa.Connection, session: Session) -> None:
    """Store a session's later state (its plan, what was prepared). Raises UnknownName if it is not there."""
    if not _exists(connection, schema.session, session.id):
        raise UnknownName("session", session.id, [])
    _put_session_device(connection, session)
    table, steps = schema.session, schema.plan_step
    connection.execute(sa.update(table).where(table.c.id == session.id), rows.session_row(session))
    connection.execute(sa.delete(steps).where(steps.c.session_id == session.id))
    _insert_many(connection, steps, rows.plan_rows(session))


def insert_run(connection: sa.Connection, run: Run, samples: rows.Samples) -> None:
    """Store a run with all that belongs to it. Raises StoreError if it is there, or its session is not."""
    if _exists(connection, schema.run, run.id):
        raise StoreError(f"run {run.id} is already stored")
    _check_session(connection, run)
    _put_run_parents(connection, run)
    connection.execute(sa.insert(schema.run), rows.run_row(run))
    _insert_children(connection, run, samples)


def replace_run(connection: sa.Connection, run: Run, samples: rows.Samples) -> None:
    """Put a run collected later in the place of the one that was lost.

    Raises UnknownName if it is not stored, StoreError if the stored one ended otherwise or is of another session.
    """
    table = schema.run
    stored = connection.execute(sa.select(table.c.code, table.c.session_id).where(table.c.id == run.id)).one_or_none()
    if stored is None:
        raise UnknownName("run", run.id, [])
    if stored.code not in REPLACEABLE:
        raise StoreError(f"run {run.id} is complete: only a run that was lost or interrupted can be replaced")
    if stored.session_id != run.session:
        raise StoreError(f"run {run.id} belongs to session {stored.session_id}, not {run.session}")
    for child in _CHILDREN:
        connection.execute(sa.delete(child).where(child.c.run_id == run.id))
    _put_run_parents(connection, run)
    connection.execute(sa.update(table).where(table.c.id == run.id), rows.run_row(run))
    _insert_children(connection, run, samples)


def update_run(connection: sa.Connection, run: Run) -> None:
    """Store a finished run's later figures (a meter's, added afterwards); its raw samples stay.

    Raises UnknownName if it is not stored, StoreError if the stored one is of another session.
    """
    table = schema.run
    stored = connection.execute(sa.select(table.c.session_id).where(table.c.id == run.id)).one_or_none()
    if stored is None:
        raise UnknownName("run", run.id, [])
    if stored.session_id != run.session:
        raise StoreError(f"run {run.id} belongs to session {stored.session_id}, not {run.session}")
    for child, described in _DESCRIBED.items():
        connection.execute(sa.delete(child).where(child.c.run_id == run.id))
        _insert_many(connection, child, described(run))
    _put_run_parents(connection, run)
    connection.execute(sa.update(table).where(table.c.id == run.id), rows.run_row(run))


def set_noise_floor(connection: sa.Connection, device_id: str, share: float, measured_at: str) -> None:
    """Keep a device's noise floor, as a share (.018 is 1.8 %). Raises UnknownName."""
    table = schema.device
    change = {"noise_floor": share, "noise_measured_at": rows.utc_text(measured_at)}
    if connection.execute(sa.update(table).where(table.c.id == device_id), change).rowcount == 0:
        raise UnknownName("device", device_id, connection.execute(sa.select(table.c.id)).scalars())


def pin_baseline(connection: sa.Connection, run_id: str, pinned_at: str) -> None:
    """Make a run the baseline of its series. Raises UnknownName, StoreError for a run without figures."""
    run, table = schema.run, schema.baseline
    found = connection.execute(sa.select(run.c.series_key, run.c.status).where(run.c.id == run_id)).one_or_none()
    if found is None:
        raise UnknownName("run", run_id, [])
    if found.status not in ("ok", "unstable"):
        raise StoreError(f"run {run_id} is {found.status}: a baseline needs figures")
    connection.execute(sa.delete(table).where(table.c.series_key == found.series_key))
    row = {"series_key": found.series_key, "run_id": run_id, "pinned_at": rows.utc_text(pinned_at)}
    connection.execute(sa.insert(table), row)


def mark_stored(connection: sa.Connection, sha256: str, size: int, kind: str) -> None:
    """Record that an artifact's content (`size` bytes, of format `kind`) lies beside the store."""
    table = schema.artifact
    done = connection.execute(sa.update(table).where(table.c.sha256 == sha256), {"stored": True})
    if done.rowcount == 0:
        connection.execute(sa.insert(table), {"sha256": sha256, "bytes": size, "format": kind, "stored": True})


def _check_session(connection: sa.Connection, run: Run) -> None:
    """Raise StoreError unless the run's session is stored."""
    if not _exists(connection, schema.session, run.session):
        raise StoreError(f"run {run.id} belongs to session {run.session}, which is not stored")


def _put_session_device(connection: sa.Connection, session: Session) -> None:
    """The device of a session and its snapshot; the newest name and profile win."""
    device = session.device
    _put(connection, schema.device, device.id, _device_row(device.name, device.profile, device.simulated))
    if session.noise_floor is not None:
        set_noise_floor(connection, device.id, session.noise_floor, session.started_at)
    snapshot = rows.snapshot_row(session)
    if not _exists(connection, schema.device_snapshot, snapshot["id"]):
        connection.execute(sa.insert(schema.device_snapshot), snapshot)


def _put_run_parents(connection: sa.Connection, run: Run) -> None:
    """What a run refers to: device, artifact, series."""
    device, artifact, key = run.device, run.variant.artifact, series_key(run)
    _put(connection, schema.device, device.id, _device_row(device.name, device.profile, device.simulated))
    if not _exists(connection, schema.artifact, artifact.sha256):
        row = {"sha256": artifact.sha256, "bytes": artifact.bytes, "format": artifact.format, "stored": False}
        connection.execute(sa.insert(schema.artifact), row)
    if not _exists(connection, schema.series, key):
        connection.execute(sa.insert(schema.series), {"key": key, **series_fields(run)})


def _device_row(name: str, profile: str | None, simulated: bool) -> rows.Row:
    """What a record says of its device."""
    return {"name": name, "profile": profile, "simulated": simulated}


def _insert_children(connection: sa.Connection, run: Run, samples: rows.Samples) -> None:
    """All rows that live and die with the run."""
    _insert_many(connection, schema.run_tag, rows.tag_rows(run))
    _insert_many(connection, schema.metric, rows.metric_rows(run))
    _insert_many(connection, schema.invocation, rows.invocation_rows(run))
    _insert_many(connection, schema.samples, rows.sample_rows(run, samples))


def _insert_many(connection: sa.Connection, table: sa.Table, many: list[rows.Row]) -> None:
    """Insert rows, if any."""
    if many:
        connection.execute(sa.insert(table), many)


def _put(connection: sa.Connection, table: sa.Table, key: str, fields: dict[str, Any]) -> None:
    """Insert the row of this key, or bring its fields up to date."""
    (column,) = table.primary_key.columns
    found = connection.execute(sa.select(table).where(column == key)).mappings().one_or_none()
    if found is None:
        connection.execute(sa.insert(table), {column.name: key, **fields})
    elif any(found[name] != value for name, value in fields.items()):
        connection.execute(sa.update(table).where(column == key), fields)


def _exists(connection: sa.Connection, table: sa.Table, key: str) -> bool:
    """Whether a row of this key is there."""
    (column,) = table.primary_key.columns
    return connection.execute(sa.select(column).where(column == key)).first() is not None
