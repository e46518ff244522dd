"""A fake-sysfs localhost: a folder like a board's /sys and /proc that moves and knows the truth."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import numpy as np

from edgebench.mock.body import Body, Heat, Truth
from edgebench.mock.cells import Tree
from edgebench.mock.forms import FORMS, Form
from edgebench.mock.workload import Schedule

SLOW_MS = 100  # temperatures and the like are rewritten this often


class FakeBoard:
    """A simulated board below `folder`, which is the `root` of probes and jobs.

    `form` is one of `FORMS`, or a form of its own kind. Everything random comes from `seed` (also the hwmon numbers,
    which move between boots).
    Time stands still until `advance`; `monotonic_ns` is the board's own clock, beginning at `start_ns`.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        form: str | Form = "iio",
        *,
        seed: int = 0,
        load: Schedule | None = None,
        heat: Heat | None = None,
        start_ns: int = 1_000_000_000,
    ) -> None:
        if isinstance(form, str) and form not in FORMS:
            raise ValueError(f"unknown form {form!r}; there are {', '.join(FORMS)}")
        self.root = str(folder)
        self.start_ns = start_ns
        self._elapsed_ns = 0
        self._rng = np.random.default_rng(seed)
        self._tree = Tree(Path(folder))
        self._body = Body(load or Schedule(), heat or Heat(), self._rng)
        self._fast, self._slow = (FORMS[form] if isinstance(form, str) else form)(self._tree, self._rng)
        self._slow_due_ms = 0
        self._show()

    def follow(self, follower: Callable[[Body], None]) -> None:
        """Have something asked before each step of the body."""
        self._body.followers.append(follower)

    def monotonic_ns(self) -> int:
        """Return the board's time in ns."""
        return self.start_ns + self._elapsed_ns

    def advance(self, seconds: float) -> None:
        """Live on and rewrite the files; readings are those of the last whole millisecond."""
        self.advance_ns(round(seconds * 1e9))

    def advance_ns(self, nanoseconds: int) -> None:
        """Like `advance`, without rounding."""
        if nanoseconds < 0:
            raise ValueError("a board's time does not run backwards")
        self._elapsed_ns += nanoseconds
        whole = self._elapsed_ns // 1_000_000 - self._body.now_ms
        if whole > 0:
            self._body.advance(whole)
            self._show()

    def truth(self, begin_s: float, end_s: float) -> Truth:
        """Return the true energy between two times in seconds since the start. Raises ValueError beyond now."""
        return self._body.truth(begin_s, end_s)

    def truth_ns(self, begin_ns: int, end_ns: int) -> Truth:
        """Like `truth`, for two values of `monotonic_ns`."""
        return self.truth((begin_ns - self.start_ns) / 1e9, (end_ns - self.start_ns) / 1e9)

    @property
    def celsius(self) -> float:
        """The true temperature."""
        return self._body.celsius

    @property
    def throttled_at_ns(self) -> tuple[int, ...]:
        """When the clock was lowered, each time, as `monotonic_ns`."""
        return tuple(self.start_ns + round(seconds * 1e9) for seconds in self._body.throttled_at_s)

    @property
    def throttle_level(self) -> int:
        """How many steps the clock is lowered by, 0 if none."""
        return self._body.throttle_level

    @property
    def clock_share(self) -> float:
        """The present clock as a share of the full one."""
        return self._body.clock_share

    def close(self) -> None:
        """Let go of the files; they stay as they are."""
        self._tree.close()

    def __enter__(self) -> FakeBoard:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _show(self) -> None:
        for sensor in self._fast:
            sensor.show(self._body)
        if self._body.now_ms >= self._slow_due_ms:
            for sensor in self._slow:
                sensor.show(self._body)
            self._slow_due_ms = self._body.now_ms + SLOW_MS
