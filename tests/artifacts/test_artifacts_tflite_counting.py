"""Counts, shapes and peaks of TFLite files, held against figures reckoned by hand and against the ONNX twin's."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tflite_models as nets

from edgebench.artifacts import count, estimate_peak, resolve_shapes
from edgebench.artifacts.reading import READERS, Format, read_info
from edgebench.artifacts.shapes import ShapeError
from edgebench.artifacts.tflite_counting import count_tflite
from edgebench.artifacts.tflite_file import read_tflite_file
from edgebench.artifacts.tflite_liveness import estimate_tflite_peak
from edgebench.artifacts.tflite_shapes import infer_tflite, resizable_axes
from edgebench.errors import UnknownName

MODELS = Path(__file__).resolve().parents[2] / "models"


def test_a_small_network_counted_by_hand(tmp_path):
    counts = count_tflite(nets.upscaler(tmp_path / "m.tflite"))
    pixels, outputs = 8 * 8, 8 * 8 * 12
    assert counts.macs == pixels * 12 * 3 * 3 * 3
    assert counts.flops == 2 * counts.macs + outputs + outputs  # the fused ReLU, the ADD
    assert counts.params == counts.params_nonzero == 12 * 27 + 12 + 12
    assert (counts.activations, counts.convs, counts.uncounted) == (outputs, 1, ())
    assert counts.size_bytes == (tmp_path / "m.tflite").stat().st_size
    assert [node.op for node in counts.nodes] == ["CONV_2D", "ADD", "DEPTH_TO_SPACE"]


def test_a_fully_connected_layer_and_a_mean(tmp_path):
    counts = count_tflite(nets.classifier(tmp_path / "m.tflite"))
    assert counts.macs == 3 * 5
    assert counts.flops == 2 * 15 + 4 * 4 * 3 + 5  # the mean reads 48 values, softmax 5
    assert (counts.params, counts.convs, counts.activations) == (20, 0, 0)


def layer(tmp_path, kind, kernel, out, *, inputs=("x", "w", ""), **options):
    graph = nets.Graph()
    graph.tensor("x", (1, 6, 6, 4))
    graph.constant("w", nets.values(*kernel))
    graph.constant("s", np.array(out, np.int32))
    graph.tensor("y", out)
    graph.op(kind, inputs, ("y",), **options)
    return count_tflite(graph.save(tmp_path / "m.tflite", ("x",), ("y",)))


def test_a_depthwise_convolution_has_one_input_channel_an_output(tmp_path):
    counts = layer(tmp_path, "DEPTHWISE_CONV_2D", (1, 3, 3, 4), (1, 6, 6, 4), depthMultiplier=1, **nets.SAME)
    assert (counts.macs, counts.params, counts.activations) == (6 * 6 * 4 * 9, 36, 6 * 6 * 4)


def test_a_grouped_convolution_counts_the_channels_of_a_group(tmp_path):
    counts = layer(tmp_path, "CONV_2D", (8, 3, 3, 2), (1, 6, 6, 8), **nets.SAME)
    assert counts.macs == 6 * 6 * 8 * 9 * 2


def test_a_transposed_convolution_counts_its_input(tmp_path):
    counts = layer(
        tmp_path, "TRANSPOSE_CONV", (8, 2, 2, 4), (1, 12, 12, 8), inputs=("s", "w", "x"), strideH=2, strideW=2
    )
    assert counts.macs == 6 * 6 * 4 * 8 * 4


def test_a_pooling_counts_its_window(tmp_path):
    graph = nets.Graph()
    graph.tensor("x", (1, 6, 6, 4))
    graph.tensor("y", (1, 3, 3, 4))
    graph.op("AVERAGE_POOL_2D", ("x",), ("y",), filterHeight=2, filterWidth=2, strideH=2, strideW=2)
    assert count_tflite(graph.save(tmp_path / "m.tflite", ("x",), ("y",))).flops == 36 * 4


def test_what_has_no_rule_is_named(tmp_path):
    counts = count_tflite(nets.foreign(tmp_path / "m.tflite", "Warp"))
    assert (counts.complete, counts.uncounted, counts.macs) == (False, ("y (Warp)",), 0)


def test_zeros_are_those_at_the_zero_point(tmp_path):
    graph = nets.Graph()
    graph.tensor("x", (1, 2))
    graph.constant("w", np.array([[5, 0], [7, 7]], np.int8), scale=[0.1, 0.1], zero_point=[5, 7], axis=0)
    graph.tensor("y", (1, 2))
    graph.op("FULLY_CONNECTED", ("x", "w", ""), ("y",))
    counts = count_tflite(graph.save(tmp_path / "m.tflite", ("x",), ("y",)))
    assert (counts.params, counts.params_nonzero) == (4, 1)


def test_int4_weights_lie_two_in_a_byte(tmp_path):
    graph = nets.Graph()
    graph.tensor("x", (1, 3))
    graph.constant("w", np.array([0x0F, 0x00], np.uint8), scale=0.1)
    graph.tensors[-1].type = nets.schema.TensorType.INT4
    graph.tensors[-1].shape = [1, 3]
    graph.tensor("y", (1, 1))
    graph.op("FULLY_CONNECTED", ("x", "w", ""), ("y",))
    counts = count_tflite(graph.save(tmp_path / "m.tflite", ("x",), ("y",)))
    assert (counts.params, counts.params_nonzero, counts.macs) == (3, 1, 3)


def test_the_twin_in_onnx_counts_the_same():
    twin, lite = count(MODELS / "sr-x2-w28.onnx"), count_tflite(MODELS / "sr-x2-w28-fp32.tflite")
    assert (lite.macs, lite.activations, lite.convs) == (twin.macs, twin.activations, twin.convs)
    assert abs(lite.params - twin.params) <= 1  # a scale that the converter folds


def test_the_twin_in_onnx_has_a_peak_of_the_same_size():
    twin = estimate_peak(MODELS / "sr-x2-w28.onnx").activations
    assert 0.7 < estimate_tflite_peak(MODELS / "sr-x2-w28-fp32.tflite").activations / twin < 1.4


def test_the_peak_of_a_small_network(tmp_path):
    peak = estimate_tflite_peak(nets.upscaler(tmp_path / "m.tflite"))
    x, wide, y = 4 * 8 * 8 * 3, 4 * 8 * 8 * 12, 4 * 16 * 16 * 3
    assert peak.activations == x + 2 * wide == x + wide + y
    assert peak.weights == 4 * (12 * 27 + 12 + 12)
    assert (peak.at_node, peak.unknown) == ("s", ())


# -- other shapes than the file's ---------------------------------------------------------------------------------


def interpreter_shapes(path: Path, shapes: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """What LiteRT itself makes of every value for these input shapes, by name."""
    interpreter = Interpreter(str(path), experimental_op_resolver_type=nets.PLAIN_KERNELS)
    for one in interpreter.get_input_details():
        interpreter.resize_tensor_input(one["index"], shapes[one["name"]])
    interpreter.allocate_tensors()
    interpreter.invoke()
    return {one["name"]: tuple(int(size) for size in one["shape"]) for one in interpreter.get_tensor_details()}


@settings(max_examples=20, deadline=None)
@given(batch=st.integers(1, 3), height=st.integers(1, 9), width=st.integers(1, 9))
def test_resized_values_have_the_shapes_that_litert_gives_them(tmp_path_factory, batch, height, width):
    folder = tmp_path_factory.mktemp("m")
    for make in (nets.upscaler, nets.upscaler_int8, nets.many_shapes):
        path = make(folder / "m.tflite")
        given_shapes = {"x": (batch, 4 * height, 4 * width, 3)}
        file = read_tflite_file(path)
        dims = infer_tflite(file, given_shapes)
        truth = interpreter_shapes(path, given_shapes)
        assert {one.name: dims[one.index] for one in file.main.tensors} == {
            one.name: truth[one.name] for one in file.main.tensors
        }


def test_a_larger_picture_costs_in_proportion(tmp_path):
    path = nets.upscaler(tmp_path / "m.tflite")
    assert count_tflite(path, {"x": (2, 16, 8, 3)}).macs == 4 * count_tflite(path).macs
    assert estimate_tflite_peak(path, {"x": (2, 16, 8, 3)}).activations == 4 * estimate_tflite_peak(path).activations


def test_behind_an_operator_without_a_rule_nothing_is_known(tmp_path):
    graph = nets.Graph()
    graph.tensor("x", (1, 4))
    graph.tensor("w", (1, 4))
    graph.tensor("y", (1, 4))
    graph.op("CUSTOM", ("x",), ("w",), custom=b"Warp")
    graph.op("ADD", ("w", "w"), ("y",))
    path = graph.save(tmp_path / "m.tflite", ("x",), ("y",))
    assert count_tflite(path).uncounted == ("w (Warp)",)
    assert count_tflite(path, {"x": (3, 4)}).uncounted == ("w (Warp)", "y (ADD)")
    assert estimate_tflite_peak(path, {"x": (3, 4)}).unknown == ("w", "y")


def test_an_input_that_does_not_exist(tmp_path):
    with pytest.raises(UnknownName, match="imag"):
        count_tflite(nets.upscaler(tmp_path / "m.tflite"), {"imag": (1, 8, 8, 3)})


@pytest.mark.parametrize(
    ("given_shapes", "batch", "resolved"),
    [
        ({}, None, (1, 8, 8, 3)),
        ({}, 4, (4, 8, 8, 3)),
        ({"x": (1, 20, 20, 3)}, None, (1, 20, 20, 3)),
        ({"x": (1, 20, 20, 3)}, 2, (2, 20, 20, 3)),
        ({"x": (5, 20, 20, 3)}, None, (5, 20, 20, 3)),
    ],
)
@pytest.mark.parametrize("free", [False, True])
def test_what_a_file_fixes_can_be_resized(tmp_path, given_shapes, batch, resolved, free):
    info = read_info(nets.upscaler(tmp_path / "m.tflite", free=free))
    axes = resizable_axes(info, given_shapes, batch)
    assert resolve_shapes(axes, given_shapes, batch) == {"x": resolved}


def test_another_rank_is_refused(tmp_path):
    info = read_info(nets.upscaler(tmp_path / "m.tflite"))
    axes = READERS[Format.TFLITE].axes(info, {"x": (8, 8, 3)}, None)
    with pytest.raises(ShapeError, match="has 4 axes, 8x8x3 has 3"):
        resolve_shapes(axes, {"x": (8, 8, 3)})
