"""Files that trtexec writes: times of all dialects, profiles and outputs whose names are not escaped, layers."""

import io
import json
import random
import struct
import unittest

import load

argv = load.module("trtexec.argv")
bench = load.module("trtexec.bench")
exports = load.module("trtexec.exports")
failures = load.module("failures")
layers = load.module("trtexec.layers")
tool = load.module("trtexec.tool")

OLD = (
    '[\n  { "startEnqMs" : 0.1, "endEnqMs" : 0.2, "startH2dMs" : 0.05, "endH2dMs" : 0.07, "startComputeMs" : 0.08, '
    '"endComputeMs" : 2.08, "startD2hMs" : 2.09, "endD2hMs" : 2.1, "h2dMs" : 0.02, "computeMs" : 2, "d2hMs" : 0.01, '
    '"latencyMs" : 2.03, "endToEndMs" : 2.05 }\n, { "startEnqMs" : 2.2, "endEnqMs" : 2.3, "startH2dMs" : 2.15, '
    '"endH2dMs" : 2.17, "startComputeMs" : 2.18, "endComputeMs" : 4.18, "startD2hMs" : 4.19, "endD2hMs" : 4.2, "h2dMs" '
    ': 0.02, "computeMs" : 2.00001, "d2hMs" : 0.01, "latencyMs" : 2.03, "endToEndMs" : 2.06 }\n]\n'
)
NEW = OLD.replace(', "endToEndMs" : 2.05', "").replace(', "endToEndMs" : 2.06', "")
OLDEST = (
    '[\n  { "startInMs" : 1.5, "endInMs" : 1.6, "startComputeMs" : 1.6, "endComputeMs" : 2, "startOutMs" : 2, '
    '"endOutMs" : 2.1, "inMs" : 0.1, "computeMs" : 0.4, "outMs" : 0.1, "latencyMs" : 0.6, "endToEndMs" : 0.6 }\n]\n'
)


def read(text):
    return exports.read_times(io.StringIO(text))


