"""TFLite's own benchmark tool, `benchmark_model`, from 2018 to LiteRT's of today."""

from __future__ import annotations

import posixpath
from dataclasses import replace

from edgebench.backends.native import tflite_flags as flags
from edgebench.backends.native.base import Delegation, ToolAsk, ToolOnDevice, ToolReport, ToolRun
from edgebench.backends.native.lines import Line, excerpt, lines_of, message
from edgebench.backends.native.tflite_delegation import read_delegation, refusal
from edgebench.backends.native.tflite_failures import BEFORE_DELEGATE, known_failure, last_words
from edgebench.backends.native.tflite_figures import Figures, read_figures, read_memory, read_ops, read_threads

SIGNALLED = 128


class BenchmarkModel:
    """What to call, and what its text means; see `NativeTool`."""

    name = "benchmark_model"
    backend = "tflite"
    formats: tuple[str, ...] = ("tflite",)
    accelerators: tuple[str, ...] = flags.ACCELERATORS

    def arguments(self, ask: ToolAsk, run: ToolRun, tool: ToolOnDevice) -> list[str]:
        """The arguments after the program's name. Raises `RowFailure`; see `NativeTool`."""
        return flags.build(ask, run, tool)

    def flags(self, help_text: str) -> frozenset[str]:
        """The names of the flags that `--help` lists."""
        return flags.help_flags(help_text)

    def writes_outputs(self, tool: ToolOnDevice) -> bool:
        """Whether it takes input files and writes its outputs (releases since 2023 do)."""
        return flags.writes_outputs(tool)

    def environment(self, ask: ToolAsk, tool: ToolOnDevice) -> dict[str, str]:
        """Where the loader finds a vendor's libraries; Hexagon's own loader has a variable of its own."""
        if ask.delegate is None:
            return {}
        folder = posixpath.dirname(ask.delegate)
        return {"LD_LIBRARY_PATH": folder, "ADSP_LIBRARY_PATH": f"{folder};/vendor/lib/rfsa/adsp;/vendor/dsp/cdsp"}

    def parse(self, text: str, ask: ToolAsk, exit_code: int) -> ToolReport:
        """What one process said, whatever dialect; see `NativeTool`. Never raises."""
        lines = lines_of(text)
        figures = read_figures(lines)
        delegation = None if ask.accelerator == "cpu" else read_delegation(lines, ask.accelerator)
        report = ToolReport(
            tool=self.name,
            dialect=figures.dialect,
            init_ns=figures.init_ns,
            first_ns=figures.first_ns,
            warmup=figures.warmup,
            inference=figures.inference,
            percentiles_ns=figures.percentiles_ns,
            memory_mib=read_memory(lines),
            delegation=delegation,
            ops=read_ops(text[: 1 << 20]),
            threads=read_threads(lines),
            notes=tuple(_notes(lines, figures, exit_code)),
            compute=flags.computes_in(ask),
        )
        failure = _failure(lines, ask, figures, delegation, exit_code)
        return report if failure is None else _failed(report, *failure, text)


def _failed(report: ToolReport, code: str, said: str, text: str) -> ToolReport:
    """A report without any figure that could be taken for a measurement."""
    return replace(
        report, warmup=None, inference=None, first_ns=None, percentiles_ns={}, ops=(), code=code, message=said,
        raw=excerpt(text),
    )  # fmt: skip


def _failure(
    lines: list[Line], ask: ToolAsk, figures: Figures, delegation: Delegation | None, exit_code: int
) -> tuple[str, str] | None:
    """(code, message) of what went wrong, the most telling first; None where the figures stand."""
    if exit_code == 0 or _crashed_after(figures, exit_code, lines):
        refused = _not_delegated(lines, ask, delegation)
        if refused is None and figures.inference is not None:
            return None
        if refused is not None and (figures.inference is not None or refusal(lines, _switch(ask)) is not None):
            return "delegate-failed", refused
    found = known_failure(lines, BEFORE_DELEGATE)
    if found is None and ask.accelerator != "cpu" and (why := refusal(lines, _switch(ask))):
        found = ("delegate-failed", why)
    if exit_code == 0 and found is None and figures.wrong:
        return "unparsed-output", _unparsed(lines, figures)
    found = found or known_failure(lines)
    if found is not None:
        return found
    if exit_code != 0:
        return last_words(lines, exit_code)
    return "unparsed-output", _unparsed(lines, figures)


def _switch(ask: ToolAsk) -> str:
    return "--" + flags.SWITCH.get(ask.accelerator, "external_delegate_path")


def _not_delegated(lines: list[Line], ask: ToolAsk, delegation: Delegation | None) -> str | None:
    """Why the requested delegate does not count as applied: its own line where there is one; None where it applied."""
    if ask.accelerator == "cpu" or (delegation is not None and delegation.applied):
        return None
    why = refusal(lines, _switch(ask)) or (delegation.line if delegation else None)
    return why or f"the tool never said that it applied a delegate for {ask.accelerator}"


def _crashed_after(figures: Figures, exit_code: int, lines: list[Line]) -> bool:
    """A crash when the process took the runtime down again: all had been measured, and no run had failed."""
    died = exit_code < 0 or exit_code > SIGNALLED
    return died and figures.inference is not None and not any(line.is_error for line in lines)


def _notes(lines: list[Line], figures: Figures, exit_code: int) -> list[str]:
    notes = [message(line.text) for line in lines if line.text.startswith("Unconsumed cmdline flags")]
    if exit_code != 0 and figures.inference is not None:
        notes.append(f"it ended with status {exit_code} after it had printed its summary")
    return notes


def _unparsed(lines: list[Line], figures: Figures) -> str:
    if figures.wrong:
        return message(f"benchmark_model's summary is not believed: {figures.wrong}")
    last = f"last line: {lines[-1].text}" if lines else "it printed nothing"
    return message(f"benchmark_model printed no summary of a known dialect; {last}")


tool = BenchmarkModel()
