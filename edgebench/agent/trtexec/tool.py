"""trtexec as a process: found, asked what it knows, run as our own child, heard line by line, never outliving us.

It stays in our process group, which the supervisor kills as a whole, and asks the kernel to be killed when we die.
"""

import os
import select
import signal
import subprocess
import sys

from .. import clock, evidence, files, programs
from ..failures import Failure
from ..process import death_tie, signal_name
from . import argv as arguments
from .complaints import LOWER_WORKSPACE, complaint_of
from .speech import Said

HELP_FILE = "trtexec-help.txt"
HELP_S = 60.0
READ_BYTES = 1 << 16
LONG_LINE = 1 << 16


class Moments(object):
    """When lines came, ns of the device's clock, stamped as they were read: `began`, `start`, `end`, `gone`.

    `at_start` and `at_end` are the process's counters then (None where the kernel does not tell them).
    """

    def __init__(self, began):
        self.began = began
        self.start = None
        self.end = None
        self.gone = None
        self.at_start = None
        self.at_end = None


class Trtexec(object):
    """The program of a device: `path`, what its help lists (`known`) and says of its version (`version` or None)."""

    def __init__(self, path, help_text):
        said = Said()
        for line in help_text.splitlines():
            said.take(line)
        self.path = path
        self.known = arguments.flags_of(help_text)
        self.version = said.version
        if not said.known or "loadEngine" not in self.known:
            words = (help_text.strip().splitlines() or ["nothing"])[0][:200]
            words = "%s --help is of no known dialect: %s" % (path, words)
            raise Failure("unparsed-output", words, "import", help_text.strip())


def find(root, jobdir):
    """Return the Trtexec below `root`; its help is kept in the job's folder. Raises Failure tool-missing."""
    path = programs.find(root, "trtexec")
    if path is None:
        message = "there is no trtexec on this device (/usr/src/tensorrt/bin/trtexec; package libnvinfer-bin)"
        raise Failure("tool-missing", message, "import")
    kept = os.path.join(jobdir, HELP_FILE)
    text = files.read_text(kept, 1 << 20)
    if text:
        return Trtexec(path, text)
    try:
        said = programs.run([path, "--help"], limit_s=HELP_S)
    except OSError as error:
        raise Failure("tool-missing", "%s cannot be started: %s" % (path, error), "import")
    text = said.text
    _check_libraries(path, said)
    tool = Trtexec(path, text)
    with open(kept, "w", encoding="utf-8") as out:
        out.write(text)
    return tool


def _check_libraries(path, said):
    if "error while loading shared libraries" in said.err:
        words = said.err.strip().splitlines()[-1]
        raise Failure("runtime-missing", "%s cannot be loaded: %s" % (path, words), "import")


def counters(pid):
    """Return {cpu_ns (in ticks of the kernel), minor_faults, major_faults} of a process, None when it is gone."""
    text = files.read_text("/proc/%d/stat" % pid)
    if not text:
        return None
    fields = text.rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return {
        "minor_faults": int(fields[7]),
        "major_faults": int(fields[9]),
        "cpu_ns": ticks * 10**9 // os.sysconf("SC_CLK_TCK"),
    }


def run(tool, argv, cwd, commands, heard=None, fallback="load-failed", root="/"):
    """Run trtexec to its end; return (Said, Moments). Raises Failure with TensorRT's own reason.

    `argv` without the program; `commands` is the supervisor's pipe, whose end means that it is gone; `heard`
    is called as `heard(pid, mark, at)` for each mark of `Said.take`. Its text goes to our own output, the job's log.
    `fallback`: the code of an unknown failure before the first inference.
    """
    before = evidence.oom_kills(root)
    moments = Moments(clock.monotonic_ns())
    sys.stdout.flush()
    process = subprocess.Popen([tool.path] + list(argv), cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, preexec_fn=death_tie(None))  # fmt: skip
    said = Said()
    try:
        _hear(process, said, moments, commands, heard or (lambda pid, mark, at: None))
        code = process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
    moments.gone = clock.monotonic_ns()
    oom = evidence.oom_grew(before, evidence.oom_kills(root))
    _judge(code, said, oom, fallback if moments.start is None else "crashed")
    return said, moments


def _hear(process, said, moments, commands, heard):
    """Read its text until its end, stamping what is read when it is read."""
    pipe, rest = process.stdout.fileno(), b""
    waiting = [pipe] + ([commands] if commands is not None else [])
    while True:
        ready = select.select(waiting, [], [])[0]
        if commands is not None and commands in ready:
            raise Failure("interrupted", "the supervisor went away", "run")
        data = os.read(pipe, READ_BYTES)
        at = clock.monotonic_ns()
        if data:
            files.write_all(1, data)
        lines = (rest + data).split(b"\n")
        rest = lines.pop()[-LONG_LINE:]
        for line in lines + ([rest] if not data and rest else []):
            mark = said.take(line.decode("utf-8", "replace"))
            if mark is not None:
                _stamp(process.pid, moments, mark, at)
                heard(process.pid, mark, at)
        if not data:
            return


def _stamp(pid, moments, mark, at):
    if mark == "start" and moments.start is None:
        moments.start, moments.at_start = at, counters(pid)
    elif mark == "end" and moments.start is not None and moments.end is None:
        moments.end, moments.at_end = at, counters(pid)


def _judge(code, said, oom, fallback):
    """Raise Failure unless trtexec passed."""
    if code == 0 and said.known and said.status == "PASSED":
        return
    stage = "run" if said.known else "load"
    if code < 0:
        name = signal_name(-code)
        if -code == signal.SIGKILL and oom:
            raise Failure("oom", "trtexec was killed by the kernel, out of memory" + LOWER_WORKSPACE, stage)
        found = complaint_of(said.lines, "crashed")  # what it throws and nobody catches ends it by SIGABRT
        raise Failure(found.code, "trtexec was killed by %s: %s" % (name, found.message), stage)
    if not said.known:
        found = complaint_of(said.lines, "unparsed-output")
        if found.code == "runtime-missing":
            raise Failure(found.code, found.message, "load")
        words = "trtexec printed nothing that is known: %s" % found.message
        raise Failure("unparsed-output", words, stage, _raw(said))
    if said.status == "FAILED" or code != 0:
        found = complaint_of(said.lines, fallback)
        raise Failure(found.code, found.message, stage)
    words = "trtexec ended with status 0 and said neither PASSED nor FAILED"
    raise Failure("unparsed-output", words, stage, _raw(said))


def _raw(said):
    """Return what it printed, but for lines that it calls information."""
    return "\n".join(text for _, text in said.lines)
