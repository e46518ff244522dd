"""A TFLite file as plain records: FlatBuffers read without being trusted.

FlatBuffers in Python verify nothing. So every index and length is checked here, and the work that a file can cause is
bounded by its size: vectors that overlap, which no writer makes, soon exhaust it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgebench.errors import ModelError

DAMAGED_HINT = "copy or convert the file again, and compare its size with the original"
WORK_FLOOR = 1 << 16
MOST_WORK = 1 << 23
"""In bytes read one by one: two million numbers, some ten seconds; the largest networks known have a tenth of it."""
SIZES = {"float64": 8, "int64": 8, "uint64": 8, "complex64": 8, "complex128": 16}
SIZES |= {"float32": 4, "int32": 4, "uint32": 4, "float16": 2, "bfloat16": 2, "int16": 2, "uint16": 2}
SIZES |= {"int8": 1, "uint8": 1, "bool": 1, "float8_e4m3fn": 1, "float8_e5m2": 1}
PACKED_BITS = {"int4": 4, "uint4": 4, "int2": 2}

Options = Mapping[str, int | float | bool | tuple[int, ...]]


@dataclass(frozen=True)
class Quantisation:
    """real = scale x (stored - zero point): one scale, or one for each index of `axis`."""

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int


@dataclass(frozen=True)
class Tensor:
    """One value of a graph. `dims` None: the file does not tell; in `signature` None is a free axis.

    `stored`: the file holds its content; `sparse`: only those elements that are not zero.
    """

    index: int
    name: str
    dtype: str
    dims: tuple[int, ...] | None
    signature: tuple[int | None, ...] | None
    buffer: int
    stored: bool
    variable: bool
    sparse: bool
    quantisation: Quantisation | None

    @property
    def elements(self) -> int | None:
        """How many; None where the dims are not known."""
        return None if self.dims is None else element_count(self.dims)


@dataclass(frozen=True)
class Operator:
    """One node. `kind` is TFLite's name (`CONV_2D`), or the custom operator's own; indices of tensors, -1: left out."""

    index: int
    kind: str
    custom: bool
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Options


@dataclass(frozen=True)
class Graph:
    """One subgraph; the first is what runs, the others are bodies of its control flow or other signatures."""

    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class TfliteFile:
    """A whole file; `content` gives a tensor's bytes as stored."""

    name: str
    version: int
    description: str
    graphs: tuple[Graph, ...]
    size: int
    raw: bytes = field(repr=False)
    spans: tuple[tuple[int, int], ...] = field(repr=False)

    @property
    def main(self) -> Graph:
        """The graph that runs."""
        return self.graphs[0]

    def content(self, tensor: Tensor) -> memoryview:
        """The bytes that the file stores for a tensor; empty where it stores none."""
        start, end = self.spans[tensor.buffer]
        return memoryview(self.raw)[start:end]


def element_count(dims: tuple[int, ...]) -> int:
    """The product of dims; 1 for a scalar."""
    product = 1
    for dim in dims:
        product *= dim
    return product


def stored_size(dtype: str, elements: int) -> int | None:
    """Bytes of so many elements; None for types without a fixed size (strings, resources)."""
    if dtype in PACKED_BITS:
        return -(-elements * PACKED_BITS[dtype] // 8)
    return None if dtype not in SIZES else elements * SIZES[dtype]


def read_tflite_file(path: Path | str) -> TfliteFile:
    """Read a `.tflite` file. Raises `ModelError` if it cannot be read, is truncated, damaged or no TFLite file."""
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path.name} cannot be read: {error.strerror}", hint="check the path and its rights"
        ) from error
    return parse_tflite(raw, path.name)


def parse_tflite(raw: bytes, name: str) -> TfliteFile:
    """The records of a file's content. Raises `ModelError` as `read_tflite_file`."""
    if raw[4:8] != b"TFL3":
        raise ModelError(f"{name} is truncated or damaged: no TFLite header", hint=DAMAGED_HINT)
    try:
        file = _Reader(raw, name).file()
        fault = _fault(file)
        if fault:
            raise ValueError(fault)
        return file
    except (struct.error, ValueError, IndexError, TypeError, OverflowError, AttributeError) as error:
        raise ModelError(f"{name} is truncated or damaged: {error}", hint=DAMAGED_HINT) from error


