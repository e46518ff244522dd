"""Building engines over the fake TensorRT: what the builder is told in each release, and why it would not."""

import json
import os
import threading
import unittest

from child_harness import have, module

if not have("numpy"):
    raise unittest.SkipTest("numpy is not installed here")

import numpy
from tensorrt_bench import JP6, JP7, JP46, JP51, NANO, NETWORK, VERSIONS, Case

progress = module("tensorrt_api.progress")
QDQ = dict(NETWORK, layers=[{"Name": "q", "kind": "QUANTIZE"}, {"Name": "c"}])
FREE = dict(NETWORK, inputs=[["x", "FLOAT", [-1, 3]]], outputs=[["y", "FLOAT", [-1, 3]]])
PROFILE = {"x": {"min": [1, 3], "opt": [2, 3], "max": [4, 3]}}


class BuildCase(Case):
    def config(self, bench, network=NETWORK, **more):
        """Build and return the configuration that TensorRT was given."""
        bench.build(network, **more)
        return bench.trt.built[-1]


class BuildTest(BuildCase):
    def test_what_was_built_runs(self):
        for version in VERSIONS:
            bench = self.bench(version)
            bench.build()
            made = bench.runner()
            x = numpy.array([[1, 2, 3]], "float32")
            made.bind({"x": x})
            numpy.testing.assert_array_equal(made.run()[0], 2 * x)

    def test_version_and_gpu_make_the_key(self):
        bench = self.bench(JP46, NANO, "5.3", "NVIDIA Tegra X1")
        way = bench.builder()
        self.assertEqual((way.version(), way.gpu()), (JP46, {"name": "NVIDIA Tegra X1", "sm": "5.3"}))

    def test_the_build_step_builds_by_it(self):
        build = module("build")
        self.assertEqual(build.WAYS["python"], ("runners.tensorrt_builder", "Builder"))
        bench = self.bench()
        way = bench.builder()

        class Session(object):
            variant, home, jobdir, root = bench.variant(), bench.home, bench.home, "/"

            class emitter(object):  # noqa: N801
                events = []

                @classmethod
                def emit(cls, ev, **fields):
                    cls.events.append(dict(fields, ev=ev))

                @classmethod
                def phase(cls, name):
                    cls.events.append({"ev": "phase", "name": name})

        build.build(Session, way)
        engine = Session.emitter.events[-1]
        self.assertEqual((engine["ev"], engine["cached"], engine["runtime"]), ("engine", False, JP6))
        self.assertEqual(engine["more"]["layers"], 1)
        path = build.built(bench.variant(), bench.home, bench.home)
        self.assertTrue(os.path.isfile(path))
        build.build(Session, way)
        self.assertTrue(Session.emitter.events[-1]["cached"])

    def test_precisions_are_flags(self):
        for version in VERSIONS:
            flags = self.config(self.bench(version), flags={"fp16": True, "tf32": True})._flags
            self.assertEqual(flags, {"TF32", "FP16"})
            flags = self.config(self.bench(version), QDQ, flags={"int8": True, "tf32": False})._flags
            self.assertEqual(flags, {"INT8"})

    def test_a_quantised_network_needs_its_int8_whatever_was_asked(self):
        bench = self.bench()
        self.assertEqual(bench.build(QDQ, flags={"fp16": True})["precisions"], ["fp16", "int8"])

    def test_workspace_by_release(self):
        asked = {"workspace_mib": 64}
        self.assertEqual(self.config(self.bench(JP46), flags=asked).max_workspace_size, 64 << 20)
        self.assertEqual(self.config(self.bench(JP46)).max_workspace_size, 1024 << 20)  # a quarter of 4 GiB
        for version in (JP51, JP6, JP7):
            self.assertEqual(self.config(self.bench(version), flags=asked)._pools, {"WORKSPACE": 64 << 20})
            self.assertEqual(self.config(self.bench(version))._pools, {})

    def test_detail_is_asked_for_where_layers_can_be_told(self):
        self.assertIsNone(self.config(self.bench("8.0.1.6")).profiling_verbosity)
        self.assertEqual(self.config(self.bench(JP46)).profiling_verbosity.name, "DETAILED")

    def test_dla_with_the_gpu_for_the_rest(self):
        for version in VERSIONS:
            config = self.config(self.bench(version), accelerator="dla1", flags={"dla": 1, "fp16": True})
            self.assertEqual((config.DLA_core, config.default_device_type.name), (1, "DLA"))
            self.assertIn("GPU_FALLBACK", config._flags)

    def test_free_dimensions_get_a_profile(self):
        for version in VERSIONS:
            config = self.config(self.bench(version), FREE, profile=PROFILE)
            self.assertEqual(config._profiles, [{"x": [[1, 3], [2, 3], [4, 3]]}])


