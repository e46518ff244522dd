"""Was it right? The device's outputs against the reference's, for the same input (measurement.md, section 9)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgebench.artifacts.artifact import load_artifact
from edgebench.artifacts.reading import READERS, read_info
from edgebench.artifacts.sniff import sniff
from edgebench.backends.base import backend_for, get_backend
from edgebench.controller.assembly.real_values import alike, for_reference
from edgebench.controller.events import CollectedJob, StepEvents
from edgebench.controller.spec import RunContext
from edgebench.errors import ModelError, RowFailure, UnknownName
from edgebench.records import Fidelity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[np.generic]]

SAME_DB = 200.0
"""PSNR printed for outputs that are equal to the last bit (it would be infinite)."""


def judge_fidelity(context: RunContext, job: CollectedJob) -> Fidelity:
    """Run the reference on the saved inputs and compare; `state` is ok, wrong or unavailable."""
    steps = job.events.of_pass("fidelity")
    if not steps or job.outputs is None or not steps[-1].outputs:
        return Fidelity(state="unavailable", why=_no_outputs(steps[-1] if steps else None))
    reference = Path(context.reference or context.model_path)
    try:
        inputs, outputs = read_outputs(job.outputs, steps[-1].outputs)
        if not context.reference and load_artifact(reference).sha256 != context.facts.sha256:
            return Fidelity(state="unavailable", why=f"{reference.name} is no longer the file that was measured")
        outputs, expected = _both_sides(context, reference, inputs, outputs, job.folder)
    except (ModelError, UnknownName, RowFailure) as error:
        return Fidelity(state="unavailable", reference=reference.name, why=error.message)
    except (OSError, ValueError, KeyError) as error:
        return Fidelity(state="unavailable", reference=reference.name, why=f"unreadable outputs: {error}")
    return compare_outputs(
        outputs, expected, reference=f"{reference.name} on this host's CPU", min_psnr=context.min_psnr
    )


def _no_outputs(step: StepEvents | None) -> str:
    said = (step.done or {}).get("message") if step else None
    return f"the device gave no outputs ({said})" if said else "the device gave no outputs"


def _both_sides(
    context: RunContext, reference: Path, inputs: Arrays, outputs: Arrays, work: Path
) -> tuple[Arrays, Arrays]:
    """The device's outputs and the reference's; of another file than the model's both as real values."""
    backend = get_backend(backend_for(sniff(reference)))
    if not context.reference or context.facts.format not in READERS:
        return outputs, backend.reference(reference, inputs, work, context.ask.options)
    model, other = read_info(Path(context.model_path)), read_info(reference)
    fed = for_reference(inputs, model.inputs, other.inputs)
    expected = backend.reference(reference, fed, work, context.ask.options)
    outputs = alike(outputs, model.outputs, expected)
    return outputs, alike(expected, other.outputs, outputs)


def read_outputs(path: Path, event: dict[str, object]) -> tuple[Arrays, Arrays]:
    """Inputs and outputs by name from the pulled `.npz`. Raises ValueError or KeyError for what is not as announced."""
    names_in, names_out = event.get("inputs"), event.get("outputs")
    if not isinstance(names_in, list) or not isinstance(names_out, list):
        raise ValueError("no names")
    with np.load(path, allow_pickle=False) as found:
        inputs = {str(name): found[f"in{at}"] for at, name in enumerate(names_in)}
        outputs = {str(name): found[f"out{at}"] for at, name in enumerate(names_out)}
    return inputs, outputs


def compare_outputs(outputs: Arrays, expected: Arrays, *, reference: str, min_psnr: float) -> Fidelity:
    """Worst figures over all outputs; wrong = not finite, another shape, or PSNR under `min_psnr` dB."""
    per_output: dict[str, dict[str, float | None]] = {}
    why: str | None = None
    for name, wanted in expected.items():
        got = outputs.get(name)
        if got is None or got.shape != wanted.shape:
            shape = "missing" if got is None else f"of shape {got.shape}, not {wanted.shape}"
            why = why or f"output {name!r} is {shape}"
            per_output[name] = {"max_abs": None, "psnr_db": None, "cosine": None}
            continue
        if not np.isfinite(got.astype(np.float64)).all() and np.isfinite(wanted.astype(np.float64)).all():
            why = why or f"output {name!r} is not finite"
        per_output[name] = closeness(got, wanted)
    psnrs = [figures["psnr_db"] for figures in per_output.values()]
    worst = None if any(value is None for value in psnrs) else min((v for v in psnrs if v is not None), default=None)
    if why is None and worst is not None and worst < min_psnr:
        why = f"PSNR {worst:.1f} dB against {reference}, under {min_psnr:g} dB"
    return Fidelity(
        state="wrong" if why else "ok",
        reference=reference,
        max_abs=_worst([figures["max_abs"] for figures in per_output.values()], max),
        psnr_db=worst,
        cosine=_worst([figures["cosine"] for figures in per_output.values()], min),
        min_psnr_db=min_psnr,
        outputs=per_output,
        why=why,
    )


def closeness(got: NDArray[np.generic], wanted: NDArray[np.generic]) -> dict[str, float | None]:
    """max |difference|, PSNR in dB over the reference's own range, cosine; None where not finite.

    PSNR = 20 log10(range / rmse), range = max - min of the reference (1 if it is constant).
    """
    a, b = got.astype(np.float64).ravel(), wanted.astype(np.float64).ravel()
    if a.size == 0:
        return {"max_abs": 0.0, "psnr_db": SAME_DB, "cosine": 1.0}
    both = np.isfinite(a) & np.isfinite(b)
    if not both.all() and not (np.isfinite(a) == np.isfinite(b)).all():
        return {"max_abs": None, "psnr_db": None, "cosine": None}
    a, b = a[both], b[both]
    difference = np.abs(a - b)
    rmse = math.sqrt(float(np.mean(difference**2))) if a.size else 0.0
    span = float(np.ptp(b)) if a.size else 0.0
    psnr = SAME_DB if rmse == 0 else min(SAME_DB, 20 * math.log10((span or 1.0) / rmse))
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return {
        "max_abs": float(difference.max()) if a.size else 0.0,
        "psnr_db": psnr,
        "cosine": float(a @ b) / norm if norm else (1.0 if rmse == 0 else 0.0),
    }


def _worst(values: list[float | None], choose: object) -> float | None:
    known = [value for value in values if value is not None]
    if not known or len(known) != len(values):
        return None
    return max(known) if choose is max else min(known)