def _fault(file: TfliteFile) -> str | None:
    """What no converter writes: a graph without outputs, a value that nothing computes, weights of another size."""
    if file.version != 3:
        return f"it is of schema version {file.version}, not 3"
    if not file.main.outputs:
        return "its graph has no output"
    strange = next((one for graph in file.graphs for one in graph.tensors if one.dtype.startswith("type ")), None)
    if strange is not None:
        return f"tensor {strange.name!r} is of {strange.dtype}, which the schema has not"
    for tensor in (one for graph in file.graphs for one in graph.tensors if one.stored and not one.sparse):
        expected = None if tensor.elements is None else stored_size(tensor.dtype, tensor.elements)
        if expected is not None and len(file.content(tensor)) != expected:
            return f"tensor {tensor.name!r} has {len(file.content(tensor))} bytes where its shape needs {expected}"
    return _unsound(file.main)


def _unsound(graph: Graph) -> str | None:
    """An operator that reads what nothing before it computes, or an output that nothing computes."""
    known = {-1, *graph.inputs} | {one.index for one in graph.tensors if one.stored or one.variable}
    for operator in graph.operators:
        if not known.issuperset(operator.inputs):
            return f"{operator.kind} {operator.index} reads what nothing before it computes"
        known.update(operator.outputs)
    return None if known.issuperset(graph.outputs) else "nothing computes one of its outputs"


