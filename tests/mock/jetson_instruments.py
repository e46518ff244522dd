"""A simulated Jetson in simulated time and the product's own way from its files to joules, against what was true."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

from edgebench.agent import sampler
from edgebench.controller.assembly.power import PowerInfo, power_source
from edgebench.controller.events import sort_events
from edgebench.mock.jetson.boards import BOARDS
from edgebench.mock.jetson.faults import Faults, parse_fault
from edgebench.mock.jetson.hardware import Hardware
from edgebench.mock.phone.loads import Work
from edgebench.profiles.catalog import load_profile
from edgebench.stats.energy import measure_window
from edgebench.stats.per_item import per_item

GUARD_S = 2.0
"""Between an idle and what is measured lies the start of a process."""
RATE_HZ = 10.0


@dataclass(frozen=True)
class Errors:
    """What one run got wrong: signed relative errors of mean power, gross and net energy, and W of the mean power."""

    watts: float
    gross: float
    net: float
    off_w: float
    true_w: float


class BoardTime:
    """The sampler's clock and its request to stop; waiting moves the board, `hooks` are (second, action) on the way."""

    readers = ("stop",)

    def __init__(self, hardware, end_s, hooks=()):
        self._board = hardware.board
        self._end_ns = self._board.start_ns + round(end_s * 1e9)
        self._hooks = sorted(hooks, key=lambda hook: hook[0])

    def monotonic_ns(self):
        return self._board.monotonic_ns()

    def wait(self, readers, until_ns):
        over = until_ns is None or until_ns >= self._end_ns
        target = self._end_ns if over else until_ns
        while self._hooks and self._board.start_ns + round(self._hooks[0][0] * 1e9) <= target:
            second, action = self._hooks.pop(0)
            self._move(self._board.start_ns + round(second * 1e9))
            action()
        self._move(target)
        return list(readers) if over else []

    def asked(self, readable):
        return "stop" in readable

    def _move(self, to_ns):
        self._board.advance_ns(max(to_ns - self._board.monotonic_ns(), 0))


def hardware_of(name, folder, seed, faults=()):
    """A board whose rails everybody may read."""
    return Hardware(BOARDS[name], folder, faults=[parse_fault(text) for text in ("rails-readable", *faults)], seed=seed)


def sampled(hardware, end_s, seed, *, hooks=(), jitter=sampler.JITTER, rate_hz=RATE_HZ):
    """What the agent's own sampler tells of a board until `end_s`, sorted as the controller sorts it."""
    events = []

    def emit(ev, **fields):
        events.append({"ev": ev, **fields})

    config = {"root": str(hardware.root), "power": "auto", "power_hz": rate_hz, "slow_hz": 1.0}
    probes = load_profile(hardware.facts.name).probe_options()
    groups, feeds = sampler.build_groups(config, random.Random(seed), emit, probes)
    assert not feeds  # rails are files
    if jitter != sampler.JITTER:
        groups[0] = sampler.Group(groups[0].tracks, int(1e9 / rate_hz), random.Random(seed), jitter)
    time = BoardTime(hardware, end_s, hooks)
    sampler.Sampler(emit, groups, time, time).run()
    return sort_events(events)


def wave_of(facts, seed):
    """A GPU that infers: a wave of 8 to 18 ms, from a quarter of what it can draw up to all of it."""
    rng = np.random.default_rng((seed, 8))
    return Work("gpu", facts.draw.gpu * rng.uniform(0.25, 0.7), 0.008 + 0.010 * rng.random())


def run(name, folder, seed, *, idle_s=30.0, load_s=60.0, jitter=sampler.JITTER, wave=None):
    """One run between its idles, by the product's estimators, against the truth of the same windows."""
    hardware = hardware_of(name, folder, seed)
    try:
        begin_s, end_s = idle_s + GUARD_S, idle_s + GUARD_S + load_s
        close_s = end_s + GUARD_S + idle_s
        work = wave or wave_of(hardware.facts, seed)
        hooks = (
            (begin_s - 0.5, lambda: hardware.work("tool", work)),
            (end_s + 0.5, lambda: hardware.work("tool", None)),
        )
        job = sampled(hardware, close_s + 0.5, seed, hooks=hooks, jitter=jitter)
        source = power_source(job)
        assert not isinstance(source, PowerInfo), source
        start = hardware.board.start_ns
        windows = [tuple(start + round(at * 1e9) for at in edges)
                   for edges in ((begin_s, end_s), (1.0, idle_s), (end_s + GUARD_S, close_s))]  # fmt: skip
        busy, before, after = (measure_window(source.trace, *window) for window in windows)
        found = per_item(busy, before, after, items=1000.0, sensor=source.sensor)
        true, *idles = (hardware.board.truth_ns(*window) for window in windows)
        net_j = true.joules - sum(idle.mean_watts for idle in idles) / 2 * load_s
        return Errors(busy.watts / true.mean_watts - 1, found.gross.mj_per_item / true.joules - 1,
                      found.net.mj_per_item / net_j - 1, busy.watts - true.mean_watts,
                      true.mean_watts)  # fmt: skip
    finally:
        hardware.close()


class ToolBoard:
    """A board as its programs see it, on simulated hardware whose time passes when somebody waits."""

    def __init__(self, hardware):
        self.hardware, self.facts, self.root = hardware, hardware.facts, hardware.root
        self.faults = Faults()
        self.work, self.hold, self.share = hardware.work, hardware.hold, hardware.share

    def now_ns(self):
        return self.hardware.board.monotonic_ns()

    def lived_s(self):
        return self.hardware.lived_s

    def moment(self, name):
        pass

    def advance_to(self, when_ns):
        self.hardware.board.advance_ns(max(when_ns - self.now_ns(), 0))
