"""The child with a real ONNX Runtime (1.10 on Python 3.6, today's on others): every pass, end to end."""

import hashlib
import json
import os
import unittest

from child_harness import Child, Home, have, module, only, protocol

if not have("onnxruntime", "numpy"):
    raise unittest.SkipTest("onnxruntime is not installed here")

import numpy
import onnxruntime

runner = module("runners.onnxruntime")
placement = module("placement")


def unpacked(events, key):
    """Return all values of a packed field of the samples events."""
    return [value for event in only(events, "samples") for value in protocol.unpack_ints(event[key])]


class Case(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)

    def run_ok(self, name, model, **more):
        """Return the events of a step that must succeed."""
        status, events = self.home.run(name, model, **more)
        self.assertEqual(status, 0, events[-1])
        self.assertEqual(only(events, "error"), [])
        return events

    def failed(self, model, **more):
        """Return the error of a step that must fail."""
        status, events = self.home.run("invocation", model, **more)
        self.assertEqual((status, events[-1]["ev"]), (1, "error"))
        return events[-1]

    def save(self, name, **arrays):
        """Save an .npz into the home and return its name."""
        numpy.savez(os.path.join(self.home.path, name), **arrays)
        return name

    def opened(self, model, **more):
        """Return a loaded runner in this process."""
        made = runner.Runner(self.home.variant(model, **more), self.home.path, self.home.path)
        made.import_runtime()
        made.load()
        return made


class InvocationTest(Case):
    def test_the_order_of_events_and_what_they_tell(self):
        events = self.run_ok("invocation", "affine", go={"min_iterations": 7})
        names = [event["ev"] for event in events]
        self.assertEqual(
            names, ["phase", "loaded", "phase", "first", "ready", "phase", "samples", "block", "usage", "done"]
        )
        self.assertEqual([event["name"] for event in only(events, "phase")], ["load", "first", "measure"])
        (loaded,) = only(events, "loaded")
        self.assertEqual((loaded["runtime"], loaded["version"]), ("onnxruntime", onnxruntime.__version__))
        self.assertEqual(
            loaded["effective"], {"accelerator": "cpu", "providers": ["CPUExecutionProvider"], "threads": 1}
        )
        self.assertEqual(loaded["io"]["inputs"], [{"name": "x", "dtype": "float32", "shape": ["N", 4]}])
        self.assertIsNone(loaded["build_ns"])
        (ready,) = only(events, "ready")
        self.assertEqual(ready["outputs"], [{"name": "y", "dtype": "float32", "shape": [1, 4]}])
        self.assertEqual((ready["load_ns"], ready["items_per_iteration"]), (loaded["load_ns"], 1))
        self.assertEqual(ready["first_ns"], only(events, "first")[0]["ns"])

    def test_times_are_consistent(self):
        events = self.run_ok("invocation", "affine", go={"min_iterations": 50})
        stamps = [event["t"] for event in events]
        self.assertEqual(stamps, sorted(stamps))
        starts = numpy.array(unpacked(events, "start_ns"))
        lasted = numpy.array(unpacked(events, "duration_ns"))
        ends = starts + lasted
        self.assertEqual(len(starts), 50)
        self.assertTrue((lasted > 0).all())
        self.assertTrue((ends[:-1] <= starts[1:]).all())
        (loaded,) = only(events, "loaded")
        self.assertGreater(loaded["import_ns"], 0)
        self.assertLess(loaded["import_ns"] + loaded["load_ns"], loaded["t"] - stamps[0])
        (usage,) = only(events, "usage")
        self.assertGreaterEqual(usage["wall_ns"], ends[-1] - starts[0])
        self.assertEqual(usage["n"], 50)

    def test_time_and_iterations_bound_it(self):
        events = self.run_ok("invocation", "affine", go={"min_time_s": 0.05, "min_iterations": 1})
        self.assertGreaterEqual(only(events, "usage")[0]["wall_ns"], 0.05e9)
        self.assertGreater(only(events, "usage")[0]["n"], 1)
        events = self.run_ok("invocation", "affine", go={"min_time_s": 60, "max_iterations": 4})
        self.assertEqual(len(unpacked(events, "start_ns")), 4)

    def test_a_batch_multiplies_the_items(self):
        events = self.run_ok("invocation", "affine", batch=3, frames_per_inference=2)
        (ready,) = only(events, "ready")
        self.assertEqual((ready["items_per_iteration"], ready["inputs"][0]["shape"]), (6, [3, 4]))
        self.assertEqual(only(events, "block")[0]["items"], 6 * 5)

    def test_two_threads_are_seen_as_two(self):
        events = self.run_ok("invocation", "affine", threads=2)
        self.assertEqual(only(events, "loaded")[0]["effective"]["threads"], 2)

    def test_no_go_means_the_supervisor_is_gone(self):
        child = Child(self.home.path, "invocation", self.home.variant("affine"))
        child.until("ready")
        child.process.stdin.close()
        (error,) = child.end()
        self.assertEqual((child.process.returncode, error["code"]), (1, "interrupted"))


