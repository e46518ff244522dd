"""The passes of a step where trtexec runs the engine: each is one process of it, started and killed with ours."""

import threading
from collections import OrderedDict

from .. import files, gpu_memory, memory
from ..build import build
from ..failures import Failure, Stage
from . import argv, exports, layers
from .bench import OUTPUTS_FILE, TIMES_FILE, Bench
from .speech import major_of

LAYERS_FILE = "trtexec-layers.json"
PROFILE_FILE = "trtexec-profile.json"
ONE = (0, 1)
"""Limits of one inference."""

WATCH_S = 0.02
MANAGED = "device memory that TensorRT manages for engine and context, by its own word, in whole MiB"


def timed(bench):
    """Return the arguments that export times."""
    return argv.exports(bench.tool.known, exportTimes=TIMES_FILE)


def trial(bench, extra=()):
    """Run one inference and leave word of it; return (feeds, Said, Moments, Times). Raises Failure."""
    from . import feeds as raw  # needs numpy

    session = bench.session
    engine = session.variant.get("engine") or {}
    specs = raw.specs_of(engine["inputs"]) if engine.get("inputs") else _asked(bench, raw)
    fed, count = raw.first_sample(specs, session.variant, session.home)
    if count > 1:
        words = "trtexec reads its inputs once: the first of %d files is fed to every inference" % count
        session.emitter.emit("warning", code="one-input", text=words)
    written = raw.write(fed, session.jobdir, bench.mark, major_of(bench.tool.version))
    free = engine.get("profile") or {}
    shapes = {name: list(array.shape) for name, array in fed.items() if name in free}
    said, moments = bench.run(ONE, extra=timed(bench) + list(extra), inputs=written, shapes=shapes)
    times = bench.times(said)
    missing = [name for name in said.inputs if name not in said.fed]
    if missing:
        raise Failure("bad-input", "trtexec made up values for the input %s" % ", ".join(missing), "input")
    load_ns = moments.start - moments.began
    bench.keep(first_ns=times.durations_ns[0], load_ns=load_ns, inputs=written, shapes=shapes)
    return fed, said, moments, times


def _asked(bench, raw):
    """Ask the engine itself for its inputs, by one inference of made-up values. Raises Failure bad-input."""
    profile = (bench.session.variant.get("engine") or {}).get("profile") or {}
    said, _ = bench.run(ONE, inputs={}, shapes={name: one["opt"] for name, one in profile.items()})
    if not said.inputs:
        raise Failure("bad-input", "this trtexec does not say which inputs the engine takes", "input")
    words = "the types of the engine's inputs are not known; float32 is fed"
    bench.session.emitter.emit("warning", code="types-unknown", text=words)
    return raw.discovered(said.inputs)


def measured(session, phase, limits_of, held=False):
    """Run as long as the orders say, `limits_of(orders)`; emit what it took. `held`: idle before and after.

    The export leaves nothing out; its first inference is the first one, the others are the samples.
    """
    session.emitter.phase("load")
    bench = Bench(session)
    if bench.word is None:
        trial(bench)
    bench.ready()
    paused, seen = [], []

    def heard(pid, mark, at):
        seen.append(mark)
        if mark == "loaded" and held and seen.count(mark) == 1:
            paused.append(bench.hold(pid, "idle-before", "load"))
        elif mark == "start":
            session.emitter.phase(phase)
        elif mark == "end" and held and seen.count(mark) == 1:
            bench.hold(pid, "idle-after", "unload")

    seconds, iterations = limits_of(session.orders)
    said, moments = bench.run((seconds, iterations + 1), heard, timed(bench))
    if held and session.orders.get("idle_s") and not paused:
        words = "this trtexec does not say when its engine is loaded: there was no idle before"
        session.emitter.emit("warning", code="idle-missing", text=words)
    times = bench.times(said)
    moments.began += sum(paused)  # it was held still while it loaded
    bench.told(moments, said)
    count = bench.samples(times, moments)
    bench.usage(phase, count, moments)


def invocation(session):
    """Measure for `min_time_s` and `min_iterations`."""
    measured(session, "measure", lambda orders: (orders["min_time_s"], orders["min_iterations"]))


def soak(session):
    """Idle with the engine loaded, run without a break for `seconds`, idle: one process."""
    measured(session, "soak", lambda orders: (orders["seconds"], 1), held=True)


def paced(session):
    """Refuse: trtexec has no grid to run by, its --idleTime sleeps for so long after each inference, however long."""
    words = "trtexec cannot be paced; TensorRT's Python module can (--option way=python)"
    raise Failure("bad-input", words, "start")


class Watched(threading.Thread):
    """Follows the peak of one process's memory until `finish`: what the kernel tells of it goes when it does."""

    def __init__(self, pid):
        threading.Thread.__init__(self, daemon=True)
        self._pid = pid
        self._over = threading.Event()
        self.last = {}

    def run(self):
        """Look every 20 ms: this pass times nothing."""
        while not self._over.wait(WATCH_S):
            self.look()

    def look(self):
        """Read it once and return it, {} once it is gone."""
        now = memory.process_kib("/", self._pid)
        if "VmHWM" in now:
            self.last = now
        return now

    def finish(self):
        """Stop following and return the last that was read."""
        self._over.set()
        self.join()
        return self.last


