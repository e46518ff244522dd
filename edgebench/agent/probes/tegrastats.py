"""Power from NVIDIA's tegrastats, where no rail file can be read: a child process whose lines are read as they come.

Its readings are instantaneous (the first number of each rail, never the tool's own average) and are stamped on receipt;
the clock it prints knows whole seconds of local time. Beside the rails it tells what the GPU and the memory controller
do: source ``tegrastats``, each column with its unit in its name.

The interval cannot be drawn anew each time, so it is a prime number of ms: not in step with any round pace.
"""

import os

from .. import clock, programs, tegrastats
from . import base, totals
from .steps import JumpStep
from .tool import Tool

NAME = "power:tegrastats"
FIGURES = "tegrastats"
INTERVAL_MS = 101
FIRST_LINE_S = 5.0
LINES_WITHOUT_RAILS = 3
SILENT_NS = 10 * 10**9
LEAST_GAP_NS = 20 * 10**6
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
            tool = Tool("tegrastats", argv)
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
    hz = round(1e3 / INTERVAL_MS, 3)
    # update_hz: it looks at regular times, which the uncertainty must know
    known = {"total": total, "total_why": why, "rate_hz": hz, "update_hz": hz}
    source = base.describe(NAME, "instantaneous", scope, "uW", columns, max_hz=10, **known)
    figures = base.describe(FIGURES, "instantaneous", "soc", "by column", GAUGES)
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
        if rows and 0 <= now_ns - self._last_ns < LEAST_GAP_NS:
            rows = None  # no tegrastats prints as fast as that
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
