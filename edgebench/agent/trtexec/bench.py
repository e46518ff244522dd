"""One engine under trtexec: prepared once a job, run as often as steps ask for, its exports turned into events.

What an inference costs must be known before a step is told to go, and trtexec takes its limits when it is started. So
the first step of a variant in a job runs one inference, and leaves word of what that took (`Word`); the steps after it
say that, wait, and start trtexec when they are told for how long.
"""

import hashlib
import json
import os
import select
import signal

from .. import clock, files, protocol
from ..build import built
from ..failures import Failure, Stage
from ..loop import median
from . import argv, exports, tool

BLOCK_NS = 2 * 10**9
TIMES_FILE = "trtexec-times.json"
OUTPUTS_FILE = "trtexec-outputs.json"
NOTES = ("unstable", "enqueue-bound", "copy-bound", "small-workspace", "low-memory", "slow-precision", "other-device")


class Bench(object):
    """A session's variant under trtexec. Raises Failure where there is no trtexec, no engine, no fitting input."""

    def __init__(self, session):
        self.session = session
        self.tool = tool.find(session.root, session.jobdir)
        self.engine = built(session.variant, session.home, session.jobdir)
        self.flags = (session.variant.get("engine") or {}).get("flags") or {}
        told = json.dumps([session.variant.get("model"), session.variant.get("engine")], sort_keys=True)
        self.mark = hashlib.sha256(told.encode("utf-8")).hexdigest()[:12]
        self.word = files.read_json(self._word_path())

    def _word_path(self):
        return self.path("trtexec-%s.json" % self.mark)

    def path(self, name):
        """Return the path of a file in the job's folder, where trtexec works."""
        return os.path.join(self.session.jobdir, name)

    def keep(self, **word):
        """Leave word for the job's later steps: first_ns, load_ns, inputs {name: file}, shapes."""
        self.word = word
        with Stage("outputs"):
            files.write_json(self._word_path(), word)

    def run(self, limits, heard=None, extra=(), inputs=None, shapes=None):
        """Run the engine for `limits` (seconds, iterations); return (Said, Moments). Inputs as they are kept.

        Raises Failure, also unparsed-output where nothing says when the inferences began.
        """
        session = self.session
        inputs = self.word["inputs"] if inputs is None else inputs
        shapes = self.word["shapes"] if shapes is None else shapes
        arguments = argv.run(self.engine, shapes, inputs, limits, self.tool.known, self.flags)
        arguments += list(extra)
        said, moments = tool.run(
            self.tool, arguments, session.jobdir, session.commands, heard, "load-failed", session.root
        )
        if moments.start is None:
            raise Failure("unparsed-output", "trtexec passed and did not say when its inferences began", "run")
        for code, line in said.notes.items():
            if code in NOTES:
                session.emitter.emit("warning", code="trtexec-" + code, text=line)
        return said, moments

    def times(self, said):
        """Return the Times of the last run. Raises Failure unparsed-output."""
        try:
            with open(self.path(TIMES_FILE), encoding="utf-8") as source:
                times = exports.read_times(source)
            leading = exports.leading_warmups(len(times.starts_ns), said.warmups, said.timed)
        except (OSError, ValueError) as error:
            raise Failure("unparsed-output", "trtexec's times: %s" % error, "run")
        finally:
            if os.path.exists(self.path(TIMES_FILE)):
                os.unlink(self.path(TIMES_FILE))
        if leading or not times.starts_ns:
            words = "trtexec exported %d inferences, %d of them warm-up, without being asked to warm up"
            raise Failure("unparsed-output", words % (len(times.starts_ns), leading), "run")
        return times

    def told(self, moments, said):
        """Emit `loaded`: trtexec's start, CUDA's and the engine's load are one time, the builder's none."""
        session = self.session
        effective = {"accelerator": session.variant["accelerator"], "providers": ["tensorrt"], "threads": None}
        io = {"inputs": _described(said.inputs), "outputs": _described(said.outputs)}
        session.emitter.emit("loaded", load_ns=moments.start - moments.began, import_ns=None, build_ns=None,
                             runtime="tensorrt", version=said.version or self.tool.version, effective=effective,
                             io=io, whole=True)  # fmt: skip

    def samples(self, times, moments):
        """Emit first, anchor, samples and blocks of a run; return the number of samples."""
        emitter = self.session.emitter
        emitter.emit("first", ns=times.durations_ns[0])
        emitter.emit("anchor", **anchor(times, moments))
        for begin, end in blocks(times.starts_ns, 1):
            starts = [moments.start + at for at in times.starts_ns[begin:end]]
            durations = times.durations_ns[begin:end]
            emitter.emit("samples", n=end - begin, start_ns=protocol.pack_ints(starts),
                         duration_ns=protocol.pack_ints(durations),
                         compute_ns=protocol.pack_ints(times.computes_ns[begin:end]))  # fmt: skip
            emitter.emit("block", n=end - begin, items=(end - begin) * self.session.items, t0=starts[0],
                         t1=starts[-1] + durations[-1], median_ns=median(durations))  # fmt: skip
        return len(times.starts_ns) - 1

    def usage(self, phase, count, moments):
        """Emit what trtexec used between its first and its last inference, where the kernel told of both."""
        before, after = moments.at_start, moments.at_end
        if before is None or after is None:
            return
        used = {name: after[name] - before[name] for name in before}
        self.session.emitter.emit("usage", phase=phase, n=count, wall_ns=moments.end - moments.start, **used)

    def ready(self):
        """Say what an inference costs by the word that was left, and wait for the go. Raises Failure."""
        session, word = self.session, self.word
        session.emitter.emit("ready", items_per_iteration=session.items, files=1, inputs=[], outputs=[],
                             load_ns=word["load_ns"], first_ns=word["first_ns"], loads_later=True)  # fmt: skip
        session.wait_for_go()

    def hold(self, pid, phase, following):
        """Hold trtexec still for the orders' idle_s, its engine loaded; return for how many ns, 0 where none are asked.

        It is stopped, then continued: what it still does until its inferences begin, or after them, is of the phase
        `following`. Raises Failure.
        """
        seconds = self.session.orders.get("idle_s") or 0
        if seconds <= 0:
            return 0
        os.kill(pid, signal.SIGSTOP)
        began = clock.monotonic_ns()
        self.session.emitter.phase(phase)
        try:
            if select.select([self.session.commands], [], [], seconds)[0]:
                raise Failure("interrupted", "the supervisor went away while idle", phase)
        finally:
            self.session.emitter.phase(following)
            os.kill(pid, signal.SIGCONT)
        return clock.monotonic_ns() - began


def _described(bindings):
    return [{"name": name, "dtype": None, "shape": dims} for name, dims in bindings.items()]


def anchor(times, moments):
    """Return the fields of `anchor`: where the export's zero stands on the device's clock, and how surely.

    The zero is an event that trtexec records after it has said that it starts; that line is stamped when it is read.
    The last inference has ended before the next line comes. So the zero lies between the two, `uncertainty_ns` apart;
    an export that is longer than the time between the lines tells of a first one that was read that much too late.
    """
    last = times.starts_ns[-1] + times.durations_ns[-1]
    end = moments.end if moments.end is not None else moments.gone
    return {
        "at_ns": moments.start,
        "uncertainty_ns": abs(end - moments.start - last),
        "resolution_ns": exports.resolution_ns(last),
        "whole": times.whole,
        "source": "trtexec",
    }


def blocks(starts, begin, block_ns=BLOCK_NS):
    """Return [(begin, end)] of indices from `begin` on: pieces of at least `block_ns`, the last one as it comes."""
    found, at = [], begin
    for index in range(begin, len(starts)):
        if starts[index] - starts[at] >= block_ns:
            found.append((at, index))
            at = index
    return found + ([(at, len(starts))] if at < len(starts) else [])
