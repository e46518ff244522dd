"""The passes of trtexec, driven for real in the child's process against a program that plays trtexec."""

import json
import os
import shutil
import stat
import sys
import unittest

import child_harness as harness
import load

exports = load.module("trtexec.exports")
protocol = load.module("protocol")

HERE = os.path.dirname(os.path.abspath(__file__))


@unittest.skipUnless(harness.have("numpy"), "needs numpy, as the passes do")
class TrtexecCase(unittest.TestCase):
    """A home, and below it the root of a device whose trtexec is the double."""

    dialect = "8.2"

    def setUp(self):
        self.home = harness.Home()
        self.addCleanup(self.home.remove)
        self.root = os.path.join(self.home.path, "root")
        self.bin = os.path.join(self.root, "usr/src/tensorrt/bin")
        os.makedirs(self.bin)
        self.program = os.path.join(self.bin, "trtexec")
        with open(os.path.join(HERE, "trtexec_double.py")) as source, open(self.program, "w") as out:
            out.write("#!%s\n" % sys.executable + source.read())
        os.chmod(self.program, os.stat(self.program).st_mode | stat.S_IXUSR)
        self.set()
        with open(os.path.join(self.home.path, "model.onnx"), "w") as model:
            model.write("affine")

    def set(self, **settings):
        told = {"dialect": self.dialect, "sm": "5.3", "compute_ms": 2.0}
        told.update(settings)
        with open(os.path.join(self.bin, "settings.json"), "w") as out:
            json.dump(told, out)

    def variant(self, **engine):
        told = {"way": "trtexec", "artifact": "ab" * 32, "prebuilt": False, "flags": {"fp16": True}, "profile": {},
                "calibration": None, "inputs": [{"name": "x", "dtype": "float32", "shape": [1, 4]}]}  # fmt: skip
        told.update(engine)
        return self.home.variant("model.onnx", backend="tensorrt", accelerator="cuda", engine=told)

    def run_pass(self, name, go=None, variant=None, **step):
        """Run one step; return its events."""
        child = harness.Child(self.home.path, name, variant or self.variant(), step, root=self.root)
        events = [] if name == "build" else child.until("ready")
        if events and events[-1]["ev"] == "ready":
            child.go(**(go or {}))
        events += child.end()
        self.log = child.log()
        return events

    def only(self, events, name):
        return harness.only(events, name)

    def failed(self, events):
        errors = self.only(events, "error")
        self.assertEqual(len(errors), 1, (events, self.log))
        return errors[0]["code"], errors[0]["message"]

    def ok(self, events):
        self.assertEqual(self.only(events, "error"), [], self.log)
        self.assertEqual(self.only(events, "done")[-1]["outcome"], "ok")
        return events

    def truth(self):
        with open(os.path.join(self.bin, "truth.json")) as source:
            return json.load(source)

    def engines(self):
        folder = os.path.join(self.home.path, "engines")
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


