"""Power from NVIDIA's tegrastats, where no rail file can be read: a child process whose lines are read as they come.

Its readings are instantaneous (the first number of each rail, never the tool's own average) and are stamped on receipt;
the clock it prints knows whole seconds of local time. Beside the rails it tells what the GPU and the memory controller
do: source ``tegrastats``, each column with its unit in its name.

The interval cannot be drawn anew each time, so it is a prime number of ms: not in step with any round pace.
"""

import os
import select
import subprocess

from .. import clock, programs, tegrastats
from ..process import death_tie
from . import base, totals
from .steps import JumpStep

NAME = "power:tegrastats"
FIGURES = "tegrastats"
INTERVAL_MS = 101
FIRST_LINE_S = 5.0
LINES_WITHOUT_RAILS = 3
SILENT_NS = 10 * 10**9
READ_BYTES = 65536
REAP_S = 1.0
NO_RAILS = "tegrastats prints no power rails on this board; use an external meter (--power-csv)"
GAUGES = ("GR3D.permille", "GR3D.kHz", "EMC.permille", "EMC.kHz", "RAM.kB", "SWAP.kB", "RAM.largest_free.kB")
ENGINES = {"GR3D": ("GR3D_FREQ", "GR3D", "GR3D2_FREQ"), "EMC": ("EMC_FREQ", "EMC")}


def find(root, options=None, patience_s=FIRST_LINE_S):
    """Return the probe, its tool running: `stream` of it is what the sampler listens to, and must be closed.

    `options` may hold ``total_rails``, ``total_rails_fallback``, ``ignore_rails`` and ``lsb_mw``.
    """
    program = programs.find(root, "tegrastats")
    if program is None:
        return base.absent(NAME, "unsupported", "no tegrastats on this machine")
    refused = None
    for argv in _ways(root, [program, "--interval", str(INTERVAL_MS)]):
        try:
            tool = Tool(argv)
        except OSError as error:
            refused = refused or base.absent(NAME, "unavailable", "cannot start %s: %s" % (argv[0], error.strerror))
            continue
        rails, state, why = _first_rails(tool, patience_s)
        if rails:
            return _probe(tool, rails, options or {})
        tool.close()
        refused = refused or base.absent(NAME, state, why)
        if state == "unsupported":
            break
    return refused


def _ways(root, argv):
    """Return the commands to try: as we are, then as root where sudo is there (it asks for no password)."""
    sudo = programs.find(root, "sudo")
    return [argv] + ([[sudo, "-n"] + argv] if sudo and os.geteuid() != 0 else [])


def _first_rails(tool, patience_s):
    """Return (rails of the first line that has any, None, None), or ({}, state, why not)."""
    until_ns = clock.monotonic_ns() + int(patience_s * 1e9)
    for _ in range(LINES_WITHOUT_RAILS):
        text = tool.wait_line(until_ns)
        if text is None:
            return {}, "unavailable", tool.why_over() or "tegrastats printed nothing in %g s" % patience_s
        line = tegrastats.parse(text)
        if line.rails:
            return line.rails, None, None
    if not line.memory:
        return {}, "unavailable", "tegrastats printed what is no line of its: %s" % ascii(text[:80])
    return {}, "unsupported", NO_RAILS


def _probe(tool, rails, options):
    ignored = options.get("ignore_rails") or ()
    columns = [name for name in rails if name not in ignored]
    total, why, scope = totals.choose(columns, options.get("total_rails"), options.get("total_rails_fallback"))
    known = {"total": total, "total_why": why, "jitter": False, "rate_hz": round(1e3 / INTERVAL_MS, 3)}
    source = base.describe(NAME, "instantaneous", scope, "uW", columns, max_hz=10, **known)
    figures = base.describe(FIGURES, "instantaneous", "soc", "by column", GAUGES, jitter=False)
    probe = base.Probe(source, [])
    probe.stream = Stream(tool, probe, base.Probe(figures, []), JumpStep(options.get("lsb_mw")))
    return probe


