"""Which stored tensors are weights, and which of them are zero."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_models as nets
import pytest
from onnx import TensorProto, helper

from edgebench.artifacts import count, estimate_peak
from edgebench.artifacts.proto import dtype_name, element_count, stored_bytes
from edgebench.artifacts.weights import weights


def test_settings_of_resize_are_no_weights_and_factors_are():
    nodes = [
        helper.make_node("Resize", ["x", "", "scales"], ["r"], mode="nearest"),
        helper.make_node("Mul", ["r", "factor"], ["y"]),
    ]
    stored = [nets.constant("scales", [1, 1, 2, 2], np.float32), nets.constant("factor", 0.5, np.float32)]
    net = nets.model(nodes, [nets.value("x", [1, 1, 2, 2])], [nets.value("y", None)], stored)
    assert [weight.name for weight in weights(net)] == ["factor"]
    # Resize and Mul, one each for 1x1x4x4
    assert count(net).flops == 32


def test_a_weight_that_two_nodes_share_is_stored_once():
    nodes = [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("MatMul", ["a", "w"], ["y"])]
    net = nets.model(nodes, [nets.value("x", [1, 3])], [nets.value("y", None)], [nets.weight("w", 3, 3)])
    assert (count(net).params, count(net).macs) == (9, 18)


def test_a_tensor_used_as_data_and_as_scale_is_a_weight():
    nodes = [
        helper.make_node("Mul", ["x", "s"], ["a"]),
        helper.make_node("QuantizeLinear", ["a", "s"], ["y"]),
    ]
    stored = [nets.constant("s", 0.5, np.float32)]
    net = nets.model(nodes, [nets.value("x", [2])], [nets.value("y", None, TensorProto.UINT8)], stored)
    assert count(net).params == 1


@pytest.mark.parametrize(("attribute", "numbers"), [({"value_float": 2.0}, 1), ({"value_floats": [1.0, 0.0, 3.0]}, 3)])
def test_numbers_in_constant_nodes(attribute, numbers):
    nodes = [helper.make_node("Constant", [], ["c"], **attribute), helper.make_node("Mul", ["x", "c"], ["y"])]
    net = nets.model(nodes, [nets.value("x", [3])], [nets.value("y", None)])
    assert count(net).params == numbers
    assert count(net).params_nonzero == numbers - (numbers == 3)


def test_sparse_weights_count_their_zeros():
    values = nets.constant("w", [1.0, 2.0], np.float32)
    indices = nets.constant("", [0, 5], np.int64)
    net = nets.model(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], [nets.value("x", [1, 3])], [nets.value("y", None)]
    )
    net.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [3, 2]))
    counts = count(net)
    assert (counts.params, counts.params_nonzero, counts.macs) == (6, 2, 6)


def test_a_zero_point_for_each_block():
    weight = np.array([[5, 5, 1], [5, 5, 1], [5, 5, 7]], np.int8)
    zero = np.array([[5, 0, 1], [0, 5, 7]], np.int8)  # rows 0 and 1, then row 2
    node = helper.make_node("DequantizeLinear", ["w", "s", "z"], ["d"], axis=0, block_size=2)
    nodes = [node, helper.make_node("MatMul", ["x", "d"], ["y"])]
    stored = [
        onnx.numpy_helper.from_array(weight, "w"),
        nets.constant("s", np.ones((2, 3)), np.float32),
        onnx.numpy_helper.from_array(zero, "z"),
    ]
    inputs = [nets.value("x", [1, 3])]
    net = nets.model(nodes, inputs, [nets.value("y", None)], stored, opsets=(("", 21),), ir_version=10)
    # row 0: . 5 .   row 1: . 5 .   row 2: 5 . .
    assert count(net).params == 9
    assert count(net).params_nonzero == 3


def test_four_bit_weights_are_two_to_a_byte():
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s"], ["d"]),
        helper.make_node("MatMul", ["x", "d"], ["y"]),
    ]
    stored = [
        helper.make_tensor("w", TensorProto.INT4, [3, 3], [1, 2, 3, 0, 5, 6, 7, 0, -1]),
        nets.constant("s", 0.5, np.float32),
    ]
    inputs = [nets.value("x", [1, 3])]
    net = nets.model(nodes, inputs, [nets.value("y", None)], stored, opsets=(("", 21),), ir_version=10)
    counts = count(net)
    assert (counts.params, counts.params_nonzero) == (9, 7)
    # 9 nibbles in 5 bytes, and the scale
    assert estimate_peak(net).weights == 9


@pytest.mark.parametrize(
    ("dtype", "dims", "size"),
    [("float32", (2, 3), 24), ("int4", (3,), 2), ("uint2", (5,), 2), ("bfloat16", (), 2), ("string", (2,), None)],
)
def test_stored_bytes(dtype, dims, size):
    assert stored_bytes(dtype, dims) == size


def test_every_numeric_type_of_onnx_has_a_size():
    sizeless = {name for name, number in TensorProto.DataType.items() if stored_bytes(dtype_name(number), (8,)) is None}
    assert sizeless <= {"UNDEFINED", "STRING", "FLOAT6E2M3", "FLOAT6E3M2"}
    assert dtype_name(99) == "type99"
    assert element_count(()) == 1


@pytest.mark.parametrize(
    ("dtype", "number"),
    [(np.float32, TensorProto.FLOAT), (np.float16, TensorProto.FLOAT16), (np.int64, TensorProto.INT64)],
)
def test_stored_bytes_are_those_of_numpy(dtype, number):
    assert stored_bytes(dtype_name(number), (3, 5)) == np.zeros((3, 5), dtype).nbytes
