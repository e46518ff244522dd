"""job.txt for the sh agent: a run's steps as lines `KEY VALUE`, each value the rest of its line.

Pure: from what was asked for to text. What no line can hold (a newline, a NUL) is refused, never escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgebench.backends.native.base import NativeTool, ToolAsk, ToolOnDevice, ToolRun
from edgebench.controller.planning import LOAD_LIMIT_S, job_steps, lease_seconds
from edgebench.controller.spec import RunContext, Settings
from edgebench.errors import RowFailure

Line = tuple[str, str]
"""A key and its value."""

OUTPUT = "outputs.raw"
"""The file in the job's folder that the fidelity pass's outputs are written to, one after the other."""

CHUNK_S = 2.0
CHUNKS = 20
CHUNK_MOST_S = 10.0
CHUNK_ITERATIONS = 10
"""A process of the soak lasts a twentieth of it, 2 to 10 s: enough blocks for its curve, and few gaps between them."""

MEMORY_S = 3.0
"""The memory pass lasts long enough to be looked at by `dumpsys meminfo`."""

LONGEST = 32_000


@dataclass(frozen=True)
class JobAsk:
    """What the text is made of; `prepare` and `telemetry` are lines made elsewhere, `mask` is taskset's, in hex."""

    context: RunContext
    tool: NativeTool
    device: ToolOnDevice
    ask: ToolAsk
    nonce: str
    holder: str
    root: str = "/"
    mask: str | None = None
    prepare: Sequence[Line] = ()
    telemetry: Sequence[Line] = ()


def job_text(job: JobAsk) -> str:
    """The whole of job.txt. Raises `RowFailure` for what the tool cannot do, or a value that no line can hold."""
    settings = job.context.settings
    lines: list[Line] = [
        ("protocol", "1"),
        ("job", job.context.run_id),
        ("nonce", job.nonce),
        ("holder", job.holder),
        ("lease_s", seconds_text(lease_seconds(settings))),
        ("max_time_s", "-" if settings.max_time_s is None else seconds_text(settings.max_time_s)),
        ("root", job.root),
        *job.prepare,
        *job.telemetry,
    ]
    for index, step in enumerate(native_steps(settings, job.tool, job.device, job.ask)):
        lines += _step_lines(job, index, step)
    return render([*lines, ("end", "")])  # without it a file cut behind a step would look whole


def render(lines: Iterable[Line]) -> str:
    """Lines as text. Raises `RowFailure` (`bad-input`) for a newline, a NUL, an odd key or a value without end."""
    text = []
    for key, value in lines:
        if not key or not all(c.isascii() and (c.isalnum() or c in "-_") for c in key):
            raise RowFailure("bad-input", f"{key!r} is no key of a job")
        if any(c in value for c in "\n\r\0") or len(value) > LONGEST:
            raise RowFailure("bad-input", f"{key}: a value with a line break or a NUL cannot be sent to a phone")
        text.append(f"{key} {value}\n" if value else f"{key}\n")
    return "".join(text)


def native_steps(
    settings: Settings, tool: NativeTool, device: ToolOnDevice, ask: ToolAsk | None = None
) -> list[dict[str, Any]]:
    """The steps of a run that this tool can do; without flags for inputs and outputs there is no fidelity pass."""
    able = tool.writes_outputs(device) and (ask is None or bool(ask.inputs))
    return [step for step in job_steps(settings) if able or step["pass"] != "fidelity"]


def tool_run(step: dict[str, Any], settings: Settings) -> ToolRun:
    """How long one process of a step runs, as the plan says, cut so that `--max-time` can hold all of them."""
    name = str(step["pass"])
    if name == "soak":
        seconds = min(CHUNK_MOST_S, max(CHUNK_S, float(step["seconds"]) / CHUNKS))
        return ToolRun("soak", seconds, CHUNK_ITERATIONS)
    if name == "paced":
        seconds = float(step["seconds"])
        return ToolRun("paced", seconds, 1, fps=float(step["fps"]), limit_s=1.5 * seconds)
    if name == "memory":
        return ToolRun("memory", MEMORY_S, int(step["iterations"]), limit_s=_share(settings))
    if name == "fidelity":
        return ToolRun("fidelity", 0.0, 1)
    seconds = float(step["min_time_s"])
    return ToolRun("invocation", seconds, int(step["min_iterations"]), limit_s=max(seconds, _share(settings)))


def _share(settings: Settings) -> float:
    """Seconds of `--max-time` for one invocation of a slow model, when half of it goes into invocations."""
    if settings.max_time_s is None:
        return 10 * settings.min_time_s + LOAD_LIMIT_S
    return max(1.0, 0.5 * settings.max_time_s / settings.invocations)


def step_limit_s(step: dict[str, Any], settings: Settings) -> int:
    """Seconds after which a step counts as hung: loading, twice what it should last, its idles."""
    run = tool_run(step, settings)
    busy = float(step["seconds"]) if step["pass"] == "soak" else run.limit_s or run.seconds
    load = LOAD_LIMIT_S if settings.max_time_s is None else min(LOAD_LIMIT_S, settings.max_time_s)
    return math.ceil(load + 2 * busy + 10)


def _step_lines(job: JobAsk, index: int, step: dict[str, Any]) -> list[Line]:
    settings = job.context.settings
    fidelity = step["pass"] == "fidelity"
    ask = replace(job.ask, outputs=OUTPUT) if fidelity else replace(job.ask, outputs=None)
    limit = step_limit_s(step, settings)
    head = f"{index} {step['pass']} {step['variant']} {step['round']} {step['order']} {limit}"
    lines: list[Line] = [("step", head)]
    lines += [("mask", job.mask)] if job.mask else []
    lines += [("env", f"{key}={value}") for key, value in job.tool.environment(ask, job.device).items()]
    lines += [("idle", seconds_text(step["idle_s"]))] if step.get("idle_s") else []
    lines += [("repeat", seconds_text(step["seconds"]))] if step["pass"] == "soak" else []
    lines += [("meminfo", "1")] if step["pass"] == "memory" else []
    lines += [("output", OUTPUT)] if fidelity else []
    lines.append(("program", job.device.path))
    lines += [("arg", arg) for arg in job.tool.arguments(ask, tool_run(step, settings), job.device)]
    return [*lines, ("run", "")]


def seconds_text(seconds: float) -> str:
    """Seconds as the sh agent reads them: two decimals, from 100 s on whole ones; at most 999999.

    >>> seconds_text(3.0), seconds_text(0.25), seconds_text(123.4)
    ('3', '0.25', '124')
    """
    if seconds >= 100:
        return str(min(999_999, math.ceil(seconds)))
    return f"{seconds:.2f}".rstrip("0").rstrip(".")
