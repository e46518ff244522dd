"""The words of `benchmark_model` in all its dialects: what it prints for what happened. Times come in us."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Dialect = Literal["2019", "2020", "2021", "logcat", "litert", "sixth"]
DIALECTS: tuple[Dialect, ...] = ("2019", "2020", "2021", "logcat", "litert", "sixth")
NOTE = (
    "Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE to the actual "
    "memory footprint of the model at runtime. Take the information at your discretion."
)
Level = Literal["INFO", "WARN", "ERROR"]
Write = Callable[[str, bool], None]
"""Takes a line and whether it is one of stderr."""


@dataclass(frozen=True)
class Timing:
    """Durations of iterations in us, in order."""

    durations: Sequence[float]

    def line(self) -> str:
        """The tool's summary."""
        values = self.durations
        mean = sum(values) / len(values)
        deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
        return (f"count={len(values)} first={values[0]:.0f} curr={values[-1]:.0f} min={min(values):.0f} "
                f"max={max(values):.0f} avg={mean:.6g} std={deviation:.0f}")  # fmt: skip

    @property
    def mean(self) -> float:
        """Their mean."""
        return sum(self.durations) / len(self.durations)

    @property
    def deviation(self) -> float:
        """Their standard deviation."""
        return math.sqrt(sum((value - self.mean) ** 2 for value in self.durations) / len(self.durations))


class Voice:
    """Prints in one dialect. `stamp` gives logcat's time and numbers."""

    def __init__(self, dialect: Dialect, write: Write, stamp: Callable[[], str]) -> None:
        self.dialect = dialect
        self._write = write
        self._stamp = stamp

    def tool(self, text: str, level: Level = "INFO") -> None:
        """Something that the tool itself says."""
        prefix = f"{level}: " if self.dialect in ("2021", "litert", "sixth") else ""
        self._line(prefix + text, level)

    def runtime(self, text: str, level: Level = "INFO") -> None:
        """Something that the runtime inside it says; on stderr, with its level in every release."""
        self._line(text if self.dialect == "logcat" else f"{level}: {text}", level, runtime=True)

    def plain(self, text: str) -> None:
        """A block of text as it is, on stdout."""
        for line in text.split("\n"):
            if self.dialect == "logcat":
                self._line(line, "INFO")
            else:
                self._write(line + "\n", False)

    def _line(self, text: str, level: Level, runtime: bool = False) -> None:
        if self.dialect == "logcat":
            text = f"{self._stamp()} {level[0]} tflite  : {text}"
        self._write(text + "\n", level == "ERROR" or runtime)

    def running(self, runs: int, seconds: float, most: float) -> None:
        """Announce a series of runs."""
        end = "" if self.dialect == "2019" else f" but terminate if exceeding {most:g} seconds."
        self.tool(f"Running benchmark for at least {runs} iterations and at least {seconds:g} seconds{end}")

    def series(self, timing: Timing) -> None:
        """Sum a series up."""
        if self.dialect != "sixth":
            self.tool(timing.line() + ("" if self.dialect == "logcat" else "\n"))

    def results(self, init_us: float, warmup: Timing | None, runs: Timing) -> None:
        """The last lines."""
        if self.dialect == "sixth":
            self.tool(f"throughput_qps: {1e6 / runs.mean:.3f}; tail: n/a; everything is fine")
        elif self.dialect == "litert":
            self.plain(_block(init_us, warmup, runs))
        elif self.dialect == "2019":
            before = f"Warmup: {warmup.mean:.6g}, " if warmup else ""
            self.tool(f"Average inference timings in us: {before}Init: {init_us:.0f}, no stats: {runs.mean:.6g}")
        else:
            first = warmup.durations[0] if warmup else runs.durations[0]
            middle = f"Warmup (avg): {warmup.mean:.6g}, " if warmup else ""
            self.tool(f"Inference timings in us: Init: {init_us:.0f}, First inference: {first:.0f}, "
                      f"{middle}Inference (avg): {runs.mean:.6g}")  # fmt: skip

    def memory(self, init_mib: float, overall_mib: float) -> None:
        """The memory line, in its old and its new spelling."""
        if self.dialect in ("litert", "sixth", "2019"):
            return
        if self.dialect == "2020":
            self.tool(f"Peak memory footprint (MB): init={init_mib:.6g} overall={overall_mib:.6g}")
            return
        self.tool(NOTE)
        self.tool("Memory footprint delta from the start of the tool (MB): "
                  f"init={init_mib:.6g} overall={overall_mib:.6g}")  # fmt: skip


def _block(init_us: float, warmup: Timing | None, runs: Timing) -> str:
    """LiteRT's block of results, in ms."""
    rows = [("Model initialization:", f"{init_us / 1000:.2f} ms")]
    if warmup:
        rows.append(("First inference:", f"{warmup.durations[0] / 1000:.2f} ms"))
        rows.append(("Warmup (avg):", f"{warmup.mean / 1000:.2f} ms ({len(warmup.durations)} runs)"))
    rows += [
        ("Inference (avg):", f"{runs.mean / 1000:.2f} ms ({len(runs.durations)} runs)"),
        ("Inference (min):", f"{min(runs.durations) / 1000:.2f} ms"),
        ("Inference (max):", f"{max(runs.durations) / 1000:.2f} ms"),
        ("Inference (std):", f"{runs.deviation / 1000:.2f} ms"),
    ]
    lines = [f"{label:<22}{value}" for label, value in rows]
    return "\n".join(["========== BENCHMARK RESULTS ==========", *lines, "=" * 38])


def profile(rows: Sequence[tuple[str, str, float]]) -> str:
    """The operators' table: (kind, name, mean ms) of each, in the order of the graph."""
    total = sum(mean for _, _, mean in rows) or 1.0
    start = cdf = 0.0
    lines = []
    for index, (kind, name, mean) in enumerate(rows):
        cdf += 100 * mean / total
        lines.append(f"\t{kind:>24}\t{start:17.3f}\t{mean:9.3f}\t{mean:9.3f}\t{100 * mean / total:7.3f}%\t{cdf:7.3f}%"
                     f"\t{0.0:10.3f}\t{1:9d}\t[{name}]:{index}")  # fmt: skip
        start += mean
    header = (f"\t{'[node type]':>24}\t{'[start]':>17}\t{'[first]':>9}\t{'[avg ms]':>9}\t{'[%]':>8}\t{'[cdf%]':>8}"
              f"\t{'[mem KB]':>10}\t[times called]\t[Name]")  # fmt: skip
    return "\n".join(["Operator-wise Profiling Info for Regular Benchmark Runs:",
                      "============================== Run Order ==============================", header, *lines, "",
                      f"{len(rows)} nodes observed"])  # fmt: skip


def profile_csv(rows: Sequence[tuple[str, str, float]]) -> str:
    """The same as CSV."""
    total = sum(mean for _, _, mean in rows) or 1.0
    start = cdf = 0.0
    lines = ["Operator-wise Profiling Info for Regular Benchmark Runs:", "Run Order",
             "node type, start, first, avg_ms, %, cdf%, mem KB, times called, name"]  # fmt: skip
    for index, (kind, name, mean) in enumerate(rows):
        cdf += 100 * mean / total
        lines.append(f"{kind}, {start:.3f}, {mean:.3f}, {mean:.3f}, {100 * mean / total:.3f}%, {cdf:.3f}%, 0, 1, "
                     f"\"[{name}]:{index}\"")  # fmt: skip
        start += mean
    return "\n".join(lines) + "\n"
