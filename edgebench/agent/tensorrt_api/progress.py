"""How far a build is: phases and steps where TensorRT tells them (10), else what it logs, and how long it has taken."""

import threading

from .. import clock as agent_clock

EVERY_NS = 10**9
SILENCE_S = 5.0


class Teller(object):
    """Hands `progress(done, text)` on, not more often than every `every_ns`; the share never goes back.

    TensorRT calls it from several threads. A supervisor that is gone ends no thread of TensorRT's: whoever tells next
    outside of a build finds that out.
    """

    def __init__(self, progress, clock=agent_clock.monotonic_ns, every_ns=EVERY_NS):
        self._progress = progress
        self._clock = clock
        self._every_ns = every_ns
        self._lock = threading.Lock()
        self._last = None
        self._most = None

    def tell(self, text, done=None):
        """Tell where the build is: `done` is a share from 0 to 1, or None."""
        with self._lock:
            if done is not None:
                self._most = max(done, self._most or 0.0)
            now = self._clock()
            if self._last is not None and now - self._last < self._every_ns:
                return
            self._last = now
            try:
                self._progress(self._most, text)
            except BrokenPipeError:
                pass


class Elapsed(object):
    """Context: tells every `every_s` how long it has lasted, for a TensorRT that is silent for minutes."""

    def __init__(self, teller, clock=agent_clock.monotonic_ns, every_s=SILENCE_S):
        self._teller = teller
        self._clock = clock
        self._every_s = every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def _go_on(self):
        while not self._over.wait(self._every_s):
            self._teller.tell("building for %d s" % ((self._clock() - self._began) // 10**9))

    def __enter__(self):
        self._began = self._clock()
        self._thread.start()

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


class Phases(object):
    """The tree of a build's phases: each has its number of steps, and phases may be a part of another's step."""

    def __init__(self):
        self._open = {}

    def start(self, name, parent, steps):
        """A phase begins, within `parent` (None: the whole build)."""
        self._open[name] = [parent, max(1, steps), 0]

    def step(self, name, step):
        """Step number `step` (from 0) of a phase is done."""
        if name in self._open:
            self._open[name][2] = step + 1

    def finish(self, name):
        """A phase is over."""
        self._open.pop(name, None)

    def share(self):
        """Return what is done of the outermost phase, 0 to 1; None while there is none."""
        roots = [name for name, (parent, _, _) in self._open.items() if parent not in self._open]
        return self._share(roots[0]) if roots else None

    def _share(self, name):
        _, steps, done = self._open[name]
        inner = [self._share(child) for child, (parent, _, _) in self._open.items() if parent == name]
        return min(1.0, (done + (max(inner) if inner and done < steps else 0.0)) / steps)


def make_monitor(trt, teller):
    """Return a progress monitor for the builder's config, or None where this TensorRT has none."""
    if not hasattr(trt, "IProgressMonitor"):
        return None

    class Monitor(trt.IProgressMonitor):
        """Called by TensorRT, from several threads."""

        def __init__(self):
            trt.IProgressMonitor.__init__(self)
            self._phases = Phases()

        def phase_start(self, phase_name, parent_phase, num_steps):
            """A phase begins."""
            self._phases.start(phase_name, parent_phase, num_steps)
            teller.tell(phase_name, self._phases.share())

        def step_complete(self, phase_name, step):
            """A step is done; go on."""
            self._phases.step(phase_name, step)
            teller.tell(phase_name, self._phases.share())
            return True

        def phase_finish(self, phase_name):
            """A phase is over."""
            self._phases.finish(phase_name)

    return Monitor()
