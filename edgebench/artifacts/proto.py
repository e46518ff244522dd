"""Read an ONNX protobuf that may be damaged or hostile, and walk everything that is stored in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.errors import ModelError

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto

LARGEST_PROTOBUF = 2**31 - 1
AGAIN = "copy or export the file again, and compare its size with the original"

ITEM_BITS = {
    **dict.fromkeys(("uint8", "int8", "bool"), 8),
    **dict.fromkeys(("uint16", "int16", "float16", "bfloat16"), 16),
    **dict.fromkeys(("float32", "int32", "uint32"), 32),
    **dict.fromkeys(("float64", "int64", "uint64", "complex64"), 64),
    **dict.fromkeys(("float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "float8e8m0"), 8),
    **dict.fromkeys(("uint4", "int4", "float4e2m1"), 4),
    **dict.fromkeys(("uint2", "int2"), 2),
    "complex128": 128,
}
"""Bits of one stored element, by the name that `dtype_name` gives; strings have none."""

_NUMPY_NAMES = {"FLOAT": "float32", "DOUBLE": "float64"}


def dtype_name(elem_type: int) -> str:
    """The numpy-like name of an ONNX element type (`float32`, `int8`); `type99` for one that is not known."""
    import onnx

    try:
        name = str(onnx.TensorProto.DataType.Name(elem_type))
    except ValueError:
        return f"type{elem_type}"
    return _NUMPY_NAMES.get(name, name.lower())


def element_count(dims: tuple[int, ...]) -> int:
    """The number of elements of a shape; 1 for a scalar."""
    total = 1
    for dim in dims:
        total *= dim
    return total


def stored_bytes(dtype: str, dims: tuple[int, ...]) -> int | None:
    """Bytes of a dense tensor, packed as ONNX packs it; None where an element has no fixed size."""
    bits = ITEM_BITS.get(dtype)
    return None if bits is None else (element_count(dims) * bits + 7) // 8


@contextmanager
def damage_is_a_model_error(name: str) -> Iterator[None]:
    """Turn whatever a damaged protobuf makes its reader raise into one ModelError that names the file.

    The list is what protobuf and its Python accessors raise on garbage: names that are no UTF-8 come back as bytes
    (TypeError, AttributeError later), enumerations out of range as ValueError, missing entries as LookupError.
    """
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        yield
    except (DecodeError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError) as error:
        raise ModelError(f"{name} is truncated or damaged", hint=AGAIN) from error


def parse_model(data: bytes, name: str) -> ModelProto:
    """Parse an ONNX model, without its external data, and check that it is whole.

    Raises ModelError if it does not parse, or parses to something that no exporter writes (the file was cut at a
    field's end, bytes were changed): no IR version, no operator set, an output that nothing computes.
    """
    import onnx

    with damage_is_a_model_error(name):
        model: ModelProto = onnx.ModelProto.FromString(data)
        fault = _fault(model)
    if fault:
        raise ModelError(f"{name} is truncated or damaged: {fault}", hint=AGAIN)
    return model


def read_model(path: Path) -> ModelProto:
    """Read and parse an `.onnx` file, without its external data; ModelError if it cannot be read or is damaged."""
    try:
        if path.stat().st_size > LARGEST_PROTOBUF:
            hint = "export it with external data: onnx.save(model, path, save_as_external_data=True)"
            raise ModelError(f"{path.name} is over 2 GiB, more than a protobuf can hold", hint=hint)
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path.name} cannot be read: {error.strerror}", hint="check the file's rights") from error
    return parse_model(data, path.name)


def _fault(model: ModelProto) -> str | None:
    if model.ir_version < 1:
        return "it has no IR version"
    if model.ir_version >= 3 and not model.opset_import:
        return "it names no operator set"
    if not model.graph.output:
        return "its graph has no output"
    return _unsound_name(model) or _unsound_tensor(model) or _unsound_graph(model.graph) or _unsound_imports(model)


def _unsound_name(model: ModelProto) -> str | None:
    for node in nodes(model):
        if not all(isinstance(part, str) for part in (node.op_type, node.domain, node.name, *node.input, *node.output)):
            return "a node's name is not text"
        if not node.op_type:
            return "a node has no operator"
    return None


def _unsound_tensor(model: ModelProto) -> str | None:
    for tensor in tensors(model):
        dims = tuple(tensor.dims)
        if min(dims, default=1) < 0:
            return "a stored tensor has a negative dimension"
        expected = stored_bytes(dtype_name(tensor.data_type), dims)
        if tensor.HasField("raw_data") and expected is not None and len(tensor.raw_data) != expected:
            return f"a stored tensor has {len(tensor.raw_data)} bytes where its shape needs {expected}"
    return None


def _unsound_graph(graph: GraphProto) -> str | None:
    known = {""} | {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    known |= {tensor.values.name for tensor in graph.sparse_initializer}
    for node in graph.node:
        missing = [name for name in node.input if name not in known]
        if missing:
            return f"a {node.op_type} node reads {missing[0]!r}, which nothing before it computes"
        known.update(node.output)
    lost = [value.name for value in graph.output if value.name not in known]
    return f"nothing computes its output {lost[0]!r}" if lost else None


def _unsound_imports(model: ModelProto) -> str | None:
    if model.ir_version < 3:
        return None
    imported = {domain_name(entry.domain) for entry in model.opset_import}
    missing = {domain_name(node.domain) for node in _deep(model.graph.node)} - imported
    return f"it names no operator set for {min(missing)!r}" if missing else None


def graphs(model: ModelProto) -> Iterator[GraphProto]:
    """The main graph, then every graph nested in control flow and in local functions."""
    yield model.graph
    for node in nodes(model):
        yield from nested_graphs(node)


def nodes(model: ModelProto) -> Iterator[NodeProto]:
    """Every node: of the main graph, of nested graphs and of local functions."""
    yield from _deep(model.graph.node)
    for function in model.functions:
        yield from _deep(function.node)


def tensors(model: ModelProto) -> Iterator[TensorProto]:
    """Every stored tensor: initializers (of sparse ones the values) and tensors held by nodes' attributes."""
    for graph in graphs(model):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield sparse.values
    for node in nodes(model):
        for attribute in node.attribute:
            yield from _held(attribute)


def _held(attribute: AttributeProto) -> Iterator[TensorProto]:
    if attribute.HasField("t"):
        yield attribute.t
    yield from attribute.tensors


def nested_graphs(node: NodeProto) -> Iterator[GraphProto]:
    """The graphs that a node holds: branches of If, bodies of Loop and Scan."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def captured(node: NodeProto) -> set[str]:
    """The values of the graph around it that a node's nested graphs (branches of If, bodies of Loop) read."""
    outer: set[str] = set()
    for graph in nested_graphs(node):
        made = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
        made |= {name for inner in graph.node for name in inner.output}
        read = {name for inner in graph.node for name in (*inner.input, *captured(inner)) if name}
        outer |= (read | {value.name for value in graph.output}) - made
    return outer


def _deep(level: Iterable[NodeProto]) -> Iterator[NodeProto]:
    for node in level:
        yield node
        for graph in nested_graphs(node):
            yield from _deep(graph.node)


STANDARD_DOMAINS = frozenset({"", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training", "ai.onnx.training"})


def domain_name(domain: str) -> str:
    """The domain with its alias resolved: `ai.onnx` is the default domain, which is written empty."""
    return "" if domain == "ai.onnx" else domain


def used_domains(model: ModelProto) -> set[str]:
    """The domains of all nodes, and of the local functions."""
    return {domain_name(node.domain) for node in nodes(model)} | {domain_name(f.domain) for f in model.functions}


def unused_opset_domains(model: ModelProto) -> tuple[str, ...]:
    """Domains that the model imports and no node uses, sorted; the default domain always counts as used."""
    used = used_domains(model) | {""}
    return tuple(sorted({domain_name(entry.domain) for entry in model.opset_import} - used))
