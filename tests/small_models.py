"""Small ONNX files with one property each, for tests that show or refuse them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def save(path: Path, nodes, inputs, outputs, stored=(), *, opsets=(("", 13),), ir_version=8) -> Path:
    graph = helper.make_graph(nodes, "graph", inputs, outputs, initializer=list(stored))
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=ir_version, producer_name="hand"), path)
    return path


def tensor(name, dims, dtype=FLOAT):
    return helper.make_tensor_value_info(name, dtype, dims)


def weight(name, *dims, dtype=np.float32, zeros=0):
    values = np.random.default_rng(20261121).uniform(0.1, 1.0, dims).astype(dtype)
    values.reshape(-1)[:zeros] = 0
    return numpy_helper.from_array(values, name)


def convolution(path: Path, *, height=8, width=8, zeros=0, **stamps) -> Path:
    """3 -> 4 channels, 3x3, and a Relu: 112 parameters, 108 MACs for each of its h x w pixels."""
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["a"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["y"], name="relu"),
    ]
    stored = [weight("w", 4, 3, 3, 3, zeros=zeros), weight("b", 4)]
    shape = [1, 3, height, width]
    return save(path, nodes, [tensor("x", shape)], [tensor("y", [1, 4, height, width])], stored, **stamps)


def recurrent(path: Path) -> Path:
    """y = x + state, and the next state."""
    nodes = [helper.make_node("Add", ["x", "state"], ["y"]), helper.make_node("Relu", ["y"], ["state_out"])]
    values = [tensor(name, [1, 4]) for name in ("x", "state", "y", "state_out")]
    return save(path, nodes, values[:2], values[2:])


def custom(path: Path) -> Path:
    """An operator of a domain that no runtime brings along."""
    nodes = [helper.make_node("Warp", ["x"], ["y"], name="warp", domain="acme")]
    opsets = (("", 13), ("acme", 1))
    return save(path, nodes, [tensor("x", [1, 4])], [tensor("y", [1, 4])], opsets=opsets)


def weight_only(path: Path) -> Path:
    """A matrix product whose int8 weights become floats first."""
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s"], ["f"]),
        helper.make_node("MatMul", ["x", "f"], ["y"], name="product"),
    ]
    quantised = numpy_helper.from_array(np.full((4, 2), 3, np.int8), "w")
    scale = numpy_helper.from_array(np.array(0.5, np.float32), "s")
    return save(path, nodes, [tensor("x", [1, 4])], [tensor("y", [1, 2])], [quantised, scale])