def measure_memory(session):
    """Tell trtexec's memory stage by stage and its peak over `iterations`, its device memory, the system's dip.

    The GPU's share is that of the peak, asked when its inferences begin and end: afterwards nobody lists it.
    """
    session.emitter.phase("load")
    bench = Bench(session)
    if bench.word is None:
        trial(bench)
    bench.ready()
    meter, watched, held = memory.Meter(session.emitter, session.root), [], {}
    stages = {"banner": "baseline", "imported": "imported", "start": "loaded", "end": None}

    def heard(pid, mark, at):
        if not watched:
            watched.append(Watched(pid))
            watched[0].start()
        if mark in ("start", "end"):
            _hold_most(held, gpu_memory.of_process(session.root, pid))
        if mark in stages:
            kib, stage = watched[0].look(), stages.pop(mark)
            if stage and kib:
                _memory(session, stage, kib, {name: memory.DEFINITIONS[name] for name in kib})

    session.emitter.phase("memory")
    try:
        said, _ = bench.run((0, session.orders["iterations"]), heard)
    finally:
        peak = watched[0].finish() if watched else {}
    if peak:
        peak = dict(peak, **held)
        _memory(session, "peak", peak, {name: memory.DEFINITIONS[name] for name in peak})
    if said.memory.get("managed") is not None:
        _memory(session, "engine", {"TensorRT": said.memory["managed"] * 1024}, {"TensorRT": MANAGED})
    meter.finish()


def _hold_most(held, now):
    for name, kib in now.items():
        held[name] = max(kib, held.get(name, 0))


def _memory(session, stage, kib, definitions):
    session.emitter.emit("memory", stage=stage, kib=kib, definitions=definitions)


def fidelity(session):
    """Run one inference and save what went in and came out, then ask the engine for its layers and their times."""
    session.emitter.phase("load")
    bench = Bench(session)
    wanted = argv.exports(bench.tool.known, exportOutput=OUTPUTS_FILE)
    fed, said, moments, times = trial(bench, wanted)
    bench.told(moments, said)
    session.emitter.emit("first", ns=times.durations_ns[0])
    session.emitter.emit("ready", items_per_iteration=session.items, files=1, inputs=_arrays(fed), outputs=[],
                         load_ns=bench.word["load_ns"], first_ns=bench.word["first_ns"])  # fmt: skip
    session.wait_for_go()
    session.emitter.phase("fidelity")
    _outputs(session, bench, fed)
    try:
        with Stage("placement"):
            _placement(session, bench)
    except Failure as failure:
        session.emitter.emit("warning", code="placement-unavailable", text=failure.message)


def _arrays(fed):
    return [{"name": name, "dtype": str(array.dtype), "shape": list(array.shape)} for name, array in fed.items()]


def _outputs(session, bench, fed):
    """Emit `outputs`. Raises Failure unparsed-output."""
    import numpy

    from .. import fidelity as results

    try:
        with open(bench.path(OUTPUTS_FILE), encoding="utf-8", errors="replace") as source:
            told = exports.read_outputs(source.read())
    except (OSError, ValueError) as error:
        raise Failure("unparsed-output", "trtexec's outputs: %s" % error, "run")
    named = OrderedDict((name, numpy.array(values, "float32").reshape(dims)) for name, dims, values in told)
    saved = results.save(session.jobdir, "outputs-%s.npz" % session.index, fed, named)
    session.emitter.emit("outputs", digits=6, **saved)


def _placement(session, bench):
    """Emit `layers` and `placement` by another process, whose profiler would have disturbed the first inference."""
    known = bench.tool.known
    if "exportLayerInfo" not in known:
        raise Failure("unparsed-output", "this trtexec (before 8.2) does not tell of layers", "placement")
    extra = argv.exports(known, exportLayerInfo=LAYERS_FILE, exportProfile=PROFILE_FILE)
    bench.run((0, 10), extra=extra)
    text = files.read_text(bench.path(LAYERS_FILE), 1 << 26)
    found, _ = exports.read_layers(text or "")
    times = {}
    profile = files.read_text(bench.path(PROFILE_FILE), 1 << 26)
    if profile:
        times = {one["name"]: one["ms"] for one in exports.read_profile(profile)[1]}
    told, placed = layers.described(found, times, bench.flags.get("dla"))
    session.emitter.emit("layers", source="trtexec", **told)
    counts = {name: len(nodes) for name, nodes in placed.items()}
    session.emitter.emit("placement", nodes=counts, names=placed, source="engine layers")


PASSES = {
    "build": build,
    "invocation": invocation,
    "soak": soak,
    "paced": paced,
    "memory": measure_memory,
    "fidelity": fidelity,
}
