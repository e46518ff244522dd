"""The measuring loops. Between two clock reads stands one inference and nothing else."""

import gc
import time
from array import array
from collections import namedtuple

from . import clock as agent_clock
from . import protocol
from .usage import Usage

BLOCK_NS = 2 * 10**9
CAPACITY = 1 << 16
SPIN_NS = 150000

Limits = namedtuple("Limits", "min_ns min_iterations max_iterations")
Limits.__doc__ = "Run until both minima are reached; `max_iterations` (None: no bound) ends it sooner."


def median(values):
    """Return the median of integers by the midpoint rule, as an integer."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) // 2


class Recorder(object):
    """Preallocated samples of one block, sent off as `samples` and `block` events at its end.

    `items` is the number of items that one iteration yields, `files` the number of inputs taken in turn (under 2: not
    told). `released` and `missed` are used by the paced pass alone. `compute_ns()` tells the accelerator's own time of
    the last run, where it is known apart: `beside` has it noted after every iteration, outside the timed region.
    """

    def __init__(self, emitter, items, files=1, paced=False, capacity=CAPACITY, block_ns=BLOCK_NS, compute_ns=None):
        self.starts = array("q", bytes(8 * capacity))
        self.durations = array("q", bytes(8 * capacity))
        self.released = array("q", bytes(8 * capacity)) if paced else None
        self.computes = array("q", bytes(8 * capacity)) if compute_ns else None
        self.capacity = capacity
        self.block_ns = block_ns
        self.usage = Usage()
        self.sent = 0
        self._emitter = emitter
        self._items = items
        self._files = files
        self._compute_ns = compute_ns
        self._noted = 0

    def beside(self, between):
        """Return `between` with the accelerator's time noted before it; `between` itself where there is none."""
        if self._compute_ns is None:
            return between

        def noting(outputs):
            self.computes[self._noted] = self._compute_ns()
            self._noted += 1
            between(outputs)

        return noting

    def open(self):
        """Begin the next block's window of usage."""
        self.usage.open()

    def flush(self, count, **more):
        """Send the first `count` samples as one block and begin the next; `more` goes into the block event."""
        used = self.usage.close()
        durations = self.durations[:count]
        samples = {
            "n": count,
            "start_ns": protocol.pack_ints(self.starts[:count]),
            "duration_ns": protocol.pack_ints(durations),
        }
        if self._files > 1:
            samples["file"] = protocol.pack_ints((self.sent + i) % self._files for i in range(count))
        if self.released is not None:
            samples["released_ns"] = protocol.pack_ints(self.released[:count])
        if self.computes is not None and self._noted == count:
            samples["compute_ns"] = protocol.pack_ints(self.computes[:count])
        self._noted = 0
        self._emitter.emit("samples", **samples)
        block = {
            "n": count,
            "items": count * self._items,
            "t0": self.starts[0],
            "t1": self.starts[count - 1] + durations[-1],
            "median_ns": median(durations),
            "minor_faults": used["minor_faults"],
            "major_faults": used["major_faults"],
            "involuntary": used["involuntary"],
        }
        block.update(more)
        self._emitter.emit("block", **block)
        self.sent += count
        self.usage.open()


class NoCollection(object):
    """Context: no garbage is collected inside, what lay around has been before."""

    def __enter__(self):
        self._was_on = gc.isenabled()
        gc.collect()
        gc.disable()
        return self

    def __exit__(self, *_):
        if self._was_on:
            gc.enable()


def measure(run, between, limits, recorder, clock=agent_clock.monotonic_ns):
    """Time `run()` until `limits` are reached and return the number of iterations.

    `between(outputs)` follows every iteration outside the timed region; the outputs are let go before the next one.
    """
    starts, durations, capacity = recorder.starts, recorder.durations, recorder.capacity
    min_ns, min_n, block_ns = limits.min_ns, limits.min_iterations, recorder.block_ns
    max_n = limits.max_iterations or float("inf")
    done = held = 0
    with NoCollection():
        recorder.open()
        begin = block = clock()
        while True:
            t0 = clock()
            outputs = run()
            t1 = clock()
            starts[held] = t0
            durations[held] = t1 - t0
            held += 1
            done += 1
            between(outputs)
            outputs = None
            over = done >= max_n or (done >= min_n and t1 - begin >= min_ns)
            if over or held == capacity or t1 - block >= block_ns:
                recorder.flush(held)
                held = 0
                block = clock()
            if over:
                return done


def wait_until(deadline, clock=agent_clock.monotonic_ns, sleep=time.sleep):
    """Block until the clock shows `deadline` (ns): sleep nearly all of it, spin the last 0.15 ms."""
    remaining = deadline - clock()
    if remaining > SPIN_NS:
        sleep((remaining - SPIN_NS) / 1e9)
    while clock() < deadline:
        pass


Paced = namedtuple("Paced", "slots missed iterations")
Paced.__doc__ = "Frames that were due, those late or left out, those run."


def pace(run, between, fps, slots, recorder, clock=agent_clock.monotonic_ns, sleep=time.sleep):
    """Release `slots` frames on the grid of `fps` (frames/s) and return `Paced`.

    Release k is origin + k/fps, so nothing drifts. A frame that ends after its successor's release has missed its
    deadline; the releases it ran over are left out, counted as missed, and the next frame waits for the grid.
    """
    starts, durations, released = recorder.starts, recorder.durations, recorder.released
    period = 1e9 / fps
    slot = missed = done = held = block_missed = 0
    with NoCollection():
        recorder.open()
        block = clock()
        origin = block + int(period)
        while slot < slots:
            release = origin + int(slot * period)
            wait_until(release, clock, sleep)
            t0 = clock()
            outputs = run()
            t1 = clock()
            starts[held], durations[held], released[held] = t0, t1 - t0, release
            held += 1
            done += 1
            between(outputs)
            outputs = None
            following = next_slot(slot, t1 - origin, period)
            late = min(following, slots) - slot - 1 + (following > slot + 1)
            missed += late
            block_missed += late
            slot = following
            if slot >= slots or held == recorder.capacity or t1 - block >= recorder.block_ns:
                recorder.flush(held, missed=block_missed)
                held = block_missed = 0
                block = clock()
    return Paced(slots, missed, done)


def next_slot(slot, ended, period):
    """Return the slot to run after `slot` that ended `ended` ns after the origin: the first not yet past."""
    following = slot + 1
    if ended > int(following * period):
        following = max(following + 1, int(ended // period))
        while int(following * period) < ended:
            following += 1
    return following