class Stream(object):
    """What the sampler listens to: `fd` (None once it is over), `probes`, and `receive` when there is something."""

    def __init__(self, tool, power, figures, step):
        self.probes = [power, figures]
        self._tool = tool
        self._step = step
        self._last_ns = clock.monotonic_ns()

    @property
    def fd(self):
        """The descriptor to wait for."""
        return self._tool.fd

    def receive(self, now_ns):
        """Return one row a probe of the newest whole line, or None. Never blocks, never raises for what it reads."""
        lines, over = self._tool.read()
        rows = None
        if lines:
            # older ones came while we were busy: when, nobody knows
            rows = self._rows(tegrastats.parse(lines[-1]))
        if rows:
            self._last_ns = now_ns
        if over:
            self._fail(self._tool.why_over() or "tegrastats closed its output")
        return rows

    def look(self, now_ns):
        """Note that nothing came for so long that there is a hole in the record."""
        if self.fd is not None and now_ns - self._last_ns > SILENT_NS:
            self._fail("no line with rails from tegrastats for %d s" % ((now_ns - self._last_ns) // 10**9))

    def _fail(self, why):
        self.probes[0].source.update(state="unavailable", why=why)
        self.close()

    def close(self):
        """End the tool."""
        self._tool.close()

    def cpu_s(self):
        """Return the CPU time that the tool has taken, in s; 0.0 where it cannot be seen."""
        return self._tool.cpu_s()

    def _rows(self, line):
        power = self.probes[0].source
        rails = tuple([_micro(line.rails.get(name)) for name in power["columns"]])
        if all(value == base.MISSING for value in rails):
            return None
        if power["total"] and power["resolution_w"] is None:
            power["resolution_w"] = self._step.learn([line.rails.get(name) for name in power["total"]])
        return [rails, _gauges(line)]


def _micro(milliwatts):
    return base.MISSING if milliwatts is None else milliwatts * 1000


def _gauges(line):
    found = []
    for names in (ENGINES["GR3D"], ENGINES["EMC"]):
        present = [line.engines[name] for name in names if line.engines.get(name) is not None]
        percent, mhz = present[0] if present else (None, None)
        found += [base.MISSING if percent is None else percent * 10, base.MISSING if mhz is None else mhz * 1000]
    for pool in ("RAM", "SWAP"):
        found.append(line.memory[pool][0] if pool in line.memory else base.MISSING)
    found.append(base.MISSING if line.largest_free_kib is None else line.largest_free_kib)
    return tuple(found)


class Tool(object):
    """A running tegrastats: whole lines from its pipe. It ends with us in every case.

    It is in our process group, which the supervisor kills whole, and tied to our death; should it outlive that, its
    next line meets a pipe without a reader. `tegrastats --stop` would end everybody else's as well.
    """

    def __init__(self, argv):
        self._popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                       bufsize=0, preexec_fn=death_tie(None))  # fmt: skip
        self.fd = self._popen.stdout.fileno()
        os.set_blocking(self.fd, False)
        self._rest = b""
        self._lines = []
        self._said = ""
        self._status = None

    def read(self):
        """Return (whole lines that came, whether it is over)."""
        try:
            data = os.read(self.fd, READ_BYTES)
        except BlockingIOError:
            return [], False
        if not data:
            self._reap()
            return [], True
        parts = (self._rest + data).split(b"\n")
        # a line without an end is kept only as long as a line can be
        self._rest = parts.pop()[-tegrastats.LONGEST :]
        lines = [part.decode("ascii", "replace").strip() for part in parts if part.strip()]
        if lines:
            self._said = lines[-1]
        return lines, False

    def wait_line(self, until_ns):
        """Return the next line, None when it is over or none came in time."""
        while not self._lines:
            left_s = (until_ns - clock.monotonic_ns()) / 1e9
            if left_s <= 0 or not select.select([self.fd], [], [], left_s)[0]:
                return None
            self._lines, over = self.read()
            if over:
                return None
        return self._lines.pop(0)

    def why_over(self):
        """Return how it ended and what it said last; None while it runs."""
        if self._status is None:
            return None
        how = "exit status %d" % self._status if self._status >= 0 else "signal %d" % -self._status
        return "tegrastats ended with %s; its last line: %s" % (how, ascii(self._said[:80]))

    def close(self):
        """Kill and reap it. One that runs as root is not ours to kill: it ends at its next line."""
        if self.fd is None:
            return
        self.fd = None
        self._popen.stdout.close()
        if self._status is None:
            try:
                self._popen.kill()
            except OSError:
                pass
            self._reap()

    def _reap(self):
        try:
            self._status = self._popen.wait(REAP_S)
        except subprocess.TimeoutExpired:
            self._status = None

    def cpu_s(self):
        """Return its CPU time in s."""
        try:
            with open("/proc/%d/stat" % self._popen.pid, "rb") as stat:
                fields = stat.read().rpartition(b")")[2].split()
            return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))
        except (OSError, ValueError, IndexError):
            return 0.0
