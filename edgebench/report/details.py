"""One run in detail, for `run` of a single row and for `history RUN`."""

from __future__ import annotations

from edgebench.records import Run
from edgebench.report.cells import metric_cell
from edgebench.report.sparkline import sparkline
from edgebench.units import significant


def detail_lines(run: Run) -> list[str]:
    """What a table row has no room for: load and first inference, steadiness, soak, outliers, placement, memory."""
    if run.outcome.status not in ("ok", "unstable"):
        return []
    lines = [_times(run), _steady(run), _soak(run), _paced(run), _outliers(run), _placement(run), _memory(run)]
    return [line for line in lines if line]


def _times(run: Run) -> str:
    parts = [f"{name.replace('_', ' ')} {metric_cell(run.metrics[name], interval=False)} ms" for name in _present(run)]
    return "times: " + ", ".join(parts) if parts else ""


def _present(run: Run) -> list[str]:
    return [
        name
        for name in ("load", "build", "first", "compute_p50")
        if name in run.metrics and run.metrics[name].value is not None
    ]


def _steady(run: Run) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in run.steady.counts.items())
    medians = [one.median_ms for one in run.invocations if one.median_ms is not None]
    return f"invocations: {counts}; medians {sparkline(medians)}" if counts else ""


def _soak(run: Run) -> str:
    if run.soak is None:
        return ""
    burst, drop = run.metrics.get("burst_fps"), run.metrics.get("sustained_drop")
    curve = sparkline([point.fps for point in run.soak.curve])
    onset = f", throttled from {run.soak.throttle_onset:.0f} s on" if run.soak.throttle_onset is not None else ""
    lost = f", drop {drop.value:.1%}" if drop is not None and drop.value is not None else ""
    over = "steady segment" if run.soak.window == "steady" else "last third"
    return f"soak {run.soak.seconds:.0f} s: burst {metric_cell(burst)} FPS{lost} ({over}){onset} {curve}"


def _paced(run: Run) -> str:
    paced = run.paced
    if paced is None:
        return ""
    held = "held" if paced.held else f"cannot hold {paced.target_fps:g} FPS"
    watts = run.metrics.get("power_at_fps")
    power = f", {metric_cell(watts)} W" if watts is not None and watts.value is not None else ""
    return f"paced {paced.target_fps:g} FPS: {held}, {paced.miss_share:.2%} of {paced.frames} frames missed{power}"


def _outliers(run: Run) -> str:
    worst = max((one for i in run.invocations for one in i.outliers.worst), key=lambda o: o.ms, default=None)
    if worst is None:
        return ""
    shares = [one.outliers.over_2x for one in run.invocations if one.iterations]
    where = f" on {worst.file}" if worst.file else ""
    causes = ", ".join(worst.causes) or "no cause seen"
    worst_ms = f"{significant(worst.ms)} ms ({worst.ratio:.1f}x)"
    return f"outliers over 2x: {sum(shares) / len(shares):.2%}; worst {worst_ms}{where}: {causes}"


def _placement(run: Run) -> str:
    if run.placement.state not in ("ok", "partial"):
        return ""
    if not run.placement.nodes:  # a tool that counts none has a sentence of its own
        return f"placement: {run.placement.why}" if run.placement.why else ""
    nodes = "nodes: " + ", ".join(f"{count} on {name}" for name, count in run.placement.nodes.items())
    return nodes + _layers(run)


def _layers(run: Run) -> str:
    """What the layers of a built engine compute in, and the time that goes into changing between them."""
    placement = run.placement
    if not placement.precisions:
        return ""
    text = "; layers: " + ", ".join(f"{count} in {name}" for name, count in placement.precisions.items())
    shares = (("reformats", placement.reformat_share), ("copies", placement.copy_share))
    return text + "".join(f", {share:.0%} of the time in {name}" for name, share in shares if share)


def _memory(run: Run) -> str:
    delta, estimated = run.metrics.get("memory_delta"), run.metrics.get("estimated_peak")
    if delta is None or delta.value is None:
        return ""
    text = f"memory over the imported runtime: {metric_cell(delta)} MiB"
    if estimated and estimated.value is not None:
        text += f" (estimated {metric_cell(estimated)} MiB)"
    return text + _gpu_memory(run)


def _gpu_memory(run: Run) -> str:
    """The GPU's share with the name of who told it, and what the engine itself takes there."""
    gpu, text = run.metrics.get("memory_gpu"), ""
    if gpu is not None and gpu.value is not None:
        text += f"; GPU {metric_cell(gpu)} MiB ({gpu.statistic})"
    held = [stage.mib["EngineDevice"] for stage in run.memory.stages if "EngineDevice" in stage.mib]
    return text + (f"; the engine's activations and scratch {significant(held[-1])} MiB" if held else "")
