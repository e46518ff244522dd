"""Rewrite a model's stamps (operator-set imports, IR version) so that an older runtime accepts it; never its graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgebench.artifacts.proto import (
    damage_is_a_model_error,
    domain_name,
    dtype_name,
    nodes,
    parse_model,
    tensors,
    unused_opset_domains,
)
from edgebench.errors import ModelError

if TYPE_CHECKING:
    from onnx import ModelProto

_DTYPE_SINCE = {
    **dict.fromkeys(("float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz"), 9),
    **dict.fromkeys(("uint4", "int4"), 10),
    "float4e2m1": 11,
    "float8e8m0": 12,
    **dict.fromkeys(("uint2", "int2"), 13),
    **dict.fromkeys(("float6e2m3", "float6e3m2"), 14),
}
OLDEST_IR = 3
"""The first IR version with operator-set imports."""


def minimum_ir(model: ModelProto) -> tuple[int, str]:
    """The lowest IR version that can express the model, and the feature that asks for it.

    By the change notes beside `enum Version` in onnx.proto: 4 weights that are no inputs, 6 sparse weights, 8 local
    functions, 9 float8, 10 int4 and overloads, 11 float4, 12 float8e8m0, 13 int2, 14 float6.
    """
    inputs = {value.name for value in model.graph.input}
    needs = [(OLDEST_IR, "operator-set imports")]
    if any(tensor.name not in inputs for tensor in model.graph.initializer):
        needs.append((4, "weights that are not inputs"))
    if model.graph.sparse_initializer:
        needs.append((6, "sparse weights"))
    if model.functions:
        needs.append((8, "local functions"))
    if any(node.overload for node in nodes(model)):
        needs.append((10, "overloaded functions"))
    needs += [(_DTYPE_SINCE[name], f"{name} values") for name in sorted(_dtypes(model)) if name in _DTYPE_SINCE]
    return max(needs)


def _dtypes(model: ModelProto) -> set[str]:
    """The types of stored tensors, of declared values, and that Cast or QuantizeLinear write."""
    values = (*model.graph.input, *model.graph.output, *model.graph.value_info)
    found = {tensor.data_type for tensor in tensors(model)} | {value.type.tensor_type.elem_type for value in values}
    found |= {
        attribute.i
        for node in nodes(model)
        for attribute in node.attribute
        if attribute.name in ("to", "output_dtype", "dtype")
    }
    return {dtype_name(elem_type) for elem_type in found}


def restamp(model_bytes: bytes, *, strip_unused: bool = True, ir_version: int | None = None) -> bytes:
    """The model with unused operator-set imports removed and its IR version lowered to `ir_version`.

    An IR version at or above the model's changes nothing; where nothing changes, the same bytes come back. Raises
    ModelError if the model is damaged or uses something that the lower IR version cannot express.
    """
    model = parse_model(model_bytes, "the model")
    with damage_is_a_model_error("the model"):
        changed = strip_unused and _strip_unused(model)
        if ir_version is not None and ir_version < model.ir_version:
            _lower(model, ir_version)
            changed = True
        return model.SerializeToString(deterministic=True) if changed else model_bytes


def _strip_unused(model: ModelProto) -> bool:
    unused = set(unused_opset_domains(model))
    kept = [entry for entry in model.opset_import if domain_name(entry.domain) not in unused]
    if not unused:
        return False
    copies = [(entry.domain, entry.version) for entry in kept]
    del model.opset_import[:]
    for domain, version in copies:
        model.opset_import.add(domain=domain, version=version)
    return True


def _lower(model: ModelProto, ir_version: int) -> None:
    lowest, why = minimum_ir(model)
    if ir_version < lowest:
        text = f"the model cannot be restamped to IR version {ir_version}: {why} need {lowest}"
        raise ModelError(text, hint="export it with an older onnx or for an older runtime, or update the runtime")
    model.ir_version = ir_version
