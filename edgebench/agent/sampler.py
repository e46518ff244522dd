"""The sampler: a process of its own that reads the device's sensors at jittered times and tells what that costs.

Config file (JSON): root, fd (an open pipe for frames), nonce, power (source name, "auto", "off" or null), power_hz,
slow_hz, seed, probes {total_rails, ignore_rails, ignore_zones, ignore_cdevs: lists}, job_pid (default: the parent).

Events: ``source`` one a probe at the start (again when its resolution becomes known); ``reading`` {source, columns,
rows, packed: one `pack_ints` text a column, "t" first}; ``sampler`` {cpu_ns, wall_ns, reads, read_ns} since the start,
cpu_ns being the whole process's. Readings come about every `FLUSH_S` seconds and at the end.

Intervals vary by +-30 %: an instantaneous sensor read in step with a periodic load is wrong at any length. A source
that comes by itself (a `Feed`) is read when it comes and stamped on receipt; its tool's CPU time is in cpu_ns, too,
unless it runs as root.
"""

import array
import json
import os
import random
import resource
import signal
import sys
import time

from . import protocol
from .clock import Clock
from .emitter import Emitter
from .probes import registry

JITTER = 0.3
FLUSH_S = 5.0
POWER_MAX_HZ = 100.0


class Track(object):
    """One probe and the rows read from it since the last flush; `name` and `columns` as its source says."""

    def __init__(self, probe):
        self.probe = probe
        self._told = self._tellable()
        self._clear()

    def _tellable(self):
        return self.probe.source["resolution_w"], self.probe.source["state"]

    def news(self):
        """Return the source where its resolution or its state is another than was last told, else None."""
        told, self._told = self._told, self._tellable()
        return self.probe.source if told != self._told else None

    def _clear(self):
        self._times = array.array("q")
        self._rows = []

    def read(self, clock):
        """Read the probe once, stamped with the middle of the read; return how long it took, in ns."""
        before = clock.monotonic_ns()
        row = self.probe.read()
        after = clock.monotonic_ns()
        self.add((before + after) // 2, row)
        return after - before

    def add(self, stamp_ns, row):
        """Keep a row that came by itself."""
        self._times.append(stamp_ns)
        self._rows.append(row)

    def take(self):
        """Return the rows as a ``reading`` event's fields and forget them; None if there are none."""
        if not self._rows:
            return None
        source = self.probe.source
        packed = [protocol.pack_ints(self._times)] + [protocol.pack_ints(column) for column in zip(*self._rows)]
        fields = {"source": source["name"], "columns": ["t"] + source["columns"], "rows": len(self._rows)}
        fields["packed"] = packed
        self._clear()
        return fields


class Group(object):
    """Tracks that are read together, every `interval_ns` +- `jitter`; `due_ns` is when next."""

    def __init__(self, tracks, interval_ns, rng, jitter=JITTER):
        self.tracks = tracks
        self.due_ns = 0
        self._interval_ns = interval_ns
        self._rng = rng
        self._jitter = jitter

    def schedule(self, now_ns):
        """Set the next due time one jittered interval after the last; missed ones are skipped, not made up for."""
        step = int(self._interval_ns * (1.0 + self._rng.uniform(-self._jitter, self._jitter)))
        self.due_ns += step
        if self.due_ns <= now_ns:
            self.due_ns = now_ns + step


class Feed(object):
    """The tracks of a stream (see `probes.base.Probe`), which has a row for each when something came."""

    def __init__(self, stream):
        self.stream = stream
        self.tracks = [Track(probe) for probe in stream.probes]

    def receive(self, clock):
        """Take what came, stamped now; return how long that took, in ns."""
        now = clock.monotonic_ns()
        for track, row in zip(self.tracks, self.stream.receive(now) or []):
            track.add(now, row)
        return clock.monotonic_ns() - now


class Sampler(object):
    """Reads groups when they are due, feeds when they come, and flushes both through `emit(ev, **fields)`.

    `clock` has monotonic_ns() and wait(readers, until_ns); `stop` has `readers` and asked(readable); `cpu_s` gives the
    CPU seconds of this process.
    """

    def __init__(self, emit, groups, clock, stop, cpu_s=None, flush_s=FLUSH_S, feeds=()):
        self._emit = emit
        self._groups = groups
        self._feeds = list(feeds)
        self._clock = clock
        self._stop = stop
        self._cpu_s = cpu_s or self._spent_s
        self._flush_ns = int(flush_s * 1e9)
        self._reads = 0
        self._read_ns = 0

    def run(self):
        """Sample until told to stop, then flush. With nothing to read it only waits for that."""
        self._began_ns = now = self._clock.monotonic_ns()
        self._began_cpu_s = self._cpu_s()
        flush_due_ns = now + self._flush_ns
        for group in self._groups:
            group.due_ns = now
        self._read_due()
        while True:
            ready = self._clock.wait(list(self._stop.readers) + self._streaming(), self._next_due_ns())
            self._receive(ready)
            if self._stop.asked(ready):
                break
            now = self._read_due()
            if now >= flush_due_ns:
                self._flush()
                flush_due_ns = now + self._flush_ns
        self._flush()

    def _streaming(self):
        return [feed.stream.fd for feed in self._feeds if feed.stream.fd is not None]

    def _receive(self, ready):
        for feed in self._feeds:
            if feed.stream.fd is not None and feed.stream.fd in ready:
                self._read_ns += feed.receive(self._clock)
                self._reads += 1

    def _next_due_ns(self):
        return min(group.due_ns for group in self._groups) if self._groups else None

    def _spent_s(self):
        """Return the CPU seconds of this process, of the programs it asked and of those it listens to."""
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        listened = sum(feed.stream.cpu_s() for feed in self._feeds)
        return time.process_time() + children.ru_utime + children.ru_stime + listened

    def _read_due(self):
        """Read the groups that are due; return the time after that."""
        now = self._clock.monotonic_ns()
        for group in self._groups:
            if now >= group.due_ns:
                for track in group.tracks:
                    self._read_ns += track.read(self._clock)
                self._reads += len(group.tracks)
                group.schedule(now)
        return now

    def _flush(self):
        for feed in self._feeds:
            feed.stream.look(self._clock.monotonic_ns())
        for group in self._groups + self._feeds:
            for track in group.tracks:
                self._flush_track(track)
        wall_ns = self._clock.monotonic_ns() - self._began_ns
        cpu_ns = int((self._cpu_s() - self._began_cpu_s) * 1e9)
        self._emit("sampler", cpu_ns=cpu_ns, wall_ns=wall_ns, reads=self._reads, read_ns=self._read_ns)

    def _flush_track(self, track):
        fields = track.take()
        if fields is not None:
            self._emit("reading", **fields)
        source = track.news()
        if source is not None:
            self._emit("source", **source)


class StopRequest(object):
    """Stop on SIGTERM or when `stdin_fd` comes to its end. Used as a context manager; the handler is put back."""

    def __init__(self, stdin_fd):
        self._stdin_fd = stdin_fd
        self._pipe = os.pipe()
        os.set_blocking(self._pipe[1], False)
        self.readers = [stdin_fd, self._pipe[0]]

    def __enter__(self):
        self._old_handler = signal.signal(signal.SIGTERM, lambda number, stack: None)
        self._old_fd = signal.set_wakeup_fd(self._pipe[1])
        return self

    def __exit__(self, *error):
        signal.set_wakeup_fd(self._old_fd)
        signal.signal(signal.SIGTERM, self._old_handler)
        for end in self._pipe:
            os.close(end)

    def asked(self, readable):
        """Return whether the wait ended because somebody wants us to stop."""
        if self._pipe[0] in readable:
            return True
        return self._stdin_fd in readable and not os.read(self._stdin_fd, 4096)


def build_groups(config, rng, emit, options):
    """Find the probes, announce each as a ``source`` event; return (groups, feeds) of those that can be read."""
    root = config.get("root") or "/"
    power = registry.find_power(root, config.get("power"), options)
    slow = registry.find_slow(root, options)
    power_hz = min(float(config.get("power_hz") or 10.0), power[0].source["max_hz"] or POWER_MAX_HZ)
    feeds = [Feed(power[0].stream)] if power[0].stream is not None else []
    groups = [] if feeds else [_group(power[:1] + power[0].companions, power_hz, rng)]
    groups.append(_group(slow, float(config.get("slow_hz") or 1.0), rng))
    beside = power[0].companions + [track.probe for feed in feeds for track in feed.tracks[1:]]
    for probe in power + beside + slow:
        emit("source", **probe.source)
    return [group for group in groups if group.tracks], feeds


def _group(probes, rate_hz, rng):
    """Return the group of those probes that work, and note their rate in their sources."""
    working = [probe for probe in probes if probe.ok]
    for probe in working:
        probe.source["rate_hz"] = rate_hz
    return Group([Track(probe) for probe in working], int(1e9 / rate_hz), rng)


def main(config_path):
    """Run the sampler of a config file until stopped; return the exit code. A reader that is gone ends it quietly."""
    with open(config_path) as stream:
        config = json.load(stream)
    options = dict(config.get("probes") or {})
    options["job_pid"] = config.get("job_pid") or os.getppid()
    rng = random.Random(config.get("seed"))
    emit = Emitter(config["fd"], config["nonce"]).emit
    with StopRequest(sys.stdin.fileno()) as stop:
        feeds = []
        try:
            groups, feeds = build_groups(config, rng, emit, options)
            Sampler(emit, groups, Clock(), stop, feeds=feeds).run()
        except BrokenPipeError:
            pass
        finally:
            for feed in feeds:
                feed.stream.close()
    return 0
