"""The passes of a step: what is done with a loaded variant."""

from collections import OrderedDict

from .build import build
from .failures import Failure, Stage
from .loop import Limits, Recorder, measure, pace
from .memory import Meter


def nanoseconds(seconds):
    """Return seconds as whole nanoseconds."""
    return int(seconds * 1e9)


def recorder_of(session, paced=False):
    """Return a Recorder for what a session yields."""
    compute_ns = getattr(session.runner, "compute_ns", None)
    return Recorder(session.emitter, session.items, session.feeder.count, paced, compute_ns=compute_ns)


def timed(session, phase, limits):
    """Measure under `limits` and emit the usage of the timed windows. Raises Failure."""
    recorder = recorder_of(session)
    session.emitter.phase(phase)
    with Stage("run"):
        done = measure(session.runner.run, recorder.beside(session.feeder.between), limits, recorder)
    session.emitter.emit("usage", phase=phase, n=done, **recorder.usage.total)


def invocation(session):
    """Measure for `min_time_s` and `min_iterations`, at most `max_iterations`."""
    session.start()
    orders = session.orders
    limits = Limits(nanoseconds(orders["min_time_s"]), orders["min_iterations"], orders.get("max_iterations"))
    timed(session, "measure", limits)


def soak(session):
    """Idle, run without a break for `seconds`, idle."""
    session.start()
    session.idle("idle-before")
    timed(session, "soak", Limits(nanoseconds(session.orders["seconds"]), 1, None))
    session.idle("idle-after")


def paced(session):
    """Idle, run a frame every 1/`fps` s for `seconds`, idle."""
    session.start()
    session.idle("idle-before")
    fps = float(session.orders["fps"])
    slots = max(1, round(session.orders["seconds"] * fps))
    recorder = recorder_of(session, paced=True)
    session.emitter.phase("paced")
    with Stage("run"):
        result = pace(session.runner.run, recorder.beside(session.feeder.between), fps, slots, recorder)
    session.emitter.emit("paced", fps=fps, slots=result.slots, missed=result.missed, n=result.iterations)
    session.emitter.emit("usage", phase="paced", n=result.iterations, **recorder.usage.total)
    session.idle("idle-after")


def device_kib(runner):
    """Return what a loaded runner knows of memory outside the process's own, {name: KiB}; {} where it knows nothing."""
    told = getattr(runner, "device_kib", None)
    return told() if told is not None else {}


def memory(session):
    """Tell the memory after each stage and the peak after `iterations`."""
    meter = Meter(session.emitter, session.root, lambda: device_kib(session.runner))
    session.start(meter.mark)
    session.emitter.phase("memory")
    with Stage("run"):
        for _ in range(session.orders["iterations"]):
            session.feeder.between(session.runner.run())
    meter.mark("peak")
    meter.finish()


def fidelity(session):
    """Save one inference's inputs and outputs, then ask the runtime where its nodes ran."""
    session.start()
    session.emitter.phase("fidelity")
    from . import fidelity as results  # needs numpy, which the runtime has brought by now

    feeds = session.feeder.rewind()
    with Stage("run"):
        outputs = session.runner.run()
    named = OrderedDict((spec.name, array) for spec, array in zip(session.runner.outputs, outputs))
    ordered = OrderedDict((spec.name, feeds[spec.name]) for spec in session.runner.inputs)
    saved = results.save(session.jobdir, "outputs-%s.npz" % session.index, ordered, named)
    session.emitter.emit("outputs", **saved)
    tell_layers(session, feeds)
    try:
        with Stage("placement"):
            source, nodes = session.runner.placement(feeds)
    except Failure as failure:
        session.emitter.emit("warning", code="placement-unavailable", text=failure.message)
        return
    counts = {provider: len(names) for provider, names in nodes.items()}
    session.emitter.emit("placement", nodes=counts, names=nodes, source=source)


def tell_layers(session, feeds):
    """Emit `layers` where the runner can look into what it runs."""
    layers = getattr(session.runner, "layers", None)
    if layers is None:
        return
    try:
        with Stage("layers"):
            session.emitter.emit("layers", **layers(feeds))
    except Failure as failure:
        session.emitter.emit("warning", code="layers-unavailable", text=failure.message)


PASSES = {
    "build": build,
    "invocation": invocation,
    "soak": soak,
    "paced": paced,
    "memory": memory,
    "fidelity": fidelity,
}
