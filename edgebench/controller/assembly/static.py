"""Figures of the file itself, the variant as a record, and rows that never ran."""

from __future__ import annotations

from typing import Literal

import msgspec

from edgebench.artifacts.reading import READERS
from edgebench.controller.assembly.grade import grade
from edgebench.controller.rows import RowRequest
from edgebench.controller.session import new_id, now_text
from edgebench.controller.spec import ModelFacts, RunContext, VariantAsk
from edgebench.records import (
    ArtifactRef,
    Asked,
    DeviceRef,
    Grade,
    Metric,
    Outcome,
    OutcomeCode,
    Precision,
    PrecisionParts,
    Run,
    Session,
    Variant,
)
from edgebench.units import MIB

COUNTS = ("params", "params_nonzero", "macs", "flops", "activations", "convs")


def static_metrics(context: RunContext) -> dict[str, Metric]:
    """Counts of the graph, size, estimated peak and the user's own quality figures."""
    return _counts(context.facts) | {
        f"quality.{name}": Metric(unit="", value=value, statistic="given by the user")
        for name, value in context.quality.items()
    }


def _counts(facts: ModelFacts) -> dict[str, Metric]:
    why = "operators of unknown cost" if facts.uncounted else "the shapes are not fixed"
    if facts.format not in READERS:
        why = f"inside of a {facts.format} file nothing is read"
    metrics = {}
    for name in COUNTS:
        value = getattr(facts, name)
        known = value is not None
        metrics[name] = (
            Metric(unit="count", value=value) if known else Metric(unit="count", state="unavailable", why=why)
        )
    metrics["size"] = Metric(unit="bytes", value=facts.bytes)
    peak = facts.estimated_peak_bytes
    metrics["estimated_peak"] = (
        Metric(unit="MiB", value=peak / MIB, method="weights + peak live activations")
        if peak is not None
        else Metric(unit="MiB", state="unavailable", why=why)
    )
    return metrics


def variant_record(context: RunContext, effective: dict[str, object], version: str | None) -> Variant:
    """Requested and effective, side by side."""
    return _variant(context.model, context.label, context.ask, context.facts, effective, version)


def _variant(
    model: str, label: str, ask: VariantAsk, facts: ModelFacts, effective: dict[str, object], version: str | None
) -> Variant:
    accelerator, threads = effective.get("accelerator"), effective.get("threads")
    return Variant(
        model=model,
        label=label,
        artifact=ArtifactRef(sha256=facts.sha256, bytes=facts.bytes, format=facts.format),
        backend=ask.backend,
        backend_version=version,
        accelerator=Asked(
            requested=ask.accelerator_asked or ask.accelerator, effective=str(accelerator) if accelerator else None
        ),
        precision=Precision(requested=ask.precision, effective=_computed_in(facts, effective.get("compute"))),
        threads=Asked(requested=ask.threads, effective=threads if isinstance(threads, int) else None),
        batch=ask.batch,
        shapes=ask.shapes,
        options=ask.options,
    )


def _computed_in(facts: ModelFacts, compute: object) -> PrecisionParts:
    """The file's precision; what it computes in is the runtime's choice on some accelerators, and then its word."""
    return msgspec.structs.replace(facts.precision, compute=compute) if isinstance(compute, str) else facts.precision


def failed_run(
    session: Session,
    device: DeviceRef,
    request: RowRequest,
    code: OutcomeCode,
    message: str,
    *,
    status: Literal["failed", "skipped"] = "failed",
    run_id: str | None = None,
) -> Run:
    """A row that has an outcome but no measurements."""
    return Run(
        id=run_id or new_id(),
        session=session.id,
        started_at=now_text(),
        device=device,
        kind="simulated" if device.simulated else "measured",
        note=request.note,
        parent=request.parent,
        tags=request.tags,
        variant=_variant(request.model, request.label, request.ask, request.facts, {}, None),
        outcome=Outcome(status=status, code=code, message=message),
        grade=grade({"simulated": "simulated device"}) if device.simulated else Grade(letter="D"),
        metrics=_counts(request.facts),
    )