class ProgressTest(BuildCase):
    def test_ten_tells_a_share(self):
        bench = self.bench(JP6)
        told = []
        trt = bench.trt
        monitor = progress.make_monitor(trt, progress.Teller(lambda *one: told.append(one), every_ns=0))
        module("tensorrt_api")
        from fake_tensorrt_build import watch

        watch(monitor)
        self.assertEqual(told[0], (0.0, "Building the engine"))
        self.assertEqual([done for done, _ in told], [0.0, 0.5, 0.5, 0.75])

    def test_eight_tells_what_is_logged(self):
        bench = self.bench(JP46)
        self.assertIsNone(progress.make_monitor(bench.trt, None))
        log = module("tensorrt_api.log").make_log(bench.trt, lambda text: bench.hear(None, text))
        for severity in (0, 1, 2, 3, 4):
            log.log(severity, "line %d" % severity)
        self.assertEqual(bench.progress, [(None, "line 3")])
        self.assertEqual([letter for letter, _ in log.lines], ["F", "E", "W"])

    def test_a_long_silence_is_told_by_its_length(self):
        told, now = threading.Event(), [0]

        def hear(done, text):
            if (done, text) == (None, "building for 7 s"):
                told.set()

        elapsed = progress.Elapsed(progress.Teller(hear, every_ns=0), lambda: now[0], every_s=0.001)
        with elapsed:
            now[0] = 7 * 10**9
            self.assertTrue(told.wait(60))
        self.assertFalse(elapsed._thread.is_alive())

    def test_a_supervisor_that_is_gone_ends_no_thread_of_tensorrts(self):
        def gone(done, text):
            raise BrokenPipeError

        progress.Teller(gone).tell("a")

    def test_not_more_than_once_a_second_and_never_back(self):
        now, told = [0], []
        teller = progress.Teller(lambda done, text: told.append((done, text)), lambda: now[0])
        for at, done in ((0, 0.5), (10**9 - 1, 0.6), (10**9, 0.2), (2 * 10**9, None)):
            now[0] = at
            teller.tell("t%d" % at, done)
        self.assertEqual([done for done, _ in told], [0.5, 0.6, 0.6])

    def test_phases_of_odd_trees(self):
        phases = progress.Phases()
        self.assertIsNone(phases.share())
        phases.step("never begun", 3)
        phases.start("a", None, 0)
        phases.step("a", 5)
        self.assertEqual(phases.share(), 1.0)
        phases.finish("a")
        phases.finish("a")
        self.assertIsNone(phases.share())


