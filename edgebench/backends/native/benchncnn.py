"""ncnn's `benchncnn`, from `build/benchmark` of a build of one's own: param files with random weights."""

from __future__ import annotations

import posixpath
import re

from edgebench.backends.native.base import Delegation, ToolAsk, ToolOnDevice, ToolReport, ToolRun
from edgebench.backends.native.lines import Line, count, excerpt, lines_of, message
from edgebench.backends.native.tables import RANDOM_WEIGHTS, row_of, unparsed
from edgebench.backends.native.tflite_failures import BEFORE_DELEGATE, known_failure, last_words
from edgebench.errors import RowFailure

_LOOPS = re.compile(r"loop_count = (\d+)")
_THREADS = re.compile(r"num_threads = (\d+)")
_GPU = re.compile(r"gpu_device = (-?\d{1,4})")
_NO_VULKAN = re.compile(r"no vulkan device|vkCreateInstance failed|invalid gpu device|failed to load vulkan", re.I)
_LAYER = re.compile(r"layer \S+ not exists or registered|find_blob_index_by_name .* failed")
POWERSAVE = ("0", "1", "2")


class BenchNcnn:
    """What to call, and what its text means; see `NativeTool`."""

    name = "benchncnn"
    backend = "ncnn"
    formats: tuple[str, ...] = ("ncnn",)
    accelerators: tuple[str, ...] = ("cpu", "gpu")

    def arguments(self, ask: ToolAsk, run: ToolRun, tool: ToolOnDevice) -> list[str]:
        """LOOPS THREADS POWERSAVE GPU COOLING param=FILE shape=[w,h,c]; loops only, no least time.

        `--option powersave=0|1|2`: all, little, big cores. Raises `RowFailure`.
        """
        if run.fps is not None:
            raise RowFailure("bad-input", f"{self.name} cannot be paced")
        if ask.precision is not None and ask.precision not in (*ask.own, "fp16"):
            raise RowFailure("unsupported-precision", f"{self.name} computes in fp16 where the device can")
        unknown = sorted(ask.options.keys() - {"powersave"})
        powersave = ask.options.get("powersave", "0")
        if unknown or powersave not in POWERSAVE:
            told = f"--option {unknown[0]}" if unknown else f"--option powersave={powersave}"
            raise RowFailure("bad-input", f"{told}: {self.name} knows powersave=0, 1 or 2")
        if len(ask.shapes) != 1:
            raise RowFailure("bad-input", f"{self.name} needs the shape of the one input: --shape NAME=1,C,H,W")
        dims = [str(size) for size in reversed(next(iter(ask.shapes.values()))[1:])]
        gpu = "0" if ask.accelerator == "gpu" else "-1"
        return [
            str(run.iterations), str(ask.threads or 1), powersave, gpu, "0", f"param={ask.model}",
            f"shape=[{','.join(dims)}]",
        ]  # fmt: skip

    def flags(self, help_text: str) -> frozenset[str]:
        """It has none: its arguments are known by their places."""
        return frozenset()

    def writes_outputs(self, tool: ToolOnDevice) -> bool:
        """It writes none, and its weights are random."""
        return False

    def environment(self, ask: ToolAsk, tool: ToolOnDevice) -> dict[str, str]:
        """Its shared libraries usually lie beside it."""
        return {"LD_LIBRARY_PATH": posixpath.dirname(tool.path)}

    def parse(self, text: str, ask: ToolAsk, exit_code: int) -> ToolReport:
        """What one process said; see `NativeTool`. Never raises."""
        lines = lines_of(text)
        stats = row_of(ask.model, lines, count(_told(lines, _LOOPS)))
        found = known_failure(lines, BEFORE_DELEGATE) or _refused(lines, ask, stats is not None)
        if found is None and (stats is None or exit_code != 0):
            found = _other(lines, exit_code)
        threads = count(_told(lines, _THREADS))
        if found is not None:
            return ToolReport(self.name, threads=threads, code=found[0], message=found[1], raw=excerpt(text))
        gpu = _told(lines, _GPU)
        delegation = (
            Delegation("vulkan", applied=True, line=f"gpu_device = {gpu}") if ask.accelerator == "gpu" else None
        )
        return ToolReport(
            self.name, "ncnn", inference=stats, delegation=delegation, threads=threads, notes=(RANDOM_WEIGHTS,)
        )


def _told(lines: list[Line], pattern: re.Pattern[str]) -> str | None:
    return next((match[1] for line in lines if (match := pattern.search(line.text))), None)


def _refused(lines: list[Line], ask: ToolAsk, measured: bool) -> tuple[str, str] | None:
    """A GPU that was asked for and is not there: the tool says so, and would go on with the CPU."""
    if ask.accelerator != "gpu":
        return None if ask.accelerator == "cpu" else ("delegate-failed", f"benchncnn has no {ask.accelerator}")
    line = next((line.text for line in lines if _NO_VULKAN.search(line.text)), None)
    if line is None and measured and (_told(lines, _GPU) or "-1").startswith("-"):
        line = "its header does not name a gpu_device"
    return None if line is None else ("delegate-failed", message(line))


def _other(lines: list[Line], exit_code: int) -> tuple[str, str]:
    line = next((line.text for line in lines if _LAYER.search(line.text)), None)
    if line is not None:
        return "unsupported-op", message(line)
    known = known_failure(lines)
    if known is not None:
        return known
    return last_words(lines, exit_code) if exit_code else unparsed("benchncnn", lines)


tool = BenchNcnn()
