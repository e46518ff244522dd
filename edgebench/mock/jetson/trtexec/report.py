"""What `trtexec` says of the times it measured: trace, summary, warnings, and the files it exports.

Source: NVIDIA/TensorRT samples/common/sampleReporting.cpp. All figures are floats of 32 bits printed with six digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from edgebench.mock.jetson.trtexec.dialects import Dialect
from edgebench.mock.jetson.trtexec.voice import Voice, number

ENQUEUE_BOUND = 0.8
UNSTABLE_PERCENT = 1.0


@dataclass(frozen=True)
class Query:
    """One inference in ms since the start: its launch on the CPU, the copies and the computing on the device."""

    enqueue_start: float
    enqueue_end: float
    h2d_start: float
    h2d_end: float
    compute_start: float
    compute_end: float
    d2h_start: float
    d2h_end: float

    @property
    def enqueue(self) -> float:
        """What launching took the CPU."""
        return self.enqueue_end - self.enqueue_start

    @property
    def h2d(self) -> float:
        """The copy to the device."""
        return self.h2d_end - self.h2d_start

    @property
    def compute(self) -> float:
        """The computing."""
        return self.compute_end - self.compute_start

    @property
    def d2h(self) -> float:
        """The copy back."""
        return self.d2h_end - self.d2h_start

    @property
    def latency(self) -> float:
        """Copies and computing without the waiting between them."""
        return self.h2d + self.compute + self.d2h

    @property
    def end_to_end(self) -> float:
        """From the first copy's start to the last copy's end."""
        return self.d2h_end - self.h2d_start


def warmup_count(trace: Sequence[Query], warmup_ms: float) -> int:
    """Queries that belong to the warm-up: those before the first that computes after it."""
    return next((index for index, query in enumerate(trace) if query.compute_start >= warmup_ms), len(trace))


def percentile(values: Sequence[float], percent: float) -> float:
    """The tool's own: no interpolation. `values` ascend."""
    return values[max(len(values) - 1 - int((1 - percent / 100) * len(values)), 0)]


def summarize(trace: Sequence[Query], dialect: Dialect, voice: Voice, *, warmup_ms: float, per_average: int,
              percentiles: Sequence[float]) -> None:  # fmt: skip
    """Everything from the prologue to the end of the summary."""
    skipped = warmup_count(trace, warmup_ms)
    timed = trace[skipped:]
    wall_ms = timed[-1].d2h_end - timed[0].h2d_start
    old = not dialect.since(7, 2)
    # releases before 7.2 multiply with a batch of 0
    voice.info(f"Warmup completed {0 if old else skipped} queries over {number(warmup_ms)} ms")
    voice.info(f"Timing trace has {0 if old else len(timed)} queries over {number(wall_ms / 1000)} s")
    if not old:
        voice.info()
        voice.info("=== Trace details ===")
    voice.info(f"Trace averages of {per_average} runs:")
    for begin in range(0, len(timed) - per_average + 1, per_average):
        voice.info(_average(timed[begin : begin + per_average], dialect))
    if old:
        _old_summary(timed, wall_ms, voice, percentiles)
    else:
        _summary(timed, wall_ms, dialect, voice, percentiles)


def _average(queries: Sequence[Query], dialect: Dialect) -> str:
    def mean(of: Callable[[Query], float]) -> str:
        return number(sum(of(query) for query in queries) / len(queries))

    end = f"end to end {mean(lambda q: q.end_to_end)} ms, " if dialect.end_to_end else ""
    return (f"Average on {len(queries)} runs - GPU latency: {mean(lambda q: q.compute)} ms - Host latency: "
            f"{mean(lambda q: q.latency)} ms ({end}enqueue {mean(lambda q: q.enqueue)} ms)")  # fmt: skip


def _row(values: Iterable[float], percentiles: Sequence[float]) -> str:
    ordered = sorted(values)
    figures = {"min": ordered[0], "max": ordered[-1], "mean": float(np.mean(ordered)),
               "median": float(np.median(ordered))}  # fmt: skip
    parts = [f"{name} = {number(value)} ms" for name, value in figures.items()]
    parts += [f"percentile({number(p)}%) = {number(percentile(ordered, p))} ms" for p in percentiles]
    return ", ".join(parts)


def _summary(timed: Sequence[Query], wall_ms: float, dialect: Dialect, voice: Voice,
             percentiles: Sequence[float]) -> None:  # fmt: skip
    compute = [query.compute for query in timed]
    rows: list[tuple[str, list[float]]] = [("Latency", [query.latency for query in timed])]
    if dialect.end_to_end:
        rows.append(("End-to-End Host Latency", [query.end_to_end for query in timed]))
    rows.append(("Enqueue Time", [query.enqueue for query in timed]))
    if dialect.since(8):
        rows.append(("H2D Latency", [query.h2d for query in timed]))
    rows.append(("GPU Compute Time", compute))
    if dialect.since(8):
        rows.append(("D2H Latency", [query.d2h for query in timed]))
    voice.info()
    voice.info("=== Performance summary ===")
    voice.info(f"Throughput: {number(len(timed) / wall_ms * 1000)} qps")
    for name, values in rows:
        voice.info(f"{name}: {_row(values, percentiles)}")
    voice.info(f"Total Host Walltime: {number(wall_ms / 1000)} s")
    voice.info(f"Total GPU Compute Time: {number(sum(compute) / 1000)} s")
    _warnings(timed, dialect, voice)
    if dialect.since(8):
        voice.info("Explanations of the performance metrics are printed in the verbose logs.")
    voice.info()


