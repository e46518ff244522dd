"""One step: a process is started, gets its go, is heard until it ends, and never outlives its limit."""

from . import evidence, files, process
from .watch import Ended

EXIT_GRACE_S = 30.0
KILL_GRACE_S = 10.0
CLOSED_PIPE_GRACE_S = 5.0


class Step(object):
    """Runs one step of a job and tells of it; `run` returns the step's outcome (the fields of `done`).

    `planner.ready(index, load_ns, event)` gives (go, seconds it should take) after the first inference; `scene` has
    watch, events, root, log_path and load_s (limit of everything before `ready`, in seconds). A step that is never
    `ready`, as a build, has a limit for the whole of it: `limit_s`.
    """

    def __init__(self, scene, planner, index, limit_s=None):
        self._scene = scene
        self._planner = planner
        self._index = index
        self._error = None
        self._done = None
        self._went = False
        self._limit_s = scene.load_s if limit_s is None else limit_s
        what = "no inference finished" if limit_s is None else "it was not built"
        self._late = "%s within %g s" % (what, self._limit_s)

    def run(self, start):
        """Run it; `start()` gives the Process. Raises Ended and DiskFull, its process dead by then."""
        scene = self._scene
        before = evidence.oom_kills(scene.root)
        log_offset = scene.log_size()
        self._began_ns = scene.watch.now()
        self._until_ns = self._began_ns + int(self._limit_s * 1e9)
        try:
            child = start()
        except OSError as error:
            return self._tell(evidence.failed(files.code_of(error), "cannot start the process: %s" % error))
        try:
            on_time = self._attend(child)
        except BaseException as error:
            scene.watch.closing = True
            self._end(child)
            if isinstance(error, Ended) and self._done is None:
                self._tell(evidence.failed(error.code, error.message))
            raise
        gone = self._end(child)
        if self._done is not None:
            self._judge_exit(child, on_time, gone)
            return self._done
        if not on_time:
            return self._tell(evidence.failed("timeout", self._late))
        grew = evidence.oom_grew(before, evidence.oom_kills(scene.root))
        words = evidence.last_words(scene.log_path, log_offset)
        return self._tell(evidence.outcome(child, self._went, grew, words, self._error))

    def _attend(self, child):
        """Hear the process until it has ended; return False when its limit came first."""
        watch, fd = self._scene.watch, child.fd
        while not child.exited():
            if watch.now() >= self._until_ns:
                return False
            if watch.wait(self._until_ns, fd):
                events, closed = child.receive()
                for event in events:
                    self._take(child, event)
                if closed:
                    fd = None
                    self._shorten(CLOSED_PIPE_GRACE_S, "it closed its pipe and did not end")
        for event in child.drain():
            self._take(child, event)
        return True

    def _shorten(self, seconds, why):
        until_ns = self._scene.watch.now() + int(seconds * 1e9)
        if until_ns < self._until_ns:
            self._until_ns, self._late = until_ns, why

    def _take(self, child, event):
        name = event.get("ev")
        self._scene.events.relay(dict(event, step=self._index))
        self._planner.heard(self._index, event)
        if name == "ready":
            self._go(child, event)
        elif name == "error":
            self._error = event
        elif name == "done":
            self._done = event
            self._shorten(EXIT_GRACE_S, "it did not end after its result")

    def _go(self, child, event):
        now_ns = self._scene.watch.now()
        go, planned_s = self._planner.ready(self._index, now_ns - self._began_ns, event)
        limit_s = 3 * planned_s + 30
        self._until_ns = now_ns + int(limit_s * 1e9)
        self._late = "not finished within %.0f s, three times what was planned and 30 s" % limit_s
        child.tell({"go": go})
        self._went = True

    def _end(self, child):
        """Kill what still runs of it and reap it; return False when the kernel cannot end it."""
        if not child.exited():
            child.kill()
            if not self._scene.watch.until_exit(child, KILL_GRACE_S):
                child.close()
                return False
        child.reap()
        return True

    def _judge_exit(self, child, on_time, gone):
        """A result was told; a crash or hang after it does not take it back, but is said."""
        text = None
        if not on_time or not gone:
            text = "the process had to be killed: %s" % self._late
        elif child.signal is not None:
            text = "the process was killed by %s after its result" % process.signal_name(child.signal)
        if text is not None:
            self._scene.events.emit("warning", step=self._index, code="bad-exit", text=text)

    def _tell(self, fields):
        """Emit `done` for a process that did not, and return its fields."""
        self._scene.events.emit("done", step=self._index, **fields)
        return fields
