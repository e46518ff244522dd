"""Small ONNX models with what real ones have: several inputs, whole-number inputs, states that are fed back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
SEED = 20261121
OPSETS = (("", 13),)


def value(name, dims, dtype=FLOAT):
    return helper.make_tensor_value_info(name, dtype, dims)


def weight(name, *dims):
    values = np.random.default_rng(SEED).uniform(-0.5, 0.5, dims)
    return numpy_helper.from_array(values.astype(np.float32), name)


def save(path: Path, nodes, inputs, outputs, stored=(), *, opsets: Sequence[tuple[str, int]] = OPSETS, ir=7) -> Path:
    graph = helper.make_graph(nodes, "graph", inputs, outputs, initializer=list(stored))
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=ir), path)
    return path


def conv(path: Path, batch: int | str = 1, **more) -> Path:
    """x [batch, 3, 8, 8] -> y [batch, 4, 8, 8]: one convolution."""
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    dims = [batch, 3, 8, 8]
    return save(path, [node], [value("x", dims)], [value("y", [batch, 4, 8, 8])], [weight("w", 4, 3, 3, 3)], **more)


def two_and_two(path: Path) -> Path:
    """a [1, 4], b [1, 4] -> sum [1, 4], product [1, 4]."""
    nodes = [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Mul", ["a", "b"], ["product"])]
    four = [1, 4]
    return save(path, nodes, [value("a", four), value("b", four)], [value("sum", four), value("product", four)])


def stepper(path: Path, rows: int, *, state: str = "h", following: str = "hn") -> Path:
    """x [1, 4], state [1] int64 -> y [1, 4] = x + row `state` of a table, following [1] = state + 1.

    When the state is fed back, step number `rows` asks for a row that is not there, which the runtime refuses; when it
    is not, every step takes row 0.
    """
    nodes = [
        helper.make_node("Gather", ["table", state], ["row"]),
        helper.make_node("Add", ["x", "row"], ["y"]),
        helper.make_node("Add", [state, "one"], [following]),
    ]
    stored = [weight("table", rows, 4), numpy_helper.from_array(np.ones(1, np.int64), "one")]
    inputs = [value("x", [1, 4]), value(state, [1], INT64)]
    return save(path, nodes, inputs, [value("y", [1, 4]), value(following, [1], INT64)], stored)


def embedding(path: Path, rows: int = 10) -> Path:
    """ids [1, 6] int64 -> y [1, 6, 4]: rows of a table; an id beyond the table is refused by the runtime."""
    node = helper.make_node("Gather", ["table", "ids"], ["y"])
    return save(path, [node], [value("ids", [1, 6], INT64)], [value("y", [1, 6, 4])], [weight("table", rows, 4)])
