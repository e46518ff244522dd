"""A fake board in real time: a thread moves it, so that a run with its folder as root sees it live."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from edgebench.mock.body import Truth
from edgebench.mock.sysfs import FakeBoard


class Living:
    """Serves a board at `speed` board seconds a second, from `with` until its end.

    The files are renewed at jittered ticks of about `tick_s`: a fixed tick could run in step with a periodic load and
    show always the same phase of it. Times asked of it are those of this machine's monotonic clock (perf_counter_ns).
    """

    def __init__(self, board: FakeBoard, speed: float = 1.0, tick_s: float = 0.005, seed: int = 0) -> None:
        self.board = board
        self._speed = speed
        self._tick_s = tick_s
        self._rng = random.Random(seed)
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, name="fake-board", daemon=True)
        self._began_ns = 0

    def __enter__(self) -> Living:
        self._began_ns = time.perf_counter_ns()
        self._board_began_ns = self.board.monotonic_ns()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def now_ns(self) -> int:
        """Return the time of this machine that the other methods take."""
        return time.perf_counter_ns()

    def board_ns(self, monotonic_ns: int) -> int:
        """Return the board's time at a time of this machine."""
        return self._board_began_ns + round((monotonic_ns - self._began_ns) * self._speed)

    def truth(self, begin_ns: int, end_ns: int) -> Truth:
        """Return the truth between two times of this machine, up to now; seconds and joules are the board's."""
        with self._lock:
            self._catch_up()
            return self.board.truth_ns(self.board_ns(begin_ns), self.board_ns(end_ns))

    @contextmanager
    def held(self) -> Iterator[None]:
        """A block in which the board is at the present time and stays there."""
        with self._lock:
            self._catch_up()
            yield

    def _live(self) -> None:
        while not self._over.wait(self._tick_s * self._rng.uniform(0.5, 1.5)):
            with self._lock:
                self._catch_up()

    def _catch_up(self) -> None:
        behind = self.board_ns(self.now_ns()) - self.board.monotonic_ns()
        if behind > 0:
            self.board.advance_ns(behind)
