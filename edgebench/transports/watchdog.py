"""Sees that a link has gone silent in the middle of a transfer, whatever call is stuck in it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Self


class StallWatchdog:
    """Within its block, calls `on_stall` (once, in a thread) when `last_activity` lies `limit_s` back.

    `last_activity` gives a time of `time.monotonic`; silence before the block began does not count. The
    thread sleeps until the earliest moment at which the limit could be reached.
    """

    def __init__(self, limit_s: float, last_activity: Callable[[], float], on_stall: Callable[[], None]) -> None:
        self.fired = False
        self._limit_s = limit_s
        self._last_activity = last_activity
        self._on_stall = on_stall
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="edgebench-stall", daemon=True)

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            left = max(self._began, self._last_activity()) + self._limit_s - time.monotonic()
            if left <= 0:
                self.fired = True
                self._on_stall()
                return
            if self._done.wait(left):
                return
