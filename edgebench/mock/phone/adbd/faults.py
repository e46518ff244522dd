"""What can go wrong with a phone at the end of a cable: on demand, while it runs, at an exact byte.

daemon.faults.put(Fault("drop", When("push", nth=1, byte=1_000_000)))   cut the next push after so many bytes
daemon.faults.put(Fault("drop", When("shell", before_exit=True)))       cut every command before its exit code
frozen = daemon.faults.put(Fault("frozen", When(seconds=2.0)))          answer nothing from then on
daemon.faults.lift(frozen)
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["unauthorized", "offline", "frozen", "slow", "drop", "reboot", "disk-full", "flip"]
Passing = Literal["shell", "exec", "push", "pull"]

OF_FILES: dict[str, tuple[str, ...]] = {"disk-full": ("push",), "flip": ("push", "pull")}
"""Faults that happen in a transfer only."""


@dataclass(frozen=True)
class When:
    """At once, unless something is given; `seconds` count from `put`, the rest only after them.

    A passage is one command (its content: what it prints) or one file (its content: its bytes). `nth` 1 is the next
    passage of that sort that begins, 0 every one until the fault is lifted. `byte` is how much content passes before.
    """

    passage: Passing | None = None
    nth: int = 0
    byte: int = 0
    before_exit: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Fault:
    """One thing that goes wrong.

    - `unauthorized`: no key is good enough. `offline`: the greeting is not answered. Both cut connections first.
    - `frozen`: connections are taken and kept, nothing is answered, until it is lifted.
    - `slow`: content passes at `bytes_per_s`.
    - `drop`: all connections are cut. `reboot`: the phone goes away for `down_s` and has a new boot then.
    - `disk-full`: a push fails at `byte`. `flip`: one bit of the content at `byte` is turned.

    The first four last until they are lifted.
    """

    kind: Kind
    when: When = field(default_factory=When)
    bytes_per_s: float = 1e6
    down_s: float = 1.0

    def is_of(self, passage: str) -> bool:
        """Whether it may happen in such a passage."""
        return self.when.passage in (None, passage) and passage in OF_FILES.get(self.kind, (passage,))

    @property
    def waits_for_a_passage(self) -> bool:
        """Whether a passage brings it about, rather than time alone."""
        when = self.when
        placed = when.passage is not None or when.nth > 0 or when.byte > 0 or when.before_exit
        return placed or self.kind in OF_FILES


LASTING = ("unauthorized", "offline", "frozen", "slow")


class Faults:
    """Those put and those in force; `begun` and `lifted` are told of each as it begins to hold and ends."""

    def __init__(self, begun: Callable[[Fault], None], lifted: Callable[[Fault], None]) -> None:
        self._begun = begun
        self._lifted = lifted
        self._changed = threading.Condition()
        self._waiting: dict[Fault, int] = {}
        self._in_force: list[Fault] = []
        self._timers: dict[Fault, threading.Timer] = {}

    def put(self, fault: Fault) -> Fault:
        """Let it happen when it says."""
        if fault.when.seconds > 0:
            timer = threading.Timer(fault.when.seconds, self._arm, (fault,))
            timer.daemon = True
            self._timers[fault] = timer
            timer.start()
        else:
            self._arm(fault)
        return fault

    def lift(self, fault: Fault) -> None:
        """End it, or let it never happen; may be called twice."""
        timer = self._timers.pop(fault, None)
        if timer is not None:
            timer.cancel()
        with self._changed:
            self._waiting.pop(fault, None)
            held = fault in self._in_force
            if held:
                self._in_force.remove(fault)
            self._changed.notify_all()
        if held:
            self._lifted(fault)

    def clear(self) -> None:
        """Lift all."""
        with self._changed:
            everything = [*self._in_force, *self._waiting, *self._timers]
        for fault in everything:
            self.lift(fault)

    def in_force(self, kind: Kind) -> Fault | None:
        """Return the fault of that kind that holds now."""
        with self._changed:
            return self._holding(kind)

    def thawed(self) -> None:
        """Return at once, or when the phone is no longer frozen."""
        with self._changed:
            self._changed.wait_for(lambda: self._holding("frozen") is None)

    def pause(self, seconds: float) -> None:
        """Wait so long, less where the phone stops being slow."""
        with self._changed:
            self._changed.wait_for(lambda: self._holding("slow") is None, seconds)

    def entering(self, passage: str) -> list[Fault]:
        """Count a passage that begins now; return the faults that it will meet, first byte first."""
        met = []
        with self._changed:
            for fault in [fault for fault in self._waiting if fault.is_of(passage)]:
                self._waiting[fault] += 1
                if fault.when.nth in (0, self._waiting[fault]):
                    met.append(fault)
        return sorted(met, key=lambda fault: (fault.when.before_exit, fault.when.byte))

    def happen(self, fault: Fault) -> None:
        """Let a fault begin that time or a passage brought about."""
        with self._changed:
            if fault.kind in LASTING and fault not in self._in_force:
                self._in_force.append(fault)
            if fault.when.nth > 0 or fault.kind in LASTING:
                self._waiting.pop(fault, None)
            self._changed.notify_all()
        self._begun(fault)

    def _arm(self, fault: Fault) -> None:
        if fault.waits_for_a_passage:
            with self._changed:
                self._waiting[fault] = 0
        else:
            self.happen(fault)

    def _holding(self, kind: Kind) -> Fault | None:
        return next((fault for fault in self._in_force if fault.kind == kind), None)
