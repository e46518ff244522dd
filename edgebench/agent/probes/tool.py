"""A program that prints a line now and then, listened to for as long as we live and no longer."""

import os
import select
import subprocess

from .. import clock
from ..process import death_tie

LONGEST_LINE = 16384
READ_BYTES = 65536
REAP_S = 1.0


class Tool(object):
    """A running program: whole lines from its pipe. It ends with us in every case.

    It is in our process group, which the supervisor kills whole, and tied to our death; should it outlive that, its
    next line meets a pipe without a reader. (`tegrastats --stop` would end everybody else's as well.)
    """

    def __init__(self, name, argv):
        self.name = name
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
        self._rest = parts.pop()[-LONGEST_LINE:]
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
        return "%s ended with %s; its last line: %s" % (self.name, how, ascii(self._said[:80]))

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
        """Return its CPU time in s, 0.0 once it is over; of one that runs as root it is sudo's alone."""
        try:
            with open("/proc/%d/stat" % self._popen.pid, "rb") as stat:
                fields = stat.read().rpartition(b")")[2].split()
            return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))
        except (OSError, ValueError, IndexError):
            return 0.0
