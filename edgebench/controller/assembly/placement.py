"""Where the nodes ran, as the runtime itself says (measurement.md, section 9)."""

from __future__ import annotations

from edgebench.controller.events import JobEvents
from edgebench.controller.spec import RunContext
from edgebench.records import Placement


def judge_placement(context: RunContext, job: JobEvents) -> Placement:
    """Nodes per accelerator and the share of them where they were asked to be."""
    steps = job.of_pass("fidelity")
    event = steps[-1].placement if steps else None
    if not event:
        why = next((str(w.get("text")) for s in steps for w in s.warnings), "the runtime told nothing of its nodes")
        return Placement(state="unavailable", why=why)
    nodes = {str(name): int(count) for name, count in dict(event.get("nodes") or {}).items()}
    total = sum(nodes.values())
    wanted = [name for name in nodes if _is(context.ask.accelerator, name)]
    share = sum(nodes[name] for name in wanted) / total if total else None
    return Placement(state="ok", nodes=nodes, share=share, source=str(event.get("source") or ""))


def _is(accelerator: str, provider: str) -> bool:
    """Whether a provider of the runtime (CUDAExecutionProvider) is the accelerator asked for (cuda)."""
    return provider.lower().removesuffix("executionprovider") == accelerator.lower()
