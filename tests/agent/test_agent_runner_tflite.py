"""The child with a real TFLite (tflite-runtime 2.13 on Python 3.8, LiteRT on newer ones), delegates included."""

import os
import shutil
import subprocess
import unittest

from child_harness import DATA, Home, have, module, only

if not (have("ai_edge_litert") or have("tflite_runtime")):
    raise unittest.SkipTest("no TFLite is installed here")

import numpy

runner = module("runners.tflite")
inputs = module("inputs")
Failure = module("failures").Failure
COMPILER = shutil.which("cc")


class Case(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)

    def run_ok(self, name, model, **more):
        """Return the events of a step that must succeed."""
        status, events = self.home.run(name, model + ".tflite", backend="tflite", **more)
        self.assertEqual(status, 0, events[-1])
        self.assertEqual(only(events, "error"), [])
        return events

    def failed(self, model, **more):
        """Return the error of a step that must fail."""
        status, events = self.home.run("invocation", model + ".tflite", backend="tflite", **more)
        self.assertEqual((status, events[-1]["ev"]), (1, "error"))
        return events[-1]

    def opened(self, model, **more):
        """Return a loaded runner in this process."""
        made = runner.Runner(self.home.variant(model + ".tflite", **more), self.home.path, self.home.path)
        made.import_runtime()
        made.load()
        return made

    def saved(self, events):
        """Return the arrays that a fidelity pass saved."""
        (outputs,) = only(events, "outputs")
        with numpy.load(os.path.join(self.home.path, "jobs", "j", outputs["path"]), allow_pickle=False) as found:
            return {name: found[name] for name in found.files}

    def save(self, name, **arrays):
        """Save an .npz into the home and return its name."""
        numpy.savez(os.path.join(self.home.path, name), **arrays)
        return name


class PassTest(Case):
    def test_what_an_invocation_tells(self):
        events = self.run_ok("invocation", "upscaler", go={"min_iterations": 7})
        (loaded,) = only(events, "loaded")
        self.assertEqual(loaded["runtime"], "tflite")
        self.assertTrue(loaded["version"])
        self.assertEqual((loaded["effective"]["accelerator"], loaded["effective"]["threads"]), ("cpu", 1))
        self.assertEqual(loaded["io"]["inputs"], [{"name": "x", "dtype": "float32", "shape": [1, 8, 8, 3]}])
        (ready,) = only(events, "ready")
        self.assertEqual(ready["outputs"], [{"name": "y", "dtype": "float32", "shape": [1, 16, 16, 3]}])
        self.assertEqual(only(events, "usage")[0]["n"], 7)

    def test_soak_paced_and_memory_run_too(self):
        self.assertGreater(only(self.run_ok("soak", "upscaler"), "usage")[0]["n"], 0)
        self.assertEqual(only(self.run_ok("paced", "upscaler"), "paced")[0]["slots"], 10)
        stages = [event["stage"] for event in only(self.run_ok("memory", "upscaler"), "memory")]
        self.assertEqual(stages, ["baseline", "imported", "loaded", "first", "peak", "system"])

    def test_two_threads_are_seen_as_two(self):
        (loaded,) = only(self.run_ok("invocation", "upscaler", threads=2), "loaded")
        self.assertEqual(loaded["effective"]["threads"], 2)

    def test_outputs_are_those_of_a_network_reckoned_by_hand(self):
        saved = self.saved(self.run_ok("fidelity", "classifier"))
        self.assertAlmostEqual(float(saved["out0"].sum()), 1.0, places=5)  # a softmax
        self.assertEqual(saved["out0"].shape, (1, 5))

    def test_placement_tells_xnnpack_from_plain_kernels(self):
        (placed,) = only(self.run_ok("fidelity", "upscaler"), "placement")
        self.assertEqual((placed["nodes"], placed["source"]), ({"xnnpack": 3}, "delegate-partition"))
        (plain,) = only(self.run_ok("fidelity", "upscaler", options={"kernels": "builtin"}), "placement")
        self.assertEqual(plain["names"], {"cpu": ["CONV_2D 0", "ADD 1", "DEPTH_TO_SPACE 2"]})


