"""The one clock of the agent: monotonic nanoseconds, the same in every process of the machine."""

import select
import time


def _from_float():
    """Return monotonic nanoseconds (Python 3.6 has no integer form)."""
    return int(time.perf_counter() * 1e9)


monotonic_ns = getattr(time, "perf_counter_ns", _from_float)


def describe():
    """Return the (monotonic, realtime) pair read together and the clock's resolution, all in ns."""
    before = monotonic_ns()
    realtime = int(time.time() * 1e9)
    after = monotonic_ns()
    resolution = time.get_clock_info("perf_counter").resolution
    return {
        "monotonic_ns": (before + after) // 2,
        "realtime_ns": realtime,
        "resolution_ns": max(1, round(resolution * 1e9)),
    }


class Clock(object):
    """Time as the supervisor sees it; tests give one of their own in its place."""

    def monotonic_ns(self):
        """Return monotonic nanoseconds."""
        return monotonic_ns()

    def wait(self, readers, until_ns):
        """Sleep until one of `readers` can be read or `until_ns` (None: no limit) has come; return the readable."""
        if until_ns is None:
            return select.select(readers, [], [])[0]
        left_s = max(0, until_ns - self.monotonic_ns()) / 1e9
        return select.select(readers, [], [], left_s)[0]
