"""A home with a network or an engine for the fake TensorRT in it."""

import json
import os
import shutil
import tempfile
import unittest

import fake_tensorrt
import fake_tensorrt_build
from fake_cuda import HostCuda
from load import module

runner = module("runners.tensorrt")
builder = module("runners.tensorrt_builder")
Failure = module("failures").Failure
JP46, JP51, JP6, JP7 = "8.2.1.8", "8.5.2.2", "10.3.0.30", "10.13.3.9"
VERSIONS = (JP46, JP51, JP6, JP7)
"""The TensorRT of JetPack 4.6, 5.1, 6 and 7."""
NANO = {"int8": False, "fp16": True, "dla": 0}
ORIN = {"int8": True, "fp16": True, "dla": 2}
NETWORK = {
    "inputs": [["x", "FLOAT", [1, 3]]],
    "outputs": [["y", "FLOAT", [1, 3]]],
    "layers": [{"Name": "Conv_0", "LayerType": "CaskConvolution"}],
}


class Bench(object):
    """`cuda`, `trt` and a home folder; remove() it."""

    def __init__(self, version=JP6, board=ORIN, sm="8.7", name="Orin"):
        self.cuda = HostCuda(name, sm)
        self.trt = fake_tensorrt.make(version, self.cuda, board)
        self.home = tempfile.mkdtemp(prefix="edgebench-trt-")
        self.progress = []

    def remove(self):
        shutil.rmtree(self.home)

    def variant(self, accelerator="cuda", **engine):
        """Return a variant of the network or engine in the home."""
        told = {"way": "python", "artifact": "a" * 64, "prebuilt": False, "flags": {}, "profile": {},
                "calibration": None}  # fmt: skip
        told.update(engine)
        model = "model.engine" if told["prebuilt"] else "model.onnx"
        return {"backend": "tensorrt", "model": model, "accelerator": accelerator, "threads": None, "engine": told}

    def write(self, name, data):
        """Write bytes into the home and return the path."""
        path = os.path.join(self.home, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def builder(self, network=NETWORK, accelerator="cuda", **engine):
        """Return a Builder of a network."""
        self.write("model.onnx", json.dumps(network).encode("utf-8"))
        return builder.Builder(self.variant(accelerator, **engine), self.home, self.home, "/", self.trt, self.cuda)

    def build(self, network=NETWORK, **more):
        """Build a network, return what the builder tells; its engine is model.engine from now on."""
        return self.builder(network, **more).build(os.path.join(self.home, "model.engine"), self.hear)

    def hear(self, done, text):
        self.progress.append((done, text))

    def runner(self, accelerator="cuda", **engine):
        """Return a loaded runner of an engine of NETWORK and `engine` over it; None of it: what was built."""
        if engine:
            told = dict(NETWORK, profile={}, version=self.trt.__version__, sm=self.cuda.device["sm"])
            told.update(engine)
            self.write("model.engine", fake_tensorrt_build.plan(told))
        made = runner.Runner(self.variant(accelerator, prebuilt=True), self.home, self.home, self.trt, self.cuda)
        made.import_runtime()
        made.load()
        return made


class Case(unittest.TestCase):
    """A test with benches that are removed after it."""

    def bench(self, *args, **more):
        """Return a Bench of these arguments."""
        made = Bench(*args, **more)
        self.addCleanup(made.remove)
        return made

    def refused(self, code, action, *words):
        """Assert that `action()` fails with a code, and that its message has all words."""
        with self.assertRaises(Failure) as caught:
            action()
        self.assertEqual(caught.exception.code, code, caught.exception.message)
        for word in words:
            self.assertIn(word, caught.exception.message)
