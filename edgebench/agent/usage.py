"""What the process used of the machine during timed windows: CPU time, page faults, context switches."""

import resource
import time

from . import clock

COUNTERS = ("cpu_ns", "minor_faults", "major_faults", "voluntary", "involuntary")


def snapshot():
    """Return (wall ns, CPU ns of all threads, minor and major faults, voluntary and involuntary switches) so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_ns = int(time.process_time() * 1e9)
    return (clock.monotonic_ns(), cpu_ns, used.ru_minflt, used.ru_majflt, used.ru_nvcsw, used.ru_nivcsw)


class Usage(object):
    """Adds up windows: `open` at the start of one, `close` at its end; bookkeeping between them is not counted."""

    def __init__(self):
        self._names = ("wall_ns",) + COUNTERS
        self._before = None
        self.total = dict.fromkeys(self._names, 0)

    def open(self):
        """Begin a window."""
        self._before = snapshot()

    def close(self):
        """End the window and return what it used, by name."""
        used = dict(zip(self._names, (b - a for a, b in zip(self._before, snapshot()))))
        for name, value in used.items():
            self.total[name] += value
        return used