class RefusalTest(BuildCase):
    def test_int8_on_a_nano_names_its_capability(self):
        for network in (NETWORK, QDQ):
            bench = self.bench(JP46, NANO, "5.3", "NVIDIA Tegra X1")
            self.refused("unsupported-precision", lambda: bench.build(network, flags={"int8": True}), "sm_53", "int8")  # noqa: B023
            self.assertEqual(bench.trt.built, [])

    def test_fp16_where_it_is_slow(self):
        bench = self.bench(JP51, {"fp16": False, "int8": True}, "6.1", "Some card")
        self.refused("unsupported-precision", lambda: bench.build(flags={"fp16": True}), "sm_61", "fp16")

    def test_eleven_takes_no_precision(self):
        bench = self.bench("11.4.0.106")
        bench.build()
        self.refused("unsupported-precision", lambda: bench.build(flags={"fp16": True}), "11.4", "of the file")

    def test_dla_where_there_is_none(self):
        for dla, words in ((0, "no DLA"), (1, "1 DLA core")):
            bench = self.bench(JP46, dict(NANO, dla=dla))
            self.refused("delegate-failed", lambda: bench.build(flags={"dla": 1}), "dla1", words)  # noqa: B023

    def test_an_operator_is_named_by_eights_log(self):
        log = [
            "ModelImporter.cpp:720: While parsing node number 3 [Round -> \"r\"]:",
            "ModelImporter.cpp:721: --- Begin node ---",
            'input: "x"\noutput: "r"\nname: "Round_3"\nop_type: "Round"\n',
            "ModelImporter.cpp:722: --- End node ---",
            "ModelImporter.cpp:726: ERROR: builtin_op_importers.cpp:4643 In function importFallbackPluginImporter:",
            '[8] Assertion failed: creator && "Plugin not found, are the plugin name, version, and namespace correct?"',
        ]  # fmt: skip
        error = {"code": "UNSUPPORTED_NODE", "node": 3, "desc": 'Assertion failed: creator && "Plugin not found"'}
        for version in (JP46, JP51):
            bench = self.bench(version)
            broken = dict(NETWORK, parser=[error], log=log)
            self.refused("unsupported-op", lambda: bench.build(broken), "Round", "Round_3")  # noqa: B023

    def test_an_operator_is_named_by_tens_error(self):
        error = {"code": "UNSUPPORTED_NODE", "node": 7, "name": "nms", "operator": "RoiAlign", "desc": "no\nplugin"}
        for version in (JP6, JP7):
            bench = self.bench(version)
            self.refused("unsupported-op", lambda: bench.build(dict(NETWORK, parser=[error])), "RoiAlign", "nms")  # noqa: B023

    def test_a_node_is_numbered_where_nothing_names_it(self):
        error = {"code": "UNSUPPORTED_NODE", "node": 12, "desc": "?"}
        self.refused("unsupported-op", lambda: self.bench(JP46).build(dict(NETWORK, parser=[error])), "node number 12")

    def test_other_words_of_the_parser(self):
        for word, code in (("MODEL_DESERIALIZE_FAILED", "load-failed"), ("MEM_ALLOC_FAILED", "oom")):
            error = {"code": word, "desc": "why"}
            self.refused(code, lambda: self.bench().build(dict(NETWORK, parser=[error])), "why")  # noqa: B023

    def test_shapes_that_are_missing_or_wrong(self):
        bench = self.bench()
        self.refused("shape-mismatch", lambda: bench.build(FREE), "x is ?x3")
        wrong = {"x": {"min": [4, 3], "opt": [2, 3], "max": [1, 3]}}
        self.refused("shape-mismatch", lambda: bench.build(FREE, profile=wrong), "2x3")

    def test_short_of_workspace_asks_for_more(self):
        line = (
            "10: [optimizer.cpp::computeCosts::2011] Error Code 10: Internal Error (Could not find any "
            "implementation for node Conv_0 due to insufficient workspace. See verbose log for requested sizes.)"
        )
        how = {"fails": True, "log": [["ERROR", line]]}
        bench = self.bench(JP46)
        network = dict(NETWORK, build=how)
        self.refused("oom", lambda: bench.build(network, flags={"workspace_mib": 8}), "8 MiB", "gives more", "Conv_0")

    def test_out_of_memory_asks_for_less(self):
        log = [
            ["WARNING", "Tactic Device request: 538MB Available: 166MB. Device memory is insufficient to use tactic."],
            ["ERROR", "1: [defaultAllocator.cpp::allocate::20] Error Code 1: Cuda Runtime (out of memory)"],
        ]
        for version in VERSIONS:
            bench = self.bench(version)
            network = dict(NETWORK, build={"fails": True, "log": log})
            self.refused("oom", lambda: bench.build(network), "out of memory", "workspace")  # noqa: B023

    def test_any_other_failure_is_its_last_telling_error(self):
        log = [
            ["ERROR", "2: [weightConvertors.cpp::quantizeBiasCommon::310] Error Code 2: Internal Error (Assertion x)"]
        ]
        network = dict(NETWORK, build={"fails": True, "log": log})
        self.refused("build-failed", lambda: self.bench().build(network), "quantizeBiasCommon")
        silent = dict(NETWORK, build={"fails": True})
        self.refused("build-failed", lambda: self.bench().build(silent))