class _Reader:
    """One reading of one file, with the work that is left to it. Damage is a ValueError."""

    def __init__(self, raw: bytes, name: str) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._schema = schema
        self._raw = raw
        self._name = name
        self._left = min(len(raw) + WORK_FLOOR, MOST_WORK)
        self._types = _names(schema.TensorType)
        self._kinds = _names(schema.BuiltinOperator)
        self._option_tables = _names(schema.BuiltinOptions)

    def file(self) -> TfliteFile:
        model = self._schema.Model.GetRootAs(self._raw)
        buffers = self._each(model.BuffersLength(), model.Buffers)
        spans = tuple(self._span(buffer) for buffer in buffers)
        codes = [self._code(code) for code in self._each(model.OperatorCodesLength(), model.OperatorCodes)]
        graphs = tuple(self._graph(one, codes, spans) for one in self._each(model.SubgraphsLength(), model.Subgraphs))
        if not graphs:
            raise ValueError("no graph")
        description = self._text(model.Description())
        return TfliteFile(self._name, model.Version(), description, graphs, len(self._raw), self._raw, spans)

    def _spend(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise ValueError("its parts overlap, or are too many")

    def _each(self, length: int, take: Callable[[int], Any]) -> Iterator[Any]:
        for at in range(length):
            self._spend(4)
            yield take(at)

    def _ints(self, length: int, take: Callable[[int], Any]) -> tuple[int, ...]:
        return tuple(int(one) for one in self._each(length, take))

    def _text(self, raw: bytes | None) -> str:
        self._spend(len(raw or b""))
        return (raw or b"").decode("utf-8", "replace")

    def _span(self, buffer: Any) -> tuple[int, int]:
        """Where a buffer's bytes lie in the file: in its vector, or behind the FlatBuffer (files over 2 GiB)."""
        length = buffer.DataLength()
        start = buffer._tab.Vector(buffer._tab.Offset(4)) if length else 0
        if buffer.Offset() > 1:
            start, length = buffer.Offset(), buffer.Size()
        if start < 0 or start + length > len(self._raw):
            raise ValueError(f"{length} bytes of weights at {start} lie behind its end")
        return start, start + length

    def _code(self, code: Any) -> tuple[str, bool, int]:
        number = max(code.DeprecatedBuiltinCode(), code.BuiltinCode())
        kind = self._kinds.get(number, f"operator {number}")
        if kind == "CUSTOM":
            return self._text(code.CustomCode()) or "CUSTOM", True, code.Version()
        return kind, False, code.Version()

    def _graph(self, graph: Any, codes: list[tuple[str, bool, int]], spans: tuple[tuple[int, int], ...]) -> Graph:
        tensors = tuple(
            self._tensor(at, one, spans) for at, one in enumerate(self._each(graph.TensorsLength(), graph.Tensors))
        )
        operators = self._each(graph.OperatorsLength(), graph.Operators)
        made = Graph(
            self._text(graph.Name()),
            tensors,
            tuple(self._operator(at, one, codes) for at, one in enumerate(operators)),
            self._ints(graph.InputsLength(), graph.Inputs),
            self._ints(graph.OutputsLength(), graph.Outputs),
        )
        used = [
            made.inputs,
            made.outputs,
            *(one.inputs for one in made.operators),
            *(o.outputs for o in made.operators),
        ]
        if any(not -1 <= index < len(tensors) for indices in used for index in indices):
            raise ValueError("an operator works on a tensor that is not there")
        if -1 in made.inputs + made.outputs:
            raise ValueError("an input or output is left out")
        return made

    def _tensor(self, index: int, tensor: Any, spans: tuple[tuple[int, int], ...]) -> Tensor:
        dims = self._ints(tensor.ShapeLength(), tensor.Shape)
        signature = self._ints(tensor.ShapeSignatureLength(), tensor.ShapeSignature) or dims
        known = bool(dims) or tensor.HasRank() or not signature
        buffer = tensor.Buffer()
        if not 0 <= buffer < len(spans):
            raise ValueError(f"tensor {index} has buffer {buffer} of {len(spans)}")
        start, end = spans[buffer]
        return Tensor(
            index=index,
            name=self._text(tensor.Name()),
            dtype=self._types.get(tensor.Type(), f"type {tensor.Type()}").lower(),
            dims=dims if known and all(dim >= 0 for dim in dims) else None,
            signature=tuple(None if dim < 0 else dim for dim in signature) if known else None,
            buffer=buffer,
            stored=buffer > 0 and end > start,
            variable=bool(tensor.IsVariable()),
            sparse=tensor.Sparsity() is not None,
            quantisation=self._quantisation(tensor.Quantization()),
        )

    def _quantisation(self, found: Any) -> Quantisation | None:
        if found is None or not found.ScaleLength():
            return None
        self._spend((found.ScaleLength() + found.ZeroPointLength()) // 8)  # read at once
        scales = tuple(found.ScaleAsNumpy().tolist())
        zero_points = tuple(found.ZeroPointAsNumpy().tolist()) if found.ZeroPointLength() else ()
        if len(zero_points) not in (0, 1, len(scales)):
            raise ValueError(f"{len(zero_points)} zero points for {len(scales)} scales")
        return Quantisation(scales, zero_points or (0,), found.QuantizedDimension())

    def _operator(self, index: int, operator: Any, codes: list[tuple[str, bool, int]]) -> Operator:
        code = operator.OpcodeIndex()
        if code >= len(codes):
            raise ValueError(f"operator {index} is of kind {code} of {len(codes)}")
        kind, custom, version = codes[code]
        inputs = self._ints(operator.InputsLength(), operator.Inputs)
        outputs = self._ints(operator.OutputsLength(), operator.Outputs)
        return Operator(index, kind, custom, version, inputs, outputs, self._options(operator))

    def _options(self, operator: Any) -> dict[str, Any]:
        """The settings that shapes and costs depend on, by the schema's names."""
        table = self._option_tables.get(operator.BuiltinOptionsType(), "")
        wanted = _OPTIONS.get(table)
        found = operator.BuiltinOptions()
        if wanted is None or found is None:
            return {}
        options = getattr(self._schema, table)()
        options.Init(found.Bytes, found.Pos)
        values: dict[str, Any] = {}
        for name in wanted:
            take = getattr(options, name)
            values[name] = self._ints(getattr(options, f"{name}Length")(), take) if name in _VECTORS else take()
        return values


def _names(enum: type) -> dict[int, str]:
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}


_WINDOW = ("Padding", "StrideW", "StrideH")
_DILATED = (*_WINDOW, "DilationWFactor", "DilationHFactor", "FusedActivationFunction")
_OPTIONS: dict[str, tuple[str, ...]] = {
    "Conv2DOptions": _DILATED,
    "DepthwiseConv2DOptions": (*_DILATED, "DepthMultiplier"),
    "TransposeConvOptions": (*_WINDOW, "FusedActivationFunction"),
    "Conv3DOptions": (*_WINDOW, "StrideD", "DilationWFactor", "DilationHFactor", "DilationDFactor"),
    "Pool2DOptions": (*_WINDOW, "FilterWidth", "FilterHeight"),
    "FullyConnectedOptions": ("KeepNumDims", "FusedActivationFunction"),
    "BatchMatMulOptions": ("AdjX", "AdjY"),
    "ConcatenationOptions": ("Axis",),
    "DepthToSpaceOptions": ("BlockSize",),
    "SpaceToDepthOptions": ("BlockSize",),
    "ReshapeOptions": ("NewShape",),
    "SqueezeOptions": ("SqueezeDims",),
    "ReducerOptions": ("KeepDims",),
    "ArgMaxOptions": ("OutputType",),
    "GatherOptions": ("Axis", "BatchDims"),
    "PackOptions": ("Axis", "ValuesCount"),
    "UnpackOptions": ("Axis", "Num"),
    "SplitOptions": ("NumSplits",),
    "AddOptions": ("FusedActivationFunction",),
    "MulOptions": ("FusedActivationFunction",),
    "SubOptions": ("FusedActivationFunction",),
    "DivOptions": ("FusedActivationFunction",),
}
_VECTORS = frozenset({"NewShape", "SqueezeDims"})
