"""Models made to measure a machine by: products of matrices for its arithmetic, long arrays for its memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import NodeProto

DTYPES = {"fp32": "FLOAT", "fp16": "FLOAT16"}
PRODUCTS = 4
PASSES = 8
OPSET, IR_VERSION = 13, 7
"""What ONNX Runtime 1.10, the oldest that we meet, loads."""


def matrix_products(path: Path, edge: int, precision: str = "fp32") -> int:
    """Write x w w w w of edge x edge matrices; return its operations: 2 edge^3 a product.

    Both matrices are inputs, so that no runtime can work anything out when it loads the file.
    """
    from onnx import helper

    steps = [
        helper.make_node("MatMul", ["x" if at == 0 else f"p{at}", "w"], [_name("p", at, PRODUCTS)])
        for at in range(PRODUCTS)
    ]
    _save(path, steps, {"x": (edge, edge), "w": (edge, edge)}, (edge, edge), precision)
    return PRODUCTS * 2 * edge**3


def additions(path: Path, elements: int) -> int:
    """Write y = x + w + w + ... over long arrays; return the bytes it moves, counted as STREAM counts an addition.

    McCalpin, "Memory bandwidth and machine balance in current high performance computers" (1995): two arrays read and
    one written, by each pass. A runtime that works in place does no less. The maximum at the end, one more read, keeps
    the result from being copied out.
    """
    from onnx import helper

    steps = [helper.make_node("Add", ["x" if at == 0 else f"s{at}", "w"], [f"s{at + 1}"]) for at in range(PASSES)]
    steps.append(helper.make_node("ReduceMax", [f"s{PASSES}"], ["y"], keepdims=1))
    _save(path, steps, {"x": (1, elements), "w": (1, elements)}, (1, 1), "fp32")
    return (3 * PASSES + 1) * 4 * elements


def copies(path: Path, elements: int) -> int:
    """Write y = -(-(-... x)) over a long array; return the bytes it moves: one read and one write by each pass."""
    from onnx import helper

    steps = [helper.make_node("Neg", ["x" if at == 0 else f"s{at}"], [f"s{at + 1}"]) for at in range(PASSES)]
    steps.append(helper.make_node("ReduceMax", [f"s{PASSES}"], ["y"], keepdims=1))
    _save(path, steps, {"x": (1, elements)}, (1, 1), "fp32")
    return (2 * PASSES + 1) * 4 * elements


def _name(stem: str, at: int, last: int) -> str:
    return "y" if at + 1 == last else f"{stem}{at + 1}"


def _save(
    path: Path,
    steps: Sequence[NodeProto],
    inputs: dict[str, tuple[int, ...]],
    output: tuple[int, ...],
    precision: str,
) -> None:
    import onnx
    from onnx import TensorProto, helper

    dtype = getattr(TensorProto, DTYPES[precision])
    graph = helper.make_graph(
        list(steps),
        "workload",
        [helper.make_tensor_value_info(name, dtype, list(dims)) for name, dims in inputs.items()],
        [helper.make_tensor_value_info("y", dtype, list(output))],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="edgebench"), path)