class ShapeTest(Case):
    def test_a_batch_resizes_what_the_file_fixes_or_leaves_open(self):
        for model in ("upscaler", "free"):
            (ready,) = only(self.run_ok("invocation", model, batch=3, shapes={"x": [3, 8, 8, 3]}), "ready")
            self.assertEqual((ready["items_per_iteration"], ready["outputs"][0]["shape"]), (3, [3, 16, 16, 3]))

    def test_a_shape_that_the_graph_cannot_take(self):
        error = self.failed("upscaler", shapes={"x": [1, 8, 8, 5]})
        self.assertEqual(error["code"], "shape-mismatch")
        self.assertIn("x=1x8x8x5", error["message"])

    def test_files_of_several_shapes_are_taken_in_turn(self):
        files = [self.save("%d.npz" % n, x=numpy.full((n, 8, 8, 3), n, "float32")) for n in (1, 2)]
        events = self.run_ok("invocation", "free", input={"seed": 0, "range": None, "files": files})
        self.assertEqual(only(events, "ready")[0]["files"], 2)

    def test_inputs_stay_as_they_were_set(self):
        """They are set once and not before every inference: TFLite never uses their memory for anything else."""
        made = self.opened("upscaler")
        made.bind({"x": numpy.random.RandomState(1).random_sample((1, 8, 8, 3)).astype("float32")})
        first = made.run()[0]
        for _ in range(3):
            numpy.testing.assert_array_equal(made.run()[0], first)
        made.bind({"x": numpy.zeros((1, 8, 8, 3), "float32")})
        self.assertFalse(numpy.array_equal(made.run()[0], first))


class QuantisedTest(Case):
    def test_a_range_is_of_the_real_values(self):
        events = self.run_ok("fidelity", "integers", input={"seed": 7, "range": [0, 0.5], "files": []})
        values = self.saved(events)["in0"]
        self.assertEqual(values.dtype.name, "int8")
        drawn = numpy.random.RandomState(7).random_sample(values.size) * 0.5
        wanted = numpy.rint(drawn / numpy.float32(1 / 255)) - 128
        numpy.testing.assert_allclose(values.reshape(-1), wanted, atol=1)
        self.assertEqual((int(values.min()), int(values.max())), (-128, -1))

    def test_without_a_range_every_stored_value_is_drawn(self):
        values = self.saved(self.run_ok("fidelity", "integers"))["in0"]
        self.assertLess(values.min(), -100)
        self.assertGreater(values.max(), 100)

    def test_floats_of_a_file_are_quantised(self):
        real = numpy.linspace(-1, 2, 192).reshape(1, 8, 8, 3).astype("float32")
        files = [self.save("a.npz", x=real)]
        events = self.run_ok("fidelity", "integers", input={"seed": 0, "range": None, "files": files})
        stored = self.saved(events)["in0"]
        self.assertEqual((int(stored.min()), int(stored.max())), (-128, 127))  # 0..1 is what the input can say
        inside = (real >= 0) & (real <= 1)
        numpy.testing.assert_allclose((stored[inside].astype(int) + 128) / 255.0, real[inside], atol=0.51 / 255)

    def test_whole_numbers_of_a_file_are_taken_as_stored(self):
        stored = numpy.full((1, 8, 8, 3), 5, "int8")
        files = [self.save("a.npz", x=stored)]
        events = self.run_ok("fidelity", "integers", input={"seed": 0, "range": None, "files": files})
        numpy.testing.assert_array_equal(self.saved(events)["in0"], stored)