class Building(TrtexecCase):
    def test_an_engine_is_built_kept_and_found_again(self):
        events = self.ok(self.run_pass("build"))
        engine = self.only(events, "engine")[0]
        self.assertEqual((engine["cached"], engine["runtime"]), (False, "8.2.1"))
        texts = [event["text"] for event in self.only(events, "progress")]
        self.assertEqual(texts, ["begins", "parsing the network", "timing kernels", "saving the engine"])
        self.assertIn("--workspace=256", engine["more"]["arguments"])
        again = self.only(self.ok(self.run_pass("build")), "engine")[0]
        self.assertEqual((again["cached"], again["build_ns"]), (True, engine["build_ns"]))

    def test_the_packages_tell_the_version_where_it_is_trtexecs_own(self):
        status = os.path.join(self.root, "var/lib/dpkg/status")
        os.makedirs(os.path.dirname(status))
        for package, runtime in (("8.2.1.9-1+cuda10.2", "8.2.1.9"), ("8.2.10.3-1+cuda10.2", "8.2.1")):
            with open(status, "w") as out:
                out.write("Package: libnvinfer-bin\nStatus: install ok installed\nVersion: %s\n" % package)
            self.assertEqual(self.only(self.ok(self.run_pass("build")), "engine")[0]["runtime"], runtime)

    def test_an_operator_that_tensorrt_does_not_take_is_named(self):
        with open(os.path.join(self.home.path, "model.onnx"), "w") as model:
            model.write("op GridSample")
        code, message = self.failed(self.run_pass("build"))
        self.assertEqual(code, "unsupported-op")
        self.assertIn("GridSample (node odd_7)", message)
        self.assertEqual(self.engines(), [])

    def test_dla_where_there_is_none(self):
        code, message = self.failed(self.run_pass("build", variant=self.variant(flags={"dla": 0})))
        self.assertEqual((code, message), ("delegate-failed", "Cannot create DLA engine, 0 not available"))

    def test_a_builder_without_memory_is_told_of_the_workspace(self):
        self.set(fail=["[TRT] 2: [virtualMemoryBuffer.cpp::resizePhysical::160] Error Code 2: OutOfMemory (no more)"])
        code, message = self.failed(self.run_pass("build"))
        self.assertEqual(code, "oom")
        self.assertIn("workspace", message)

    def test_int8_on_a_gpu_without_it_is_no_engine_of_int8(self):
        code, message = self.failed(self.run_pass("build", variant=self.variant(flags={"int8": True})))
        self.assertEqual(code, "unsupported-precision")
        self.assertIn("sm_53", message)
        self.assertEqual(self.engines(), [])

    def test_a_program_of_no_known_dialect(self):
        self.set(mumble=True)
        events = self.run_pass("build")
        code, message = self.failed(events)
        self.assertEqual(code, "unparsed-output")
        self.assertIn("teapot", message)
        kept = [event["text"] for event in self.only(events, "warning")]
        self.assertIn("teapot", kept[0])

    def test_no_trtexec(self):
        os.unlink(self.program)
        self.assertEqual(self.failed(self.run_pass("build"))[0], "tool-missing")

    def test_calibration_is_not_trtexecs(self):
        variant = self.variant(calibration={"files": ["x"], "sha256": "ab"})
        self.assertEqual(self.failed(self.run_pass("build", variant=variant))[0], "bad-input")

    def test_a_killed_child_takes_trtexec_with_it(self):
        self.set(hang="build")
        child = harness.Child(self.home.path, "build", self.variant(), root=self.root)
        said = self.until_progress(child)
        self.assertTrue(said)
        pid = self.hanging()
        child.process.kill()
        child.end()
        self.assertFalse(alive(pid))
        self.assertEqual([name for name in self.engines() if name.endswith((".engine", ".json"))], [])
        self.set()
        self.ok(self.run_pass("build"))
        self.assertEqual([name.rpartition(".")[2] for name in self.engines()], ["engine", "json"])

    def until_progress(self, child):
        return self.only(child.until("progress"), "progress")

    def hanging(self):
        path = os.path.join(self.bin, "pid")
        while not os.path.exists(path) or not os.path.getsize(path):
            os.sched_yield()
        with open(path) as source:
            return int(source.read())


def alive(pid):
    """Wait until a process that was killed is gone from the table of processes; tell whether it still runs."""
    while True:
        try:
            with open("/proc/%d/stat" % pid) as source:
                state = source.read().rpartition(")")[2].split()[0]
        except OSError:
            return False
        if state == "Z":
            return False
        os.sched_yield()


