"""What an ONNX file says about itself, read without running it and without its external data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.artifacts.precision import Precision, guess_precision
from edgebench.artifacts.proto import (
    STANDARD_DOMAINS,
    damage_is_a_model_error,
    domain_name,
    dtype_name,
    nodes,
    read_model,
    unused_opset_domains,
    used_domains,
)
from edgebench.artifacts.state_pairs import StatePair, state_pairs
from edgebench.artifacts.tensor_spec import Dim, TensorSpec

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto


@dataclass(frozen=True)
class ModelInfo:
    """An ONNX model's face.

    `opsets`: domain -> version (the default domain is ""); `unused_opsets`: domains imported that no node uses;
    `ops`: "Conv" or "domain::Op" -> how many nodes, nested graphs and local functions included; `custom_domains`:
    domains outside the standard that some node needs; `state_pairs`: outputs that look like the next value of an
    input, a suggestion by names only.
    """

    ir_version: int
    opsets: Mapping[str, int]
    unused_opsets: tuple[str, ...]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    producer: str
    ops: Mapping[str, int]
    precision: Precision
    state_pairs: tuple[StatePair, ...]
    custom_domains: tuple[str, ...]


def read_onnx(path: Path | str) -> ModelInfo:
    """Read an `.onnx` file; ModelError if it cannot be read, or is truncated or damaged."""
    path = Path(path)
    model = read_model(path)
    with damage_is_a_model_error(path.name):
        return describe(model)


def describe(model: ModelProto) -> ModelInfo:
    """The ModelInfo of a model in memory; initializers that are also listed as inputs are no inputs."""
    stored = {tensor.name for tensor in model.graph.initializer}
    stored |= {tensor.values.name for tensor in model.graph.sparse_initializer}
    inputs = tuple(_spec(value) for value in model.graph.input if value.name not in stored)
    outputs = tuple(_spec(value) for value in model.graph.output)
    histogram = Counter(_op_name(domain_name(node.domain), node.op_type) for node in nodes(model))
    local = {domain_name(function.domain) for function in model.functions}
    return ModelInfo(
        ir_version=model.ir_version,
        opsets={domain_name(entry.domain): entry.version for entry in model.opset_import},
        unused_opsets=unused_opset_domains(model),
        inputs=inputs,
        outputs=outputs,
        producer=" ".join(part for part in (model.producer_name, model.producer_version) if part),
        ops=dict(sorted(histogram.items())),
        precision=guess_precision(model, inputs),
        state_pairs=state_pairs(inputs, outputs),
        custom_domains=tuple(sorted(used_domains(model) - STANDARD_DOMAINS - local)),
    )


def _op_name(domain: str, op_type: str) -> str:
    return f"{domain}::{op_type}" if domain else op_type


def _spec(value: ValueInfoProto) -> TensorSpec:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        return TensorSpec(value.name, (kind or "unknown").removesuffix("_type"), None)
    tensor = value.type.tensor_type
    dims = tuple(_dim(dim) for dim in tensor.shape.dim) if tensor.HasField("shape") else None
    return TensorSpec(value.name, dtype_name(tensor.elem_type), dims)


_NO_NAME = frozenset({"", "?", "-1", "None"})
"""What exporters write as the name of an axis that has none; two such axes have nothing to do with each other."""


def _dim(dim: object) -> Dim:
    """A fixed size, a symbol, or None; sizes of 0 and below are how some exporters write "not known"."""
    value = int(getattr(dim, "dim_value", 0))
    if value > 0:
        return value
    symbol = str(getattr(dim, "dim_param", ""))
    return None if symbol in _NO_NAME else symbol