class StateTest(Case):
    def test_states_are_carried_through_the_runs(self):
        x = numpy.array([[1, 2, 3, 4]], "float32")
        files = [self.save("x.npz", x=x)]
        made = self.opened("state", states={"t": "s"}, input={"files": files})
        samples = inputs.open_samples(made.inputs, made._variant, self.home.path)
        names = [spec.name for spec in made.outputs]
        feeder = module("feeder").Feeder(samples, {"t": "s"}, names, made.bind)
        feeder.rewind()
        seen = []
        for _ in range(3):
            outputs = made.run()
            seen.append(outputs[1].copy())
            feeder.between(outputs)
        numpy.testing.assert_array_equal(seen, [x, 2 * x, 3 * x])


class ErrorTest(Case):
    def test_a_missing_file_and_one_that_is_no_model(self):
        self.assertEqual(self.failed("gone")["code"], "load-failed")
        with open(os.path.join(self.home.path, "text.tflite"), "w") as file:
            file.write("no model at all")
        error = self.failed("text")
        self.assertEqual((error["code"], error["stage"]), ("load-failed", "load"))

    def test_operators_that_are_not_there_are_named(self):
        flex, custom = self.failed("flex"), self.failed("warp")
        self.assertEqual((flex["code"], custom["code"]), ("unsupported-op", "unsupported-op"))
        self.assertIn("Flex", flex["message"])
        self.assertIn("Warp", custom["message"])

    def test_options_that_nobody_knows(self):
        self.assertIn("unknown option kernel", self.failed("upscaler", options={"kernel": "builtin"})["message"])
        self.assertIn("kernels=fast", self.failed("upscaler", options={"kernels": "fast"})["message"])
        error = self.failed("upscaler", options={"delegate": "libx.so"})
        self.assertIn("accelerator other than cpu", error["message"])

    def test_an_accelerator_without_a_library(self):
        error = self.failed("upscaler", accelerator="gpu")
        self.assertEqual(error["code"], "delegate-failed")
        self.assertIn("--option delegate=PATH", error["message"])

    def test_a_library_that_is_not_there_or_is_no_delegate(self):
        for library in ("/gone/libdelegate.so", "libc.so.6"):
            error = self.failed("upscaler", accelerator="gpu", options={"delegate": library})
            self.assertEqual(error["code"], "delegate-failed")
            self.assertIn("lib", error["message"])


@unittest.skipUnless(COMPILER, "no C compiler here: `tools/system_packages.sh PYTHON cc` names the package")
class DelegateTest(Case):
    """A real delegate library: one that takes operators and computes nothing for them."""

    def setUp(self):
        Case.setUp(self)
        self.library = os.path.join(self.home.path, "libtest.so")
        source = os.path.join(DATA, "delegate.c")
        subprocess.check_call([COMPILER, "-shared", "-fPIC", "-O1", "-o", self.library, source])

    def options(self, **more):
        """Return the options of the library with its own ones."""
        return dict({"delegate." + key: value for key, value in more.items()}, delegate=self.library)

    def test_what_it_takes_is_its_placement(self):
        events = self.run_ok("fidelity", "upscaler", accelerator="gpu", options=self.options())
        self.assertEqual(only(events, "placement")[0]["nodes"], {"gpu": 3})
        self.assertEqual(only(events, "loaded")[0]["effective"]["accelerator"], "gpu")

    def test_a_part_is_told_by_operator(self):
        events = self.run_ok("fidelity", "upscaler", accelerator="gpu", options=self.options(nodes=2))
        (placed,) = only(events, "placement")
        self.assertEqual(placed["names"]["gpu"], ["CONV_2D 0", "ADD 1"])
        self.assertEqual(sum(placed["nodes"].values()), 3)

    def test_one_that_takes_nothing_is_no_row(self):
        error = self.failed("upscaler", accelerator="gpu", options=self.options(nodes=0))
        self.assertEqual(error["code"], "delegate-failed")
        self.assertEqual(error["message"], "the delegate took none of the 3 operators")

    def test_one_that_refuses_says_why_in_its_own_words(self):
        error = self.failed("upscaler", accelerator="npu", options=self.options(refuse="no such device: /dev/npu0"))
        self.assertEqual(error["code"], "delegate-failed")
        self.assertIn("no such device: /dev/npu0", error["message"])


if __name__ == "__main__":
    unittest.main()