class FilesTest(Case):
    def test_a_set_of_files_is_taken_in_turn(self):
        files = [self.save("%d.npz" % n, x=numpy.full((n + 1, 4), n, "float32")) for n in range(3)]
        events = self.run_ok(
            "invocation", "affine", input={"seed": 0, "range": None, "files": files}, go={"min_iterations": 7}
        )
        self.assertEqual(unpacked(events, "file"), [0, 1, 2, 0, 1, 2, 0])
        self.assertEqual(only(events, "ready")[0]["files"], 3)

    def test_a_wrong_file_is_bad_input(self):
        error = self.failed("affine", input={"files": [self.save("a.npz", image=numpy.zeros((1, 4), "float32"))]})
        self.assertEqual((error["code"], error["stage"]), ("bad-input", "input"))
        self.assertIn("image", error["message"])


class ErrorTest(Case):
    def test_a_missing_file(self):
        error = self.failed("gone")
        self.assertEqual((error["code"], error["stage"]), ("load-failed", "load"))
        self.assertIn("gone.onnx", error["message"])

    def test_a_file_that_is_no_model(self):
        with open(os.path.join(self.home.path, "text.onnx"), "w") as file:
            file.write("no model")
        self.assertEqual(self.failed("text")["code"], "load-failed")

    def test_an_operator_that_nobody_registered(self):
        error = self.failed("foreign")
        self.assertEqual((error["code"], error["stage"]), ("unsupported-op", "load"))
        self.assertIn("Mystery", error["message"])
        self.assertNotIn("\n", error["message"])

    def test_a_custom_op_library_that_is_not_there(self):
        error = self.failed("foreign", options={"custom_op_library": "libgone.so"})
        self.assertEqual((error["code"], error["stage"]), ("load-failed", "load"))
        self.assertIn("libgone.so", error["message"])

    def test_values_that_the_model_refuses_while_running(self):
        error = self.failed("gather", input={"seed": 1, "range": [7, 8]})
        self.assertEqual((error["code"], error["stage"]), ("bad-input", "first"))

    def test_more_memory_than_there_is(self):
        error = self.failed("greedy")
        self.assertEqual((error["code"], error["stage"]), ("oom", "first"))

    def test_an_accelerator_that_this_build_lacks(self):
        error = self.failed("affine", accelerator="tensorrt")
        self.assertEqual(error["code"], "delegate-failed")
        self.assertIn("TensorrtExecutionProvider", error["message"])


class OptionTest(Case):
    def test_a_failing_run_does_not_go_on_with_another_provider(self):
        self.assertFalse(self.opened("affine")._session._enable_fallback)

    def test_a_session_config_entry_reaches_the_session(self):
        key = "session.intra_op.allow_spinning"
        made = self.opened("affine", options={key: "0", "optimization": "basic"})
        options = made._session.get_session_options()
        self.assertEqual(options.get_session_config_entry(key), "0")
        self.assertEqual(options.graph_optimization_level, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC)
        self.assertEqual((options.intra_op_num_threads, options.inter_op_num_threads), (1, 1))


class BoundTest(Case):
    def test_bound_outputs_are_the_same_memory_with_the_same_numbers(self):
        made = self.opened("affine")
        feeds = {"x": numpy.arange(8, dtype="float32").reshape(2, 4)}
        made.bind(feeds)
        plain = made.run()
        bound = runner.Bound(made._session, feeds, plain)
        first = bound.run()
        numpy.testing.assert_array_equal(first[0], plain[0])
        feeds["x"] += 1
        again = bound.run()
        self.assertIs(again[0], first[0])
        numpy.testing.assert_array_equal(again[0], plain[0] + 2)


class StateTest(Case):
    def test_states_are_carried_through_the_runs(self):
        """Output t = x + s is fed back as s: it is x after the first inference, and starts afresh for the next pass."""
        x = numpy.array([[1, 2, 3, 4]], "float32")
        made = self.opened("state", states={"t": "s"}, input={"files": [self.save("x.npz", x=x)]})
        inputs = module("inputs")
        samples = inputs.open_samples(made.inputs, made._variant, self.home.path)
        feeder = module("feeder").Feeder(samples, {"t": "s"}, [spec.name for spec in made.outputs], made.bind)
        feeder.rewind()
        seen = []
        for _ in range(3):
            outputs = made.run()
            seen.append(outputs[1].reshape(1, 4).copy())
            feeder.between(outputs)
        numpy.testing.assert_array_equal(seen, [x, 2 * x, 3 * x])
        feeder.rewind()
        numpy.testing.assert_array_equal(made.run()[1].reshape(1, 4), x)

    def test_a_recurrent_model_runs_in_a_child(self):
        events = self.run_ok("invocation", "state", states={"t": "s"})
        self.assertEqual(only(events, "ready")[0]["inputs"][1]["shape"], [1, 1, 4])


