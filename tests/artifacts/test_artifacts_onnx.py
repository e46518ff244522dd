"""What read_onnx sees, restamping, and what damaged files do."""

from __future__ import annotations

import os

import numpy as np
import onnx_models as nets
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnxruntime import quantization

from edgebench.artifacts import StatePair, TensorSpec, count, estimate_peak, minimum_ir, read_onnx, restamp
from edgebench.artifacts.inference import infer
from edgebench.artifacts.onnx_model import describe
from edgebench.artifacts.proto import parse_model
from edgebench.artifacts.state_pairs import state_pairs
from edgebench.errors import ModelError


def saved(tmp_path, model, name="m.onnx"):
    path = tmp_path / name
    path.write_bytes(model.SerializeToString())
    return path


def attempt(read, path):
    """What it returns, or the ModelError it raises; any other exception fails the test."""
    try:
        return read(path)
    except ModelError as error:
        return error


def test_the_face_of_a_model(tmp_path):
    info = read_onnx(saved(tmp_path, nets.dynamic_net()))
    assert (info.ir_version, info.opsets, info.producer) == (8, {"": 13}, "by hand 1")
    assert info.inputs == (TensorSpec("x", "float32", ("batch", 3, "h", "w")),)
    assert info.outputs == (TensorSpec("y", "float32", None),)
    assert info.ops == {"Conv": 2, "Relu": 1}
    assert (info.unused_opsets, info.custom_domains, info.state_pairs) == ((), (), ())


def test_initializers_that_are_inputs_too_are_no_inputs():
    net = nets.conv_net()
    net.graph.input.append(nets.value("w1", [4, 3, 3, 3]))
    assert [spec.name for spec in describe(net).inputs] == ["x"]


def test_sizes_of_zero_and_below_mean_unknown():
    info = describe(nets.model([], [nets.value("x", [-1, 0, 3])], [nets.value("y", None)]))
    assert info.inputs[0].dims == (None, None, 3)


def test_domains():
    info = describe(nets.custom_net())
    assert info.custom_domains == ("com.vendor",)
    assert info.unused_opsets == ("ai.onnx.ml", "com.unused")
    assert info.ops == {"Relu": 2, "com.vendor::Magic": 1}


def test_inputs_that_are_no_tensors():
    sequence = helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None)
    assert describe(nets.model([], [sequence], [nets.value("y", None)])).inputs == (TensorSpec("s", "sequence", None),)


def test_a_signature_in_words():
    assert str(TensorSpec("x", "float32", ("n", 3, None))) == "x float32 [n, 3, ?]"
    assert str(TensorSpec("s", "sequence", None)) == "s sequence"


def test_a_file_larger_than_a_protobuf_can_be(tmp_path):
    path = tmp_path / "m.onnx"
    path.touch()
    os.truncate(path, 2**31)  # a hole: takes no room
    with pytest.raises(ModelError, match="over 2 GiB") as caught:
        read_onnx(path)
    assert "save_as_external_data" in caught.value.hint


def test_a_missing_file_cannot_be_read(tmp_path):
    with pytest.raises(ModelError, match=r"m\.onnx cannot be read"):
        read_onnx(tmp_path / "m.onnx")


def test_nested_graphs_are_seen():
    then = helper.make_graph(
        [helper.make_node("Magic", ["x"], ["t"], domain="com.inner")], "t", [], [nets.value("t", [1])]
    )
    other = helper.make_graph([helper.make_node("Neg", ["x"], ["e"])], "e", [], [nets.value("e", [1])])
    node = helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)
    inputs = [nets.value("c", [], TensorProto.BOOL), nets.value("x", [1])]
    net = nets.model([node], inputs, [nets.value("y", [1])], opsets=(("", 13), ("com.inner", 1)))
    info = describe(net)
    assert info.unused_opsets == ()
    assert info.ops == {"If": 1, "Neg": 1, "com.inner::Magic": 1}
    assert count(net).uncounted == ("y (If)",)
    assert estimate_peak(net).unknown == ("y (If)",)


def test_a_branch_that_reads_the_input_is_no_constant():
    """PyTorch asks a value's shape and then runs the network in the branches (silero VAD does)."""
    then = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["t"])], "t", [], [nets.value("t", [1, 4])])
    other = helper.make_graph([helper.make_node("Identity", ["x"], ["e"])], "e", [], [nets.value("e", [1, 4])])
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("ReduceMax", ["s"], ["most"], keepdims=0),  # constant, but nothing that we fold
        helper.make_node("Cast", ["most"], ["same"], to=TensorProto.BOOL),
        helper.make_node("If", ["same"], ["y"], then_branch=then, else_branch=other),
    ]
    net = nets.model(nodes, [nets.value("x", [1, 4])], [nets.value("y", [1, 4])], [nets.weight("w", 4, 4)])
    assert count(net).uncounted == ("y (If)",)
    assert "y" not in infer(net, {}).constants
    assert "same" in infer(net, {}).constants


