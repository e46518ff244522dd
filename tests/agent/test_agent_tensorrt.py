"""The runner of TensorRT over the fakes: numbers through both of its APIs, and every refusal by its name."""

import json
import unittest

from child_harness import have, module

if not have("numpy"):
    raise unittest.SkipTest("numpy is not installed here")

import numpy
from tensorrt_bench import JP6, JP46, VERSIONS, Case

loop = module("loop")
passes = module("passes")
FREE = {
    "inputs": [["x", "FLOAT", [-1, 2]]],
    "outputs": [["y", "FLOAT", [-1, 2]]],
    "profile": {"x": [[1, 2], [2, 2], [4, 2]]},
}
ROWS = numpy.array([[1.5, -2.0, 3.0]], "float32")


class RunTest(Case):
    def test_numbers_go_to_the_gpu_and_back_in_every_release(self):
        for version in VERSIONS:
            made = self.bench(version).runner(sm="8.7")
            made.bind({"x": ROWS})
            numpy.testing.assert_array_equal(made.run()[0], ROWS * 2)
            made.bind({"x": ROWS + 1})
            numpy.testing.assert_array_equal(made.run()[0], (ROWS + 1) * 2)

    def test_what_it_is_is_told(self):
        for version, by in ((JP46, "numbers"), ("8.4.1.5", "numbers"), ("8.5.2.2", "names"), (JP6, "names")):
            facts = self.bench(version).runner(sm="8.7").facts
            self.assertEqual((facts["runtime"], facts["version"]), ("tensorrt", version))
            effective = facts["effective"]
            self.assertEqual((effective["accelerator"], effective["tensors"]), ("cuda", by))
            self.assertEqual(effective["cuda"], {"by": "fake", "version": "10.2"})
            self.assertEqual(effective["gpu"]["sm"], "8.7")

    def test_inputs_and_outputs_as_the_engine_declares_them(self):
        for version in VERSIONS:
            made = self.bench(version).runner(inputs=[["a", "HALF", [2]], ["b", "INT32", [1]]])
            self.assertEqual([(one.name, one.dtype, one.shape) for one in made.inputs],
                             [("a", "float16", [2]), ("b", "int32", [1])])  # fmt: skip
            self.assertEqual([one.name for one in made.outputs], ["y"])

    def test_shapes_may_change_within_the_profile(self):
        for version in VERSIONS:
            made = self.bench(version).runner(**FREE)
            self.assertEqual(made.inputs[0].shape, [None, 2])
            for rows in (2, 4, 1):
                x = numpy.arange(rows * 2, dtype="float32").reshape(rows, 2)
                made.bind({"x": x})
                numpy.testing.assert_array_equal(made.run()[0], x * 2)

    def test_a_shape_that_the_profile_does_not_take(self):
        for version in VERSIONS:
            made = self.bench(version).runner(**FREE)
            x = numpy.zeros((5, 2), "float32")
            self.refused("shape-mismatch", lambda: made.bind({"x": x}), "x is 5x2", "1x2 to 4x2")  # noqa: B023

    def test_a_dimension_that_the_profile_fixes_is_fixed(self):
        for version in VERSIONS:
            fixed = dict(FREE, profile={"x": [[2, 2], [2, 2], [2, 2]]})
            self.assertEqual(self.bench(version).runner(**fixed).inputs[0].shape, [2, 2])

    def test_an_implicit_batch(self):
        made = self.bench(JP46).runner(implicit=4, inputs=[["x", "FLOAT", [3]]], outputs=[["y", "FLOAT", [3]]])
        self.assertEqual(made.inputs[0].shape, [None, 3])
        x = numpy.arange(6, dtype="float32").reshape(2, 3)
        made.bind({"x": x})
        numpy.testing.assert_array_equal(made.run()[0], x * 2)
        self.refused("shape-mismatch", lambda: made.bind({"x": numpy.zeros((5, 3), "float32")}), "5x3", "1x3 to 4x3")

    def test_an_output_may_feed_an_input(self):
        made = self.bench().runner(sm="8.7")
        made.bind({"x": ROWS})
        for _ in range(3):
            made.bind({"x": made.run()[0]})
        numpy.testing.assert_array_equal(made.run()[0], ROWS * 16)

    def test_compute_is_the_execution_alone(self):
        made = self.bench().runner(sm="8.7")
        made.bind({"x": ROWS})
        made.run()
        self.assertEqual(made.compute_ns(), 5000000)

    def test_memory_that_only_the_gpu_knows_of(self):
        bench = self.bench()
        made = module("runners.tensorrt").Runner(bench.variant(prebuilt=True), bench.home, bench.home, bench.trt)
        self.assertEqual(made.device_kib(), {})
        made = bench.runner(inputs=[["x", "FLOAT", [1024, 256]]], outputs=[["y", "FLOAT", [1024, 256]]])
        told = made.device_kib()
        self.assertEqual(told, {"EngineDevice": 3072, "DeviceTaken": 0})
        made.bind({"x": numpy.zeros((1024, 256), "float32")})
        self.assertEqual(made.device_kib()["DeviceTaken"], 2048)
        self.assertLessEqual(set(told), set(module("memory").DEFINITIONS))

    def test_memory_is_used_again_and_given_back_when_it_grows(self):
        bench = self.bench()
        made = bench.runner(**FREE)
        for rows in (4, 1, 4, 2):
            made.bind({"x": numpy.zeros((rows, 2), "float32")})
        self.assertEqual((len(bench.cuda.memories), bench.cuda.freed), (2, []))


