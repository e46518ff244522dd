"""Compute the small values that shapes depend on, where onnx's own data propagation does not reach.

onnx 1.23 follows Shape -> Gather -> Concat -> Reshape at operator set 17 but not at 13, and the models of older boards
are opset 11 to 13. Here such nodes are evaluated with onnx's reference operators and replaced by what they yield.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edgebench.artifacts.proto import element_count

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

Values = dict[str, Any]
"""Value name -> numpy array."""

LARGEST_VALUE = 4096
"""Elements; shape arithmetic is far smaller, and a hostile graph must not make us compute more."""

_ARITHMETIC = """Add And Cast Ceil Concat ConstantOfShape Div Equal Floor Gather Greater Identity Less Max
    Min Mod Mul Neg Not Or ReduceProd Reshape Slice Squeeze Sub Transpose Unsqueeze Where"""


def fold(model: ModelProto, dims: Mapping[str, tuple[int, ...]]) -> bool:
    """Replace, in place, the nodes of the main graph that can be computed from stored tensors and known shapes.

    `dims`: the shapes known so far, by value name. Returns whether any node was replaced.
    """
    from onnx import numpy_helper

    graph = model.graph
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    values: Values = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in graph.initializer
        if element_count(tuple(tensor.dims)) <= LARGEST_VALUE
    }
    kept, folded = [], []
    for node in graph.node:
        result = _result(node, dims, values, opsets)
        if result is None:
            kept.append(node)
            continue
        values[node.output[0]] = result
        folded.append(node.output[0])
    if not folded:
        return False
    copies = [type(node).FromString(node.SerializeToString()) for node in kept]
    del graph.node[:]
    graph.node.extend(copies)
    graph.initializer.extend(numpy_helper.from_array(values[name], name) for name in folded)
    return True


def _result(node: NodeProto, dims: Mapping[str, tuple[int, ...]], values: Values, opsets: dict[str, int]) -> Any:
    """The value of a node's only output, None if it is not one to compute here."""
    if node.domain not in ("", "ai.onnx") or len(node.output) != 1:
        return None
    if node.op_type in ("Shape", "Size"):
        return _shape(node, dims)
    if node.op_type == "Constant":
        return _evaluate(node, {}, opsets)
    inputs = [name for name in node.input if name]
    if node.op_type not in _ARITHMETIC.split() or not inputs or any(name not in values for name in inputs):
        return None
    if node.op_type == "ConstantOfShape" and not 0 <= values[inputs[0]].prod(dtype=float) <= LARGEST_VALUE:
        return None
    return _evaluate(node, {name: values[name] for name in inputs}, opsets)


def _shape(node: NodeProto, dims: Mapping[str, tuple[int, ...]]) -> Any:
    import numpy as np

    known = dims.get(node.input[0])
    if known is None:
        return None
    if node.op_type == "Size":
        return np.array(element_count(known), np.int64)
    bounds = {attribute.name: attribute.i for attribute in node.attribute}
    return np.array(known[bounds.get("start", 0) : bounds.get("end", len(known))], np.int64)


def _evaluate(node: NodeProto, feeds: Values, opsets: dict[str, int]) -> Any:
    import numpy as np
    from onnx.reference import ReferenceEvaluator

    try:
        outputs: Any = ReferenceEvaluator(node, opsets=opsets).run(None, feeds)
        result = outputs[0]
    except Exception:  # noqa: BLE001  (whatever an operator raises, its node stays, and what follows stays unknown)
        return None
    fits = isinstance(result, (np.ndarray, np.generic)) and result.size <= LARGEST_VALUE
    return np.asarray(result) if fits else None
