"""Care of a store: check it, prune it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from edgebench.errors import StoreError
from edgebench.store import codec, reading, schema
from edgebench.store.answers import Problem, Pruned
from edgebench.store.files import blob_path, file_sha256

_NEVER_PRUNED = (
    schema.baseline.c.run_id,
    schema.comparison.c.baseline_run_id,
    schema.comparison.c.variant_run_id,
    schema.alarm.c.run_id,
    schema.alarm.c.baseline_run_id,
)


def check(connection: sa.Connection, store: Path) -> list[Problem]:
    """Everything wrong with the store at `store`; reads all of it."""
    rows = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
    if rows != ["ok"]:
        return [Problem("database", str(store), str(text)) for text in rows]
    return [*_references(connection), *_samples(connection), *_documents(connection), *_artifacts(connection, store)]


def _references(connection: sa.Connection) -> Iterator[Problem]:
    """Rows that refer to rows which are not there."""
    for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check").all():
        yield Problem("reference", f"{table} row {row}", f"refers to a missing row of {parent}")


def _samples(connection: sa.Connection) -> Iterator[Problem]:
    """Samples that do not unpack, or are fewer or more than their row says."""
    for row in connection.execute(sa.select(schema.samples)).yield_per(100).mappings():
        where = f"run {row['run_id']}, {row['name']} of {row['pass']} {row['invocation']}"
        try:
            count = len(codec.decode(row["data"]))
        except StoreError as error:
            yield Problem("samples", where, error.message)
            continue
        if count != row["count"]:
            yield Problem("samples", where, f"{count} samples, its row says {row['count']}")


def _documents(connection: sa.Connection) -> Iterator[Problem]:
    """Runs and sessions whose documents do not read."""
    for table, decode in ((schema.run, reading.decoded_run), (schema.session, reading.decoded_session)):
        for name, document in connection.execute(sa.select(table.c.id, table.c.document)).yield_per(100):
            try:
                decode(name, document)
            except StoreError as error:
                yield Problem(table.name, name, error.message)


def _artifacts(connection: sa.Connection, store: Path) -> Iterator[Problem]:
    """Artifacts whose content should lie beside the store, and does not."""
    table = schema.artifact
    for sha256 in connection.execute(sa.select(table.c.sha256).where(table.c.stored)).scalars():
        path = blob_path(store, sha256)
        if not path.exists():
            yield Problem("artifact", sha256, f"{path} is missing")
        elif file_sha256(path) != sha256:
            yield Problem("artifact", sha256, f"{path} has another content")


def prunable(connection: sa.Connection, before: str, *, samples_only: bool) -> Pruned:
    """What `prune` would remove."""
    packed = schema.samples
    size = sa.func.coalesce(sa.func.sum(sa.func.length(packed.c.data)), 0)
    with_samples = sa.select(sa.func.count(packed.c.run_id.distinct()), size)
    runs, sample_bytes = connection.execute(with_samples.where(packed.c.run_id.in_(_old(before)))).one()
    if not samples_only:
        runs = connection.execute(sa.select(sa.func.count()).select_from(_old(before).subquery())).scalar_one()
    return Pruned(runs=runs, sample_bytes=sample_bytes)


def prune(connection: sa.Connection, before: str, *, samples_only: bool) -> None:
    """Remove runs started before `before` (or only their samples), then sessions and series left without a run.

    Runs that are a baseline, or part of a comparison or an alarm, stay whole.
    """
    if samples_only:
        connection.execute(sa.delete(schema.samples).where(schema.samples.c.run_id.in_(_old(before))))
        return
    connection.execute(sa.delete(schema.run).where(schema.run.c.id.in_(_old(before))))
    run, session, series, alarm = schema.run, schema.session, schema.series, schema.alarm
    used = sa.select(run.c.session_id)
    connection.execute(sa.delete(session).where(session.c.started_at < before, session.c.id.not_in(used)))
    kept = sa.union(sa.select(run.c.series_key), sa.select(alarm.c.series_key))
    connection.execute(sa.delete(series).where(series.c.key.not_in(kept)))


def _old(before: str) -> sa.Select[tuple[str]]:
    """Ids of the runs that may be pruned; `before` as `utc_text` writes it."""
    run = schema.run
    kept = sa.union(*[sa.select(column) for column in _NEVER_PRUNED])
    return sa.select(run.c.id).where(run.c.started_at < before, run.c.id.not_in(kept))
