"""A variant of TensorRT in real child processes: built in one, run in others, over a fake module and libcudart."""

import json
import os
import shutil
import unittest

from child_harness import DATA, GO, Child, Home, have, module, only

if not have("numpy"):
    raise unittest.SkipTest("numpy is not installed here")
if not shutil.which("cc"):
    raise unittest.SkipTest("no C compiler here: `tools/system_packages.sh PYTHON cc` names the package")

import numpy
from fake_cuda import compiled
from tensorrt_bench import JP6, JP46, NANO, NETWORK

protocol = module("protocol")
QDQ = dict(NETWORK, layers=[{"Name": "q", "kind": "QUANTIZE"}])


class ChildTest(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)

    def give(self, version, network=NETWORK):
        """Put a runtime of a release and a network into the home."""
        package = os.path.join(self.home.path, "runtime", "tensorrt")
        os.makedirs(package)
        shutil.copy(os.path.join(DATA, "fake_tensorrt_package.py"), os.path.join(package, "__init__.py"))
        compiled(package)
        told = {"version": version, "board": NANO, "tests": os.path.dirname(os.path.abspath(__file__))}
        for path, content in ((os.path.join(package, "told.json"), told),
                              (os.path.join(self.home.path, "net.onnx"), network)):  # fmt: skip
            with open(path, "w") as file:
                json.dump(content, file)

    def step(self, name, flags=None, step=None, **more):
        engine = {"way": "python", "artifact": "a" * 64, "prebuilt": False, "flags": flags or {}, "profile": {},
                  "calibration": None}  # fmt: skip
        variant = self.home.variant("net.onnx", backend="tensorrt", accelerator="cuda", threads=None,
                                    runtime_path="runtime", engine=engine, **more)  # fmt: skip
        child = Child(self.home.path, name, variant, step)
        events = child.until("ready")
        if events and events[-1]["ev"] == "ready":
            child.go(**dict(GO[name]))
        events += child.end()
        return child.process.returncode, events

    def run_ok(self, name, **more):
        status, events = self.step(name, **more)
        self.assertEqual(status, 0, events[-1])
        return events

    def test_from_the_build_to_every_pass(self):
        for version in (JP46, JP6):
            self.give(version, dict(NETWORK, times=[["Conv_0", 0.5]]))
            (engine,) = only(self.run_ok("build"), "engine")
            self.assertEqual((engine["runtime"], engine["gpu"]["sm"], engine["cached"]), (version, "5.3", False))
            self.assertEqual(engine["more"]["cuda"], {"by": "ctypes", "version": "10.2"})
            events = self.run_ok("invocation")
            (loaded,) = only(events, "loaded")
            self.assertEqual((loaded["version"], loaded["effective"]["cuda"]["by"]), (version, "ctypes"))
            (samples,) = only(events, "samples")
            compute, latency = (protocol.unpack_ints(samples[key]) for key in ("compute_ns", "duration_ns"))
            self.assertEqual(len(compute), samples["n"])
            self.assertTrue(all(0 < compute[at] <= latency[at] for at in range(samples["n"])))
            self.memory(self.run_ok("memory"))
            self.fidelity(self.run_ok("fidelity"))
            self.assertIn("compute_ns", only(self.run_ok("paced"), "samples")[0])
            self.home.remove()
            os.makedirs(self.home.path)

    def memory(self, events):
        stages = {event["stage"]: event for event in only(events, "memory")}
        self.assertNotIn("EngineDevice", stages["imported"]["kib"])
        self.assertEqual(stages["loaded"]["kib"]["EngineDevice"], 3072)
        self.assertIn("activations", stages["loaded"]["definitions"]["EngineDevice"])

    def fidelity(self, events):
        (outputs,) = only(events, "outputs")
        path = os.path.join(self.home.path, "jobs", "j", outputs["path"])
        with numpy.load(path, allow_pickle=False) as saved:
            numpy.testing.assert_allclose(saved["out0"], saved["in0"] * 2)
        (layers,) = only(events, "layers")
        self.assertEqual([(one["name"], one["ms"]) for one in layers["layers"]], [("Conv_0", 0.5)])
        (placed,) = only(events, "placement")
        self.assertEqual((placed["nodes"], placed["source"]), ({"cuda": 1}, "layer-info"))

    def test_int8_on_a_nano_is_refused_by_name(self):
        self.give(JP46, QDQ)
        status, events = self.step("build", flags={"int8": True})
        self.assertEqual((status, events[-1]["code"], events[-1]["stage"]), (1, "unsupported-precision", "build"))
        self.assertIn("sm_53", events[-1]["message"])

    def test_what_was_not_built_is_not_run(self):
        self.give(JP46)
        status, events = self.step("invocation")
        self.assertEqual((status, events[-1]["code"]), (1, "build-failed"))


if __name__ == "__main__":
    unittest.main()
