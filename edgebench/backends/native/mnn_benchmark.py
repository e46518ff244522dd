"""MNN's `benchmark.out`, from a build of one's own with -DMNN_BUILD_BENCHMARK=ON: every file of a folder.

Its weights are filled at random, its times include mapping inputs and outputs, and its own default precision is `low`,
which is fp16 where the device can: here it is always said.
"""

from __future__ import annotations

import posixpath
import re

from edgebench.backends.native.base import Delegation, ToolAsk, ToolOnDevice, ToolReport, ToolRun
from edgebench.backends.native.lines import Line, count, excerpt, lines_of, message
from edgebench.backends.native.tables import RANDOM_WEIGHTS, row_of, unparsed
from edgebench.backends.native.tflite_failures import BEFORE_DELEGATE, known_failure, last_words
from edgebench.errors import RowFailure

FORWARD = {"cpu": "0", "opencl": "3", "opengl": "6", "vulkan": "7"}
PRECISION = {None: "1", "fp32": "1", "fp16": "2"}
WARMUP = "10"
_LOOPS = re.compile(r"loop = (\d+)")
_HEADER = re.compile(r"Forward type: \*\*(\w+)\*\* thread=(\d+)\*\* *precision=(\d)")
_MISSING = re.compile(r"Can't Find type=\d+ backend|Create .*[Bb]ackend .*(?:[Ff]ail|[Ee]rror)|Don't support type")


class MnnBenchmark:
    """What to call, and what its text means; see `NativeTool`."""

    name = "mnn_benchmark"
    backend = "mnn"
    formats: tuple[str, ...] = ("mnn",)
    accelerators: tuple[str, ...] = tuple(FORWARD)

    def arguments(self, ask: ToolAsk, run: ToolRun, tool: ToolOnDevice) -> list[str]:
        """FOLDER LOOPS WARMUP FORWARD THREADS PRECISION; the folder must hold the model and nothing else.

        Raises `RowFailure` for paces, options and precisions that it does not know.
        """
        if run.fps is not None:
            raise RowFailure("bad-input", f"{self.name} cannot be paced")
        if ask.options:
            raise RowFailure("bad-input", f"{self.name} has no option {next(iter(ask.options))!r}")
        precision = None if ask.precision in ask.own else ask.precision
        if precision not in PRECISION:
            raise RowFailure("unsupported-precision", f"{self.name} computes in fp32 or fp16, not {ask.precision}")
        folder = posixpath.dirname(ask.model)
        forward = FORWARD[ask.accelerator]
        return [folder, str(run.iterations), WARMUP, forward, str(ask.threads or 4), PRECISION[precision]]

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
        loops = next((match[1] for line in lines if (match := _LOOPS.search(line.text))), None)
        stats = row_of(ask.model, lines, count(loops))
        header = next((match for line in lines if (match := _HEADER.search(line.text))), None)
        found = known_failure(lines, BEFORE_DELEGATE) or _refused(lines, ask, header, stats is not None)
        if found is None and (stats is None or exit_code != 0):
            found = known_failure(lines) or (
                last_words(lines, exit_code) if exit_code else unparsed("MNN's benchmark", lines)
            )
        threads = count(header[2]) if header else None
        if found is not None:
            return ToolReport(self.name, threads=threads, code=found[0], message=found[1], raw=excerpt(text))
        forward = Delegation(ask.accelerator, applied=True, line=message(header[0])) if header else None
        return ToolReport(
            self.name, "mnn", inference=stats, threads=threads, notes=(RANDOM_WEIGHTS,),
            delegation=None if ask.accelerator == "cpu" else forward,
            compute="fp16" if header and header[3] == "2" else "fp32",
        )  # fmt: skip


def _refused(lines: list[Line], ask: ToolAsk, header: re.Match[str] | None, measured: bool) -> tuple[str, str] | None:
    """MNN goes on with the CPU where a backend is missing, and says so in one line."""
    if ask.accelerator == "cpu":
        return None
    line = next((line.text for line in lines if _MISSING.search(line.text)), None)
    if line is None and measured and (header is None or ask.accelerator not in header[1].lower()):
        line = header[0] if header else "its header does not name the forward type"
    return None if line is None else ("delegate-failed", message(line))


tool = MnnBenchmark()