class Running(TrtexecCase):
    def setUp(self):
        TrtexecCase.setUp(self)
        self.ok(self.run_pass("build"))

    def test_fidelity_saves_what_went_in_and_came_out_and_names_the_layers(self):
        import numpy

        events = self.ok(self.run_pass("fidelity"))
        outputs = self.only(events, "outputs")[0]
        self.assertEqual((outputs["inputs"], outputs["outputs"]), (["x"], ["y"]))
        with numpy.load(os.path.join(self.home.path, "jobs", "j", outputs["path"])) as saved:
            numpy.testing.assert_allclose(saved["out0"], 2 * saved["in0"] + 1, rtol=1e-5)
            self.assertEqual(saved["out0"].shape, (1, 4))
        layers = self.only(events, "layers")[0]
        self.assertEqual([one["precision"] for one in layers["layers"]], [None, "fp16"])
        self.assertEqual(layers["layers"][1]["ops"], ["conv_1", "relu_2"])
        self.assertEqual(layers["reformat"], {"count": 1, "share": 0.25})
        self.assertEqual(self.only(events, "placement")[0]["nodes"], {"cuda": 2})

    def test_an_invocation_gives_every_inference_but_the_first_and_compute_apart(self):
        self.ok(self.run_pass("fidelity"))
        go = {"min_time_s": 0, "min_iterations": 30, "max_iterations": None}
        events = self.ok(self.run_pass("invocation", go))
        names = [event["ev"] for event in events]
        self.assertEqual(names[:2], ["phase", "ready"])
        rows = self.truth()["rows"]
        samples = self.only(events, "samples")
        durations = [ns for one in samples for ns in protocol.unpack_ints(one["duration_ns"])]
        computes = [ns for one in samples for ns in protocol.unpack_ints(one["compute_ns"])]
        self.assertEqual(len(durations), len(rows) - 1)
        for at, (begin, end) in enumerate(rows[1:]):
            self.assertLess(abs(durations[at] - (end - begin) * 1e6), 1000)
            self.assertLess(computes[at], durations[at])
        self.assertLess(abs(self.only(events, "first")[0]["ns"] - (rows[0][1] - rows[0][0]) * 1e6), 1000)
        self.assertIn("--exposeDMA", self.truth()["argv"])
        self.assertIn("--warmUp=0", self.truth()["argv"])
        usage = self.only(events, "usage")[0]
        self.assertEqual(usage["n"], len(durations))
        self.assertGreater(usage["wall_ns"], 0)
        self.assertEqual(self.only(events, "warning")[0]["code"], "trtexec-unstable")

    def test_the_anchor_is_no_further_off_than_it_says(self):
        self.ok(self.run_pass("fidelity"))
        events = self.ok(self.run_pass("invocation", {"min_time_s": 0.2, "min_iterations": 5}))
        anchor, truth = self.only(events, "anchor")[0], self.truth()
        offset = harness_clock_offset()
        error = anchor["at_ns"] - (truth["zero_ns"] + offset)
        self.assertLess(abs(error), anchor["uncertainty_ns"] + 5 * 10**6, anchor)
        start = protocol.unpack_ints(self.only(events, "samples")[0]["start_ns"])[0]
        self.assertLess(abs(start - anchor["at_ns"] - truth["rows"][1][0] * 1e6), 2000)

    def test_without_fidelity_an_invocation_tries_once_itself(self):
        events = self.ok(self.run_pass("invocation", {"min_time_s": 0, "min_iterations": 3}))
        ready = self.only(events, "ready")[0]
        self.assertTrue(ready["loads_later"])
        self.assertGreater(ready["first_ns"], 10**6)
        self.assertGreater(ready["load_ns"], ready["first_ns"])

    def test_a_soak_is_one_process_held_still_before_and_after(self):
        self.ok(self.run_pass("fidelity"))
        events = self.ok(self.run_pass("soak", {"seconds": 1, "idle_s": 0.3}, seconds=1, idle_s=0.3))
        phases = [(event["name"], event["t"]) for event in self.only(events, "phase")]
        self.assertEqual([name for name, _ in phases], ["load", "idle-before", "load", "soak", "idle-after", "unload"])
        for begin in (1, 4):
            self.assertGreaterEqual(phases[begin + 1][1] - phases[begin][1], 3 * 10**8)
        samples = self.only(events, "samples")
        self.assertGreater(sum(one["n"] for one in samples), 100)
        self.assertGreaterEqual(self.truth()["rows"][-1][1], 1000)
        starts = protocol.unpack_ints(samples[0]["start_ns"])
        self.assertGreaterEqual(starts[0], phases[3][1] - 10**7)
        load_ns = self.only(events, "loaded")[0]["load_ns"]
        self.assertLess(load_ns, phases[3][1] - phases[0][1] - 3 * 10**8)

    def test_memory_by_stage_and_the_engines_own(self):
        events = self.ok(self.run_pass("memory", {"iterations": 3}, iterations=3))
        stages = {event["stage"]: event["kib"] for event in self.only(events, "memory")}
        self.assertLessEqual({"baseline", "imported", "loaded", "peak", "engine"}, set(stages))
        self.assertEqual(stages["engine"], {"TensorRT": 16 * 1024})
        self.assertGreaterEqual(stages["peak"]["VmHWM"], stages["imported"]["VmRSS"])

    def test_what_the_gpu_holds_for_trtexec_is_a_part_of_its_peak(self):
        table = os.path.join(self.root, "sys/kernel/debug/nvmap/iovmm/clients")
        os.makedirs(os.path.dirname(table))
        self.set(nvmap=table, nvmap_kib=81920, compute_ms=20.0)
        events = self.ok(self.run_pass("memory", {"iterations": 3}, iterations=3))
        peak = [event for event in self.only(events, "memory") if event["stage"] == "peak"][0]
        self.assertEqual(peak["kib"]["nvmap"], 81920)
        self.assertIn("GPU memory of the process", peak["definitions"]["nvmap"])

    def test_paced_is_refused_in_words(self):
        code, message = self.failed(self.run_pass("paced", seconds=1, fps=30))
        self.assertEqual(code, "bad-input")
        self.assertIn("way=python", message)

    def test_a_crash_while_running(self):
        self.ok(self.run_pass("fidelity"))
        self.set(die=11)
        code, message = self.failed(self.run_pass("invocation", {"min_time_s": 0, "min_iterations": 30}))
        self.assertEqual(code, "crashed")
        self.assertIn("SIGSEGV", message)

    def test_an_export_cut_short(self):
        self.ok(self.run_pass("fidelity"))
        self.set(short_export=True)
        code, _ = self.failed(self.run_pass("invocation", {"min_time_s": 0, "min_iterations": 30}))
        self.assertEqual(code, "unparsed-output")

    def test_one_that_does_not_say_when_it_starts_is_not_understood(self):
        self.set(silent=True)
        code, message = self.failed(self.run_pass("fidelity"))
        self.assertEqual((code, "when its inferences began" in message), ("unparsed-output", True))

    def test_warm_up_that_nobody_asked_for_is_not_dropped_silently(self):
        self.ok(self.run_pass("fidelity"))
        self.set(warmups=4)
        code, message = self.failed(self.run_pass("invocation", {"min_time_s": 0, "min_iterations": 30}))
        self.assertEqual(code, "unparsed-output")
        self.assertIn("4 of them warm-up", message)

    def test_an_engine_of_another_release_is_a_sentence(self):
        shutil.copy(os.path.join(self.home.path, "engines", [n for n in self.engines() if n.endswith("engine")][0]),
                    os.path.join(self.home.path, "old.engine"))  # fmt: skip
        variant = self.variant(prebuilt=True)
        variant["model"] = "old.engine"
        self.set(dialect="10")
        code, message = self.failed(self.run_pass("fidelity", variant=variant))
        self.assertEqual(code, "engine-mismatch")
        self.assertEqual(
            message, "the engine was built by TensorRT 8.2.1, this is 10.3.0: build it here from its .onnx"
        )

    def test_inputs_that_nobody_told_are_asked_of_the_engine(self):
        variant = self.variant(inputs=None)
        self.ok(self.run_pass("build", variant=variant))
        events = self.ok(self.run_pass("fidelity", variant=variant))
        self.assertIn("types-unknown", [event["code"] for event in self.only(events, "warning")])

    def test_several_files_are_told_to_be_one(self):
        import numpy

        for name in ("a.npy", "b.npy"):
            numpy.save(os.path.join(self.home.path, name), numpy.ones((1, 4), "float32"))
        variant = self.variant()
        variant["input"]["files"] = ["a.npy", "b.npy"]
        events = self.ok(self.run_pass("fidelity", variant=variant))
        self.assertIn("one-input", [event["code"] for event in self.only(events, "warning")])

    def test_a_type_that_numpy_has_not(self):
        variant = self.variant(inputs=[{"name": "x", "dtype": "bfloat16", "shape": [1, 4]}])
        self.ok(self.run_pass("build", variant=variant))
        self.assertEqual(self.failed(self.run_pass("fidelity", variant=variant))[0], "unsupported-precision")

    def test_a_fed_back_output_is_refused(self):
        variant = dict(self.variant(), states={"y": "x"})
        self.assertEqual(self.failed(self.run_pass("fidelity", variant=variant))[0], "bad-input")


