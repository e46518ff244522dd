"""trtexec's text read: every captured sample, and whatever else may come."""

import glob
import os
import random
import unittest

import load

speech = load.module("trtexec.speech")
complaints = load.module("trtexec.complaints")

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
SAMPLES = sorted(glob.glob(os.path.join(DATA, "trtexec_*.txt")))


def sample(name):
    with open(os.path.join(DATA, "trtexec_%s.txt" % name), encoding="utf-8") as source:
        return source.read()


class Samples(unittest.TestCase):
    def test_eight_point_four_on_a_xavier(self):
        said = speech.read(sample("84_xavier"))
        self.assertEqual((said.status, said.version, said.throughput), ("PASSED", "8.4.0", 41087.7))
        self.assertEqual(
            said.figures["Latency"],
            {"min": 0.387207, "max": 0.447357, "mean": 0.402238, "median": 0.401947, "99%": 0.420288},
        )
        self.assertEqual(said.figures["GPU Compute Time"]["mean"], 0.388221)

    def test_seven_point_two_tells_end_to_end(self):
        said = speech.read(sample("72_1080ti"))
        self.assertEqual(said.figures["End-to-End Host Latency"]["median"], 636.003)
        self.assertEqual(said.throughput, 1.57184)

    def test_seven_point_one_has_no_version_and_a_line_for_each_statistic(self):
        said = speech.read(sample("71_caffe"))
        self.assertEqual((said.known, said.status, said.version), (True, "PASSED", None))
        self.assertEqual((said.warmups, said.timed, said.throughput), (4, 56, 18.0758))
        self.assertEqual(
            said.figures["Latency"], {"min": 55.1414, "max": 57.542, "mean": 55.3094, "median": 55.2737, "99%": 57.542}
        )
        self.assertEqual(said.figures["GPU Compute Time"]["99%"], 57.4766)
        self.assertEqual(said.figures["Enqueue Time"]["median"], 4.06059)
        self.assertIn("small-workspace", said.notes)

    def test_ten_has_three_percentiles(self):
        said = speech.read(sample("10"))
        self.assertEqual([said.figures["Latency"][key] for key in ("90%", "95%", "99%")], [10.2996, 10.8698, 12.9675])

    def test_a_paste_that_lost_its_equal_signs(self):
        said = speech.read(sample("8_jetson_yolov5s"))
        self.assertEqual(said.figures["Latency"]["max"], 6.19507)
        self.assertEqual(said.figures["Latency"]["99%"], 6.17407)
        self.assertIn("unstable", said.notes)

    def test_ten_point_nine_from_the_build_on(self):
        said = speech.Said()
        marks = [mark for mark in map(said.take, sample("109_resnet50").splitlines()) if mark]
        self.assertEqual(
            marks,
            ["banner", "parsing the network", "imported", "parsing the network", "timing kernels", "timing kernels",
             "timing kernels", "assembling the engine", "saving the engine", "saving the engine", "loaded", "start",
             "end"],
        )  # fmt: skip
        self.assertEqual(said.facts["gpu"], "NVIDIA GeForce RTX 3070")
        self.assertEqual((said.version, said.facts["sm"], said.facts["built_s"]), ("10.9.0.34", "8.6", "10.7204"))
        self.assertEqual(dict(said.inputs), {"gpu_0/data_0": [1, 3, 224, 224]})
        self.assertEqual(dict(said.outputs), {"gpu_0/softmax_1": [1, 1000]})
        self.assertEqual(said.memory, {"managed": 106, "context": 7.84766})
        self.assertEqual(said.status, "RUNNING")


class Versions(unittest.TestCase):
    def test_of_banners(self):
        for banner, version in (
            ("[TensorRT v7103]", "7.1.3"),
            ("[TensorRT v8201]", "8.2.1"),
            ("[TensorRT v8602]", "8.6.2"),
            ("[TensorRT v100300] [b30]", "10.3.0.30"),
            ("[TensorRT v101303] [b9]", "10.13.3.9"),
            ("[TensorRT v11.1.0.106] [b48]", "11.1.0.106"),
        ):
            said = speech.read("&&&& RUNNING TensorRT.trtexec %s # trtexec --help" % banner)
            self.assertEqual(said.version, version)
        self.assertEqual(speech.major_of("10.3.0"), 10)
        self.assertIsNone(speech.major_of(None))
        self.assertIsNone(speech.major_of("unknown"))


