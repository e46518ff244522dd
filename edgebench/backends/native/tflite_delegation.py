"""What TFLite's tools say of the delegate that was asked for, and of what made them fail.

Wording read from the tool's sources and from users' threads. `X delegate created.` proves nothing: it is printed once
the library is open, before the graph is touched. What counts is that the tool says it was applied.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from edgebench.backends.native.base import Delegation
from edgebench.backends.native.lines import Line, message

FAMILIES = {
    "gpu": re.compile(r"gpu|_cl\b|opencl|ml_?drift|webgpu", re.I),
    "nnapi": re.compile(r"nn_?api", re.I),
    "hexagon": re.compile(r"hexagon", re.I),
    "external": re.compile(r"^(?!.*xnn_?pack)", re.I),
}
"""How the delegates of an accelerator are called in lines."""

_APPLIED = re.compile(
    r"(?:Explicitly a|A)pplied (\w+) delegate(?:, and the model graph will be (completely|partially) executed)?"
    r"(?:.*w/ (\d{1,9}) delegate kernels)?"
)
_NOT_EXECUTED = re.compile(r"Though (\w+) delegate is explicitly applied, the model graph will not be")
_REPLACING = re.compile(r"Replacing (\d{1,9}) out of (\d{1,9}) node\(s\) with delegate \(([^)]{1,80})\)")
_DELEGATED = re.compile(r"(\S+) delegate: (\d{1,9}) nodes delegated out of (\d{1,9}) nodes", re.I)
_KERNELS = re.compile(r"Created (\d{1,9}) GPU delegate kernels")
_FULLY = re.compile(r"Fully accelerated: +(True|False)", re.I)

REFUSALS = re.compile(
    r"Failed to apply \S+ delegate|Though \w+ delegate is explicitly applied|Disallowed CPU fallback"
    r"|delegate isn't supported on the platform|is(?:n't| not) supported on (?:this|the) (?:device|platform)"
    r"|nnapi error|NN ?API (?:returned error|delegate is not)|Unconsumed cmdline flags|Created 0 GPU delegate kernels"
    r"|Can(?:'t|not) (?:create|load|open) .*delegate|delegate should not be nullptr"
    r"|[Ff]ailed to (?:load|create) .*delegate"
    r"|Could(?:n't| not) (?:find|load) .*(?:delegate|accelerator)|dlopen failed|Fully accelerated: +False"
)
"""Lines that tell of a delegate that did not work, the decisive ones first in time as the tool prints them."""

REASONS = re.compile(
    r"not supported|isn't supported|but tensor type|mismatch|expected \d|[Oo]nly support|dynamic-sized"
    r"|failed to prepare|operations will run|was not true|unable to open|cannot open|No such file|CL_[A-Z_]+|clCreate"
    r"|Delegate\w* (?:Init|Prepare): "
)


def read_delegation(lines: Sequence[Line], accelerator: str) -> Delegation | None:
    """What was said of the delegate of this accelerator; None where nothing was. Of `cpu`: None."""
    family = FAMILIES.get(accelerator, FAMILIES["external"])
    found: Delegation | None = None
    nodes: tuple[int, int] | None = None
    for line in lines:
        text = line.text
        if (match := _REPLACING.search(text)) and family.search(match[3]) and nodes is None:
            nodes = _nodes(match[1], match[2])
        elif (match := _DELEGATED.search(text)) and family.search(match[1]) and nodes is None:
            nodes = _nodes(match[2], match[3])
        said = _said(text, family)
        if said is not None and (found is None or not said.applied or not found.applied or said.whole is not None):
            found = said
    return _with_nodes(found, nodes, lines)


def _said(text: str, family: re.Pattern[str]) -> Delegation | None:
    if (match := _NOT_EXECUTED.search(text)) and family.search(match[1]):
        return Delegation(match[1], applied=False, whole=False, line=message(text))
    if (match := _APPLIED.search(text)) and family.search(match[1]):
        whole = None if match[2] is None else match[2] == "completely"
        kernels = int(match[3]) if match[3] else 1 if whole else None
        return Delegation(match[1], applied=kernels != 0, whole=whole, kernels=kernels, line=message(text))
    if match := _FULLY.search(text):
        return Delegation("LiteRT", True, whole=True, line=message(text)) if match[1].lower() == "true" else None
    return None


def _with_nodes(found: Delegation | None, nodes: tuple[int, int] | None, lines: Sequence[Line]) -> Delegation | None:
    if nodes is None:
        return found
    line = next(message(one.text) for one in lines if _REPLACING.search(one.text) or _DELEGATED.search(one.text))
    if found is None:  # the new tool tells of the nodes alone
        return Delegation("", applied=nodes[0] > 0, whole=nodes[0] == nodes[1], nodes=nodes, line=line)
    whole = found.whole if found.whole is not None else nodes[0] == nodes[1]
    return Delegation(found.name, found.applied and nodes[0] > 0, whole, found.kernels, nodes, found.line)


def _nodes(some: str, all_: str) -> tuple[int, int] | None:
    delegated, total = int(some), int(all_)
    return (delegated, total) if 0 <= delegated <= total and total > 0 else None


def refusal(lines: Sequence[Line], flag: str | None) -> str | None:
    """The tool's own lines of why the delegate did not apply, None where it gives none.

    `flag` is the one that asks for the delegate: a tool that ignores it says so in a warning, and then runs on the CPU.
    """
    decisive = [
        line.text
        for line in lines
        if REFUSALS.search(line.text) and (not line.text.startswith("Unconsumed") or (flag and flag in line.text))
    ]
    if not decisive:
        return None
    reasons = [line.text for line in lines if REASONS.search(line.text) and line.text not in decisive]
    return message(decisive[0], *reasons[:4])
