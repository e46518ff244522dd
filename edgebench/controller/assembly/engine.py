"""What a built engine adds to a run: the build's time, the accelerator's own time, the precision of every layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgebench.controller.assembly.latency import MeasuredInvocation
from edgebench.controller.events import JobEvents
from edgebench.controller.spec import RunContext
from edgebench.records import Layer, Metric, Outcome, Placement, Warn
from edgebench.stats.invocations import across
from edgebench.units import NS_PER_MS

LAYERS_KEPT = 2000
UNSURE_NS = 50_000_000
"""Half of a 10 Hz sensor's interval: from here on a program's times may be joined with the wrong reading."""
REFORMAT_SHARE = 0.05
"""From this share of the time on, copies between layouts and precisions are told."""


def engine_metrics(measured: Sequence[MeasuredInvocation], job: JobEvents) -> dict[str, Metric]:
    """`compute_p50` where the accelerator's own time is told apart, `build` where an engine was built; ms."""
    return _compute(measured) | _build(job)


def _compute(measured: Sequence[MeasuredInvocation]) -> dict[str, Metric]:
    steady = [one.step.compute_ns[one.steadiness.start :] for one in measured]
    medians = [float(np.median(ns)) / NS_PER_MS for ns in steady if ns.size]
    if not medians or len(medians) < len(measured) or min(medians) <= 0:
        return {}
    estimate = across(medians)
    metric = Metric(
        unit="ms",
        value=estimate.value,
        lo=estimate.lo,
        hi=estimate.hi,
        statistic="p50",
        k=estimate.k,
        n=sum(int(ns.size) for ns in steady),
        window="steady",
        method="the accelerator's own events; geometric mean of invocation medians, t interval",
        why=estimate.why,
    )
    return {"compute_p50": metric}


def _build(job: JobEvents) -> dict[str, Metric]:
    engine = next((step.engine for step in job.of_pass("build") if step.engine), None)
    if engine is None or not isinstance(engine.get("build_ns"), int | float):
        return {}
    method = "built earlier on this device, kept there" if engine.get("cached") else "built in this run"
    value = float(engine["build_ns"]) / NS_PER_MS
    return {"build": Metric(unit="ms", value=value, method=method, k=1, why="built once: no interval")}


def layers_of(job: JobEvents) -> Mapping[str, Any]:
    """What the runtime said of its layers, {} where it did not."""
    return next((step.layers for step in job.of_pass("fidelity")[::-1] if step.layers), {})


def with_layers(placement: Placement, job: JobEvents) -> Placement:
    """The placement with each layer's precision, and the shares of reformats and copies in the time."""
    told = layers_of(job)
    listed = told.get("layers")
    layers = [_layer(one) for one in listed[:LAYERS_KEPT] if isinstance(one, dict)] if isinstance(listed, list) else []
    if not layers:
        return placement
    import msgspec

    return msgspec.structs.replace(
        placement,
        precisions=dict(Counter(layer.precision for layer in layers if layer.precision)),
        reformat_share=_share(told.get("reformat")),
        copy_share=_share(told.get("copy")),
        layers=layers,
    )


def _layer(told: Mapping[str, Any]) -> Layer:
    ms, ops = told.get("ms"), told.get("ops")
    return Layer(
        name=str(told.get("name") or ""),
        type=_word(told.get("type")),
        precision=_word(told.get("precision")),
        ms=float(ms) if isinstance(ms, int | float) else None,
        ops=[str(op) for op in ops] if isinstance(ops, list) else [],
    )


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _share(part: object) -> float | None:
    share = part.get("share") if isinstance(part, dict) else None
    return float(share) if isinstance(share, int | float) else None


def computed_in(placement: Placement) -> str | None:
    """The precision that most of the time went to (of layers without times, most layers); None where none is told."""
    weights: dict[str, float] = {}
    timed = all(layer.ms is not None for layer in placement.layers if layer.precision)
    for layer in placement.layers:
        if layer.precision:
            weight = layer.ms if timed and layer.ms is not None else 1.0
            weights[layer.precision] = weights.get(layer.precision, 0.0) + weight
    return max(weights, key=lambda name: weights[name], default=None)


def tool_clock_warnings(job: JobEvents) -> list[Warn]:
    """What a program's own times leave out (`anchor` of the protocol): gaps in a sum, where on the clock it is."""
    anchors = [step.anchor for step in job.of_pass("invocation") + job.of_pass("soak") if step.anchor]
    found = []
    if any(anchor.get("whole") is False for anchor in anchors):
        text = "latency is trtexec's sum of copies and GPU time; the moments in between and its own call are not in it"
        hint = "compare it with rows of the same way; `--option way=python` times from host memory to host memory"
        found.append(Warn(code="summed-latency", text=text, hint=hint))
    unsure_ns = [int(anchor["uncertainty_ns"]) for anchor in anchors if isinstance(anchor.get("uncertainty_ns"), int)]
    if unsure_ns and max(unsure_ns) > UNSURE_NS:
        text = f"trtexec's times stand on the device's clock to within {max(unsure_ns) / NS_PER_MS:.0f} ms only"
        hint = "power and outliers are joined with them that coarsely; run again on an idle board"
        found.append(Warn(code="coarse-anchor", text=text, hint=hint))
    return found


def asked_precision(context: RunContext) -> str | None:
    """What the builder was told to use, None where no engine was built for this run."""
    flags = context.engine.flags if context.engine else {}
    return next((name for name in ("int8", "fp16") if flags.get(name)), None)


def not_in_precision(context: RunContext, placement: Placement) -> Outcome | None:
    """A failure where int8 was asked for and no layer ran in it: such a row would be an int8 one in name only."""
    if asked_precision(context) != "int8" or not placement.precisions or placement.precisions.get("int8"):
        return None
    used = ", ".join(f"{n} in {name}" for name, n in sorted(placement.precisions.items()))
    message = f"no layer ran in int8: TensorRT built {used}"
    return Outcome(status="failed", code="unsupported-precision", message=message)


def layer_warnings(context: RunContext, placement: Placement) -> list[Warn]:
    """Why a smaller precision may not be faster: layers that kept a wider one, time that went into reformats."""
    found = []
    asked = asked_precision(context)
    total = sum(placement.precisions.values())
    there = placement.precisions.get(asked or "", 0)
    if asked and not total:
        text = f"TensorRT told nothing of its layers: how much ran in {asked} is not known"
        found.append(Warn(code="precision-unknown", text=text, hint="releases from 8.2 on tell it"))
    if asked and total and there < total:
        others = ", ".join(f"{n} in {name}" for name, n in sorted(placement.precisions.items()) if name != asked)
        hint = "`--json -` lists the layers; a faster layer in a wider precision is TensorRT's own choice"
        found.append(
            Warn(code="mixed-precision", text=f"{there} of {total} layers ran in {asked}, {others}", hint=hint)
        )
    if placement.reformat_share is not None and placement.reformat_share > REFORMAT_SHARE:
        text = f"{placement.reformat_share:.0%} of the time went into reformats between layouts and precisions"
        found.append(Warn(code="reformats", text=text, hint="fewer changes of precision in the graph"))
    return found