class RefusalTest(Case):
    def test_an_engine_of_another_version_names_both(self):
        for version in VERSIONS:
            bench = self.bench(version)
            self.refused("engine-mismatch", lambda: bench.runner(version="8.6.1.6"), "8.6.1.6", version)  # noqa: B023

    def test_format_numbers_are_told_with_the_version_here(self):
        bench = self.bench(JP46)
        self.refused("engine-mismatch", lambda: bench.runner(version="8.0.1.6", old_words=True), "205", "213", JP46)

    def test_an_engine_of_another_gpu_names_both(self):
        bench = self.bench(JP46)
        self.refused("engine-mismatch", lambda: bench.runner(sm="5.3"), "5.3", "8.7")

    def test_what_is_no_engine(self):
        bench = self.bench()
        bench.write("model.engine", b"PK\x03\x04" + b"\0" * 60)
        self.refused("load-failed", bench.runner, "no engine", "Magic tag")

    def test_the_version_in_an_engines_first_bytes(self):
        engine = module("tensorrt_api.engine")
        head = b"ftrt" + b"\0" * 20 + bytes([10, 3, 0, 26])
        self.assertEqual(engine.plan_version(head + b"more"), "10.3.0.26")
        for other in (b"", head[:27], b"ptrt" + head[4:], head[:4] + b"\x01" + head[5:], b"ftrt" + b"\0" * 24):
            self.assertIsNone(engine.plan_version(other))

    def test_a_refusal_without_a_reason_is_explained_by_the_first_bytes(self):
        engine, trt = module("tensorrt_api.engine"), self.bench(JP6).trt
        log = module("tensorrt_api.log").make_log(trt)
        head = b"ftrt" + b"\0" * 20
        failure = engine.refusal(trt, log, head + bytes([8, 6, 1, 6]))
        self.assertEqual(failure.code, "engine-mismatch")
        self.assertIn("8.6.1.6, this is 10.3.0.30", failure.message)
        failure = engine.refusal(trt, log, head + bytes([10, 3, 0, 30]))
        self.assertEqual(failure.code, "load-failed")
        log.log(1, "Error Code 1: Cuda Runtime (out of memory)")
        self.assertEqual(engine.refusal(trt, log, head + bytes([10, 3, 0, 30])).code, "oom")

    def test_no_gpu(self):
        bench = self.bench(board=None)
        self.refused("delegate-failed", lambda: bench.runner(sm="8.7"), "finds no GPU", "35")

    def test_nothing_was_built(self):
        bench = self.bench()
        made = module("runners.tensorrt").Runner(bench.variant(), bench.home, bench.home, bench.trt, bench.cuda)
        made.import_runtime()
        self.refused("build-failed", made.load, "no engine was built")

    def test_accelerators_that_tensorrt_has_not(self):
        self.refused("delegate-failed", lambda: self.bench().runner(accelerator="cpu", sm="8.7"), "dla0")

    def test_a_dla_that_runs_nothing(self):
        layers = [{"Name": "Conv_0", "LayerType": "CaskConvolution"}]
        self.refused("delegate-failed", lambda: self.bench().runner(accelerator="dla0", layers=layers), "none of")
        self.bench().runner(accelerator="dla0", layers=layers + [{"Name": "{ForeignNode[a...b]}", "LayerType": "DLA"}])

    def test_layouts_shapes_on_the_host_and_sizes_by_data_are_refused(self):
        for version in VERSIONS:
            bench = self.bench(version)
            self.refused("load-failed", lambda: bench.runner(format="CHW4"), "CHW4")  # noqa: B023
            self.refused("load-failed", lambda: bench.runner(location="HOST"), "host")  # noqa: B023
            made = bench.runner(by_data=True, outputs=[["y", "FLOAT", [-1]]])
            self.refused("load-failed", lambda: made.bind({"x": ROWS}), "depends on the data")  # noqa: B023

    def test_an_execution_that_fails_is_an_error(self):
        made = self.bench().runner(refuses=True)
        made.bind({"x": ROWS})
        with self.assertRaises(RuntimeError):
            made.run()


