"""Small ONNX models whose counts can be done by hand."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
SEED = 20261121


def weight(name, *dims, dtype=np.float32):
    """Seeded values, none of them zero."""
    values = np.random.default_rng(SEED).uniform(0.1, 1.0, dims)
    return numpy_helper.from_array(values.astype(dtype), name)


def constant(name, values, dtype):
    return numpy_helper.from_array(np.array(values, dtype=dtype), name)


def value(name, dims, dtype=FLOAT):
    return helper.make_tensor_value_info(name, dtype, dims)


def model(nodes, inputs, outputs, initializers=(), *, opsets=(("", 13),), ir_version=8):
    graph = helper.make_graph(nodes, "graph", inputs, outputs, initializer=list(initializers))
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets]
    return helper.make_model(
        graph, opset_imports=imports, ir_version=ir_version, producer_name="by hand", producer_version="1"
    )


def conv_net(height=8, width=8, batch=1):
    """3 -> 4 channels 3x3, Relu, depthwise 3x3 with stride 2."""
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["a"], name="first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["r"], name="relu"),
        helper.make_node("Conv", ["r", "w2", "b2"], ["y"], name="second", pads=[1] * 4, strides=[2, 2], group=4),
    ]
    stored = [weight("w1", 4, 3, 3, 3), weight("b1", 4), weight("w2", 4, 1, 3, 3), weight("b2", 4)]
    return model(nodes, [value("x", [batch, 3, height, width])], [value("y", None)], stored)


def dynamic_net():
    """`conv_net` with named batch, height and width."""
    return conv_net("h", "w", "batch")


def gemm_net():
    """[2, 6] x [6, 5] + bias, then times 0.5 by a Constant node, then a matrix product with [5, 3]."""
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["a"], transB=1),
        helper.make_node("Constant", [], ["half"], value=constant("", 0.5, np.float32)),
        helper.make_node("Mul", ["a", "half"], ["m"]),
        helper.make_node("MatMul", ["m", "v"], ["y"]),
    ]
    stored = [weight("w", 5, 6), weight("b", 5), weight("v", 5, 3)]
    return model(nodes, [value("x", [2, 6])], [value("y", None)], stored)


def qdq_net(zeros=0):
    """One 2 -> 4 1x1 convolution on 4x4 with int8 weights per channel, `zeros` of them at their zero point."""
    weights = np.full((4, 2, 1, 1), 7, np.int8)
    weights.reshape(-1)[:zeros] = np.repeat([3, 4, 5, 6], 2)[:zeros]
    stored = [
        numpy_helper.from_array(weights, "w"),
        constant("ws", [0.1] * 4, np.float32),
        constant("wz", [3, 4, 5, 6], np.int8),
        constant("b", [1] * 4, np.int32),
        constant("bs", [0.01] * 4, np.float32),
        constant("bz", [0] * 4, np.int32),
        constant("s", 0.1, np.float32),
        constant("z", 128, np.uint8),
    ]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], axis=0),
        helper.make_node("DequantizeLinear", ["b", "bs", "bz"], ["bd"], axis=0),
        helper.make_node("Conv", ["xd", "wd", "bd"], ["c"]),
        helper.make_node("QuantizeLinear", ["c", "s", "z"], ["cq"]),
        helper.make_node("DequantizeLinear", ["cq", "s", "z"], ["y"]),
    ]
    return model(nodes, [value("x", [1, 2, 4, 4])], [value("y", None)], stored)


def lstm_net():
    """5 steps of an LSTM, input 3, hidden 2, with its state as input and output."""
    nodes = [
        helper.make_node("LSTM", ["x", "w", "r", "", "", "h0", "c0"], ["y", "hn", "cn"], hidden_size=2),
    ]
    stored = [weight("w", 1, 8, 3), weight("r", 1, 8, 2)]
    states = [value("h0", [1, 1, 2]), value("c0", [1, 1, 2])]
    outputs = [value("y", [5, 1, 1, 2]), value("hn", [1, 1, 2]), value("cn", [1, 1, 2])]
    return model(nodes, [value("x", [5, 1, 3]), *states], outputs, stored)


def custom_net():
    """A node of a vendor's domain between two that are standard."""
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Magic", ["a"], ["b"], name="magic", domain="com.vendor"),
        helper.make_node("Relu", ["b"], ["y"], name="last"),
    ]
    imports = (("", 13), ("com.vendor", 1), ("ai.onnx.ml", 3), ("com.unused", 1))
    return model(nodes, [value("x", [1, 8])], [value("y", None)], opsets=imports)


def save_external(path: Path, location="net.data"):
    """`conv_net` at `path` with its weights in `location` beside it."""
    net = conv_net()
    onnx.save(net, path, save_as_external_data=True, location=location, size_threshold=0)
    return path


def abpn_x4(height=180, width=320):
    """The x4 super-resolution network of the users' tables (28 channels, anchor, pixel shuffle, clip)."""
    channels = [3, 28, 28, 28, 28, 28, 48]
    nodes, stored, last = [], [], "x"
    for index, (before, after) in enumerate(itertools.pairwise(channels)):
        stored += [weight(f"w{index}", after, before, 3, 3), weight(f"b{index}", after)]
        names = [last, f"w{index}", f"b{index}"]
        nodes.append(helper.make_node("Conv", names, [f"c{index}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{index}"], [f"r{index}"]))
        last = f"r{index}"
    stored += [weight("wp", 48, 48, 1, 1), weight("bp", 48)]
    stored += [constant("low", 0, np.float32), constant("high", 255, np.float32)]
    nodes += [
        helper.make_node("Conv", [last, "wp", "bp"], ["p"]),
        helper.make_node("Concat", ["x"] * 16, ["anchor"], axis=1),
        helper.make_node("Add", ["p", "anchor"], ["sum"]),
        helper.make_node("DepthToSpace", ["sum"], ["big"], blocksize=4),
        helper.make_node("Clip", ["big", "low", "high"], ["y"]),
    ]
    return model(nodes, [value("x", [1, 3, height, width])], [value("y", None)], stored)
