"""How busy the machine is, and how much of that is the job's own: foreign load is the rest. Counters in clock ticks.

Columns of ``load``: busy (user, nice, system, irq, softirq), total (busy, idle, iowait, steal), steal, own (the job's
process tree, ended children included). Over a window, foreign share = (d busy - d own) / d total.
"""

import os

from . import base

STAT = "/proc/stat"
LOADAVG = "/proc/loadavg"


def find(root, options=None):
    """Return the probe; `options` may hold ``job_pid``, the process whose tree is the job (else own is `MISSING`)."""
    try:
        stat = base.RawFile(base.below(root, STAT), 512)
    except OSError as error:
        return base.absent("load", "unsupported", "cannot read %s: %s" % (STAT, error.strerror))
    job_pid = (options or {}).get("job_pid")
    tick_hz = os.sysconf("SC_CLK_TCK")
    columns = ["busy", "total", "steal", "own"]
    source = base.describe("load", "accumulating", "machine", "ticks", columns, tick_hz=tick_hz, cpus=os.cpu_count())
    return Load(source, stat, base.below(root, "/proc"), job_pid)


def find_loadavg(root, options=None):
    """Return the probe of the one-minute load average, in thousandths."""
    try:
        loadavg = base.RawFile(base.below(root, LOADAVG))
    except OSError as error:
        return base.absent("loadavg", "unsupported", "cannot read %s: %s" % (LOADAVG, error.strerror))
    source = base.describe("loadavg", "windowed", "machine", "1/1000", ["loadavg_1m"], window_s=60.0)
    return base.Probe(source, [Thousandths(loadavg)])


class Load(base.Probe):
    """Reads /proc/stat's first line and walks the job's process tree."""

    def __init__(self, source, stat, proc, job_pid):
        base.Probe.__init__(self, source, [])
        self._stat = stat
        self._proc = proc
        self._job_pid = job_pid

    def read(self):
        """Return busy, total, steal and own ticks since boot (own: since the job's start)."""
        busy, total, steal = _machine(self._stat.read())
        own = base.MISSING if self._job_pid is None else _tree_ticks(self._proc, self._job_pid)
        return busy, total, steal, own


class Thousandths(object):
    """The first decimal number of a file, times 1000."""

    def __init__(self, raw):
        self._raw = raw

    def __call__(self):
        """Return it as an integer, or `MISSING`."""
        try:
            return round(float(self._raw.read().split()[0]) * 1000)
        except (ValueError, IndexError, OverflowError):
            return base.MISSING


def _machine(data):
    """Return (busy, total, steal) of the line ``cpu user nice system idle iowait irq softirq steal ...``."""
    fields = data.split(b"\n", 1)[0].split()
    ticks = [base.parse_int(field) for field in fields[1:9]]
    if fields[:1] != [b"cpu"] or len(ticks) < 8 or base.MISSING in ticks:
        return base.MISSING, base.MISSING, base.MISSING
    user, nice, system, idle, iowait, irq, softirq, steal = ticks
    busy = user + nice + system + irq + softirq
    return busy, busy + idle + iowait + steal, steal


def _tree_ticks(proc, pid):
    """Return the CPU ticks of a process, its ended children and its living descendants; `MISSING` if it is gone."""
    try:
        total = _ticks(proc, pid)
    except (OSError, ValueError, IndexError):
        return base.MISSING
    pending = _children(proc, pid)
    while pending:
        child = pending.pop()
        try:
            total += _ticks(proc, child)
        except (OSError, ValueError, IndexError):
            continue  # it ended just now: its parent has its ticks
        pending += _children(proc, child)
    return total


def _ticks(proc, pid):
    with open(os.path.join(proc, str(pid), "stat"), "rb") as stat:
        # the name in parentheses may hold blanks; utime, stime, cutime, cstime are fields 14 to 17
        fields = stat.read().rpartition(b")")[2].split()
    return sum(int(field) for field in fields[11:15])


def _children(proc, pid):
    try:
        with open(os.path.join(proc, str(pid), "task", str(pid), "children"), "rb") as children:
            return [int(child) for child in children.read().split()]
    except (OSError, ValueError):
        return []
