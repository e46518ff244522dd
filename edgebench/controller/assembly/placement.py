"""Where the nodes ran, as the runtime itself says (measurement.md, section 9)."""

from __future__ import annotations

from edgebench.controller.events import JobEvents
from edgebench.controller.spec import RunContext
from edgebench.records import Placement

ALSO = {"cpu": ("cpu", "xnnpack")}
"""TFLite's XNNPACK is its way of using the CPU; nodes on it are told apart, and are on the CPU all the same."""

COMPILING = frozenset({"tensorrt", "openvino", "qnn", "nnapi", "coreml"})
"""Providers of ONNX Runtime that make one node of a whole subgraph: a profile, which is taken after that, counts it as
one (the graph assignment of newer releases counts the model's own nodes)."""


def judge_placement(context: RunContext, job: JobEvents) -> Placement:
    """Nodes per accelerator and the share of them where they were asked to be.

    A tool that counts no nodes tells at most whether its delegate took all of the graph (share 1) or a part: `partial`.
    """
    steps = job.of_pass("fidelity")
    event = next((step.placement for step in [*steps[::-1], *job.of_pass("invocation")] if step.placement), None)
    if not event:
        why = next((str(w.get("text")) for s in steps for w in s.warnings), "the runtime told nothing of its nodes")
        return Placement(state="unavailable", why=why)
    nodes = {accelerator_name(str(name)): int(n) for name, n in dict(event.get("nodes") or {}).items()}
    total = sum(nodes.values())
    if not total and event.get("whole") is not None:
        return _uncounted(event)
    asked = context.ask.accelerator.lower()
    there = sum(count for name, count in nodes.items() if name in ALSO.get(asked, (asked,)))
    if 0 < there < total and asked in COMPILING and event.get("source") == "profile":
        why = f"{asked} takes subgraphs, of which each counts as one node: what share of the model they are is not told"
        return Placement(state="partial", nodes=nodes, source="profile", why=why)
    share = there / total if total else None
    return Placement(state="ok", nodes=nodes, share=share, source=str(event.get("source") or ""))


def _uncounted(event: dict[str, object]) -> Placement:
    line, source = str(event.get("line") or ""), str(event.get("source") or "")
    if event.get("whole"):
        return Placement(state="ok", share=1.0, source=source, why=line)
    return Placement(state="partial", source=source, why=line)


def accelerator_name(provider: str) -> str:
    """The accelerator that a provider of the runtime is: CUDAExecutionProvider is `cuda`."""
    return provider.lower().removesuffix("executionprovider")
