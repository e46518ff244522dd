"""Questions to the store; every function works on the caller's connection."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from edgebench.errors import StoreError, UnknownName
from edgebench.records import Run, Session, run_from_json
from edgebench.store import codec, schema
from edgebench.store.answers import Filters, RunRow, SampleKey
from edgebench.store.rows import utc_text

LAST = "last"
SHORTEST_PREFIX = 6
_SHOWN = 12


_COLUMNS = tuple(column.name for column in fields(RunRow))
_TYPES: dict[str, sa.types.TypeEngine[Any]] = {"simulated": sa.Boolean()}
_LATEST = sa.table("v_latest", *[sa.column(name, _TYPES.get(name)) for name in _COLUMNS])


def find_id(connection: sa.Connection, table: sa.Table, name: str) -> str:
    """The id of a run or session: an id, a prefix of one of at least 6 characters, or `last`.

    Raises UnknownName, which lists the candidates, if there is none or more than one.
    """
    ids, kind = table.c.id, table.name
    if connection.execute(sa.select(ids).where(ids == name)).first():
        return name
    newest = sa.select(ids).order_by(table.c.started_at.desc(), ids.desc()).limit(_SHOWN)
    if name == LAST:
        found = connection.execute(newest.limit(1)).scalars().all()
        hint: str | None = "the store is empty"
    else:
        starts = ids.startswith(name, autoescape=True) if len(name) >= SHORTEST_PREFIX else sa.false()
        found = connection.execute(newest.where(ids >= name, starts)).scalars().all()
        hint = f"{kind}s that begin so: {', '.join(sorted(found))}" if found else None
    if len(found) == 1:
        return str(found[0])
    if len(name) < SHORTEST_PREFIX and hint is None:
        hint = f"give an id, at least {SHORTEST_PREFIX} characters of one, or `last`"
    if hint is None:
        some = connection.execute(newest.limit(3)).scalars().all()
        hint = f"newest: {', '.join(one[:8] for one in some)}; `edgebench history` lists them" if some else None
    raise UnknownName(kind, name, found, hint=hint)


def run(connection: sa.Connection, name: str) -> Run:
    """The run of that id, prefix or `last`. Raises UnknownName, StoreError if it does not read."""
    run_id = find_id(connection, schema.run, name)
    document = connection.execute(sa.select(schema.run.c.document).where(schema.run.c.id == run_id)).scalar_one()
    return decoded_run(run_id, document)


def session(connection: sa.Connection, name: str) -> Session:
    """The session of that id, prefix or `last`. Raises UnknownName, StoreError if it does not read."""
    table = schema.session
    session_id = find_id(connection, table, name)
    document = connection.execute(sa.select(table.c.document).where(table.c.id == session_id)).scalar_one()
    return decoded_session(session_id, document)


def samples(connection: sa.Connection, run_id: str, key: SampleKey) -> NDArray[np.int64]:
    """The samples of that key: int64, shape (n,). Raises UnknownName if there are none, StoreError if damaged."""
    table = schema.samples
    query = sa.select(table.c.data).where(
        table.c.run_id == run_id,
        table.c["pass"] == key.pass_,
        table.c.invocation == key.invocation,
        table.c.name == key.name,
    )
    blob = connection.execute(query).scalar_one_or_none()
    if blob is None:
        known = [f"{found.name} of {found.pass_} {found.invocation}" for found in sample_keys(connection, run_id)]
        raise UnknownName(f"samples of run {run_id}", f"{key.name} of {key.pass_} {key.invocation}", known)
    return codec.decode(blob)


def sample_keys(connection: sa.Connection, run_id: str) -> list[SampleKey]:
    """Which samples a run has."""
    table = schema.samples
    query = sa.select(table.c.invocation, table.c.name, table.c["pass"]).where(table.c.run_id == run_id)
    found = connection.execute(query.order_by(table.c["pass"], table.c.invocation, table.c.name))
    return [SampleKey(*row) for row in found]


def history(connection: sa.Connection, wanted: Filters) -> list[Run]:
    """The runs for which all filters hold, newest first. Raises StoreError if one does not read."""
    table = schema.run
    query = sa.select(table.c.id, table.c.document).order_by(table.c.started_at.desc(), table.c.id.desc())
    query = query.where(*_conditions(wanted)).limit(wanted.limit)
    return [decoded_run(run_id, document) for run_id, document in connection.execute(query)]


def _conditions(wanted: Filters) -> list[sa.ColumnElement[bool]]:
    """The filters as conditions on the table `run`."""
    table, series, device, tag = schema.run, schema.series, schema.device, schema.run_tag
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.series is not None:
        conditions.append(table.c.series_key == wanted.series)
    if wanted.model is not None:
        conditions.append(table.c.series_key.in_(sa.select(series.c.key).where(series.c.model == wanted.model)))
    if wanted.device is not None:
        named = sa.select(device.c.id).where(sa.or_(device.c.id == wanted.device, device.c.name == wanted.device))
        conditions.append(table.c.series_key.in_(sa.select(series.c.key).where(series.c.device_id.in_(named))))
    if wanted.since is not None:
        conditions.append(table.c.started_at >= utc_text(wanted.since))
    if wanted.status is not None:
        statuses = [wanted.status] if isinstance(wanted.status, str) else list(wanted.status)
        conditions.append(table.c.status.in_(statuses))
    for key, value in wanted.tags.items():
        conditions.append(table.c.id.in_(sa.select(tag.c.run_id).where(tag.c.key == key, tag.c.value == value)))
    return conditions


def latest(connection: sa.Connection, *, device: str | None, model: str | None) -> list[RunRow]:
    """The newest run of every series, however it ended, by model, device and label."""
    columns = _LATEST.c
    query = sa.select(_LATEST).order_by(columns.model, columns.device, columns.label, columns.series_key)
    if device is not None:
        query = query.where(sa.or_(columns.device == device, columns.device_id == device))
    if model is not None:
        query = query.where(columns.model == model)
    return [RunRow(*row) for row in connection.execute(query)]


def session_runs(connection: sa.Connection, session_id: str) -> list[Run]:
    """The runs of a session in the order they were started. Raises StoreError if one does not read."""
    table = schema.run
    query = sa.select(table.c.id, table.c.document).where(table.c.session_id == session_id)
    return [decoded_run(*row) for row in connection.execute(query.order_by(table.c.started_at, table.c.id))]


def noise_floor(connection: sa.Connection, device_id: str) -> float | None:
    """The device's noise floor as a share, None if it was never measured."""
    table = schema.device
    return connection.execute(sa.select(table.c.noise_floor).where(table.c.id == device_id)).scalar_one_or_none()


def baseline(connection: sa.Connection, key: str) -> Run | None:
    """The pinned run of a series, if one is pinned. Raises StoreError if it does not read."""
    table, pinned = schema.run, schema.baseline
    query = sa.select(table.c.id, table.c.document).join(pinned, pinned.c.run_id == table.c.id)
    found = connection.execute(query.where(pinned.c.series_key == key)).one_or_none()
    return decoded_run(*found) if found else None


def decoded_run(run_id: str, document: bytes) -> Run:
    """A stored run. Raises StoreError, naming the path of what is wrong, if it does not read."""
    try:
        return run_from_json(codec.unpack_text(document))
    except (msgspec.DecodeError, StoreError) as error:
        raise _unreadable("run", run_id, error) from error


def decoded_session(session_id: str, document: Any) -> Session:
    """A stored session. Raises StoreError, naming the path of what is wrong, if it does not read."""
    try:
        return msgspec.json.decode(document, type=Session)
    except msgspec.DecodeError as error:
        raise _unreadable("session", session_id, error) from error


def _unreadable(kind: str, name: str, error: Exception) -> StoreError:
    """The error for a document that is not what this program stores."""
    return StoreError(f"stored {kind} {name} does not read: {error}", hint="see `edgebench store check`")