def test_local_functions_are_counted_through():
    body = [helper.make_node("Relu", ["a"], ["b"])]
    function = helper.make_function("local", "Twice", ["a"], ["b"], body, [helper.make_opsetid("", 13)])
    net = nets.model(
        [helper.make_node("Twice", ["x"], ["y"], domain="local")],
        [nets.value("x", [8])],
        [nets.value("y", None)],
        opsets=(("", 13), ("local", 1)),
    )
    net.functions.append(function)
    assert describe(net).custom_domains == ()
    assert (count(net).flops, count(net).uncounted) == (8, ())
    with pytest.raises(ModelError, match="local functions need 8"):
        restamp(net.SerializeToString(), ir_version=7)


def test_precision_of_float_models():
    assert describe(nets.conv_net()).precision.scheme == "fp32"
    half = nets.model(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        [nets.value("x", [1, 4], TensorProto.FLOAT16)],
        [nets.value("y", None, TensorProto.FLOAT16)],
        [nets.weight("w", 4, 4, dtype=np.float16)],
    )
    precision = describe(half).precision
    assert (precision.weights, precision.activations, precision.io, precision.compute) == ("fp16",) * 4


def test_precision_of_qdq():
    precision = describe(nets.qdq_net()).precision
    assert precision.scheme == "int8 static QDQ"
    assert (precision.weights, precision.activations, precision.io, precision.compute) == (
        "int8",
        "int8",
        "fp32",
        "int8",
    )


def test_precision_of_quantised_weights_alone():
    net = nets.qdq_net()
    kept = [node for node in net.graph.node if node.op_type != "QuantizeLinear"][1:4]
    kept[2].input[0], kept[2].output[0] = "x", "y"
    alone = nets.model(kept, net.graph.input, net.graph.output, net.graph.initializer)
    precision = describe(alone).precision
    assert (precision.scheme, precision.activations) == ("int8 weight-only", "fp32")


class Samples:
    """Two calibration samples for the conv net."""

    def __init__(self):
        self.left = [{"x": np.full((1, 3, 8, 8), fill, np.float32)} for fill in (0.2, 0.9)]

    def get_next(self):
        return self.left.pop() if self.left else None


def test_what_the_usual_quantiser_writes(tmp_path):
    source = saved(tmp_path, nets.conv_net())
    target = tmp_path / "q.onnx"
    quantization.quantize_static(source, target, Samples(), quant_format=quantization.QuantFormat.QDQ)
    info = read_onnx(target)
    assert info.precision.scheme == "int8 static QDQ"
    quantised, plain = count(target), count(source)
    assert (quantised.params, quantised.macs, quantised.activations) == (152, plain.macs, plain.activations)
    assert quantised.complete
    assert estimate_peak(target).activations < estimate_peak(source).activations


def test_what_onnxruntime_saves_is_stamped_for_domains_that_no_node_uses(tmp_path):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(tmp_path / "saved.onnx")
    providers = ["CPUExecutionProvider"]
    onnxruntime.InferenceSession(nets.conv_net().SerializeToString(), options, providers=providers)
    assert "ai.onnx.ml" in read_onnx(tmp_path / "saved.onnx").unused_opsets
    stamped = (tmp_path / "saved.onnx").read_bytes()
    clean = restamp(stamped, ir_version=7)
    assert describe(parse_model(clean, "clean")).unused_opsets == ()
    feeds = {"x": np.random.default_rng(nets.SEED).random((1, 3, 8, 8), np.float32)}
    before, after = (
        onnxruntime.InferenceSession(data, providers=providers).run(None, feeds)[0] for data in (stamped, clean)
    )
    assert np.array_equal(before, after)


def test_what_dynamic_quantisation_writes(tmp_path):
    source, target = saved(tmp_path, nets.gemm_net()), tmp_path / "q.onnx"
    quantization.quantize_dynamic(source, target)
    precision = read_onnx(target).precision
    assert (precision.scheme, precision.activations, precision.compute) == ("int8 dynamic range", "fp32", "int8")
    assert count(target).macs == count(source).macs


def test_state_of_an_lstm_is_suggested():
    assert describe(nets.lstm_net()).state_pairs == (StatePair("h0", "hn"), StatePair("c0", "cn"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("state", "stateN"),
        ("state", "state_out"),
        ("h0", "hn"),
        ("c_in", "c_out"),
        ("in_cache", "out_cache"),
        ("r1i", "r1o"),
        ("hidden", "new_hidden"),
        ("past_key_values.0.key", "present.0.key"),
        ("past_0", "present_0"),
    ],
)
def test_usual_names_of_state(old, new):
    def spec(name, *dims):
        return TensorSpec(name, "float32", dims)

    assert state_pairs((spec(old, 1, 8),), (spec("y", 1, 8), spec(new, 1, 8))) == (StatePair(old, new),)
    assert state_pairs((spec(old, 1, "n"),), (spec(new, None, 8),)) == (StatePair(old, new),)
    assert state_pairs((spec(old, 1, 8),), (spec(new, 1, 9),)) == ()
    assert state_pairs((spec(old, 1, 8),), (spec(new, 1, 8, 1),)) == ()
    assert state_pairs((spec(old, 1, 8),), (TensorSpec(new, "float16", (1, 8)),)) == ()