def judged(text, fallback="build-failed"):
    found = complaints.complaint_of(speech.read(text).lines, fallback)
    return found.code, found.message


class Complaints(unittest.TestCase):
    def test_an_operator_without_an_importer(self):
        code, message = judged(
            "[E] [TRT] ModelImporter.cpp:720: While parsing node number 135 [DCNv2 -> \"538\"]:\n"
            "ERROR: ModelImporter.cpp:134 In function parseGraph:\n[8] No importer registered for op: DCNv2\n"
            "[E] Failed to parse onnx file\n[E] Engine set up failed\n"
        )  # fmt: skip
        self.assertEqual(code, "unsupported-op")
        self.assertIn("DCNv2 (node 538)", message)

    def test_a_plugin_that_is_not_there(self):
        code, message = judged(
            "[06/30/2023-01:58:45] [E] [TRT] ModelImporter.cpp:771: While parsing node number 3 [SplitToSequence -> "
            '"s"]:\n[06/30/2023-01:58:45] [E] [TRT] ModelImporter.cpp:773: input: "x"\nname: "split_3"\n'
            "[06/30/2023-01:58:45] [E] [TRT] ModelImporter.cpp:777: ERROR: builtin_op_importers.cpp:5402 In function "
            'importFallbackPluginImporter:\n[8] Assertion failed: creator && "Plugin not found, are the plugin name, '
            'version, and namespace correct?"\n[06/30/2023-01:58:45] [E] Failed to parse onnx file\n'
        )
        self.assertEqual(code, "unsupported-op")
        self.assertIn("SplitToSequence (node split_3)", message)
        self.assertIn("Plugin not found", message)

    def test_an_invalid_node_is_no_unsupported_operator(self):
        code, message = judged(
            '[E] [TRT] M.cpp:949: While parsing node number 146 [Tile -> "/Tile_output_0"]:\nname: "/Tile"\n'
            "[E] [TRT] ModelImporter.cpp:954: ERROR: ModelImporter.cpp:195 In function parseNode:\n"
            "[6] Invalid Node - /Tile\nITensor::getDimensions: Error Code 4: Internal Error (/OneHot: an IIOneHotLayer "
            "cannot be used to compute a shape tensor)\n[E] Failed to parse onnx file\n"
        )
        self.assertEqual((code, message), ("build-failed", "Tile (node /Tile): Invalid Node - /Tile"))

    def test_the_python_parsers_form_of_it(self):
        code, message = judged(
            '[E] In node 143 (importResize): UNSUPPORTED_NODE: Assertion failed: scales.is_weights() && "Resize scales '
            'must be an initializer!"'
        )
        self.assertEqual(code, "unsupported-op")
        self.assertIn("node number 143", message)
        self.assertIn("Resize scales must be an initializer", message)

    def test_engines_from_elsewhere(self):
        plan = "[E] [TRT] 6: The engine plan file is "
        version = (
            plan
            + "not compatible with this version of TensorRT, expecting library version 8.2.1.8 got 8.4.0.11, please"
        )
        device = plan + "generated on an incompatible device, expecting compute 5.3 got compute 7.2, please rebuild."
        tag = "(Serialization assertion stdVersionRead == %s failed.Version tag does not match.%s)"
        numbered = tag % ("serializationVersion", " Note: Current Version: 232, Serialized Engine Version: 213")
        core = (
            "[E] [TRT] engine.cpp (1407) - Serialization Error in deserialize: 0 (Core engine deserialization failure)"
        )
        for line, part in (
            (version, "built by TensorRT 8.4.0.11, this is 8.2.1.8"),
            (device, "capability 7.2, this one has 5.3"),
            (
                "[E] [TRT] 1: [stdArchiveReader.cpp::42] Error Code 1: Serialization " + numbered,
                "213, this one reads 232",
            ),
            ("[E] Error Code 1: Serialization " + tag % ("kSERIALIZATION_VERSION", ""), "or for another GPU"),
            (core, "or for another GPU"),
        ):
            code, message = judged(line + "\n[E] Engine deserialization failed\n", "load-failed")
            self.assertEqual(code, "engine-mismatch", line)
            self.assertIn(part, message)

    def test_a_timing_cache_of_another_release_is_no_mismatch(self):
        lines = "[W] [TRT] The timing cache was built by another TensorRT: version tag does not match\n[E] Odd thing\n"
        self.assertEqual(judged(lines), ("build-failed", "Odd thing"))

    def test_no_memory(self):
        for line in (
            "[E] [TRT] C:\\source\\rtSafe\\safeRuntime.cpp (25) - Cuda Error in allocate: 2 (out of memory)",
            "[E] [TRT] 2: [virtualMemoryBuffer.cpp::resizePhysical::160] Error Code 2: OutOfMemory (no further)",
            "[E] [TRT] Requested amount of memory (150994944 bytes) could not be allocated.",
            "NvMapMemAllocInternalTagged: 1075072515 error 12\nterminate called after throwing 'std::bad_alloc'",
        ):
            code, message = judged(line)
            self.assertEqual(code, "oom", line)
            self.assertIn("--option workspace", message)

    def test_no_kernel_for_want_of_memory_or_for_another_reason(self):
        kernel = (
            "[E] [TRT] 10: [optimizer.cpp::computeCosts::2033] Error Code 10: Internal Error (Could not find any "
            "implementation for node Conv_119 + Add_182.)"
        )
        words = "TensorRT has no kernel for node Conv_119 + Add_182 as it was told to build it"
        self.assertEqual(judged(kernel), ("build-failed", words))
        code, message = judged("[W] [TRT] Skipping tactic 3 due to insufficient memory on requested size\n" + kernel)
        self.assertEqual(code, "oom")
        self.assertIn("Conv_119 + Add_182", message)

    def test_other_codes(self):
        for line, code in (
            ("[E] Cannot create DLA engine, 0 not available", "delegate-failed"),
            ("[E] 3: [builderConfig.cpp::canRunOnDLA::382] condition: dlaEngineCount > 0", "delegate-failed"),
            ("trtexec: error while loading shared libraries: libnvinfer.so.8: cannot open", "runtime-missing"),
            ("[E] [TRT] CUDA initialization failure with error: 35", "runtime-missing"),
            ("[E] Unknown option: --workspace 256", "unparsed-output"),
            ('[E] Cannot find input tensor with name "y" in the engine bindings!', "bad-input"),
            ("[E] Static model does not take explicit shapes since the shape of inference tensors", "shape-mismatch"),
            ("[E] write: No space left on device", "disk-full"),
            ("[E] Something else", "build-failed"),
            ("", "build-failed"),
        ):  # fmt: skip
            self.assertEqual(judged(line)[0], code, line)

    def test_the_first_words_that_say_something_are_told(self):
        text = (
            "[E] Engine set up failed\n[E] [TRT] 4: [network.cpp::validate::3005] the reason\n[E] Parsing model failed"
        )
        self.assertEqual(judged(text)[1], "4: [network.cpp::validate::3005] the reason")