class Times(unittest.TestCase):
    def test_old_releases_tell_the_whole_newer_the_sum(self):
        old, new = read(OLD), read(NEW)
        self.assertEqual((list(old.durations_ns), old.whole), ([2050000, 2060000], True))
        self.assertEqual((list(new.durations_ns), new.whole), ([2030000, 2030000], False))
        self.assertEqual(list(old.starts_ns), [50000, 2150000])
        self.assertEqual(list(old.computes_ns), [2000000, 2000010])

    def test_six_has_other_names(self):
        self.assertEqual(list(read(OLDEST).starts_ns), [1500000])

    def test_any_piece_size_reads_the_same(self):
        class Slow(io.StringIO):
            def read(self, size=-1):
                return io.StringIO.read(self, 7)

        self.assertEqual(exports.read_times(Slow(OLD)), read(OLD))

    def test_what_is_no_export(self):
        for text in ("", "[", "{}", "null", OLD[:-3], OLD[: len(OLD) // 2], OLD.replace("2.05", "nan"),
                     OLD.replace('"computeMs" : 2,', ""), OLD.replace("2.05", "-1"), OLD.replace("2.05", "1e300"),
                     "x" + OLD, OLD.replace(', "endToEndMs" : 2.06', "")):  # fmt: skip
            with self.assertRaises(ValueError, msg=text):
                read(text)

    def test_fuzz(self):
        rng = random.Random(7)
        for _ in range(500):
            text = list(OLD)
            for _ in range(rng.randrange(1, 6)):
                text[rng.randrange(len(text))] = rng.choice('{}[]",:0-.eE\n nx')
            try:
                times = read("".join(text))
            except ValueError:
                continue
            self.assertTrue(all(ns >= 0 for ns in times.durations_ns))

    def test_warm_up_is_told_apart_by_what_the_log_counts(self):
        self.assertEqual(exports.leading_warmups(60, 4, 56), 4)
        self.assertEqual(exports.leading_warmups(56, 4, 56), 0)
        self.assertEqual(exports.leading_warmups(60, 0, 0), 0)
        self.assertEqual(exports.leading_warmups(60, None, None), 0)
        self.assertEqual(exports.leading_warmups(60, 0, 60), 0)
        with self.assertRaises(ValueError):
            exports.leading_warmups(50, 4, 56)

    def test_the_resolution_is_float32s_step(self):
        def float32(ms):
            return struct.unpack("<f", struct.pack("<f", ms))[0]

        for seconds in (0.001, 1, 10, 60, 600, 3600):
            ms = float32(seconds * 1000)
            bits = struct.unpack("<I", struct.pack("<f", ms))[0]
            following = struct.unpack("<f", struct.pack("<I", bits + 1))[0]
            told = exports.resolution_ns(int(seconds * 1e9))
            self.assertAlmostEqual(told, max(1, (following - ms) * 1e6), delta=1)


class Others(unittest.TestCase):
    def test_a_profile_whose_names_are_not_escaped(self):
        text = (
            '[\n  { "count" : 2094 }\n, { "name" : "a "quoted" {name}", "timeMs" : 16.15, "averageMs" : 0.0077, '
            '"percentage" : 0.5 }\n, { "name" : "b", "timeMs" : 47.82, "averageMs" : 0.0228, "medianMs" : 0.0227, '
            '"percentage" : 1.6 }\n]\n'
        )
        count, told = exports.read_profile(text)
        self.assertEqual(count, 2094)
        self.assertEqual(told, [{"name": 'a "quoted" {name}', "ms": 0.0077}, {"name": "b", "ms": 0.0228}])
        for spoilt in ("", "[]", text[:-3], text.replace("0.0077", "nan"), text.replace('"count"', '"amount"')):
            with self.assertRaises(ValueError):
                exports.read_profile(spoilt)

    def test_outputs(self):
        text = (
            '[\n  { "name" : "a"b"\n  , "dimensions" : "1x3"\n  , "values" : [ 0.5, -2, inf ]\n  }\n, { "name" : "s"\n'
        )
        text += '  , "dimensions" : ""\n  , "values" : [ 7 ]\n  }\n]\n'
        told = [(name, dims, list(values)) for name, dims, values in exports.read_outputs(text)]
        self.assertEqual(told, [('a"b', [1, 3], [0.5, -2.0, float("inf")]), ("s", [], [7.0])])
        for spoilt in ("", "[]", text[:-3], text.replace("1x3", "1x4"), text.replace("0.5", "\x07"),
                       text.replace("1x3", "1y3"), text.replace("1x3", "-1x-3")):  # fmt: skip
            with self.assertRaises(ValueError):
                exports.read_outputs(spoilt)

    def test_layer_information_with_and_without_detail(self):
        self.assertEqual(exports.read_layers('{"Layers": ["a + b"],\n"Bindings": ["x"]}'), (["a + b"], ["x"]))
        for spoilt in ("", "[]", '{"Layers": 3}', "{"):
            with self.assertRaises(ValueError):
                exports.read_layers(spoilt)


def tensor(text):
    return [{"Name": "t", "Dimensions": [1], "Format/Datatype": text}]


class Layers(unittest.TestCase):
    def test_the_precision_that_a_layer_really_has(self):
        for layer, precision in (
            ({"Weights": {"Type": "Int8"}, "Inputs": tensor("Half")}, "int8"),
            ({"Weights": {"Type": "Half"}}, "fp16"),
            ({"Weights": {"Type": "Float"}, "TacticName": "sm80_xmma_fprop_tf32tf32_tf32f32_f32_nhwc"}, "tf32"),
            ({"Weights": {"Type": "Float"}, "TacticName": "maxwell_scudnn_128x32_relu"}, "fp32"),
            ({"Inputs": tensor("Thirty-two wide channel vectorized row major Int8 format.")}, "int8"),
            ({"Inputs": tensor("Channel major FP16 format where channel % 4 == 0")}, "fp16"),
            ({"Inputs": tensor("Row major linear FP32")}, "fp32"),
            ({"Inputs": tensor("Float") + tensor("Half")}, "fp16"),
            ({"Inputs": tensor("Int32"), "Outputs": tensor("Float")}, "int32"),
            ({"Outputs": tensor("BFloat16")}, "bf16"),
            ({"Outputs": tensor("N/A due to dynamic shapes")}, None),
            ({}, None),
        ):
            self.assertEqual(layers.precision_of(layer), precision, layer)

    def test_what_copies_and_what_reformats(self):
        for name, kind, what in (
            ("Reformatting CopyNode for Input Tensor 0 to conv", None, "reformat"),
            ("Reformatting CopyNode for Output Tensor 0 to conv", "Reformat", "reformat"),
            ("x copy", "NoCopy", "copy"),
            ("input.72 copy", None, "copy"),
            ("copied_input", None, "compute"),
            ("conv_1 + relu_2", "CaskConvolution", "compute"),
        ):
            self.assertEqual(layers.kind_of(name, kind), what, name)

    def test_original_nodes(self):
        self.assertEqual(
            layers.nodes_of("k", "[ONNX Layer: a/b]\x1e[ONNX Layer: c]\x1e[ONNX Layer: a/b]"), ["a/b", "c"]
        )
        self.assertEqual(layers.nodes_of("conv_1 + relu_2", ""), ["conv_1", "relu_2"])
        self.assertEqual(layers.nodes_of("a || b", ""), ["a", "b"])
        self.assertEqual(layers.nodes_of("{ForeignNode[a...z]}", ""), ["a", "z"])
        self.assertEqual(layers.nodes_of("PWN(sigmoid_3)", ""), ["sigmoid_3"])
        self.assertEqual(layers.nodes_of("(Unnamed Layer* 0) [Shuffle] + conv", ""), ["conv"])

    def test_an_int8_engine_that_is_not_faster_shows_why(self):
        told = [
            {"Name": "r", "LayerType": "Reformat", "Inputs": tensor("Float")},
            {"Name": "a", "LayerType": "CaskConvolution", "Weights": {"Type": "Int8"}},
            {"Name": "b", "LayerType": "CaskConvolution", "Weights": {"Type": "Float"}},
        ]
        event, placed = layers.described(told, {"r": 3.0, "a": 1.0, "b": 4.0})
        self.assertEqual([one["precision"] for one in event["layers"]], [None, "int8", "fp32"])
        self.assertEqual(event["reformat"], {"count": 1, "share": 0.375})
        self.assertEqual(event["copy"], {"count": 0, "share": 0.0})
        self.assertEqual({name: len(nodes) for name, nodes in placed.items()}, {"cuda": 2})

    def test_names_alone_say_nothing_of_precision_and_time(self):
        event, placed = layers.described(["conv_1", "Reformatting CopyNode for Input Tensor 0 to conv_1"])
        self.assertEqual([one["precision"] for one in event["layers"]], [None, None])
        self.assertEqual(event["reformat"], {"count": 1, "share": None})
        self.assertEqual(placed, {"cuda": ["conv_1"]})

    def test_a_dlas_part(self):
        told = [{"Name": "{ForeignNode[a...c]}", "LayerType": "DLA"}, {"Name": "d", "LayerType": "CaskConvolution"}]
        self.assertEqual(layers.described(told, core=1)[1], {"dla1": ["a", "c"], "cuda": ["d"]})

    def test_fuzz(self):
        rng = random.Random(3)
        odd = (None, "", 3, [], {}, "Half", ["x"], {"Type": 3}, "\x00", [None])
        keys = ("Name", "LayerType", "Inputs", "Outputs", "Weights", "TacticName", "Metadata")
        for _ in range(300):
            told = [{key: rng.choice(odd) for key in keys} if rng.random() < 0.8 else rng.choice(odd) for _ in range(5)]
            event, _ = layers.described(told)
            json.dumps(event)
            self.assertEqual(len(event["layers"]), 5)


class Arguments(unittest.TestCase):
    OLD = argv.flags_of("--onnx=<file> --saveEngine --loadEngine --workspace=N --buildOnly --explicitBatch --fp16 "
                        "--int8 --noTF32 --exposeDMA --iterations --duration --warmUp --useDLACore --allowGPUFallback "
                        "--avgRuns")  # fmt: skip
    NEW = argv.flags_of("--onnx --saveEngine --loadEngine --memPoolSize=poolspec --skipInference --noCudaGraph "
                        "--exposeDMA --includeDataTransfers --iterations --duration --warmUp "
                        "--profilingVerbosity")  # fmt: skip

    def test_a_build_takes_what_the_program_has(self):
        engine = {"flags": {"fp16": True, "tf32": False, "workspace_mib": 512}}
        self.assertEqual(
            argv.build("m.onnx", "p", engine, self.OLD),
            ["--onnx=m.onnx", "--saveEngine=p", "--fp16", "--noTF32", "--workspace=512", "--explicitBatch",
             "--buildOnly"],
        )  # fmt: skip
        self.assertEqual(
            argv.build("m.onnx", "p", {"flags": {"workspace_mib": 512}}, self.NEW),
            ["--onnx=m.onnx", "--saveEngine=p", "--memPoolSize=workspace:512", "--profilingVerbosity=detailed",
             "--skipInference"],
        )  # fmt: skip

    def test_a_builder_that_lost_its_precision_flags(self):
        with self.assertRaises(failures.Failure) as raised:
            argv.build("m.onnx", "p", {"flags": {"fp16": True}}, self.NEW)
        self.assertEqual(raised.exception.code, "unsupported-precision")

    def test_the_old_default_of_16_mib_is_not_left(self):
        self.assertIn("--workspace=256", argv.build("m", "p", {}, self.OLD))
        self.assertEqual(argv.workspace_of({}, self.OLD), 256)
        self.assertIsNone(argv.workspace_of({}, self.NEW))

    def test_profiles_in_order(self):
        profile = {"b:0": {"min": [1], "opt": [2], "max": [4]}, "a": {"min": [1, 3], "opt": [1, 3], "max": [1, 3]}}
        told = argv.build("m", "p", {"profile": profile}, self.OLD)
        self.assertEqual(
            told[2:5], ["--minShapes=a:1x3,'b:0':1", "--optShapes=a:1x3,'b:0':2", "--maxShapes=a:1x3,'b:0':4"]
        )

    def test_a_run_is_sequential_without_warm_up_with_copies(self):
        told = argv.run("e", {}, {"x": "in0.bin"}, (9.2, 100), self.NEW)
        self.assertEqual(
            told,
            ["--loadEngine=e", "--exposeDMA", "--warmUp=0", "--iterations=100", "--duration=10",
             "--includeDataTransfers", "--noCudaGraph", "--loadInputs=x:in0.bin"],
        )  # fmt: skip

    def test_names_that_trtexec_cannot_be_told(self):
        for name in ("a,b", "a'b"):
            with self.assertRaises(failures.Failure) as raised:
                argv.run("e", {name: [1]}, {}, (1, 1), self.OLD)
            self.assertEqual(raised.exception.code, "bad-input")

    def test_dla(self):
        self.assertEqual(argv.device({"dla": 1}, self.OLD, True), ["--useDLACore=1", "--allowGPUFallback"])
        with self.assertRaises(failures.Failure) as raised:
            argv.device({"dla": 0}, self.NEW)
        self.assertEqual(raised.exception.code, "delegate-failed")


class Blocks(unittest.TestCase):
    def test_blocks_cover_every_sample_once(self):
        rng = random.Random(11)
        for _ in range(100):
            at, starts = 0, []
            for _ in range(rng.randrange(1, 200)):
                at += rng.randrange(1, 10**9)
                starts.append(at)
            found = bench.blocks(starts, 1)
            covered = [index for begin, end in found for index in range(begin, end)]
            self.assertEqual(covered, list(range(1, len(starts))))
            for begin, end in found[:-1]:
                self.assertGreaterEqual(starts[end] - starts[begin], bench.BLOCK_NS)

    def test_an_anchor_is_as_unsure_as_the_lines_and_the_export_disagree(self):
        times = exports.Times([0, 900], [100, 100], [80, 80], True)
        for end, unsure in ((1300, 300), (1000, 0), (400, 600)):
            moments = tool.Moments(0)
            moments.start, moments.end = 5000, 5000 + end
            self.assertEqual(bench.anchor(times, moments)["uncertainty_ns"], unsure)


if __name__ == "__main__":
    unittest.main()
