"""ONNX Runtime, 1.10 (Python 3.6) and newer."""

import importlib
import json
import os
import sys

from .. import placement
from ..failures import Failure, Stage
from ..log import Log
from . import Spec, count_threads, ort_options

DTYPES = {
    "float": "float32",
    "double": "float64",
    "float16": "float16",
    "bool": "bool",
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint32",
    "uint64": "uint64",
}
ASSIGNMENT = "session.record_ep_graph_assignment_info"


def spec_of(argument):
    """Return the Spec of a session's input or output."""
    word = argument.type
    inner = word[len("tensor(") : -1] if word.startswith("tensor(") else None
    return Spec(argument.name, DTYPES.get(inner), list(argument.shape or []), word)


class Runner(object):
    """Runs one .onnx file in an InferenceSession: `run` of the session on the CPU, bound outputs on a GPU."""

    def __init__(self, variant, home, jobdir):
        self._variant = variant
        self._home = home
        self._jobdir = jobdir
        self._accelerator = variant.get("accelerator") or "cpu"
        self._log = Log(jobdir)
        self._ort = None
        self._session = None
        self._feeds = None
        self._bound = None
        self.inputs = self.outputs = None
        self.facts = None

    def import_runtime(self):
        """Import onnxruntime, from the variant's `runtime_path` where it has one. Raises ImportError."""
        if self._variant.get("runtime_path"):
            sys.path.insert(0, os.path.join(self._home, self._variant["runtime_path"]))
        self._ort = importlib.import_module("onnxruntime")
        if not hasattr(self._ort, "InferenceSession"):
            raise ImportError("the module onnxruntime has no InferenceSession")

    def load(self):
        """Make the session. Raises Failure delegate-failed where the accelerator is not what it got."""
        asked = ort_options.providers_of(self._accelerator)
        if asked[0] not in self._ort.get_available_providers():
            have = ", ".join(self._ort.get_available_providers())
            raise Failure("delegate-failed", "this onnxruntime has no %s; it has %s" % (asked[0], have), "load")
        self._log.mark()
        before = count_threads()
        self._session = self._open(asked, self._options())
        after = count_threads()
        got = self._session.get_providers()
        self._check_providers(asked, got)
        self.inputs = [spec_of(argument) for argument in self._session.get_inputs()]
        self.outputs = [spec_of(argument) for argument in self._session.get_outputs()]
        threads = after - before + 1 if before and self._accelerator == "cpu" else self._variant.get("threads")
        self.facts = {
            "runtime": "onnxruntime",
            "version": self._ort.__version__,
            "effective": {
                "accelerator": ort_options.accelerator_of(got),
                "providers": got,
                "threads": threads,
            },
        }

    def _options(self):
        return ort_options.session_options(self._ort, self._variant, self._home)

    def _open(self, asked, options):
        settings = [ort_options.provider_options(self._variant)] + [{} for _ in asked[1:]]
        path = os.path.join(self._home, self._variant["model"])
        try:
            with Stage("load"):
                session = self._ort.InferenceSession(
                    path, options, providers=list(asked), provider_options=settings, enable_fallback=0
                )
        except Failure as failure:
            if failure.code == "load-failed" and asked[0] in failure.message:
                raise Failure("delegate-failed", failure.message, "load") from failure
            raise
        session.disable_fallback()  # else a failing run would go on elsewhere in silence
        return session

    def _check_providers(self, asked, got):
        if asked[0] not in got:
            said = self._log.line(asked[0].replace("ExecutionProvider", ""))
            raise Failure(
                "delegate-failed",
                said or "%s was asked for, onnxruntime took %s" % (asked[0], ", ".join(got)),
                "load",
            )

    def bind(self, feeds):
        """Take the inputs of the next iteration."""
        self._feeds = feeds

    def run(self):
        """Run one inference, from host memory to host memory, and return the outputs."""
        if self._bound is not None:
            return self._bound.run()
        return self._session.run(None, self._feeds)

    def settle(self, outputs):
        """Reuse the memory of outputs that keep their shapes where they are copied from a GPU."""
        if self._accelerator in ort_options.COPYING:
            self._bound = Bound(self._session, self._feeds, outputs)

    def placement(self, feeds):
        """Return (source, {provider: [node names]}), from a second session; this one is given up first."""
        self._session = self._bound = None
        asked = ort_options.providers_of(self._accelerator)
        options = self._options()
        if hasattr(self._ort.InferenceSession, "get_provider_graph_assignment_info"):
            options.add_session_config_entry(ASSIGNMENT, "1")
            subgraphs = self._open(asked, options).get_provider_graph_assignment_info()
            if subgraphs:
                return "graph-assignment", placement.nodes_by_assignment(subgraphs)
            options = self._options()
        options.enable_profiling = True
        options.profile_file_prefix = os.path.join(self._jobdir, "profile")
        session = self._open(asked, options)
        session.run(None, feeds)
        path = session.end_profiling()
        try:
            with open(path, encoding="utf-8") as profile:
                return "profile", placement.nodes_by_provider(json.load(profile))
        finally:
            os.remove(path)


class Bound(object):
    """Runs a session with outputs written to memory that is kept.

    Inputs are bound, and so copied to the device, by every `run`: the copies in and out are part of the latency.
    """

    def __init__(self, session, feeds, outputs):
        self._session = session
        self._feeds = list(feeds.items())
        self._outputs = [array.copy() for array in outputs]
        self._binding = session.io_binding()
        for argument, array in zip(session.get_outputs(), self._outputs):
            self._binding.bind_output(argument.name, "cpu", 0, array.dtype.type, list(array.shape), array.ctypes.data)

    def run(self):
        """Run one inference and return the outputs, the same arrays every time."""
        for name, array in self._feeds:
            self._binding.bind_cpu_input(name, array)
        self._session.run_with_iobinding(self._binding)
        return self._outputs
