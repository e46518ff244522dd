"""A simulated phone in real time: a thread moves its body and renews its files."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from edgebench.mock.body import Truth
from edgebench.mock.phone.bustle import Bustle
from edgebench.mock.phone.loads import Work
from edgebench.mock.phone.physics import PhoneBody
from edgebench.mock.phone.services import Services
from edgebench.mock.phone.tree import PhoneTree

TICK_S = 0.005
SLOW_S = 0.1
LOOK_S = (0.02, 0.1)
"""Between looks for busy loops, at least and at most: a fast phone's burn is over soon."""
LONGEST_WAIT_S = 0.05


class Life:
    """Moves a phone at `speed` of its seconds a second, from `with` until its end. Any thread may ask it.

    Its ticks are jittered: a fixed one could run in step with a periodic load.
    """

    def __init__(self, body: PhoneBody, tree: PhoneTree, services: Services, bustle: Bustle, speed: float) -> None:
        self.body = body
        self.speed = speed
        self._tree, self._services, self._bustle = tree, services, bustle
        self._rng = random.Random(0)
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, name="phone-life", daemon=True)
        self._look_s = min(max(0.25 / speed, LOOK_S[0]), LOOK_S[1])
        self._slow_due_s = self._look_due_s = 0.0

    def __enter__(self) -> Life:
        self._began_ns = time.perf_counter_ns()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._over.set()
        self._thread.join()

    def now_ns(self) -> int:
        """The phone's uptime."""
        with self._lock:
            self._catch_up()
            return self.body.now_ns()

    def truth(self, begin_ns: int, end_ns: int) -> Truth:
        """The true energy between two uptimes, up to now."""
        with self._lock:
            self._catch_up()
            return self.body.truth(begin_ns, end_ns)

    def work(self, who: object, work: Work | None) -> None:
        """Let `who` draw that from now on. Whoever learns of it finds its files at least as new."""
        with self._lock:
            self._catch_up()
            self.body.load.set(who, work, self.body.lived_s)
            if not self._over.is_set():
                self._show(slow=False)

    def wait_until(self, when_ns: int, gone: Callable[[], bool]) -> bool:
        """Wait until the phone's uptime has got there. False: `gone` said so, or the phone is over."""
        while not gone():
            left_s = (when_ns - self.now_ns()) / 1e9 / self.speed
            if left_s <= 0:
                return True
            if self._over.wait(min(left_s, LONGEST_WAIT_S)):
                return False
        return False

    def reboot(self) -> None:
        """Uptime and boot id begin anew; what was running is gone."""
        with self._lock:
            self._catch_up()
            self.body.reboot()
            self._tree.boot()
            self._show(slow=True)

    def _live(self) -> None:
        while not self._over.wait(TICK_S * self._rng.uniform(0.5, 1.5)):
            now_s = time.perf_counter()
            if now_s >= self._look_due_s:
                self._look_due_s = now_s + self._look_s
                self._follow(self._bustle.busy())
            slow = now_s >= self._slow_due_s
            if slow:
                self._slow_due_s = now_s + SLOW_S
            with self._lock:
                self._catch_up()
                self._show(slow)

    def _follow(self, busy: int) -> None:
        cores = min(busy, self.body.form.cpus)
        watts = self.body.form.speeds["cpu"].watts * cores**0.75
        self.work(self._bustle, Work("cpu", watts) if cores else None)

    def _show(self, slow: bool) -> None:
        self._tree.show(slow)
        if slow:
            self._services.show()

    def _catch_up(self) -> None:
        lived_ns = round((time.perf_counter_ns() - self._began_ns) * self.speed)
        behind = lived_ns - self.body.elapsed_ns
        if behind > 0:
            self.body.advance_ns(behind)
