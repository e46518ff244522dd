"""TFLite: LiteRT (`ai_edge_litert`), or its predecessor `tflite_runtime` on older Pythons."""

import importlib
import os
import sys

from .. import placement
from ..failures import Failure, Stage, first_line
from ..log import Log
from ..runtimes import has_module
from . import Spec, count_threads, tflite_options

PACKAGES = ("ai_edge_litert", "tflite_runtime")


def find_package(folder):
    """Return the name of the TFLite to import: the one in `folder` (None: none was brought), else the newest."""
    brought = [name for name in PACKAGES if folder and has_module(name, folder)]
    present = [name for name in PACKAGES if has_module(name)]
    return (brought + present + [PACKAGES[0]])[0]


def names_of(details):
    """Return what inputs or outputs are called: the tensor's name, or its number where that is no name for one."""
    names = [one["name"] for one in details]
    return [
        one["name"] if one["name"] and names.count(one["name"]) == 1 else "tensor %d" % one["index"] for one in details
    ]


def signature_of(details):
    """Return the declared shape of an input or output, None for what is open."""
    declared = details.get("shape_signature")
    found = details["shape"] if declared is None or not len(declared) else declared
    return [None if size < 0 else int(size) for size in found]


def scale_of(details):
    """Return (scale, zero point) of a quantised value, None for one that is none or has several."""
    found = details["quantization_parameters"]
    if len(found["scales"]) != 1:
        return None
    return float(found["scales"][0]), int(found["zero_points"][0])


def dtype_of(details):
    """Return numpy's name of a tensor's type, None for text and what else is no number."""
    numpy = importlib.import_module("numpy")
    dtype = numpy.dtype(details["dtype"])
    return dtype.name if dtype.kind in "biufc" else None


class Outputs(object):
    """The outputs of the last inference, copied out of the interpreter when they are asked for."""

    def __init__(self, interpreter, indices):
        self._interpreter = interpreter
        self._indices = indices

    def __len__(self):
        return len(self._indices)

    def __getitem__(self, at):
        return self._interpreter.get_tensor(self._indices[at])


