"""Counts against numbers worked out by hand in the comments."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import onnx
import onnx_models as nets
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from edgebench.artifacts.counting import count
from edgebench.artifacts.inference import infer
from edgebench.artifacts.liveness import estimate_peak, estimated_peak_bytes
from edgebench.errors import ModelError, UnknownName


def test_conv_net():
    counts = count(nets.conv_net())
    # first: 4*8*8 outputs x 3*9 = 6912; second: 4*4*4 outputs x 1*9 = 576
    assert counts.macs == 6912 + 576
    # Relu: one for each of 4*8*8
    assert counts.flops == 2 * 7488 + 256
    # outputs of the convolutions: 4*8*8 + 4*4*4
    assert counts.activations == 320
    assert counts.convs == 2
    # 4*3*9 + 4 + 4*9 + 4
    assert counts.params == counts.params_nonzero == 152
    assert counts.complete


def test_abpn_has_the_published_counts():
    counts = count(nets.abpn_x4())
    # 3->28: 784, 4 times 28->28: 28,336, 28->48: 12,144, 48->48 1x1: 2,352, and the two bounds of Clip
    assert counts.params == 43_618
    # 43,380 weights of convolutions at each of 180*320 places
    assert counts.macs == 43_380 * 57_600 == 2_498_688_000
    # 5 Relu of 28, one of 48, Add of 48 and Clip of 48 channels' worth
    assert counts.flops == 2 * counts.macs + (5 * 28 + 48 + 48 + 48) * 57_600
    assert counts.activations == (5 * 28 + 48 + 48) * 57_600
    assert (counts.convs, counts.complete) == (7, True)


@pytest.mark.parametrize("net", [nets.conv_net(), nets.gemm_net(), nets.qdq_net(), nets.lstm_net(), nets.abpn_x4(4, 4)])
def test_the_models_of_these_tests_are_real(net):
    session = onnxruntime.InferenceSession(net.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {entry.name: np.ones(entry.shape, np.float32) for entry in session.get_inputs()}
    assert all(np.isfinite(output).all() for output in session.run(None, feeds))


@pytest.mark.parametrize("net", [nets.conv_net(), nets.gemm_net(), nets.lstm_net(), nets.abpn_x4(4, 8)])
def test_inferred_shapes_are_those_of_the_runtime(net):
    inferred = infer(net, {}).dims
    names = [name for node in net.graph.node for name in node.output if name and node.op_type != "Constant"]
    probed = onnx.ModelProto.FromString(net.SerializeToString())
    del probed.graph.output[:]
    probed.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    session = onnxruntime.InferenceSession(probed.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {entry.name: np.ones(entry.shape, np.float32) for entry in session.get_inputs()}
    measured = {name: output.shape for name, output in zip(names, session.run(names, feeds), strict=True)}
    assert {name: inferred[name] for name in names} == measured


def test_per_op_sums_to_the_whole_and_is_sorted():
    counts = count(nets.conv_net())
    assert [(row.op, row.nodes, row.macs) for row in counts.per_op] == [("Conv", 2, 7488), ("Relu", 1, 0)]
    assert sum(row.flops for row in counts.per_op) == counts.flops
    assert [node.name for node in counts.nodes] == ["first", "relu", "second"]


def test_shapes_are_substituted():
    small = count(nets.dynamic_net(), {"x": (1, 3, 8, 8)})
    assert small.macs == count(nets.conv_net()).macs
    # twice the batch and four times the area
    assert count(nets.dynamic_net(), {"x": (2, 3, 16, 16)}).macs == 8 * small.macs


def test_a_fixed_output_shape_does_not_hide_the_new_one():
    net = nets.conv_net()
    net.graph.output[0].CopyFrom(nets.value("y", [1, 4, 4, 4]))
    assert count(net, {"x": (2, 3, 8, 8)}).activations == 640


def test_without_shapes_dynamic_nodes_are_uncounted_and_told():
    counts = count(nets.dynamic_net())
    assert counts.uncounted == ("first (Conv)", "relu (Relu)", "second (Conv)")
    assert not counts.complete
    assert counts.convs == 2
    assert counts.params == 152


def test_unknown_input_is_refused():
    with pytest.raises(UnknownName, match="'y'"):
        count(nets.conv_net(), {"y": (1, 3, 8, 8)})


def test_gemm_and_matmul():
    counts = count(nets.gemm_net())
    # 2*6*5 and 2*5*3; Mul on 2*5
    assert counts.macs == 60 + 30
    assert counts.flops == 2 * 90 + 10
    # 30 + 5 + 15, and the factor stored in a Constant node
    assert counts.params == 51
    assert (counts.convs, counts.activations) == (0, 0)


def test_qdq_counts_like_the_float_network_it_stands_for():
    counts = count(nets.qdq_net())
    # 4*2 weights and 4 biases; scales and zero points do not count
    assert counts.params == 12
    # 4*4*4 outputs x 2
    assert (counts.macs, counts.flops, counts.activations) == (128, 256, 64)


def test_quantised_zeros_are_those_at_the_zero_point_of_their_channel():
    assert count(nets.qdq_net(zeros=3)).params_nonzero == 12 - 3
    assert count(nets.qdq_net(zeros=3)).params == 12


def test_pruned_weights_are_stored_but_zero():
    net = nets.gemm_net()
    pruned = onnx.numpy_helper.to_array(net.graph.initializer[0]).copy()
    pruned[:, :2] = 0
    net.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(pruned, "w"))
    counts = count(net)
    assert (counts.params, counts.params_nonzero) == (51, 41)


def test_lstm():
    counts = count(nets.lstm_net())
    # 5 steps x (8x3 + 8x2) weights; 5 steps x 8 gate values besides
    assert (counts.macs, counts.flops) == (200, 440)
    assert counts.params == 40


def test_transposed_convolution():
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2])
    net = nets.model([node], [nets.value("x", [1, 3, 5, 5])], [nets.value("y", None)], [nets.weight("w", 3, 4, 2, 2)])
    # 3*5*5 inputs, each spread over 4 channels of 2x2
    assert count(net).macs == 75 * 16
    # 4 channels of 10x10
    assert count(net).activations == 400


def test_integer_forms():
    eight = {"dtype": np.uint8}
    conv = helper.make_node("ConvInteger", ["x", "w"], ["y"])
    x = nets.value("x", [1, 2, 3, 3], TensorProto.UINT8)
    out = nets.value("y", None, TensorProto.INT32)
    counts = count(nets.model([conv], [x], [out], [nets.weight("w", 5, 2, 1, 1, **eight)]))
    assert (counts.macs, counts.params, counts.convs) == (5 * 9 * 2, 10, 1)
    scales = [nets.constant("s", 0.1, np.float32), nets.constant("z", 0, np.uint8)]
    settings_of_both = ["s", "z"]
    linear = helper.make_node("QLinearConv", ["x", *settings_of_both, "w", *settings_of_both, *settings_of_both], ["y"])
    out = nets.value("y", None, TensorProto.UINT8)
    counts = count(nets.model([linear], [x], [out], [nets.weight("w", 5, 2, 1, 1, **eight), *scales]))
    assert (counts.macs, counts.params, counts.activations) == (90, 10, 45)
    product = helper.make_node(
        "QLinearMatMul", ["a", *settings_of_both, "w", *settings_of_both, *settings_of_both], ["y"]
    )
    a = nets.value("a", [2, 7, 4], TensorProto.UINT8)
    counts = count(nets.model([product], [a], [out], [nets.weight("w", 4, 3, **eight), *scales]))
    assert (counts.macs, counts.params) == (2 * 7 * 4 * 3, 12)


def test_pooling_and_reduction():
    pool = helper.make_node("MaxPool", ["x"], ["p"], kernel_shape=[2, 2], strides=[2, 2])
    mean = helper.make_node("GlobalAveragePool", ["p"], ["y"])
    counts = count(nets.model([pool, mean], [nets.value("x", [1, 2, 4, 4])], [nets.value("y", None)]))
    # 2*2*2 outputs x 4 compared, then 8 summed
    assert (counts.macs, counts.flops) == (0, 32 + 8)


def test_shape_arithmetic_is_followed_and_costs_nothing():
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"], axis=0),
        helper.make_node("Mul", ["n", "one"], ["m"]),
        helper.make_node("Concat", ["m", "rest"], ["target"], axis=0),
        helper.make_node("Reshape", ["x", "target"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["y"]),
    ]
    stored = [
        nets.constant("zero", [0], np.int64),
        nets.constant("one", [1], np.int64),
        nets.constant("rest", [-1], np.int64),
        nets.weight("w", 12, 2),
    ]
    net = nets.model(nodes, [nets.value("x", ["batch", 3, 4])], [nets.value("y", None)], stored)
    counts = count(net, {"x": (5, 3, 4)})
    assert (counts.macs, counts.flops, counts.uncounted) == (5 * 12 * 2, 240, ())
    assert counts.params == 24  # integers of shape arithmetic are none


@pytest.mark.parametrize(
    ("opset", "attributes", "axes"),
    [(13, {}, (5, 3, 4)), (15, {"start": 1}, (3, 4)), (15, {"start": -2, "end": -1}, (3,))],
)
def test_reshapes_to_a_shape_of_the_input(opset, attributes, axes):
    nodes = [
        helper.make_node("Shape", ["x"], ["s"], **attributes),
        helper.make_node("Concat", ["s", "rest"], ["target"], axis=0),
        helper.make_node("Reshape", ["x", "target"], ["r"]),
        helper.make_node("Relu", ["r"], ["y"]),
    ]
    stored = [nets.constant("rest", [-1], np.int64)]
    inputs = [nets.value("x", ["n", 3, 4])]
    net = nets.model(nodes, inputs, [nets.value("y", None)], stored, opsets=(("", opset),))
    assert infer(net, {"x": (5, 3, 4)}).dims["y"] == (*axes, 60 // int(np.prod(axes)))


def test_a_reshape_that_depends_on_an_earlier_reshape():
    nodes, last = [], "x"
    for index in range(4):
        nodes += [
            helper.make_node("Shape", [last], [f"s{index}"]),
            helper.make_node("Gather", [f"s{index}", "first"], [f"n{index}"], axis=0),
            helper.make_node("Concat", ["rest", f"n{index}"], [f"t{index}"], axis=0),
            helper.make_node("Reshape", [last, f"t{index}"], [f"r{index}"]),
        ]
        last = f"r{index}"
    stored = [nets.constant("first", [0], np.int64), nets.constant("rest", [-1], np.int64)]
    net = nets.model(nodes, [nets.value("x", ["n", 6])], [nets.value(last, None)], stored)
    dims = infer(net, {"x": (2, 6)}).dims
    assert [dims[f"r{index}"] for index in range(4)] == [(6, 2), (2, 6), (6, 2), (2, 6)]


def test_a_large_constant_is_not_computed():
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Mul", ["s", "large"], ["l"]),
        helper.make_node("ConstantOfShape", ["l"], ["c"]),
        helper.make_node("Reshape", ["x", "c"], ["y"]),
    ]
    stored = [nets.constant("large", [2**21], np.int64)]
    net = nets.model(nodes, [nets.value("x", [2])], [nets.value("y", None)], stored)
    infer(net, {})  # what is imported on the way shall not count
    tracemalloc.start()
    dims = infer(net, {}).dims
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "y" not in dims
    # computed, it would be 2**22 floats: 16 MiB
    assert peak < 2**22


def test_custom_operators_and_what_follows_them_are_uncounted():
    assert count(nets.custom_net()).uncounted == ("magic (Magic)", "last (Relu)")


def test_external_data_counts_like_embedded(tmp_path):
    outside = count(nets.save_external(tmp_path / "net.onnx"))
    inside = count(nets.conv_net())
    assert (outside.params, outside.params_nonzero, outside.macs) == (152, 152, inside.macs)
    assert outside.size_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())


def test_external_data_behind_a_link_as_download_caches_keep_it(tmp_path):
    path = nets.save_external(tmp_path / "net.onnx")
    (tmp_path / "net.data").rename(tmp_path / "blob")
    (tmp_path / "net.data").symlink_to("blob")
    assert count(path).params_nonzero == 152


def test_a_model_in_memory_has_no_external_data(tmp_path):
    path = nets.save_external(tmp_path / "net.onnx")
    with pytest.raises(ModelError, match="weight 'w1' cannot be read"):
        count(onnx.load(path, load_external_data=False))


def test_missing_external_data_is_an_error(tmp_path):
    path = nets.save_external(tmp_path / "net.onnx")
    (tmp_path / "net.data").unlink()
    with pytest.raises(ModelError, match=r"net\.data"):
        count(path)


def test_other_formats_are_refused(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(b"\x1c\0\0\0TFL3" + bytes(32))
    with pytest.raises(ModelError, match="only ONNX"):
        count(path)


def _multiplications(height, width, channels, filters, kernel, stride, group):
    """Every multiplication of a padded convolution, one at a time: independent of any formula."""
    total = 0
    for _, top, left in itertools.product(range(filters), range(0, height, stride), range(0, width, stride)):
        assert 0 <= top < height
        assert 0 <= left < width
        total += sum(1 for _ in itertools.product(range(channels // group), range(kernel), range(kernel)))
    return total


@settings(derandomize=True, max_examples=25, deadline=None)
@given(
    height=st.integers(3, 7),
    width=st.integers(3, 7),
    per_group=st.integers(1, 3),
    kernel=st.sampled_from([1, 3]),
    stride=st.integers(1, 2),
    group=st.integers(1, 2),
)
def test_convolutions_agree_with_counting_one_by_one(height, width, per_group, kernel, stride, group):
    channels, filters = per_group * group, 2 * group
    pads = [kernel // 2] * 4
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=pads, strides=[stride] * 2, group=group)
    stored = [nets.weight("w", filters, per_group, kernel, kernel)]
    net = nets.model([node], [nets.value("x", [1, channels, height, width])], [nets.value("y", None)], stored)
    assert count(net).macs == _multiplications(height, width, channels, filters, kernel, stride, group)


def test_peak_of_a_chain():
    estimate = estimate_peak(nets.conv_net())
    # 152 floats; Relu's input and output, 2 x 4*8*8 floats, outweigh x + a (768 + 1024) and r + y (1024 + 256)
    assert (estimate.weights, estimate.activations, estimate.at_node) == (608, 2048, "relu")
    assert estimated_peak_bytes(nets.conv_net()) == 2656


def test_peak_keeps_what_a_later_node_reads():
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Add", ["b", "x"], ["y"], name="skip"),
    ]
    estimate = estimate_peak(nets.model(nodes, [nets.value("x", [10])], [nets.value("y", None)]))
    # x waits for the skip connection: x + a + b (and later x + b + y), 3 x 40 bytes
    assert estimate.activations == 120


def test_peak_counts_a_view_once():
    stored = [nets.constant("flat", [-1], np.int64)]
    nodes = [helper.make_node("Reshape", ["x", "flat"], ["v"]), helper.make_node("Relu", ["v"], ["y"])]
    estimate = estimate_peak(nets.model(nodes, [nets.value("x", [2, 5])], [nets.value("y", None)], stored))
    assert estimate.activations == 80


def test_peak_of_a_quantised_graph_is_in_quantised_bytes():
    estimate = estimate_peak(nets.qdq_net())
    # the float input of 32 (128 bytes) with its 32 quantised ones; then 32 quantised + 64 quantised
    assert estimate.activations == 160
    # w 8, ws 16, wz 4, b 16, bs 16, bz 16, s 4, z 1
    assert estimate.weights == 81


def test_peak_with_an_unknown_shape_is_none():
    assert estimated_peak_bytes(nets.dynamic_net()) is None
    assert estimate_peak(nets.custom_net()).unknown == ("b", "y")
    assert estimated_peak_bytes(nets.dynamic_net(), {"x": (1, 3, 8, 8)}) == 2656
