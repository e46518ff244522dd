"""The seam between edgebench and a runtime's own benchmark tool: what to call, and what its text means.

A tool gives aggregates (count, mean, min, max, sd), seldom samples: rows made of it say so. Everything here is pure:
text in, records out; times are nanoseconds of the device.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from edgebench.errors import UnknownName


@dataclass(frozen=True)
class ToolOnDevice:
    """A tool as it lies on the device: absolute path, its version where it tells one, the flags its help names.

    `flags` is empty where the help could not be had: then only the flags that every release has are used.
    """

    name: str
    path: str
    version: str | None = None
    flags: frozenset[str] = frozenset()
    has_flex: bool = False


@dataclass(frozen=True)
class ToolAsk:
    """One variant, in the tool's terms; paths are absolute on the device.

    `inputs` maps an input's name to a file of its raw little-endian values; `outputs` is where outputs are to be
    written (fidelity), None: nowhere. `delegate` is a vendor's delegate library. `shapes` names all inputs of the model
    in the model's order, or none. `own` is what the file itself may be called (`int8`...): asking for that changes
    nothing. Of `options` those named `delegate.KEY` go to the delegate library, the others are flags of the tool.
    """

    model: str
    accelerator: str = "cpu"
    threads: int | None = None
    precision: str | None = None
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: str | None = None
    delegate: str | None = None
    own: tuple[str, ...] = ()


@dataclass(frozen=True)
class ToolRun:
    """How long one process runs: at least `seconds` and `iterations`, paced at `fps` where it is given.

    It begins no inference after `limit_s` where the tool can be told so. `profile`: time every operator.
    """

    pass_: str
    seconds: float
    iterations: int
    fps: float | None = None
    profile: bool = False
    limit_s: float | None = None


@dataclass(frozen=True)
class Stats:
    """A tool's summary of n iterations; nanoseconds. `sd` and the extremes are None where the tool gives none."""

    n: int
    mean: float
    min: float | None = None
    max: float | None = None
    sd: float | None = None
    first: float | None = None


@dataclass(frozen=True)
class Delegation:
    """What a tool said of the delegate: applied to the whole graph or to part of it, in `kernels`; `line` its words.

    `whole` is None where the tool does not say; `nodes`: (delegated, all) where it counts them.
    """

    name: str
    applied: bool
    whole: bool | None = None
    kernels: int | None = None
    nodes: tuple[int, int] | None = None
    line: str = ""


@dataclass(frozen=True)
class OpTime:
    """One line of a tool's operator profile: kind, name, mean time (ns) and its share of the whole."""

    kind: str
    name: str
    mean_ns: float
    share: float | None = None
    where: str | None = None


@dataclass(frozen=True)
class ToolReport:
    """What one process of a tool said. `code` and `message` are those of an outcome where it failed (its own line).

    `inference` is None wherever `code` is set: what failed gives no figure. `dialect` is None for text of no known
    one, of which `raw` keeps the end. `compute` is the precision computed in, where the tool's flags decide that.
    """

    tool: str
    dialect: str | None = None
    init_ns: float | None = None
    first_ns: float | None = None
    warmup: Stats | None = None
    inference: Stats | None = None
    samples_ns: tuple[int, ...] = ()
    percentiles_ns: Mapping[float, float] = field(default_factory=dict)
    memory_mib: Mapping[str, float] = field(default_factory=dict)
    delegation: Delegation | None = None
    ops: tuple[OpTime, ...] = ()
    threads: int | None = None
    version: str | None = None
    notes: tuple[str, ...] = ()
    compute: str | None = None
    code: str | None = None
    message: str | None = None
    raw: str | None = None


class NativeTool(Protocol):
    """One tool of one runtime. Pure: neither method touches a device."""

    name: str
    backend: str
    formats: tuple[str, ...]
    accelerators: tuple[str, ...]

    def arguments(self, ask: ToolAsk, run: ToolRun, tool: ToolOnDevice) -> list[str]:
        """The arguments after the program's name.

        Raises `RowFailure` (`unsupported-precision`, `bad-input`...) for what the tool cannot do.
        """
        ...

    def flags(self, help_text: str) -> frozenset[str]:
        """The names of the flags that the tool's help lists; empty where it lists none."""
        ...

    def writes_outputs(self, tool: ToolOnDevice) -> bool:
        """Whether this tool takes inputs from files and writes outputs to one, as the fidelity pass needs."""
        ...

    def environment(self, ask: ToolAsk, tool: ToolOnDevice) -> dict[str, str]:
        """Environment variables of the process (LD_LIBRARY_PATH and the like)."""
        ...

    def parse(self, text: str, ask: ToolAsk, exit_code: int) -> ToolReport:
        """What the process said, stdout and stderr together, whatever dialect.

        A failure is a report with a `code` (`delegate-failed`, `unsupported-op`, `load-failed`, `oom`, `crashed`...)
        and the tool's own line; text that is none of the known dialects is `unparsed-output`. Never raises.
        """
        ...


TOOLS = {
    "benchmark_model": "edgebench.backends.native.benchmark_model",
    "onnxruntime_perf_test": "edgebench.backends.native.perf_test",
    "benchncnn": "edgebench.backends.native.benchncnn",
    "mnn_benchmark": "edgebench.backends.native.mnn_benchmark",
}
"""Where each tool lives; each module has a `tool`."""


def tools_of(backend: str) -> list[str]:
    """Names of the tools that run a backend's models, the one to take first; none for an unknown backend."""
    return [name for name in TOOLS if get_tool(name).backend == backend]


def get_tool(name: str) -> NativeTool:
    """The tool of that name. Raises `UnknownName` with the nearest one."""
    from importlib import import_module

    if name not in TOOLS:
        raise UnknownName("tool", name, TOOLS)
    tool: NativeTool = import_module(TOOLS[name]).tool
    return tool