class Runner(object):
    """Runs one .tflite file in an Interpreter.

    `run` is one `invoke`: inputs lie in the interpreter's memory before it (`bind`), and after it all outputs are
    readable in host memory; where a delegate computed them, `invoke` has copied them there. They are copied again, out
    of the interpreter, only where somebody reads them, after the clock has been read.
    """

    def __init__(self, variant, home, jobdir):
        self._variant = variant
        self._home = home
        self._accelerator = variant.get("accelerator") or "cpu"
        self._log = Log(jobdir)
        self._package = self._module = None
        self._interpreter = None
        self._delegated = []
        self._indices = {}
        self._shapes = {}
        self._outputs = None
        self.inputs = self.outputs = None
        self.facts = None

    def import_runtime(self):
        """Import the interpreter, from the variant's `runtime_path` where it has one. Raises ImportError."""
        folder = None
        if self._variant.get("runtime_path"):
            folder = os.path.join(self._home, self._variant["runtime_path"])
            sys.path.insert(0, folder)
        name = find_package(folder)
        self._package = importlib.import_module(name)
        self._module = importlib.import_module(name + ".interpreter")

    def load(self):
        """Make the interpreter, for the variant's shapes. Raises Failure delegate-failed, shape-mismatch..."""
        self._log.mark()
        options = tflite_options.Options(self._variant)
        delegates = self._delegates(options)
        before = count_threads()
        self._interpreter = self._open(options, delegates)
        self._delegated = [(self._accelerator, node) for node in self._partitions()]
        if delegates and not self._delegated:
            total = len(self._interpreter._get_ops_details())
            self._refuse("the delegate took none of the %d operators" % total)
        self._describe()
        self._size_as_asked()
        after = count_threads()
        started = after - before + 1 if before else 1
        asked = self._variant.get("threads")
        self.facts = {
            "runtime": "tflite",
            "version": getattr(self._package, "__version__", None),
            "effective": {
                "accelerator": self._accelerator,
                "package": self._package.__name__,
                "threads": started if started > 1 else asked or 1,
            },
        }

    def _delegates(self, options):
        """Return the accelerator's delegates, none for the CPU. Raises Failure delegate-failed."""
        if self._accelerator == "cpu":
            return []
        if not options.delegate:
            self._refuse(
                "TFLite in Python reaches %s through a delegate library only: "
                "`--option delegate=PATH`, where the device has it" % self._accelerator
            )
        try:
            return [self._module.load_delegate(options.delegate, options.delegate_options)]
        except (ValueError, OSError, AttributeError, RuntimeError) as error:
            # "Failed to load delegate from LIBRARY", and on the next line what the library said
            said = [line.strip() for line in str(error).splitlines() if line.strip()]
            self._refuse(": ".join(said) or "%s cannot be loaded" % options.delegate)

    def _open(self, options, delegates):
        path = os.path.join(self._home, self._variant["model"])
        if not os.path.isfile(path):
            raise Failure("load-failed", "%s is not there" % self._variant["model"], "load")
        more = {}
        if options.kernels != "xnnpack":
            kind = getattr(self._module, "OpResolverType", None)
            if kind is None:
                raise Failure("load-failed", "this TFLite has no choice of kernels=%s" % options.kernels, "load")
            more["experimental_op_resolver_type"] = getattr(kind, tflite_options.RESOLVERS[options.kernels])
        try:
            with Stage("load"):
                return self._module.Interpreter(
                    model_path=path,
                    num_threads=self._variant.get("threads") or 1,
                    experimental_delegates=delegates or None,
                    **more,
                )
        except Failure as failure:
            if delegates and failure.code == "load-failed":
                self._refuse(failure.message)
            raise

    def _refuse(self, text):
        said = self._log.line(r"(?i)^\W*(error|failed|warning).*delegate")
        raise Failure("delegate-failed", said or text, "load")

    def _partitions(self):
        """Return the nodes that stand for delegated parts: (inputs, outputs) each."""
        return [
            ([int(one) for one in node["inputs"]], [int(one) for one in node["outputs"]])
            for node in self._interpreter._get_ops_details()
            if node["op_name"] == placement.DELEGATE
        ]

    def _describe(self):
        asked = self._variant.get("shapes") or {}
        details = self._interpreter.get_input_details()
        self.inputs = []
        for name, one in zip(names_of(details), details):
            self._indices[name] = one["index"]
            self._shapes[name] = [int(size) for size in one["shape"]]
            shape = signature_of(one)
            wanted = asked.get(name)
            if wanted and len(wanted) == len(shape) and any(d not in (None, w) for d, w in zip(shape, wanted)):
                shape = list(wanted)  # TFLite resizes what the file fixes, too
            self.inputs.append(Spec(name, dtype_of(one), shape, str(one["dtype"]), scale_of(one)))
        details = self._interpreter.get_output_details()
        self.outputs = [
            Spec(name, dtype_of(one), signature_of(one), str(one["dtype"]), scale_of(one))
            for name, one in zip(names_of(details), details)
        ]
        self._outputs = Outputs(self._interpreter, [one["index"] for one in details])

    def _size_as_asked(self):
        asked = self._variant.get("shapes") or {}
        self._size({name: list(shape) for name, shape in asked.items() if name in self._indices})

    def _size(self, shapes):
        """Give inputs the `shapes` and allocate. Raises Failure shape-mismatch where the graph does not take them."""
        changed = [name for name in shapes if shapes[name] != self._shapes[name]]
        try:
            with Stage("load"):
                for name in changed:
                    self._interpreter.resize_tensor_input(self._indices[name], shapes[name])
                    self._shapes[name] = shapes[name]
                self._interpreter.allocate_tensors()
        except Failure as failure:
            raise self._of_allocation(failure, changed) from failure

    def _of_allocation(self, failure, changed):
        if failure.code != "load-failed":
            return failure
        if changed:
            text = ", ".join("%s=%s" % (name, "x".join(map(str, self._shapes[name]))) for name in sorted(changed))
            return Failure("shape-mismatch", "with %s: %s" % (text, first_line(failure)), "load")
        if self._delegated:
            return Failure("delegate-failed", failure.message, "load")
        return failure

    def bind(self, feeds):
        """Copy the inputs of the next iteration into the interpreter, resized for them where their shape is another."""
        shapes = {name: list(array.shape) for name, array in feeds.items()}
        if shapes != self._shapes:
            self._size(shapes)
        for name, array in feeds.items():
            self._interpreter.set_tensor(self._indices[name], array)

    def run(self):
        """Run one inference and return the outputs, readable until the next one."""
        self._interpreter.invoke()
        return self._outputs

    def settle(self, outputs):
        """Nothing to prepare: inputs stay where they are, outputs are not copied."""

    def placement(self, feeds):
        """Return (source, {accelerator: [operators]}): delegates' parts, XNNPACK's on the CPU among them."""
        nodes = [node for node in self._interpreter._get_ops_details() if node["op_name"] != placement.DELEGATE]
        own = [node for _, node in self._delegated]
        parts = self._delegated + [("xnnpack", node) for node in self._partitions() if node not in own]
        return "delegate-partition", placement.nodes_by_delegate(nodes, parts)
