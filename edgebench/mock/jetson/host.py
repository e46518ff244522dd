"""What a stand-in program of a simulated board is given: its call, the line to its process, and the board.

A program is a row `Program(path, handler)`. Below the board's root lies a small executable of that path; started, it
hands its arguments to the board's process, and the handler runs there in a thread of its own:

    def handler(call: Call, line: Line, board: Board) -> int:
        board.work(line, Work("gpu", watts=4.0, period_s=0.02))   # until set to None, or the process ends
        line.wait_until(board.now_ns() + 2_000_000_000)           # in the board's time; raises Gone
        line.out("&&&& PASSED\\n")
        return 0                                                   # its exit status
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edgebench.mock.jetson.facts import BoardFacts
from edgebench.mock.jetson.faults import Faults
from edgebench.mock.jetson.powers import Powers
from edgebench.mock.phone.loads import Work


class Gone(Exception):
    """The process hung up, was killed, or the board is over: whatever ran for it ends."""


@dataclass
class Killed(Exception):
    """The process dies of that signal (raised by a handler)."""

    number: int


@dataclass(frozen=True)
class Call:
    """How a program was started: `argv` without its own name, the folder it was started in, whether through sudo."""

    name: str
    argv: tuple[str, ...]
    folder: Path
    pid: int
    as_root: bool

    def place(self, text: str) -> Path:
        """The real file of this machine that a path among the arguments means (the process has real paths)."""
        return self.folder / text


class Line(Protocol):
    """The line to the process of a program. Every method raises `Gone` once it is no more."""

    def out(self, text: str) -> None:
        """Print to its standard output."""

    def err(self, text: str) -> None:
        """Print to its standard error."""

    def stdin(self) -> str:
        """All of its standard input, waited for up to its end."""

    def wait_until(self, when_ns: int) -> None:
        """Wait until the board's uptime has got there."""


class Board(Protocol):
    """The board, as its programs need it. Times are ns of its uptime, `speed` of its seconds in one of ours."""

    @property
    def facts(self) -> BoardFacts:
        """What kind of board it is: SoC, GPU, release, versions of TensorRT and CUDA."""

    @property
    def faults(self) -> Faults:
        """What was made to go wrong: `board.faults.now("build-oom", board.lived_s())`."""

    @property
    def root(self) -> Path:
        """What stands for its `/`, on this machine."""

    def now_ns(self) -> int:
        """Its uptime."""

    def lived_s(self) -> float:
        """Its seconds since it was started as a simulation."""

    def work(self, who: object, work: Work | None) -> None:
        """Let `who` draw that from now on (watts above idle at full clocks; kind: cpu, gpu or dla); None: nothing."""

    def hold(self, who: object, kib: int, of_gpu: bool = False) -> None:
        """Let `who` have that much memory from now on (0: none), as /proc/meminfo shows it."""

    def share(self, kind: str) -> float:
        """The present clock of the "cpu" or "gpu" as a share of the board's highest: mode, governor and throttling."""

    def forget(self, who: object) -> None:
        """`who` is no more: nothing drawn, nothing held."""

    def moment(self, name: str) -> None:
        """Say that a moment has come (`faults.BUILD`): faults that wait for it strike."""

    @property
    def powers(self) -> Powers:
        """What the vendor's programs do to it, and see of it."""

    def reboot(self) -> None:
        """It goes down, and comes back."""


Handler = Callable[[Call, Line, Board], int]


@dataclass(frozen=True)
class Program:
    """A program of the board: its path there and what it does."""

    path: str
    handler: Handler

    @property
    def name(self) -> str:
        """Its last part."""
        return self.path.rpartition("/")[2]
