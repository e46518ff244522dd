"""ONNX Runtime's `onnxruntime_perf_test`, as users build it: three generations of its summary.

There is no official Android binary (microsoft/onnxruntime builds none); the tool comes out of a build of one's own with
`--build_shared_lib --android`, in `build/Android/Release`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import replace

from edgebench.backends.native.base import Delegation, Stats, ToolAsk, ToolOnDevice, ToolReport, ToolRun
from edgebench.backends.native.lines import Line, count, excerpt, lines_of, message, number
from edgebench.backends.native.tflite_failures import BEFORE_DELEGATE, known_failure, last_words
from edgebench.backends.native.tflite_figures import sound
from edgebench.errors import RowFailure, nearest_hint
from edgebench.units import MIB

NS_PER_S = 1e9
NS_PER_MS = 1e6
ROUNDING = 1e-3
PROVIDERS = ("cpu", "nnapi", "xnnpack", "qnn", "acl", "armnn", "cuda", "tensorrt", "openvino", "coreml", "dml")

SUBMISSION = (
    "extremes and percentiles left out: builds before microsoft/onnxruntime PR 26313 count the submission, not the"
    " inference, where a provider works asynchronously"
)
_FIELD = re.compile(r"([A-Z][\w ]+?)(?: is|:) *([-+.\w]+) *(s|sec|ms|bytes|%)?$")
_PLACED = re.compile(r"(?:All nodes|Node\(s\)) placed on \[(\w+?)(?:ExecutionProvider)?\]\. Number of nodes: (\d{1,9})")
_REFUSED = re.compile(
    r"not supported in this build|not (?:enabled|available) in this build|Failed to (?:load|find) .*rovider"
)
_LOAD = re.compile(r"Load model .* failed|Unsupported model IR version|only \*?guarantees\*? support|failed:Protobuf")
_OP = re.compile(r"NOT_IMPLEMENTED|is not a registered function/op|Could not find an implementation|No Op registered")


class PerfTest:
    """What to call, and what its text means; see `NativeTool`."""

    name = "onnxruntime_perf_test"
    backend = "onnxruntime"
    formats: tuple[str, ...] = ("onnx",)
    accelerators: tuple[str, ...] = PROVIDERS

    def arguments(self, ask: ToolAsk, run: ToolRun, tool: ToolOnDevice) -> list[str]:
        """Random inputs, by time or by count; `--option KEY=VALUE` goes to the provider, of the CPU to the session.

        Raises `RowFailure` for paces, other precisions and providers that it does not know.
        """
        if ask.accelerator not in PROVIDERS:
            hint = nearest_hint(ask.accelerator, PROVIDERS)
            raise RowFailure("bad-input", f"no accelerator {ask.accelerator!r} in {self.name}", hint=hint)
        _refuse(self.name, ask, run)
        # it runs by time or by count: the count is kept where the time says little (memory, short chunks)
        pace = ["-m", "duration", "-t", f"{max(1, round(run.seconds))}"]
        pace = pace if run.seconds >= 1 else ["-m", "times", "-r", str(run.iterations)]
        options = " ".join(f"{key}|{value}" for key, value in ask.options.items())
        if any(re.search(r"[\s|]", text) for pair in ask.options.items() for text in pair):
            raise RowFailure("bad-input", f"{self.name} takes no options with blanks or `|` in them")
        arguments = ["-I", *pace, "-e", ask.accelerator]
        arguments += ["-x", str(ask.threads)] if ask.threads is not None else []
        arguments += [("-C" if ask.accelerator == "cpu" else "-i"), options] if options else []
        arguments += ["-v"] if ask.accelerator != "cpu" else []  # only its verbose log says where the nodes went
        return [*arguments, ask.model]

    def flags(self, help_text: str) -> frozenset[str]:
        """Its one-letter flags, without the dash."""
        return frozenset(re.findall(r"^\s*-([a-zA-Z]) ", help_text[: 1 << 20], re.M))

    def writes_outputs(self, tool: ToolOnDevice) -> bool:
        """It writes none."""
        return False

    def environment(self, ask: ToolAsk, tool: ToolOnDevice) -> dict[str, str]:
        """Its shared library usually lies beside it."""
        return {"LD_LIBRARY_PATH": posixpath.dirname(tool.path)}

    def parse(self, text: str, ask: ToolAsk, exit_code: int) -> ToolReport:
        """What one process said; see `NativeTool`. Never raises."""
        lines = lines_of(text)
        found = _fields(lines)
        stats = _stats(found)
        placed = _placement(lines, ask.accelerator)
        peak = found.get("Peak working set size")
        report = ToolReport(
            tool=self.name,
            dialect=_dialect(found) if stats else None,
            init_ns=found.get("Session creation time cost"),
            first_ns=found.get("First inference time cost"),
            inference=stats,
            percentiles_ns={p: found[f"{name} Latency"] for p, name in TAILS.items() if f"{name} Latency" in found},
            memory_mib={} if peak is None else {"peak": peak / MIB},
            delegation=placed,
        )
        failure = _failure(lines, ask, stats, placed, exit_code)
        if failure is not None:
            return replace(
                report, inference=None, first_ns=None, percentiles_ns={}, code=failure[0], message=failure[1],
                raw=excerpt(text),
            )  # fmt: skip
        if stats is None or ask.accelerator == "cpu":
            return report
        plain = replace(stats, min=None, max=None)
        return replace(report, inference=plain, percentiles_ns={}, notes=(*report.notes, SUBMISSION))


TAILS = {0.5: "P50", 0.9: "P90", 0.95: "P95", 0.99: "P99", 0.999: "P999"}
_SCALE = {"s": NS_PER_S, "sec": NS_PER_S, "ms": NS_PER_MS, "bytes": 1.0}
_MEANS = ("Average inference time cost total", "Average inference time cost", "Average time cost")
_TOTALS = ("Total inference time cost", "Total time cost")
_COUNTS = ("Total inference requests", "Total iterations")


def _refuse(name: str, ask: ToolAsk, run: ToolRun) -> None:
    if run.fps is not None:
        raise RowFailure("bad-input", f"{name} cannot be paced")
    if ask.precision is not None and ask.own and ask.precision not in ask.own:
        raise RowFailure("unsupported-precision", f"{name} runs a file in its own precision, not in {ask.precision}")


def _fields(lines: list[Line]) -> dict[str, float]:
    """Times in ns, sizes in bytes, counts as they are; of the first mention of each name."""
    found: dict[str, float] = {}
    for line in lines:
        match = _FIELD.match(line.text)
        value = number(match[2]) if match else None
        if match is None or value is None or match[1] in found:
            continue
        unit = match[3] or ("s" if match[1] in _TOTALS else "")
        found[match[1]] = value * _SCALE.get(unit, 1.0)
    return found


def _first(found: Mapping[str, float], names: tuple[str, ...]) -> float | None:
    return next((found[name] for name in names if name in found), None)


def _stats(found: Mapping[str, float]) -> Stats | None:
    """Mean and count, where the sum of all agrees with them; the extremes where they are told."""
    mean, total, requests = _first(found, _MEANS), _first(found, _TOTALS), _first(found, _COUNTS)
    n = None if requests is None else count(f"{requests:.0f}")
    if mean is None or total is None or n is None or abs(total / n - mean) > ROUNDING * mean:
        return None
    return sound(Stats(n, mean, found.get("Min Latency"), found.get("Max Latency")), ROUNDING)


def _dialect(found: Mapping[str, float]) -> str:
    if "Average inference time cost total" in found:
        return "2025"
    if "Average inference time cost" in found:
        return "2022" if "First inference time cost" in found else "2020"
    return "old"


def _placement(lines: list[Line], accelerator: str) -> Delegation | None:
    """Nodes of the accelerator against all, from the verbose log."""
    placed: dict[str, int] = {}
    said = ""
    for line in lines:
        match = _PLACED.search(line.text)
        if match:
            placed[match[1].lower()] = int(match[2])
            said = said or match[0]
    total = sum(placed.values())
    if accelerator == "cpu" or not total:
        return None
    mine = placed.get(accelerator, 0)
    return Delegation(accelerator, mine > 0, mine == total, None, (mine, total), message(said))


def _failure(
    lines: list[Line], ask: ToolAsk, stats: Stats | None, placed: Delegation | None, exit_code: int
) -> tuple[str, str] | None:
    refused = next((line.text for line in lines if _REFUSED.search(line.text)), None)
    if ask.accelerator != "cpu" and stats is not None and exit_code == 0 and not (placed and placed.applied):
        line = refused or (placed.line if placed else None)
        return "delegate-failed", message(line or f"the tool never said that a node ran on {ask.accelerator}")
    if stats is not None and exit_code == 0:
        return None
    found = known_failure(lines, BEFORE_DELEGATE)
    for pattern, code in ((_REFUSED, "delegate-failed"), (_OP, "unsupported-op"), (_LOAD, "load-failed")):
        line = next((one.text for one in lines if pattern.search(one.text)), None)
        found = found or (None if line is None else (code, message(line)))
    found = found or known_failure(lines, ("oom",))
    if found is not None:
        return found
    if exit_code != 0:
        return last_words(lines, exit_code)
    last = lines[-1].text if lines else "it printed nothing"
    return "unparsed-output", message("onnxruntime_perf_test printed no summary that adds up", last)


tool = PerfTest()