def _warnings(timed: Sequence[Query], dialect: Dialect, voice: Voice) -> None:
    if not dialect.since(8):
        return
    medians = {name: float(np.median([getattr(query, name) for query in timed]))
               for name in ("enqueue", "h2d", "compute", "d2h")}  # fmt: skip
    if medians["enqueue"] > ENQUEUE_BOUND * medians["compute"]:
        voice.warn("* Throughput may be bound by Enqueue Time rather than GPU Compute and the GPU may be "
                   "under-utilized.")  # fmt: skip
        voice.warn("  If not already in use, --useCudaGraph (utilize CUDA graphs where possible) may increase the "
                   "throughput.")  # fmt: skip
    for name, words in (("h2d", "host-to-device transfers for the inputs"),
                        ("d2h", "device-to-host transfers for the outputs")):  # fmt: skip
        if medians[name] >= medians["compute"]:
            voice.warn(f"* Throughput may be bound by {words} rather than GPU Compute and the GPU may be "
                       "under-utilized.")  # fmt: skip
            voice.warn("  Add --noDataTransfers flag to disable data transfers.")
    compute = np.array([query.compute for query in timed])
    spread = float(np.std(compute) / np.mean(compute) * 100)
    if dialect.warns_of_unstable_times and spread > UNSTABLE_PERCENT:
        voice.warn(f"* GPU compute time is unstable, with coefficient of variance = {number(spread)}%.")
        voice.warn("  If not already in use, locking GPU clock frequency or adding --useSpinWait may improve the "
                   "stability.")  # fmt: skip


def _old_summary(timed: Sequence[Query], wall_ms: float, voice: Voice, percentiles: Sequence[float]) -> None:
    """That of 7.1 and before: a figure a line, and a throughput of 0 where the batch is explicit."""
    latency = sorted(query.latency for query in timed)
    whole = sorted(query.end_to_end for query in timed)
    voice.info("Host Latency")
    for name, of in (("min", np.min), ("max", np.max), ("mean", np.mean), ("median", np.median)):
        voice.info(f"{name}: {number(float(of(latency)))} ms (end to end {number(float(of(whole)))} ms)")
    for percent in percentiles:
        voice.info(f"percentile: {number(percentile(latency, percent))} ms at {number(percent)}% (end to end "
                   f"{number(percentile(whole, percent))} ms at {number(percent)}%)")  # fmt: skip
    voice.info("throughput: 0 qps")
    voice.info(f"walltime: {number(wall_ms / 1000)} s")
    voice.info("Enqueue Time")
    enqueue = [query.enqueue for query in timed]
    for name, of in (("min", np.min), ("max", np.max), ("median", np.median)):
        voice.info(f"{name}: {number(float(of(enqueue)))} ms")
    compute = sorted(query.compute for query in timed)
    voice.info("GPU Compute")
    for name, of in (("min", np.min), ("max", np.max), ("mean", np.mean), ("median", np.median)):
        voice.info(f"{name}: {number(float(of(compute)))} ms")
    for percent in percentiles:
        voice.info(f"percentile: {number(percentile(compute, percent))} ms at {number(percent)}%")
    voice.info(f"total compute time: {number(sum(compute) / 1000)} s")


TIMES = (
    *(("startEnqMs", "enqueue_start"), ("endEnqMs", "enqueue_end"), ("startH2dMs", "h2d_start")),
    *(("endH2dMs", "h2d_end"), ("startComputeMs", "compute_start"), ("endComputeMs", "compute_end")),
    *(("startD2hMs", "d2h_start"), ("endD2hMs", "d2h_end"), ("h2dMs", "h2d"), ("computeMs", "compute")),
    *(("d2hMs", "d2h"), ("latencyMs", "latency"), ("endToEndMs", "end_to_end")),
)
OLD_TIMES = (("startInMs", "h2d_start"), ("endInMs", "h2d_end"), *TIMES[4:6], ("startOutMs", "d2h_start"),
             ("endOutMs", "d2h_end"), ("inMs", "h2d"), TIMES[9], ("outMs", "d2h"), TIMES[11], TIMES[12])  # fmt: skip
"""As releases before 8.2 name them (samples/trtexec/tracer.py of 2021)."""


def times_json(trace: Sequence[Query], dialect: Dialect, warmup_ms: float) -> str:
    """The file of `--exportTimes`."""
    first = 0 if dialect.exports_warmup else warmup_count(trace, warmup_ms)
    all_names: tuple[tuple[str, str], ...] = TIMES if dialect.since(8, 2) else OLD_TIMES
    names = all_names if dialect.end_to_end else all_names[:-1]
    rows = [", ".join(f'"{name}" : {number(getattr(query, of))}' for name, of in names) for query in trace[first:]]
    return "[\n" + "".join(f"{', ' if index else '  '}{{ {row} }}\n" for index, row in enumerate(rows)) + "]\n"


def outputs_json(outputs: Sequence[tuple[str, Sequence[int], Sequence[float]]]) -> str:
    """The file of `--exportOutput`: names, dims, and values with six digits."""
    text = "[\n"
    for index, (name, dims, values) in enumerate(outputs):
        listed = ", ".join(map(number, values))
        text += (f'{", " if index else "  "}{{ "name" : "{name}"\n  , "dimensions" : "{"x".join(map(str, dims))}"\n'
                 f'  , "values" : [ {listed} ]\n  }}\n')  # fmt: skip
    return text + "]\n"
