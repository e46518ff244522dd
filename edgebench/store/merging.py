"""One store's rows into another: SQLite reads both, in one transaction."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from edgebench.store import schema
from edgebench.store.answers import Merged
from edgebench.store.codec import unpack_text
from edgebench.store.engine import attached
from edgebench.store.files import blob_path, keep_content
from edgebench.store.place import Place
from edgebench.store.writing import REPLACEABLE, mark_stored

_OTHER = "other"
_CHILDREN = {
    schema.plan_step: schema.session,
    schema.run_tag: schema.run,
    schema.metric: schema.run,
    schema.invocation: schema.run,
    schema.samples: schema.run,
}


def merge(engine: sa.Engine, path: Path, other: Place) -> Merged:
    """Bring over what the store at `other` has and the one of `engine` (at `path`) has not.

    A run that was lost here and is complete there is completed; otherwise what is here stays as it is. Contents of
    artifacts come over before the rows that speak of them. Raises StoreError.
    """
    there = sa.MetaData()
    theirs = {table: table.to_metadata(there, schema=_OTHER) for table in schema.metadata.sorted_tables}
    with attached(engine, path, other, _OTHER) as connection, connection.begin():
        kept = _take_contents(connection, theirs[schema.artifact], path, other.path)
        merged = _merge_rows(connection, theirs)
        for sha256, size, kind in kept:
            mark_stored(connection, sha256, size, kind)
    return merged


def _take_contents(connection: sa.Connection, theirs: sa.Table, path: Path, other: Path) -> list[tuple[str, int, str]]:
    """Copy the contents of artifacts that lie beside the other store and not here: their hash, bytes and format."""
    query = sa.select(theirs.c.sha256, theirs.c.bytes, theirs.c.format).where(theirs.c.stored)
    found = [tuple(row) for row in connection.execute(query) if blob_path(other, row.sha256).exists()]
    for sha256, _, _ in found:
        if not blob_path(path, sha256).exists():
            keep_content(path, blob_path(other, sha256), sha256)
    return found


def _merge_rows(connection: sa.Connection, theirs: dict[sa.Table, sa.Table]) -> Merged:
    """Bring over the rows; `theirs` maps each table to the attached one."""
    # Children are copied first, while the runs that are missing here still tell which are new.
    connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    completed = _drop_completed(connection, theirs[schema.run])
    run, their_run = schema.run, theirs[schema.run]
    differing = _differing(connection, their_run)
    for child, parent in _CHILDREN.items():
        key = theirs[child].c[f"{parent.name}_id"]
        _copy(connection, child, theirs[child], key.not_in(sa.select(parent.c.id)))
    copied = {
        t: _copy(connection, t, theirs[t], sa.true()) for t in schema.metadata.sorted_tables if t not in _CHILDREN
    }
    return Merged(copied[schema.session], copied[run] - completed, completed, differing)


def _drop_completed(connection: sa.Connection, theirs: sa.Table) -> int:
    """Drop the runs that were lost here and are complete in `theirs`; how many."""
    run = schema.run
    complete = sa.or_(theirs.c.code.is_(None), theirs.c.code.not_in(REPLACEABLE))
    lost = sa.select(run.c.id).join(theirs, theirs.c.id == run.c.id).where(run.c.code.in_(REPLACEABLE), complete)
    return connection.execute(sa.delete(run).where(run.c.id.in_(lost))).rowcount


def _differing(connection: sa.Connection, theirs: sa.Table) -> list[str]:
    """Runs whose documents differ; packed ones may differ by the packer alone."""
    run = schema.run
    query = sa.select(run.c.id, run.c.document, theirs.c.document).join(theirs, theirs.c.id == run.c.id)
    found = connection.execute(query.where(theirs.c.document != run.c.document))
    return sorted(run_id for run_id, here, there in found if unpack_text(here) != unpack_text(there))


def _copy(connection: sa.Connection, here: sa.Table, there: sa.Table, which: sa.ColumnElement[bool]) -> int:
    """Copy the rows of `there` that `which` picks and that are not here; how many."""
    rows = sa.select(there).where(which)
    insert = sa.insert(here).prefix_with("OR IGNORE").from_select([column.name for column in here.columns], rows)
    return connection.execute(insert).rowcount