class SoakTest(Case):
    def test_idles_surround_the_soak(self):
        events = self.run_ok("soak", "affine", go={"seconds": 0.2, "idle_s": 0.1})
        phases = [(event["name"], event["t"]) for event in only(events, "phase")]
        self.assertEqual([name for name, _ in phases], ["load", "first", "idle-before", "soak", "idle-after"])
        at = dict(phases)
        self.assertGreaterEqual(at["soak"] - at["idle-before"], 0.1e9)
        self.assertGreaterEqual(at["idle-after"] - at["soak"], 0.2e9)
        self.assertEqual(sum(event["n"] for event in only(events, "samples")), only(events, "usage")[0]["n"])

    def test_the_supervisors_end_wakes_an_idle_child(self):
        child = Child(self.home.path, "soak", self.home.variant("affine"))
        child.until("ready")
        child.go(seconds=0.01, idle_s=3600)
        child.until("phase")
        child.process.stdin.close()
        events = child.end()
        self.assertEqual((events[-1]["code"], child.process.returncode), ("interrupted", 1))


class PacedTest(Case):
    def test_frames_are_released_on_a_grid(self):
        events = self.run_ok("paced", "affine", go={"seconds": 0.2, "fps": 100})
        (paced,) = only(events, "paced")
        self.assertEqual(paced["slots"], 20)
        released = numpy.array(unpacked(events, "released_ns"))
        starts = numpy.array(unpacked(events, "start_ns"))
        self.assertEqual(paced["n"], len(released))
        self.assertTrue(((released - released[0]) % 10**7 == 0).all())
        self.assertTrue((starts >= released).all())

    def test_a_rate_that_cannot_be_held_misses(self):
        events = self.run_ok("paced", "affine", go={"seconds": 0.001, "fps": 1e9 / 100})
        (paced,) = only(events, "paced")
        self.assertEqual(paced["slots"], 10**4)
        self.assertGreater(paced["missed"], 9000)


class MemoryTest(Case):
    def test_every_stage_is_told_and_peaks_do_not_shrink(self):
        events = only(self.run_ok("memory", "affine"), "memory")
        stages = [event["stage"] for event in events]
        self.assertEqual(stages, ["baseline", "imported", "loaded", "first", "peak", "system"])
        peaks = [event["kib"]["VmHWM"] for event in events[:-1]]
        self.assertGreater(peaks[1] - peaks[0], 5 << 10)
        self.assertGreaterEqual(peaks[-1], peaks[1])
        system = events[-1]["kib"]
        self.assertLessEqual(system["min"], system["before"])


class FidelityTest(Case):
    def test_inputs_and_outputs_are_saved_for_the_host(self):
        events = self.run_ok("fidelity", "kinds")
        (outputs,) = only(events, "outputs")
        path = os.path.join(self.home.path, "jobs", "j", outputs["path"])
        with open(path, "rb") as file:
            data = file.read()
        self.assertEqual(outputs["bytes"], len(data))
        self.assertEqual(outputs["sha256"], hashlib.sha256(data).hexdigest())
        self.assertEqual(outputs["inputs"], ["f", "u8", "i8", "i64", "b"])
        self.assertEqual(outputs["outputs"], ["out/%s:0" % name for name in outputs["inputs"]])
        with numpy.load(path, allow_pickle=False) as saved:
            for at in range(5):
                self.assertEqual(saved["in%d" % at].dtype, saved["out%d" % at].dtype)
                numpy.testing.assert_array_equal(saved["in%d" % at], saved["out%d" % at])
            random = numpy.random.RandomState(7).random_sample(6).astype("float32")
            numpy.testing.assert_array_equal(saved["in0"].reshape(-1), random)

    def test_nodes_are_counted_by_provider_and_nothing_is_left_behind(self):
        events = self.run_ok("fidelity", "affine")
        (placed,) = only(events, "placement")
        self.assertEqual(placed["nodes"], {"CPUExecutionProvider": 2})
        self.assertEqual(placed["names"], {"CPUExecutionProvider": ["mul", "add"]})
        self.assertIn(placed["source"], ("profile", "graph-assignment"))
        left = os.listdir(os.path.join(self.home.path, "jobs", "j"))
        self.assertEqual(sorted(left), ["log.txt", "outputs-0.npz", "step-0.json"])

    def test_the_profile_of_this_runtime_names_providers(self):
        options = onnxruntime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = os.path.join(self.home.path, "profile")
        session = onnxruntime.InferenceSession(
            os.path.join(self.home.path, "affine.onnx"), options, providers=["CPUExecutionProvider"]
        )
        for _ in range(2):
            session.run(None, {"x": numpy.zeros((1, 4), "float32")})
        with open(session.end_profiling()) as profile:
            placed = placement.nodes_by_provider(json.load(profile))
        self.assertEqual(placed, {"CPUExecutionProvider": ["mul", "add"]})


if __name__ == "__main__":
    unittest.main()
