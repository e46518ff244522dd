"""Engines of the stand-in trtexec: what is in them, which precision they use, what they compute, who takes them."""

import struct

import numpy as np
import onnx
import onnxruntime
import pytest
import small_models
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper
from trtexec_bench import MODELS, Ran

from edgebench.mock.jetson.trtexec.calibration import read_ranges
from edgebench.mock.jetson.trtexec.dialects import Dialect
from edgebench.mock.jetson.trtexec.engine_file import Engine, Refused, read_engine
from edgebench.mock.jetson.trtexec.network import Unparsed, network
from edgebench.mock.jetson.trtexec.silicon import silicon

NANO, ORIN, AGX = "jetson-nano", "jetson-orin-nano", "jetson-agx-orin"
D8, D10 = Dialect("8.2.1.8"), Dialect("10.3.0.30")
QUICK = ("--duration=0.2", "--warmUp=50")
QDQ = MODELS / "sr-x2-w28-int8.onnx"
FLOATS = MODELS / "sr-x2-w28.onnx"


@pytest.fixture
def folder(tmp_path):
    small_models.convolution(tmp_path / "m.onnx", height=32, width=32)
    return tmp_path


def open_model(folder):
    """A convolution over pictures of any size."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], name="conv", pads=[1, 1, 1, 1])]
    values = small_models.tensor("x", [1, 3, "h", "w_"]), small_models.tensor("y", [1, 4, "h", "w_"])
    small_models.save(folder / "open.onnx", nodes, [values[0]], [values[1]], [small_models.weight("w", 4, 3, 3, 3)])
    return "--onnx=open.onnx"


def names(path, dialect=D8):
    return [layer.name for layer in network(path.read_bytes(), dialect, {}).layers]


def info(folder, *argv, **of_board):
    """Layers as the engine inspector tells them."""
    ran = Ran(folder, *argv, *QUICK, "--profilingVerbosity=detailed", "--exportLayerInfo=l.json", **of_board)
    assert ran.code == 0, ran.err
    return {layer["Name"]: layer for layer in ran.json("l.json")["Layers"]}, ran


class TestNetwork:
    def test_a_convolution_takes_its_relu_along(self, folder):
        assert names(folder / "m.onnx") == ["conv + relu"]

    def test_a_concatenation_is_copies_and_a_sum_waits_for_its_branch(self):
        found = names(MODELS / "sr-x2-w16.onnx")
        assert found[-7:] == [*["input copy"] * 4, "conv5 + add_anchor", "shuffle", "PWN(clip)"]

    def test_macs_are_those_that_the_artifacts_count(self):
        from edgebench.artifacts.counting import count

        for path in (MODELS / "sr-x2-w16.onnx", QDQ):
            found = network(path.read_bytes(), D8, {})
            assert sum(layer.macs for layer in found.layers) == count(path).macs

    def test_nodes_without_names_are_called_after_their_outputs(self, tmp_path):
        nodes = [helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2])]
        values = small_models.tensor("x", [1, 1, 4, 4]), small_models.tensor("y", [1, 1, 2, 2])
        small_models.save(tmp_path / "n.onnx", nodes, [values[0]], [values[1]])
        assert names(tmp_path / "n.onnx") == ["node_of_y"]

    def test_quantized_models_carry_their_own_precision(self):
        found = network(QDQ.read_bytes(), D8, {})
        assert found.explicit
        stems = [layer for layer in found.layers if layer.kind == "Convolution"]
        assert len(stems) == 6
        assert all(layer.quantized for layer in stems)
        assert "conv0.weight_DequantizeLinear" in stems[0].name

    def test_open_axes_are_filled_as_told(self, folder):
        open_model(folder)
        data = (folder / "open.onnx").read_bytes()
        found = network(data, D8, {"x": (1, 3, 8, 16)})
        assert found.dynamic == {"x": (1, 3, -1, -1)}
        assert found.outputs[0].dims == (1, 4, 8, 16)
        assert network(data, D8, {}).inputs[0].dims == (1, 3, 1, 1)

    @pytest.mark.parametrize(("op", "old", "new"), [("NonZero", False, True), ("QLinearConv", False, False)])
    def test_which_operators_a_release_knows(self, tmp_path, op, old, new):
        node = helper.make_node(op, ["x"], ["y"], name="it")
        values = small_models.tensor("x", [1, 4]), small_models.tensor("y", None, onnx.TensorProto.INT64)
        data = small_models.save(tmp_path / "o.onnx", [node], [values[0]], [values[1]]).read_bytes()
        for dialect, known in ((D8, old), (D10, new)):
            if known:
                network(data, dialect, {})
            else:
                with pytest.raises(Unparsed):
                    network(data, dialect, {})

    def test_wide_integers_are_narrowed_before_10(self, tmp_path):
        nodes = [helper.make_node("Add", ["x", "w"], ["y"], name="add")]
        wide = onnx.TensorProto.INT64
        values = small_models.tensor("x", [1, 4], wide), small_models.tensor("y", [1, 4], wide)
        stored = small_models.weight("w", 4, dtype=np.int64)
        small_models.save(tmp_path / "w.onnx", nodes, [values[0]], [values[1]], [stored])
        data = (tmp_path / "w.onnx").read_bytes()
        assert [network(data, dialect, {}).inputs[0].dtype for dialect in (D8, D10)] == ["int32", "int64"]
        said = Ran(tmp_path, "--onnx=w.onnx", *QUICK, name=NANO).err
        assert "Your ONNX model has been generated with INT64 weights" in said
        (tmp_path / "x").write_bytes(np.arange(4, dtype=np.int32).tobytes())
        ran = Ran(tmp_path, "--onnx=w.onnx", *QUICK, "--loadInputs=x:x", "--exportOutput=o", name=NANO)
        assert ran.json("o")[0]["values"] == [0, 1, 2, 3]


class TestPrecision:
    def test_int8_on_a_nano_is_warned_of_and_is_not_there(self, folder):
        plain, before = info(folder, f"--onnx={FLOATS}", name=NANO)
        asked, after = info(folder, f"--onnx={FLOATS}", "--int8", name=NANO)
        assert "Int8 support requested on hardware without native Int8 support" in after.err
        assert after.code == 0
        assert [layer.get("Weights") for layer in asked.values()] == [layer.get("Weights") for layer in plain.values()]
        assert after.seconds == pytest.approx(before.seconds, rel=0.01)

    def test_eight_bits_are_faster_where_they_are_there(self, folder):
        medians = {}
        for flags, model in (((), FLOATS), (("--fp16",), FLOATS), (("--int8", "--fp16"), QDQ)):
            ran = Ran(folder, f"--onnx={model}", *flags, *QUICK, "--exportTimes=t.json", name=ORIN)
            medians[flags] = np.median([row["computeMs"] for row in ran.json("t.json")])
        plain, half, eight = medians.values()
        assert eight < half < plain

    def test_a_model_that_is_quantized_asks_for_int8(self, folder):
        ran = Ran(folder, f"--onnx={QDQ}", name=ORIN)
        assert "but int8 is not configured in the builder" in ran.err
        assert ran.code == 1

    def test_layer_info_tells_what_is_really_used(self, folder):
        layers, _ = info(folder, f"--onnx={QDQ}", "--int8", "--fp16", name=ORIN)
        stems = [layer for layer in layers.values() if layer["ParameterType"] == "Convolution"]
        assert {layer["Weights"]["Type"] for layer in stems} == {"Int8"}
        copies = [name for name in layers if name.startswith("Reformatting CopyNode for ")]
        assert copies
        assert all(layers[name]["LayerType"] == "Reformat" for name in copies)
        one = layers[copies[0]]
        assert one["Inputs"][0]["Format/Datatype"] != one["Outputs"][0]["Format/Datatype"]
        assert "[ONNX Layer: conv1]" in stems[1]["Metadata"]

    def test_names_alone_unless_the_engine_was_built_for_more(self, folder):
        ran = Ran(folder, "--onnx=m.onnx", *QUICK, "--exportLayerInfo=l.json", "--dumpLayerInfo", name=ORIN)
        assert ran.json("l.json") == {"Layers": ["conv + relu"], "Bindings": ["x", "y"]}
        assert "so only the layer names will be returned" in ran.err
        assert "[I] Layer Information:\n" in ran.out

    def test_a_tensor_without_a_range_falls_back(self, folder):
        cache = ["TRT-100300-EntropyCalibration2", *(f"{name}: {scale(4.0)}" for name in ("x", "a"))]
        (folder / "c").write_text("\n".join(cache))
        ran = Ran(folder, "--onnx=m.onnx", "--int8", "--calib=c", *QUICK, name=ORIN)
        assert "Missing scale and zero-point for tensor y, expect fall back to non-int8" in ran.err
        assert "Calibrator is not being used" not in ran.err

    def test_a_dla_takes_what_it_can(self, folder):
        model = f"--onnx={MODELS / 'sr-x2-w16.onnx'}"
        refused = Ran(folder, model, "--fp16", "--useDLACore=0", name=AGX)
        assert "GPU fallback is not enabled" in refused.err
        layers, ran = info(folder, model, "--fp16", "--useDLACore=0", "--allowGPUFallback", name=AGX)
        graph = [name for name, layer in layers.items() if layer["LayerType"] == "DLA"]
        assert graph[0].startswith("{ForeignNode[conv0 + relu0...")
        assert f"[DlaLayer] {graph[0]}" in ran.out
        assert "[GpuLayer] shuffle" in ran.out


def scale(largest):
    return struct.pack(">f", largest / 127).hex()


class TestOutputs:
    @pytest.fixture
    def fed(self, folder):
        values = np.random.default_rng(3).uniform(-1, 1, (1, 3, 32, 32)).astype(np.float32)
        (folder / "x").write_bytes(values.tobytes())
        session = onnxruntime.InferenceSession((folder / "m.onnx").read_bytes(), providers=["CPUExecutionProvider"])
        return session.run(None, {"x": values})[0].reshape(-1)

    def computed(self, folder, *flags):
        argv = ("--onnx=m.onnx", *QUICK, "--loadInputs=x:x", "--exportOutput=o", *flags)
        (output,) = Ran(folder, *argv, name=ORIN).json("o")
        assert (output["name"], output["dimensions"]) == ("y", "1x4x32x32")
        return np.array(output["values"])

    def test_they_are_the_models_to_six_digits(self, folder, fed):
        assert self.computed(folder) == pytest.approx(fed, rel=1e-5)

    def test_half_precision_costs_three_digits(self, folder, fed):
        off = np.max(np.abs(self.computed(folder, "--fp16") - fed)) / np.max(fed)
        assert 1e-5 < off < 3e-3

    def test_eight_bits_cost_what_their_ranges_say(self, folder, fed):
        largest = float(np.max(np.abs(fed)))
        (folder / "c").write_text(f"TRT-100300-MinMaxCalibration\nx: {scale(1.0)}\ny: {scale(largest)}\n")
        off = np.max(np.abs(self.computed(folder, "--int8", "--calib=c") - fed)) / largest
        assert 1e-3 < off < 0.1

    def test_without_calibration_they_are_cut_off(self, folder, fed):
        assert np.max(fed) > 4.1
        assert np.max(self.computed(folder, "--int8")) == pytest.approx(4.0)


class TestFiles:
    def test_what_one_board_built_another_refuses(self, folder):
        Ran(folder, "--onnx=m.onnx", "--saveEngine=e", *QUICK, name=NANO)
        assert Ran(folder, "--loadEngine=e", *QUICK, name=NANO).code == 0
        ran = Ran(folder, "--loadEngine=e", *QUICK, name=ORIN)
        assert "Version tag does not match. Note: Current Version: 239, Serialized Engine Version: 205)" in ran.err
        for line in ("Engine deserialization failed", "Got invalid engine!", "Inference set up failed"):
            assert f"[E] {line}\n" in ran.err
        assert ran.code == 1

    @pytest.mark.parametrize(("name", "version"), [(NANO, "8.2.1.8"), (ORIN, "8.5.2.2"), (ORIN, "10.3.0.30")])
    def test_the_same_release_on_another_gpu_and_another_patch(self, folder, name, version):
        Ran(folder, "--onnx=m.onnx", "--saveEngine=e", *QUICK, name=name, tensorrt=version)
        other = ORIN if name == NANO else NANO
        mine, theirs = ("8.7", "5.3") if other == ORIN else ("5.3", "8.7")
        device = Ran(folder, "--loadEngine=e", name=other, tensorrt=version)
        assert f"expecting compute {mine} got compute {theirs}, please rebuild." in device.err
        patch = f"{version}9"
        newer = Ran(folder, "--loadEngine=e", name=name, tensorrt=patch)
        assert f"expecting library version {patch} got {version}, please rebuild." in newer.err
        assert device.code == newer.code == 1
        last = "Engine set up failed" if version.startswith("8.2") else "Inference set up failed"
        assert device.err.endswith(f"[E] {last}\n")

    def test_an_engine_that_is_only_looked_at_passes_in_newer_releases(self, folder):
        """A trap of the real tool: a run without inference says PASSED of an engine that it cannot load."""
        (folder / "e").write_bytes(b"no engine")
        ran = Ran(folder, "--loadEngine=e", "--skipInference", "--dumpLayerInfo", name=ORIN)
        assert (ran.code, "kPLAN_MAGIC_TAG" in ran.err) == (0, True)
        assert Ran(folder, "--loadEngine=e", "--buildOnly", name=NANO).code == 1

    @pytest.mark.parametrize("name", [NANO, ORIN])
    def test_no_file_and_no_engine(self, folder, name):
        (folder / "junk").write_bytes(b"GIF89a" * 9)
        assert "[E] Error opening engine file: nothing\n" in Ran(folder, "--loadEngine=nothing", name=name).err
        assert "TAG failed." in Ran(folder, "--loadEngine=junk", name=name).err

    @given(at=st.integers(0, 4000), value=st.integers(0, 255), cut=st.integers(0, 3000))
    def test_damaged_engines_are_refused_or_whole(self, tmp_path_factory, at, value, cut):
        model = small_models.convolution(tmp_path_factory.mktemp("d") / "m").read_bytes()
        whole = Engine(D8.version, "5.3", "X", False, False, model).to_bytes()
        data = bytearray(whole)
        data[at % len(data)] = value
        data = bytes(data[: max(len(data) - cut, 0)])
        if data == whole:
            assert read_engine(data, D8, "5.3").model == model
        else:
            with pytest.raises(Refused, match="Error"):
                read_engine(data, D8, "5.3")

    @given(st.binary(max_size=200))
    def test_caches_of_any_kind(self, tmp_path_factory, data):
        path = tmp_path_factory.mktemp("c") / "c"
        path.write_bytes(b"TRT-8201-EntropyCalibration2\n" + data + b"\nx: 3c000000\n")
        assert read_ranges(path).get("x") == pytest.approx(0.0078125 * 127)
        path.write_bytes(data)
        assert data.startswith(b"TRT-") or read_ranges(path) is None


class TestShapes:
    def test_a_static_model_takes_no_shapes(self, folder):
        for flag in ("--shapes=x:1x3x32x32", "--optShapes=x:1x3x32x32"):
            ran = Ran(folder, "--onnx=m.onnx", flag, name=ORIN)
            assert "[E] Static model does not take explicit shapes" in ran.err
            assert ran.code == 1

    def test_profiles_are_kept(self, folder):
        profile = ("--minShapes=x:1x3x8x8", "--optShapes=x:1x3x16x16", "--maxShapes=x:1x3x32x32")
        built = Ran(folder, open_model(folder), *profile, "--saveEngine=e", *QUICK, name=ORIN)
        assert "Input build shape: x=1x3x8x8+1x3x16x16+1x3x32x32" in built.out
        assert "dimensions 1x3x16x16 is created" in built.out
        inside = Ran(folder, "--loadEngine=e", "--shapes=x:1x3x32x8", "--exportOutput=o", *QUICK, name=ORIN)
        assert inside.json("o")[0]["dimensions"] == "1x4x32x8"
        beyond = Ran(folder, "--loadEngine=e", "--shapes=x:1x3x33x8", *QUICK, name=ORIN)
        assert "exceed min ~ max range at index 2, maximum dimension in profile is 32" in beyond.err
        unknown = Ran(folder, "--loadEngine=e", "--shapes=z:1x3x9x9", *QUICK, name=ORIN)
        assert "[E] Invalid tensor names found in --shapes flag." in unknown.err
        assert beyond.code == unknown.code == 1

    def test_open_axes_that_nobody_fills_become_1(self, folder):
        ran = Ran(folder, open_model(folder), *QUICK, name=ORIN)
        assert "Automatically overriding shape to: 1x3x1x1" in ran.err

    def test_profiles_are_whole(self, folder):
        ran = Ran(folder, open_model(folder), "--minShapes=x:1x3x8x8", name=ORIN)
        assert "[E] Must specify only --optShapes or all of --minShapes, --optShapes, --maxShapes" in ran.err


@pytest.mark.parametrize("profile", [NANO, "jetson-nano-2gb", "jetson-xavier-nx", ORIN, AGX, "jetson-thor"])
def test_every_board_has_a_gpu_by_its_profile(profile):
    chip = silicon(profile, name="X", sm="8.7", clock_mhz=1000)
    assert chip.gops["fp16"] > chip.gops["fp32"] > 0
    assert ("int8" in chip.gops) == ("nano" not in profile or "orin" in profile)
