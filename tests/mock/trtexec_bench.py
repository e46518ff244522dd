"""The stand-in trtexec in simulated time: a board that moves when somebody waits for it, and a process of the tool."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgebench.mock.body import Body, Heat
from edgebench.mock.jetson.boards import BOARDS
from edgebench.mock.jetson.faults import Faults, parse_fault
from edgebench.mock.jetson.host import Call, Gone
from edgebench.mock.jetson.trtexec.program import PATH, trtexec
from edgebench.mock.phone.loads import Load
from edgebench.mock.workload import Schedule

MODELS = Path(__file__).parents[2] / "models"
LONGEST_S = 3600


class ManualBoard:
    """A board of simulated time; `slow` lowers its clocks by that share, `hot` makes it throttle within seconds."""

    def __init__(self, name="jetson-nano", faults=(), *, hot=False, slow=1.0, tensorrt=None, seed=1):
        self.facts = BOARDS[name]
        if tensorrt:
            self.facts = replace(self.facts, release=replace(self.facts.release, tensorrt=tensorrt))
        self.faults = Faults(parse_fault(text) for text in faults)
        self.root = Path("/nowhere")
        self.slow = slow
        self.load = Load(self.facts.draw.idle)
        heat = Heat(ohm_c_per_w=12, tau_s=3, trip_c=60) if hot else Heat(trip_c=500)
        self.body = Body(Schedule(((1e9, self.load),), self.facts.draw.idle), heat, np.random.default_rng(seed))
        self.moments, self.held, self.peak_kib = [], {}, 0
        self._ns = 0

    def now_ns(self):
        return self._ns

    def lived_s(self):
        return self._ns / 1e9

    def work(self, who, work):
        self.load.set(who, work, self.lived_s())

    def hold(self, who, kib, of_gpu=False):
        self.held[who] = kib
        self.peak_kib = max(self.peak_kib, sum(self.held.values()))

    def share(self, kind):
        return self.body.clock_share * self.slow

    def moment(self, name):
        self.moments.append((name, self.lived_s()))

    def advance_to(self, when_ns):
        if when_ns > LONGEST_S * 1_000_000_000:
            raise Gone  # somebody lost patience
        self._ns = max(self._ns, when_ns)
        self.body.advance(self._ns // 1_000_000 - self.body.now_ms)


class Process:
    """The line to a process that is nothing but its two texts."""

    def __init__(self, board):
        self._board = board
        self.stdout, self.stderr = "", ""

    def out(self, text):
        self.stdout += text

    def err(self, text):
        self.stderr += text

    def stdin(self):
        return ""

    def wait_until(self, when_ns):
        self._board.advance_to(when_ns)


class Ran:
    """A run of the tool: its texts, its exit status, the board, and how long it took there."""

    def __init__(self, folder, *argv, board=None, **of_board):
        self.board = board or ManualBoard(**of_board)
        self.folder = folder
        begin_s = self.board.lived_s()
        line = Process(self.board)
        self.process = line
        self.code = trtexec(Call("trtexec", argv, folder, 4711, False), line, self.board)
        self.seconds = self.board.lived_s() - begin_s

    @property
    def out(self):
        return self.process.stdout

    @property
    def err(self):
        return self.process.stderr

    def json(self, name):
        return json.loads((self.folder / name).read_text())


__all__ = ["MODELS", "PATH", "ManualBoard", "Ran"]
