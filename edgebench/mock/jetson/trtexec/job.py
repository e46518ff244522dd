"""One process of the stand-in `trtexec`: what it was started with and what all its phases share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from edgebench.mock.jetson.host import Board, Call, Line
from edgebench.mock.jetson.trtexec.calibration import read_ranges
from edgebench.mock.jetson.trtexec.dialects import Dialect
from edgebench.mock.jetson.trtexec.engine_file import Engine
from edgebench.mock.jetson.trtexec.flags import Options, Shapes
from edgebench.mock.jetson.trtexec.network import Network, network
from edgebench.mock.jetson.trtexec.precision import Placed, Wanted, place
from edgebench.mock.jetson.trtexec.silicon import Silicon
from edgebench.mock.jetson.trtexec.voice import Voice
from edgebench.mock.phone.loads import Work

NS = 1_000_000_000
EPOCH = 1_763_722_800
"""When boards were started, for the stamps: 2025-11-21 11:00 UTC, as on a board whose clock nobody set."""
NEVER_NS = 1 << 62


class Failed(Exception):
    """The tool ends with these errors, the last of which says in which phase."""

    def __init__(self, *lines: str) -> None:
        super().__init__(lines[0] if lines else "failed")
        self.lines = lines


@dataclass(frozen=True)
class Job:
    """A process with its options understood."""

    call: Call
    line: Line
    board: Board
    dialect: Dialect
    chip: Silicon
    options: Options
    voice: Voice

    def struck(self, fault: str) -> bool:
        """Whether a fault strikes now."""
        return self.board.faults.now(fault, self.board.lived_s())

    def wait(self, seconds: float, watts: float = 0.0, kind: str = "gpu") -> None:
        """Be busy for so long, drawing so much."""
        if watts:
            self.board.work(self.line, Work(kind, watts))
        self.line.wait_until(self.board.now_ns() + round(seconds * NS))
        if watts:
            self.board.work(self.line, None)

    def wanted(self) -> Wanted:
        """What an engine shall be built for."""
        options = self.options
        ranges = read_ranges(self.call.place(options.text("calib"))) if options.text("calib") else None
        return Wanted(options.fp16, options.int8, options.dla, options.has("allowGPUFallback"), ranges)


@dataclass(frozen=True)
class Loaded:
    """An engine that is ready: its layers for the shapes of this run."""

    engine: Engine
    net: Network
    layers: Sequence[Placed]

    @property
    def bindings(self) -> list[str]:
        """Names of inputs and outputs."""
        return [value.name for value in (*self.net.inputs, *self.net.outputs)]


def wanted_of(engine: Engine) -> Wanted:
    """What an engine was built for."""
    return Wanted(engine.fp16, engine.int8, engine.dla, engine.fallback, engine.ranges)


def loaded(engine: Engine, job: Job, shapes: Shapes) -> Loaded:
    """An engine's layers for these shapes."""
    net = network(engine.model, job.dialect, shapes)
    return Loaded(engine, net, place(net, wanted_of(engine), job.chip))


def stamp(lived_s: float) -> str:
    """The time that a line begins with."""
    return datetime.fromtimestamp(EPOCH + lived_s, tz=UTC).strftime("%m/%d/%Y-%H:%M:%S")