def harness_clock_offset():
    """Nanoseconds from time.monotonic to the agent's clock: 0 on Linux, where both are CLOCK_MONOTONIC."""
    import time

    return load.module("clock").monotonic_ns() - int(time.monotonic() * 1e9)


class Free(TrtexecCase):
    def test_free_dimensions_are_built_by_profile_and_run_in_the_shape_that_is_fed(self):
        profile = {"x": {"min": [1, 4], "opt": [2, 4], "max": [4, 4]}}
        inputs = [{"name": "x", "dtype": "float32", "shape": [None, 4]}]
        variant = dict(self.variant(profile=profile, inputs=inputs), shapes={"x": [3, 4]})
        self.ok(self.run_pass("build", variant=variant))
        self.ok(self.run_pass("fidelity", variant=variant))
        self.assertIn("--shapes=x:3x4", self.truth()["argv"])


class Seven(TrtexecCase):
    dialect = "7"

    def test_the_oldest_dialect_runs_and_says_what_it_cannot(self):
        self.ok(self.run_pass("build"))
        events = self.ok(self.run_pass("fidelity"))
        self.assertIn("placement-unavailable", [event["code"] for event in self.only(events, "warning")])
        events = self.ok(self.run_pass("soak", {"seconds": 1, "idle_s": 0.1}, seconds=1, idle_s=0.1))
        self.assertIn("idle-missing", [event["code"] for event in self.only(events, "warning")])
        self.assertTrue(self.only(events, "anchor")[0]["whole"])


class Ten(TrtexecCase):
    dialect = "10"

    def test_the_newest_dialect_runs(self):
        engine = self.only(self.ok(self.run_pass("build")), "engine")[0]
        self.assertEqual(engine["runtime"], "10.3.0.30")
        self.assertIn("--skipInference", engine["more"]["arguments"])
        self.ok(self.run_pass("fidelity"))
        events = self.ok(self.run_pass("invocation", {"min_time_s": 0, "min_iterations": 5}))
        self.assertFalse(self.only(events, "anchor")[0]["whole"])


if __name__ == "__main__":
    unittest.main()
