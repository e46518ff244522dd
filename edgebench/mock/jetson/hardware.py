"""A simulated board without programs and link: its tree, what it draws, how hot it gets, and the truth about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgebench.mock.body import Body
from edgebench.mock.cells import Tree
from edgebench.mock.forms import Sensors
from edgebench.mock.jetson import identity, monitors
from edgebench.mock.jetson.access import Access
from edgebench.mock.jetson.busy import Usage
from edgebench.mock.jetson.clocks import Clocks
from edgebench.mock.jetson.facts import BoardFacts
from edgebench.mock.jetson.faults import Fault, Faults
from edgebench.mock.jetson.knobs import Knobs
from edgebench.mock.jetson.sensors import Activity, Boot, Climate, Cooling, Fan, Memory, OverCurrent, heat_of
from edgebench.mock.machine import Zones
from edgebench.mock.phone.loads import Load, Work
from edgebench.mock.power_sensors import Sensor
from edgebench.mock.sysfs import FakeBoard
from edgebench.mock.workload import Schedule, Shape

ALWAYS_S = 1e9
FAN_W = 0.8
BOOT_S = 75.0
"""How long it has been up when it answers again after a reboot."""
WARM_C = 80.0
"""What a board has after hours of work without a fan: above where a gate lets it begin, below where it throttles."""


class Hardware:
    """A board of `facts` in `root`; everything random comes from `seed`. Time stands still until `board.advance`.

    `usage` tells what its processes take of this machine; `load` is a power of its own in the place of all that.
    """

    def __init__(
        self,
        facts: BoardFacts,
        root: Path,
        *,
        faults: Iterable[Fault] = (),
        seed: int = 0,
        usage: Callable[[], Usage] = Usage,
        load: Shape | None = None,
    ) -> None:
        self.facts, self.root, self.faults = facts, root, Faults(faults)
        self.access = Access()
        self.load = Load(facts.draw.idle)
        self._usage, self._seen = usage, Usage()
        self._works: dict[object, Work] = {}
        self._held: dict[tuple[object, bool], int] = {}
        schedule = Schedule(((ALWAYS_S, load or self.load),), facts.draw.idle)
        self._booted_s = -float(np.random.default_rng(seed).uniform(2000, 9000))
        self._warmed_to = WARM_C if self.faults.has("warm") else None
        self._lived: Callable[[], float] = lambda: 0.0  # it is shown once before there is a board
        self.board = FakeBoard(root, self._form, seed=seed, load=schedule, heat=heat_of(facts))
        self.board.follow(self._follow)
        self._lived = lambda: (self.board.monotonic_ns() - self.board.start_ns) / 1e9
        if self.faults.has("clocks-left-locked"):
            self.clocks.lock()

    @property
    def lived_s(self) -> float:
        """Seconds since it was started as a simulation."""
        return self._lived()

    @property
    def uptime_s(self) -> float:
        """Seconds since it booted."""
        return self.lived_s - self._booted_s

    def work(self, who: object, work: Work | None) -> None:
        """Let `who` draw that from now on, at full clocks; None: nothing."""
        if work is None:
            self._works.pop(who, None)
        else:
            self._works[who] = work
        self._apply(who)
        self._settle()

    def hold(self, who: object, kib: int, of_gpu: bool = False) -> None:
        """Let `who` have that much memory from now on; 0: none."""
        if kib:
            self._held[who, of_gpu] = kib
        else:
            self._held.pop((who, of_gpu), None)

    def forget(self, who: object) -> None:
        """`who` is no more."""
        self.work(who, None)
        self.hold(who, 0)
        self.hold(who, 0, of_gpu=True)

    def reboot(self) -> None:
        """What worked is gone, uptime begins anew, the clocks are the mode's again, hwmon numbers may have moved."""
        for who in tuple(self._works):
            self.forget(who)
        self._held.clear()
        self._booted_s = self.lived_s - BOOT_S
        mode = self.facts.mode_of(self.clocks.mode)
        if mode is not None:
            self.clocks.set_mode(mode)
        for path in self.knobs.paths():
            if path.endswith("/scaling_governor"):
                self.knobs.set(path, self.facts.governor)
        self._boots += 1
        self._boot.set(self._boots)
        if self.faults.has("hwmon-shuffled"):
            self.monitors.move()

    def share(self, kind: str) -> float:
        """The present clock under load as a share of the highest; a DLA has a clock of its own."""
        own = self.clocks.share(kind) if kind in ("cpu", "gpu") else 1.0
        return own * self.board.clock_share

    def memory_used(self) -> tuple[int, int]:
        """KiB that processes have, and how many of them are the GPU's."""
        gpu = sum(kib for (_, of_gpu), kib in self._held.items() if of_gpu)
        return sum(self._held.values()) + self._seen.kib, gpu

    def cpu_load(self) -> float:
        """How busy its CPUs are, 0 to 1: what its real processes take, and the works of the CPU."""
        works = sum(work.watts for work in self._works.values() if work.kind == "cpu")
        return min(self._seen.cpus / self.facts.cpus + works / max(self.facts.draw.cpus, 0.1), 1.0)

    def rails(self) -> list[tuple[str, int]]:
        """What its power monitors show now: (label, mW)."""
        return self.monitors.milliwatts()

    def is_sagging(self) -> bool:
        """Whether its input is too low now."""
        return self.monitors.sags(self.lived_s, self.monitors.watts)

    def close(self) -> None:
        """Let go of the files, readable again."""
        self.board.close()
        self.access.open_all()

    def _form(self, tree: Tree, rng: np.random.Generator) -> Sensors:
        facts, faults = self.facts, self.faults
        identity.lay(tree, facts)
        self.knobs = Knobs(tree)
        self.clocks = Clocks(facts, tree, self.knobs)
        numbers = [int(number) for number in rng.permutation(6)]
        if faults.has("hwmon-shuffled"):
            numbers = numbers[::-1]
        self.monitors = monitors.Monitors(tree, facts, faults, numbers, rng)
        self.monitors.protect(self.access)
        # the chips take three of the numbers at most; a fan's tachometer stands beside it
        self.fan = Fan(tree, self.knobs, facts.fan, 10)
        self.memory = Memory(tree, facts, self.memory_used)
        self._climate = Climate(facts, self.fan, lambda seconds: faults.now("throttle", seconds))
        self._boot, self._boots = Boot(tree), 1
        self._boot.set(self._boots)
        slow: list[Sensor] = [
            Zones(tree, facts.zones, facts.gated, self._dead_zones()),
            Cooling(tree, facts, self.fan.pwm),
            self.fan,
            self.clocks,
            self.memory,
            Activity(tree, facts, lambda: self.uptime_s, self.cpu_load),
        ]
        if facts.over_current:
            storms = lambda seconds: faults.now("oc-storm", seconds)  # noqa: E731
            slow.append(OverCurrent(tree, 12, storms, lambda body: self.monitors.sags(body.now_ms / 1000, body.watts)))
        debug = tree.folder / "sys/kernel/debug"
        if debug.exists():
            self.access.hide(debug)
        return list(self.monitors.sensors), slow

    def _dead_zones(self) -> tuple[str, ...]:
        if not self.faults.has("sensor-dead"):
            return ()
        return tuple(zone for zone in self.facts.zones if zone.lower().startswith("gpu"))

    def _follow(self, body: Body) -> None:
        """Take over what the board's processes do, what clocks and fan draw, and how the fan cools."""
        if self._warmed_to is not None:
            body.celsius, self._warmed_to = self._warmed_to, None
        self._climate.follow(body)
        self._seen = self._usage()
        cores = min(self._seen.cpus / self.facts.cpus, 1.0)
        busy = Work("cpu", self.facts.draw.cpus * cores**0.75 * self.clocks.share("cpu") ** 2) if cores else None
        now_s = body.now_ms / 1000
        self.load.set("processes", busy, now_s)
        locked = self.clocks.are_locked and self.facts.draw.locked > 0
        self.load.set("locked", Work("soc", self.facts.draw.locked) if locked else None, now_s)
        pwm = self.fan.pwm()
        self.load.set("fan", Work("fan", FAN_W * pwm / 255) if pwm else None, now_s)
        for who in self._works:
            self._apply(who)
        self._settle()

    def _apply(self, who: object) -> None:
        """A work draws with the square of the clock that the mode allows it; throttling is the body's."""
        work = self._works.get(who)
        if work is not None and work.kind in ("cpu", "gpu"):
            work = replace(work, watts=work.watts * self.clocks.share(work.kind) ** 2)
        self.load.set(who, work, self.lived_s)

    def _settle(self) -> None:
        gpu = sum(work.watts for work in self._works.values() if work.kind == "gpu")
        self.clocks.gpu_load = min(gpu / self.facts.draw.gpu, 1.0) if gpu else 0.0
        self.clocks.cpu_load = self.cpu_load()