def test_an_image_model_has_no_state():
    dims = (1, 3, 8, 8)
    assert state_pairs((TensorSpec("x", "float32", dims),), (TensorSpec("y", "float32", dims),)) == ()


def test_restamp_leaves_a_clean_model_alone():
    data = nets.conv_net().SerializeToString()
    assert restamp(data, ir_version=9) is data


def test_restamp_strips_and_lowers():
    net = nets.conv_net()
    net.ir_version = 10
    net.opset_import.append(helper.make_opsetid("com.unused", 1))
    again = parse_model(restamp(net.SerializeToString(), ir_version=7), "again")
    assert (again.ir_version, [(entry.domain, entry.version) for entry in again.opset_import]) == (7, [("", 13)])
    assert again.graph == net.graph
    kept = parse_model(restamp(net.SerializeToString(), strip_unused=False, ir_version=7), "kept")
    assert len(kept.opset_import) == 2


def test_restamp_refuses_what_the_older_version_cannot_say():
    with pytest.raises(ModelError, match="weights that are not inputs need 4"):
        restamp(nets.conv_net().SerializeToString(), ir_version=3)
    net = nets.conv_net()
    net.graph.initializer.append(helper.make_tensor("four", TensorProto.INT4, [2], [1, 2]))
    assert minimum_ir(net) == (10, "int4 values")


SOURCES = [
    nets.conv_net(4, 4).SerializeToString(),
    nets.qdq_net().SerializeToString(),
    nets.lstm_net().SerializeToString(),
    nets.custom_net().SerializeToString(),
]


@pytest.mark.parametrize("source", SOURCES)
def test_every_truncation_is_told(tmp_path, source):
    path = tmp_path / "cut.onnx"
    for size in range(1, len(source)):
        path.write_bytes(source[:size])
        answer = attempt(read_onnx, path)
        if isinstance(answer, ModelError):
            assert "cut.onnx is truncated or damaged" in answer.message
            assert answer.hint
        else:  # cut between two operator-set imports that no node uses: whole as far as anyone can see
            whole = parse_model(source, "whole")
            assert answer.ops == describe(whole).ops
            assert answer.outputs == describe(whole).outputs


@settings(derandomize=True, max_examples=400, deadline=None)
@given(source=st.sampled_from(SOURCES), data=st.data())
def test_changed_bytes_give_an_answer_or_a_model_error(tmp_path_factory, source, data):
    changed = bytearray(source)
    for _ in range(data.draw(st.integers(1, 8))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "changed.onnx"
    path.write_bytes(changed)
    for read in (read_onnx, count, estimate_peak, lambda path: restamp(path.read_bytes(), ir_version=4)):
        answer = attempt(read, path)
        if isinstance(answer, ModelError):
            assert "\n" not in answer.message


@settings(derandomize=True, max_examples=200, deadline=None)
@given(data=st.binary(max_size=200))
def test_garbage_is_a_model_error(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "garbage.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match="truncated or damaged"):
        read_onnx(path)


def without_an_import():
    net = nets.custom_net()
    del net.opset_import[1]
    return net


def without_an_output():
    net = nets.conv_net()
    net.graph.output[0].name = "z"
    return net


def without_a_node():
    net = nets.conv_net()
    del net.graph.node[1]
    return net


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (without_an_import, "names no operator set for 'com.vendor'"),
        (without_an_output, "nothing computes its output 'z'"),
        (without_a_node, "a Conv node reads 'r', which nothing before it computes"),
    ],
)
def test_models_with_a_part_missing(make, says):
    with pytest.raises(ModelError, match=f"m is truncated or damaged: .*{says}"):
        parse_model(make().SerializeToString(), "m")


def test_sizes_that_nobody_can_hold():
    net = nets.conv_net()
    net.graph.initializer[0].dims[0] = 2**62
    with pytest.raises(ModelError, match="truncated or damaged: a stored tensor has 432 bytes"):
        parse_model(net.SerializeToString(), "m")


def test_deep_nesting_is_a_model_error():
    data = b""
    for _ in range(5000):  # graphs in attributes of nodes of graphs
        node = b"\x2a" + _length(b"\x32" + _length(data))
        data = b"\x0a" + _length(node)
    with pytest.raises(ModelError, match="truncated or damaged"):
        parse_model(b"\x08\x08\x3a" + _length(data), "m")


def _length(data):
    size, head = len(data), b""
    while size > 127:
        head, size = head + bytes([size & 127 | 128]), size >> 7
    return head + bytes([size]) + data


def test_weights_without_their_bytes_are_a_model_error():
    net = nets.conv_net()
    net.graph.initializer[0].ClearField("raw_data")
    with pytest.raises(ModelError):
        count(net)
