"""What to do about a row that failed: the command that tells more, where there is one."""

from __future__ import annotations

import re

from edgebench.records import Run

LACKING = re.compile(r"this \w+ has no \w+ExecutionProvider")
"""A runtime that was built without the accelerator: no operator of any model is to blame."""


def next_step(run: Run) -> str | None:
    """One line for the user; None where the message says all that can be said."""
    name = run.id[:8]
    match run.outcome.code:
        case "delegate-failed" if LACKING.match(run.outcome.message or ""):
            return f"`edgebench devices check {run.device.name}` says which one has it"
        case "delegate-failed" if _was_tried(run):
            asked = f"--accelerator {run.variant.accelerator.requested} --device {run.device.name}"
            return f"`edgebench bisect MODEL {asked}` names the operator"
        case "engine-mismatch":
            return "give the .onnx file: its engine is built there and kept"
        case "unparsed-output":
            return f"what it printed is kept: `edgebench history {name}`"
        case "timeout" if "not built" in (run.outcome.message or ""):
            return "look whether it hangs there; `--option build-limit=S` gives the builder longer"
        case "timeout":
            return "look whether it hangs there; `--max-time S` ends it sooner"
    return None


def _was_tried(run: Run) -> bool:
    """Whether it failed on the device, not before anything was run there."""
    return bool(run.environment.facts)
