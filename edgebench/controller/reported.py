"""Rows that somebody else reports: figures of a paper or an app, with their source, as records."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from edgebench.artifacts.artifact import load_artifact
from edgebench.controller.session import new_id, now_text
from edgebench.errors import UnknownName, UsageError
from edgebench.records import (
    METRIC_UNITS,
    ArtifactRef,
    Asked,
    DeviceRef,
    Grade,
    GradeReason,
    Metric,
    Outcome,
    Run,
    Session,
    SessionDevice,
    Variant,
)

NOT_AT_HAND = ArtifactRef(sha256="unknown", bytes=0, format="unknown")
"""The artifact of a row whose file nobody has."""

QUALITY = "quality."


@dataclass(frozen=True)
class Claim:
    """What is reported, of what, by whom; metrics by name in their own units (`METRIC_UNITS`)."""

    model: str
    metrics: dict[str, float]
    source: str
    device: str = "unknown"
    label: str | None = None
    backend: str = "unknown"
    accelerator: str | None = None
    note: str | None = None
    tags: dict[str, str] = field(default_factory=dict)


def reported_run(claim: Claim) -> tuple[Session, Run]:
    """The row of a claim, and the session it needs to be stored in.

    Where `model` is a file, its content is the row's artifact. Raises `UsageError` for no metrics, an empty source or
    a figure that is not finite, `UnknownName` for a metric that does not exist, `ModelError` for a damaged file.
    """
    if not claim.metrics or not claim.source.strip():
        raise UsageError("a reported row needs a figure and its source", hint="--metric NAME=VALUE --source TEXT")
    metrics = {name: _metric(name, value) for name, value in claim.metrics.items()}
    name, artifact = _artifact(claim.model)
    ref = DeviceRef(name=claim.device, id=f"reported:{claim.device}")
    started = now_text()
    session = Session(
        id=new_id(), started_at=started, device=SessionDevice(name=ref.name, id=ref.id, transport="reported")
    )
    reason = GradeReason(code="reported", text="reported by its source, not measured", remedy="measure it")
    run = Run(
        id=new_id(),
        session=session.id,
        started_at=started,
        device=ref,
        kind="reported",
        source=claim.source.strip(),
        note=claim.note,
        tags=claim.tags,
        variant=Variant(
            model=name,
            label=claim.label or name,
            artifact=artifact,
            backend=claim.backend,
            accelerator=Asked(requested=claim.accelerator),
        ),
        outcome=Outcome(status="ok"),
        grade=Grade(letter="D", reasons=[reason]),
        metrics=metrics,
    )
    return session, run


def _metric(name: str, value: float) -> Metric:
    if name not in METRIC_UNITS and not (name.startswith(QUALITY) and len(name) > len(QUALITY)):
        raise UnknownName("metric", name, [*METRIC_UNITS, f"{QUALITY}NAME"])
    if not math.isfinite(value):
        raise UsageError(f"--metric {name} takes a finite number, not {value}")
    return Metric(value=value, unit=METRIC_UNITS.get(name, ""), statistic="reported", why="no interval was reported")


def _artifact(model: str) -> tuple[str, ArtifactRef]:
    path = Path(model)
    if not path.is_file():
        return model, NOT_AT_HAND
    found = load_artifact(path)
    return path.stem, ArtifactRef(sha256=found.sha256, bytes=found.bytes, format=str(found.format))