class CalibrationTest(BuildCase):
    def sets(self, bench, *arrays):
        """Save arrays as the calibration set and return it."""
        names = []
        for at, array in enumerate(arrays):
            names.append("c%d.npz" % at)
            numpy.savez(os.path.join(bench.home, names[-1]), x=array)
        os.makedirs(os.path.join(bench.home, "engines"), exist_ok=True)
        return {"files": names, "sha256": "c" * 64}

    def test_every_file_is_a_batch_on_the_gpu(self):
        for version in VERSIONS:
            bench = self.bench(version)
            chosen = self.sets(bench, *[numpy.full((1, 3), n, "float32") for n in (5, 6, 7)])
            told = bench.build(flags={"int8": True}, calibration=chosen)
            self.assertEqual(bench.trt.calibrated, [5.0, 6.0, 7.0])
            self.assertEqual(told["calibration"], {"batches": 3, "from_cache": False})

    def test_scales_are_kept_for_the_same_set(self):
        bench = self.bench()
        chosen = self.sets(bench, numpy.ones((1, 3), "float32"))
        bench.build(flags={"int8": True}, calibration=chosen)
        told = bench.build(flags={"int8": True}, calibration=chosen)
        self.assertEqual(told["calibration"], {"batches": 0, "from_cache": True})
        self.assertEqual(json.loads(bench.trt.calibrated.decode()), [1.0])
        told = bench.build(flags={"int8": True}, calibration=dict(chosen, sha256="d" * 64))
        self.assertFalse(told["calibration"]["from_cache"])

    def test_a_set_of_the_wrong_shape_says_both(self):
        bench = self.bench()
        chosen = self.sets(bench, numpy.ones((1, 3), "float32"), numpy.ones((2, 4), "float32"))
        action = lambda: bench.build(flags={"int8": True}, calibration=chosen)  # noqa: E731
        self.refused("bad-input", action, "2x4", "1x3", "c1.npz")
        self.assertEqual(bench.trt.built, [])

    def test_a_set_for_another_input(self):
        bench = self.bench()
        chosen = self.sets(bench)
        numpy.savez(os.path.join(bench.home, "c.npz"), z=numpy.ones(3))
        chosen["files"] = ["c.npz"]
        self.refused("bad-input", lambda: bench.build(flags={"int8": True}, calibration=chosen), "takes x")

    def test_free_dimensions_are_calibrated_at_their_best_shape(self):
        bench = self.bench()
        chosen = self.sets(bench, numpy.ones((2, 3), "float32"))
        bench.build(FREE, flags={"int8": True}, profile=PROFILE, calibration=chosen)
        self.assertEqual(bench.trt.built[-1]._calibration_profile, {"x": [[2, 3]] * 3})

    def test_a_file_that_goes_away_meanwhile_fails_the_build(self):
        bench = self.bench()
        chosen = self.sets(bench, numpy.ones((1, 3), "float32"), numpy.ones((1, 3), "float32"))
        way = bench.builder(flags={"int8": True}, calibration=chosen)
        copied = bench.cuda.copy_in

        def copy_in(*args):
            path = os.path.join(bench.home, "c1.npz")
            if os.path.exists(path):
                os.unlink(path)
            return copied(*args)

        bench.cuda.copy_in = copy_in
        self.refused("bad-input", lambda: way.build(os.path.join(bench.home, "e"), bench.hear), "c1.npz")
        self.assertEqual(os.listdir(os.path.join(bench.home, "engines")), [])
        self.assertFalse(os.path.exists(os.path.join(bench.home, "e")))

    def test_no_room_for_the_scales_is_no_failure(self):
        bench = self.bench()
        chosen = self.sets(bench, numpy.ones((1, 3), "float32"))
        os.rmdir(os.path.join(bench.home, "engines"))
        told = bench.build(flags={"int8": True}, calibration=chosen)
        self.assertEqual(told["calibration"]["batches"], 1)

    def test_a_quantised_network_is_not_calibrated(self):
        bench = self.bench()
        bench.build(QDQ, flags={"int8": True}, calibration=self.sets(bench, numpy.ones((1, 3), "float32")))
        self.assertIsNone(bench.trt.calibrated)

    def test_int8_without_scales_or_a_set(self):
        self.refused("build-failed", lambda: self.bench().build(flags={"int8": True}), "calibration files")


if __name__ == "__main__":
    unittest.main()
