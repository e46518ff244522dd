"""One variant, loaded in this process and fed: what every pass begins with."""

import json
import select

from . import clock
from .failures import Failure, Stage
from .feeder import Feeder
from .runners import open_runner


def described(specs, arrays):
    """Return [{name, dtype, shape}] of arrays, in the order of their specs."""
    return [
        {
            "name": spec.name,
            "dtype": str(getattr(array, "dtype", spec.type)),
            "shape": list(getattr(array, "shape", [])),
        }
        for spec, array in zip(specs, arrays)
    ]


def declared(specs):
    """Return [{name, dtype, shape}] as the runtime declares them; a free dimension is its name or null."""
    return [{"name": spec.name, "dtype": spec.dtype or spec.type, "shape": spec.shape} for spec in specs]


def ignore(_):
    """Take no note of a stage of loading."""


class Session(object):
    """Loads a variant and feeds it; emits `phase`, `loaded`, `first` and `ready` on the way.

    `commands` is a binary file that the supervisor writes JSON lines to. After `go`, `orders` holds what is to be done:
    the step with the supervisor's plan over it.
    """

    def __init__(self, config, emitter, commands):
        self.emitter = emitter
        self.variant = config["variant"]
        self.home = config["home"]
        self.jobdir = config["jobdir"]
        self.index = config["index"]
        self.root = config.get("root") or "/"
        self.orders = dict(config["step"])
        self.items = (self.variant.get("batch") or 1) * (self.variant.get("frames_per_inference") or 1)
        self.runner = None
        self.feeder = None
        self.times = {}
        self.commands = commands

    def _timed(self, key, action):
        before = clock.monotonic_ns()
        result = action()
        self.times[key] = clock.monotonic_ns() - before
        return result

    def load(self, mark=ignore):
        """Import the runtime and load the model; `mark(stage)` follows each stage. Raises Failure."""
        mark("baseline")
        self.emitter.phase("load")
        self.runner = open_runner(self.variant, self.home, self.jobdir)
        with Stage("import"):
            self._timed("import_ns", self.runner.import_runtime)
        mark("imported")
        with Stage("load"):
            self._timed("load_ns", self.runner.load)
        mark("loaded")
        io = {"inputs": declared(self.runner.inputs), "outputs": declared(self.runner.outputs)}
        self.emitter.emit("loaded", build_ns=None, io=io, **dict(self.runner.facts, **self.times))

    def feed(self):
        """Prepare the inputs, all in memory where they fit. Raises Failure of stage input."""
        from . import inputs  # not before the runtime, which may bring the numpy to use

        with Stage("feed"):
            samples = inputs.open_samples(self.runner.inputs, self.variant, self.home)
            names = [spec.name for spec in self.runner.outputs]
            self.feeder = Feeder(samples, self.variant.get("states") or {}, names, self.runner.bind)

    def first(self):
        """Run the first inference and emit it. Raises Failure."""
        feeds = self.feeder.rewind()
        self.emitter.phase("first")
        with Stage("first"):
            outputs = self._timed("first_ns", self.runner.run)
        self.emitter.emit("first", ns=self.times["first_ns"])
        if self.feeder.fixed:
            self.runner.settle(outputs)
        self.feeder.rewind()
        return {
            "inputs": described(self.runner.inputs, [feeds[spec.name] for spec in self.runner.inputs]),
            "outputs": described(self.runner.outputs, outputs),
        }

    def start(self, mark=ignore):
        """Load, feed, run once, say `ready` and block until `go`. Raises Failure; EOF means the supervisor is gone."""
        self.load(mark)
        self.feed()
        io = self.first()
        mark("first")
        self.emitter.emit("ready", items_per_iteration=self.items, files=self.feeder.count, **dict(io, **self.times))
        self.wait_for_go()

    def wait_for_go(self):
        """Block until the supervisor says go; what it says goes over the step's orders. Raises Failure at EOF."""
        line = self.commands.readline()
        if not line:
            raise Failure("interrupted", "the supervisor went away before go", "ready")
        self.orders.update(json.loads(line.decode("utf-8"))["go"])

    def idle(self, phase):
        """Hold the loaded runtime still for `idle_s` of the orders, blocked on the supervisor's pipe."""
        seconds = self.orders.get("idle_s") or 0
        if seconds <= 0:
            return
        self.emitter.phase(phase)
        if select.select([self.commands], [], [], seconds)[0]:
            raise Failure("interrupted", "the supervisor went away while idle", phase)
