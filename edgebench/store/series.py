"""Which runs belong together over time: the series."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from edgebench.records import Asked, Precision, Run

_KEY_LENGTH = 16


def series_key(run: Run) -> str:
    """The name of a run's series: 16 hexadecimal characters.

    Runs share a series if model, label, backend, effective accelerator, precision, threads, batch, shapes, options,
    device id and kind are equal. Where nothing is known to have taken effect (a failed run), what was asked counts.
    """
    canonical = msgspec.json.encode(series_fields(run), order="sorted")
    return hashlib.sha256(canonical).hexdigest()[:_KEY_LENGTH]


def series_fields(run: Run) -> dict[str, Any]:
    """What a series is known by, as columns of the table `series` (without its key)."""
    variant = run.variant
    return {
        "device_id": run.device.id,
        "kind": run.kind,
        "model": variant.model,
        "label": variant.label,
        "backend": variant.backend,
        "accelerator": _got(variant.accelerator),
        "precision": _precision(variant.precision),
        "threads": _got(variant.threads),
        "batch": variant.batch,
        "shapes": _text(variant.shapes),
        "options": _text(variant.options),
    }


def _got(asked: Asked) -> str | None:
    """What took effect, else what was asked."""
    value = asked.effective if asked.effective is not None else asked.requested
    return None if value is None else str(value)


def _precision(precision: Precision) -> str | None:
    """`weights/activations/io/compute` as they turned out, else the precision asked for."""
    parts = msgspec.structs.astuple(precision.effective)
    if any(part is not None for part in parts):
        return "/".join(part or "?" for part in parts)
    return precision.requested


def _text(value: dict[str, Any]) -> str:
    """A mapping as JSON with sorted keys."""
    return msgspec.json.encode(value, order="sorted").decode()
