"""A run or a session as rows of the tables."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edgebench.errors import StoreError
from edgebench.records import Invocation, Metric, Run, Session, to_json
from edgebench.store import codec
from edgebench.store.answers import SampleKey
from edgebench.store.series import series_key

Row = dict[str, Any]


Samples = Mapping[SampleKey, NDArray[np.int64]]


def utc_text(moment: str | datetime) -> str:
    """A moment as sortable text: UTC, microseconds. A moment without a zone is taken as UTC.

    Raises StoreError for text that is not ISO 8601.

    >>> utc_text("2026-03-01T14:00:00+02:00")
    '2026-03-01T12:00:00.000000Z'
    """
    try:
        parsed = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    except ValueError as error:
        raise StoreError(f"{moment!r} is not a time", hint="give it as in 2026-03-01T14:00:00Z") from error
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return parsed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def session_row(session: Session) -> Row:
    """The session's own row."""
    return {
        "id": session.id,
        "started_at": utc_text(session.started_at),
        "device_id": session.device.id,
        "snapshot_id": snapshot_row(session)["id"],
        "transport": session.device.transport,
        "document": to_json(session),
    }


def snapshot_row(session: Session) -> Row:
    """What was observed of the session's device; equal facts of one device are one row."""
    facts = msgspec.json.encode(session.device.facts, order="sorted")
    digest = hashlib.sha256(session.device.id.encode() + b"\0" + facts).hexdigest()
    return {
        "id": digest,
        "device_id": session.device.id,
        "taken_at": utc_text(session.started_at),
        "facts": facts.decode(),
    }


def plan_rows(session: Session) -> list[Row]:
    """The session's plan, in its order."""
    return [
        {
            "session_id": session.id,
            "position": position,
            "round": step.round,
            "order_in_round": step.order,
            "pass": step.pass_,
            "variant": step.variant,
        }
        for position, step in enumerate(session.plan)
    ]


def run_row(run: Run) -> Row:
    """The run's own row; its document leaves the raw samples out, they are rows of their own."""
    bare = [msgspec.structs.replace(invocation, latency_ns=None) for invocation in run.invocations]
    return {
        "id": run.id,
        "session_id": run.session,
        "series_key": series_key(run),
        "artifact_sha256": run.variant.artifact.sha256,
        "started_at": utc_text(run.started_at),
        "status": run.outcome.status,
        "code": run.outcome.code,
        "message": run.outcome.message,
        "grade": run.grade.letter,
        "note": run.note,
        "parent": run.parent,
        "fingerprint": run.environment.fingerprint,
        "document": codec.pack_text(to_json(msgspec.structs.replace(run, invocations=bare))),
    }


def tag_rows(run: Run) -> list[Row]:
    """The run's tags."""
    return [{"run_id": run.id, "key": key, "value": value} for key, value in run.tags.items()]


def metric_rows(run: Run) -> list[Row]:
    """The run's metrics, also those that only have a state."""
    return [_metric_row(run.id, name, metric) for name, metric in run.metrics.items()]


def _metric_row(run_id: str, name: str, metric: Metric) -> Row:
    """One metric."""
    return {
        "run_id": run_id,
        "name": name,
        "value": metric.value,
        "unit": metric.unit,
        "lo": metric.lo,
        "hi": metric.hi,
        "n": metric.n,
        "k": metric.k,
        "statistic": metric.statistic,
        "state": metric.state,
        "why": metric.why,
    }


def invocation_rows(run: Run) -> list[Row]:
    """The run's invocations."""
    return [_invocation_row(run.id, invocation) for invocation in run.invocations]


def _invocation_row(run_id: str, invocation: Invocation) -> Row:
    """One invocation."""
    return {
        "run_id": run_id,
        "invocation": invocation.index,
        "round": invocation.round,
        "order_in_round": invocation.order,
        "status": invocation.outcome.status,
        "code": invocation.outcome.code,
        "load_ms": invocation.load_ms,
        "build_ms": invocation.build_ms,
        "first_ms": invocation.first_ms,
        "steady_class": invocation.steady.class_,
        "steady_start": invocation.steady.start,
        "iterations": invocation.iterations,
        "median_ms": invocation.median_ms,
    }


def sample_rows(run: Run, samples: Samples) -> list[Row]:
    """The samples given, and those that the run itself carries (`latency_ns`) where none were given."""
    carried = {
        SampleKey(invocation.index): np.asarray(invocation.latency_ns, dtype=np.int64)
        for invocation in run.invocations
        if invocation.latency_ns is not None
    }
    return [_sample_row(run.id, key, values) for key, values in {**carried, **samples}.items()]


def _sample_row(run_id: str, key: SampleKey, values: NDArray[np.int64]) -> Row:
    """One array of samples, packed."""
    return {
        "run_id": run_id,
        "pass": key.pass_,
        "invocation": key.invocation,
        "name": key.name,
        "count": len(values),
        "data": codec.encode(values),
    }