class LayerTest(Case):
    LAYERS = [
        {"Name": "Reformatting CopyNode for Input Tensor 0 to Conv_0", "LayerType": "Reformat",
         "Inputs": [{"Format/Datatype": "Row major linear FP32"}]},
        {"Name": "Conv_0 + Relu_1", "LayerType": "CaskConvolution",
         "Inputs": [{"Format/Datatype": "Four wide channel vectorized row major Int8 format"}],
         "Outputs": [{"Format/Datatype": "Row major linear FP32"}]},
        {"Name": "Conv_2", "LayerType": "CaskConvolution", "Metadata": "[ONNX Layer: up/Conv]\x1e[ONNX Layer: up/Add]",
         "Inputs": [{"Format/Datatype": "Channel major FP16 format where channel % 8 == 0"}]},
    ]  # fmt: skip
    TIMES = [["Reformatting CopyNode for Input Tensor 0 to Conv_0", 1.0], ["Conv_0 + Relu_1", 2.0], ["Conv_2", 1.0]]

    def told(self, version, **more):
        made = self.bench(version).runner(layers=self.LAYERS, times=self.TIMES, **more)
        made.bind({"x": ROWS})
        return made, made.layers({"x": ROWS})

    def test_precision_really_used_and_the_share_of_reformats(self):
        for version in VERSIONS:
            _, event = self.told(version)
            self.assertEqual(event["source"], "engine-inspector+profile")
            self.assertEqual([one["precision"] for one in event["layers"]], [None, "int8", "fp16"])
            self.assertEqual([one["ms"] for one in event["layers"]], [1.0, 2.0, 1.0])
            self.assertEqual(event["reformat"], {"count": 1, "share": 0.25})
            json.dumps(event)

    def test_placement_names_the_original_nodes(self):
        made, _ = self.told(JP6)
        source, placed = made.placement({"x": ROWS})
        self.assertEqual((source, placed["cuda"][-2:]), ("layer-info", ["up/Conv", "up/Add"]))
        self.assertEqual(placed["cuda"][:2], ["Conv_0", "Relu_1"])

    def test_dla_layers_are_placed_there(self):
        layers = [{"Name": "{ForeignNode[Conv_0...Relu_1]}", "LayerType": "DLA"}, {"Name": "Soft", "LayerType": "X"}]
        made = self.bench().runner(accelerator="dla1", layers=layers)
        placed = made.placement({"x": ROWS})[1]
        self.assertEqual(set(placed), {"dla1", "cuda"})

    def test_what_cannot_be_read_leaves_the_profiles_names(self):
        _, event = self.told(JP6, information='{"Layers": [{"Name": "a"b"}]}')
        self.assertEqual(event["source"], "profile")
        self.assertEqual([one["name"] for one in event["layers"]], [name for name, _ in self.TIMES])

    def test_before_8_2_there_is_a_profile_alone(self):
        _, event = self.told("8.0.1.6")
        self.assertEqual((event["source"], event["reformat"]["share"]), ("profile", 0.25))
        self.assertEqual({one["precision"] for one in event["layers"]}, {None})

    def test_layers_of_one_name_share_their_time(self):
        layers = [{"Name": "a"}, {"Name": "b"}, {"Name": "a"}]
        made = self.bench().runner(layers=layers, times=[["a", 1.0], ["b", 2.0], ["a", 3.0]])
        made.bind({"x": ROWS})
        told = made.layers({"x": ROWS})["layers"]
        self.assertEqual([(one["name"], one["ms"]) for one in told], [("a", 2.0), ("b", 2.0), ("a", 2.0)])

    def test_layers_of_further_profiles_are_not_run(self):
        made = self.bench().runner(layers=[{"Name": "a"}, {"Name": "a [profile 1]"}, "b", "b [profile 12]"])
        made.bind({"x": ROWS})
        self.assertEqual([one["name"] for one in made.layers({"x": ROWS})["layers"]], ["a", "b"])


class Sink(object):
    """Takes events, and is a session's emitter."""

    def __init__(self):
        self.events = []

    def emit(self, ev, **fields):
        self.events.append(dict(fields, ev=ev))


class LoopTest(Case):
    def test_compute_is_noted_for_every_iteration_and_block(self):
        made = self.bench().runner(sm="8.7")
        made.bind({"x": ROWS})
        sink = Sink()
        recorder = loop.Recorder(sink, 1, capacity=4, compute_ns=made.compute_ns)
        loop.measure(made.run, recorder.beside(lambda _: None), loop.Limits(0, 10, None), recorder)
        noted = [module("protocol").unpack_ints(one["compute_ns"]) for one in sink.events if one["ev"] == "samples"]
        self.assertEqual(noted, [[5000000] * 4, [5000000] * 4, [5000000] * 2])

    def test_nothing_stands_between_for_a_runner_that_does_not_know(self):
        recorder = loop.Recorder(Sink(), 1, capacity=4)
        self.assertIs(recorder.beside(print), print)
        self.assertIsNone(recorder.computes)

    def test_passes_ask_only_a_runner_that_knows(self):
        class Session(object):
            runner = object()
            emitter = Sink()

        self.assertEqual(passes.device_kib(Session.runner), {})
        passes.tell_layers(Session, {})
        self.assertEqual(Session.emitter.events, [])

    def test_layers_that_cannot_be_told_are_a_warning(self):
        class Runner(object):
            def layers(self, feeds):
                raise RuntimeError("no inspector")

        class Session(object):
            runner = Runner()
            emitter = Sink()

        passes.tell_layers(Session, {})
        (event,) = Session.emitter.events
        self.assertEqual((event["ev"], event["code"]), ("warning", "layers-unavailable"))


if __name__ == "__main__":
    unittest.main()
