"""TensorRT through its Python module, 8.0 to 10: engines that a build step left, or that were brought."""

import json
import re

from .. import build
from ..cuda import open_cuda
from ..failures import Failure
from ..tensorrt_api import import_tensorrt, version_of
from ..tensorrt_api.engine import load_engine, memory_bytes
from ..tensorrt_api.log import make_log
from ..tensorrt_api.profiling import make_profiler, times_of
from ..tensorrt_api.tensors import open_tensors
from ..trtexec.layers import described

OTHER_PROFILE = re.compile(r"\[profile [1-9]\d*\]")
"""Marks layers and tensors of an engine's further profiles; the first one's, which is run, have no mark."""
PROFILED = 10
"""Inferences of which the layers' times are the means."""


def core_of(accelerator):
    """Return the DLA core of an accelerator, None for the GPU. Raises Failure delegate-failed for any other."""
    if accelerator == "cuda":
        return None
    if accelerator in ("dla0", "dla1"):
        return int(accelerator[3:])
    raise Failure("delegate-failed", "TensorRT runs on cuda, dla0 and dla1, not on %s" % accelerator, "load")


def text_of(shape):
    """Return a shape as people write it."""
    return "x".join(str(size) for size in shape) or "scalar"


class Runner(object):
    """Runs one engine on a stream of its own; `trt` and `cuda` stand for TensorRT and the way to CUDA in tests.

    `run` copies the inputs from page-locked host memory to the GPU, executes, copies the outputs back and waits for all
    of it. `bind` fills that host memory before, outside the timed region, as `trtexec` does. Outputs are the same
    arrays every time, valid until the next run. Events around the execution give its own time.
    """

    def __init__(self, variant, home, jobdir, trt=None, cuda=None):
        self._variant = variant
        self._home = home
        self._jobdir = jobdir
        self._accelerator = variant.get("accelerator") or "cuda"
        self._trt = trt
        self._cuda = cuda
        self._buffers = self._log = self._runtime = self._engine = self._context = self._tensors = None
        self._shapes = None
        self._placed = None
        self._free_before = None
        self.inputs = self.outputs = None
        self.facts = None

    def import_runtime(self):
        """Import tensorrt and numpy. Raises ImportError, Failure runtime-missing."""
        self._trt = self._trt or import_tensorrt(self._variant, self._home)
        from ..tensorrt_api import buffers

        self._buffers_of = buffers.Buffers

    def load(self):
        """Load the engine. Raises Failure engine-mismatch, delegate-failed, oom, load-failed..."""
        core = core_of(self._accelerator)
        self._cuda = self._cuda or open_cuda()
        self._free_before = self._cuda.memory()[0]
        self._log = make_log(self._trt)
        path = build.built(self._variant, self._home, self._jobdir)
        self._runtime, self._engine = load_engine(self._trt, self._log, path, core)
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise RuntimeError(self._log.last_error or "TensorRT made no context to run the engine in")
        self._tensors = open_tensors(self._trt, self._engine, self._context)
        self.inputs, self.outputs = self._tensors.inputs, self._tensors.outputs
        self._buffers = self._buffers_of(self._cuda)
        self._stream = self._cuda.stream()
        self._begin, self._end = self._cuda.event(), self._cuda.event()
        self._mark_begin = self._cuda.mark(self._begin, self._stream)
        self._mark_end = self._cuda.mark(self._end, self._stream)
        self._wait = self._cuda.wait(self._stream)
        self._check_dla(core)
        self.facts = self._facts()

    def _facts(self):
        effective = {
            "accelerator": self._accelerator,
            "threads": None,
            "gpu": self._cuda.gpu(),
            "cuda": {"by": self._cuda.name, "version": self._cuda.version()},
            "tensors": self._tensors.by,
        }
        warned = self._log.find(r"across different models of devices")
        if warned:
            effective["note"] = warned
        return {"runtime": "tensorrt", "version": version_of(self._trt), "effective": effective}

    def _check_dla(self, core):
        """Refuse an engine for a DLA of which the DLA runs nothing, as far as its layers are told."""
        if core is None:
            return
        told = self._information()
        detailed = told and all(isinstance(layer, dict) for layer in told)
        if detailed and self._accelerator not in described(told, core=core)[1]:
            text = "none of the engine's %d layers runs on %s" % (len(told), self._accelerator)
            raise Failure("delegate-failed", text, "load")

    def bind(self, feeds):
        """Put the next iteration's inputs into page-locked memory, in whatever shapes they have. Raises Failure."""
        shapes = {name: tuple(array.shape) for name, array in feeds.items()}
        if shapes != self._shapes:
            self._reshape(shapes)
        for name, array in feeds.items():
            self._hosts[name][...] = array

    def _reshape(self, shapes):
        self._shapes = None
        for spec in self.inputs:
            if not self._tensors.resize(spec.name, shapes[spec.name]):
                raise self._unfit(spec.name, shapes[spec.name])
        self._hosts, self._copies_in, self._copies_out = {}, [], []
        for spec in self.inputs:
            address, self._hosts[spec.name] = self._place(spec, shapes[spec.name])
            self._copies_in.append(self._cuda.copy_in(address, self._hosts[spec.name], self._stream))
        self._results = []
        for spec in self.outputs:
            address, array = self._place(spec, self._tensors.size(spec.name))
            self._results.append(array)
            self._copies_out.append(self._cuda.copy_out(array, address, self._stream))
        self._execute = self._tensors.action(self._stream.handle)
        self._shapes = shapes

    def _place(self, spec, shape):
        if spec.dtype is None:
            text = "%s is %s, which numpy cannot hold" % (spec.name, spec.type)
            raise Failure("unsupported-precision", text, "load")
        if any(size < 0 for size in shape):
            text = (
                "the size of %s depends on the data, not on the inputs' shapes alone; `--option way=trtexec` may run it"
            )
            raise Failure("load-failed", text % spec.name, "load")
        address, array = self._buffers.place(spec.name, shape, spec.dtype)
        self._tensors.attach(spec.name, address)
        return address, array

    def _unfit(self, name, shape):
        least, _, most = self._tensors.limits(name)
        taken = text_of(least) if least == most else "%s to %s" % (text_of(least), text_of(most))
        return Failure(
            "shape-mismatch", "input %s is %s, the engine was built for %s" % (name, text_of(shape), taken), "input"
        )

    def run(self):
        """Run one inference, from host memory to host memory, and return the outputs."""
        for copy in self._copies_in:
            copy()
        self._mark_begin()
        if not self._execute():
            raise RuntimeError(self._log.last_error or "TensorRT did not execute the engine and gave no reason")
        self._mark_end()
        for copy in self._copies_out:
            copy()
        self._wait()
        return self._results

    def compute_ns(self):
        """Return the nanoseconds that the GPU executed in the last run, without the copies."""
        return self._cuda.elapsed_ns(self._begin, self._end)

    def settle(self, outputs):
        """Nothing to prepare: every run uses the same memory."""

    def device_kib(self):
        """Return {name: KiB} of GPU memory that the process's own figures do not hold; {} before `load`."""
        if self._engine is None:
            return {}
        own = memory_bytes(self._engine)
        found = {"DeviceTaken": max(0, self._free_before - self._cuda.memory()[0]) // 1024}
        if own is not None:
            found["EngineDevice"] = own // 1024
        return found

    def layers(self, feeds):
        """Return the fields of a `layers` event, times from a profile of some inferences. Raises Failure."""
        told = self._information()
        profiler = make_profiler(self._trt)
        self._context.profiler = profiler
        self.bind(feeds)
        for _ in range(PROFILED):
            self.run()
        times = times_of(profiler, PROFILED, told)
        event, self._placed = described(told or list(times), times, core_of(self._accelerator))
        sources = ["engine-inspector"] if told else []
        return dict(event, source="+".join(sources + (["profile"] if times else [])))

    def _information(self):
        """Return the layers as the engine's inspector tells them, [] before 8.2 or where they cannot be read."""
        if not hasattr(self._engine, "create_engine_inspector"):
            return []
        inspector = self._engine.create_engine_inspector()
        if self._shapes is not None:
            inspector.execution_context = self._context  # formats in these shapes
        text = inspector.get_engine_information(self._trt.LayerInformationFormat.JSON)
        try:
            told = json.loads(text, strict=False)  # names may hold control characters
        except ValueError:
            return []
        found = told.get("Layers") if isinstance(told, dict) else None
        return [layer for layer in found if not OTHER_PROFILE.search(str(layer))] if isinstance(found, list) else []

    def placement(self, feeds):
        """Return (source, {"cuda": [names], "dla0": [names]}) of the engine's layers. Raises Failure."""
        if self._placed is None:
            self.layers(feeds)
        if not self._placed:
            raise Failure("placement-unavailable", "TensorRT tells nothing of this engine's layers", "placement")
        return "layer-info", self._placed