class Fuzz(unittest.TestCase):
    def test_no_text_makes_the_reader_fail(self):
        """Samples cut, shuffled and spoilt with a fixed seed: the reader never raises, and never invents a banner."""
        rng = random.Random(20211121)
        lines = [line for path in SAMPLES for line in sample(os.path.basename(path)[8:-4]).splitlines()]
        self.assertGreater(len(lines), 60)
        for _ in range(400):
            chosen = [rng.choice(lines) for _ in range(rng.randrange(1, 30))]
            text = "\n".join(chosen)
            for _ in range(rng.randrange(8)):
                at = rng.randrange(len(text) + 1)
                spoilt = rng.choice(("", "\x00", "\xff", "[", "nan", "-", "1e999", " [E] ", "\u2028", "=" * 9))
                text = text[:at] + spoilt + text[at + rng.randrange(4) :]
            said = speech.read(text)
            if "&&&&" not in text:
                self.assertFalse(said.known)
            complaint = complaints.complaint_of(said.lines, "build-failed")
            self.assertTrue(complaint.message)
            self.assertIsInstance(complaint.code, str)

    def test_a_number_that_is_no_number_of_anybodys(self):
        nines = "9" * 5000
        said = speech.read("&&&& RUNNING TensorRT.trtexec [TensorRT v%s] [b%s]\nTiming trace has %s queries over 1 s\n"
                           "TensorRT-managed allocation in x: now: CPU 0, GPU %s (MiB)" % ((nines,) * 4))  # fmt: skip
        self.assertEqual((said.known, said.version, said.timed, said.memory), (True, None, None, {}))

    def test_a_flood_of_errors_is_kept_in_bounds(self):
        said = speech.Said()
        for at in range(said.KEPT + 10):
            said.take("[E] %d" % at)
        self.assertEqual(len(said.lines), said.KEPT)


if __name__ == "__main__":
    unittest.main()
