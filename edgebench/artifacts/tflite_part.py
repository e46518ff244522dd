"""A part of a TFLite file as a file of its own, written with the schema that the LiteRT wheel carries.

`tflite_file` has read the file before, trusting nothing; what is then unpacked is bounded by the file's size again.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edgebench.artifacts.cutting import Shape
from edgebench.artifacts.tflite_file import Operator, Tensor
from edgebench.errors import ModelError

ALIGNMENT = 16
"""Bytes that the schema aligns buffers to (`force_align`), which Python's FlatBuffers do not heed by themselves."""
WORK_PER_BYTE = 16
WORK_FLOOR = 1 << 20
FLOWS = frozenset({"IF", "WHILE", "CALL", "CALL_ONCE", "STABLEHLO_WHILE", "STABLEHLO_COMPOSITE", "STABLEHLO_CASE"})
"""Operators whose bodies are graphs of the same file."""


class Source:
    """The same file, its tables unpacked one by one; all of them together as long as the file's size warrants."""

    def __init__(self, raw: bytes, name: str) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema = schema
        self.name = name
        self._left = WORK_PER_BYTE * len(raw) + WORK_FLOOR
        self._model: Any = schema.Model.GetRootAs(raw)
        self._main: Any = self._model.Subgraphs(0)

    def operator(self, index: int) -> tuple[Any, Any]:
        """An operator and its code."""
        made = self._unpacked(lambda: self.schema.OperatorT.InitFromObj(self._main.Operators(index)))
        if made.largeCustomOptionsSize:
            text = f"{self.name}: operator {index} keeps its options behind the graph, from where they cannot be cut"
            raise ModelError(text, hint="convert the model with its custom options inside")
        code = self._model.OperatorCodes(made.opcodeIndex)
        return made, self._unpacked(lambda: self.schema.OperatorCodeT.InitFromObj(code))

    def tensor(self, index: int) -> Any:
        """A tensor of the graph that runs."""
        return self._unpacked(lambda: self.schema.TensorT.InitFromObj(self._main.Tensors(index)))

    def _unpacked(self, unpack: Callable[[], Any]) -> Any:
        try:
            made = unpack()
            self._left -= _weight(made)
        except (struct.error, ValueError, IndexError, TypeError, OverflowError, AttributeError) as error:
            raise ModelError(f"{self.name} is damaged: {error}", hint="convert the model again") from error
        if self._left < 0:
            raise ModelError(f"{self.name} is damaged: its parts overlap", hint="convert the model again")
        return made


def _weight(part: Any) -> int:
    """How much was unpacked, in bytes or so."""
    if isinstance(part, list):
        return 8 + sum(map(_weight, part))
    if hasattr(part, "__len__"):
        return 8 + len(part)
    return 8 + sum(map(_weight, vars(part).values())) if hasattr(part, "__dict__") else 8


@dataclass
class _Content:
    """A buffer of the new file: aligned as the schema wants it."""

    data: bytes

    def Pack(self, builder: Any) -> Any:  # noqa: N802  # the name that the schema's objects call
        from ai_edge_litert import schema_py_generated as schema

        vector = None
        if self.data:
            builder.StartVector(1, len(self.data), ALIGNMENT)
            builder.head -= len(self.data)
            builder.Bytes[builder.head : builder.head + len(self.data)] = self.data
            vector = builder.EndVector()
        schema.BufferStart(builder)
        if vector is not None:
            schema.BufferAddData(builder, vector)
        return schema.BufferEnd(builder)


class Part:
    """A new file under construction: tensors, buffers and operator codes of `source` numbered anew.

    `content` gives the bytes that the file stores for one of its `tensors`.
    """

    def __init__(self, source: Source, content: Callable[[Tensor], memoryview], tensors: Sequence[Tensor]) -> None:
        self._source = source
        self._content = content
        self._old = tensors
        self._at: dict[int, int] = {}
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: dict[tuple[Any, ...], int] = {}
        self._code_tables: list[Any] = []
        self._buffers: dict[int, int] = {}
        self._contents: list[Any] = [_Content(b"")]

    def add(self, operator: Operator) -> None:
        """Take an operator over, with its tensors. Raises `ModelError` for one whose body is another graph."""
        if operator.kind in FLOWS:
            text = f"{self._source.name}: {operator.kind} {operator.index} runs another graph of the file"
            raise ModelError(text, hint="parts can be cut where there is no control flow")
        made, code = self._source.operator(operator.index)
        key = (code.builtinCode, code.deprecatedBuiltinCode, code.customCode, code.version)
        if key not in self._codes:
            self._codes[key] = len(self._code_tables)
            self._code_tables.append(code)
        made.opcodeIndex = self._codes[key]
        made.inputs = [self._tensor(int(one)) for one in _ints(made.inputs)]
        made.outputs = [self._tensor(int(one)) for one in _ints(made.outputs)]
        made.intermediates = [self._tensor(int(one)) for one in _ints(made.intermediates)] or None
        made.debugMetadataIndex = -1
        self._operators.append(made)

    def call(self, index: int, name: str, dims: Shape | None) -> None:
        """Name an input or output; `dims`, if given, replace its own."""
        tensor = self._tensors[self._at[index]]
        tensor.name = name.encode()
        if dims is not None:
            tensor.shape, tensor.shapeSignature, tensor.hasRank = list(dims), None, True

    def packed(self, inputs: Sequence[int], outputs: Sequence[int], description: str) -> bytes:
        """The file's content."""
        import flatbuffers

        graph, model = self._source.schema.SubGraphT(), self._source.schema.ModelT()
        graph.name = b"main"
        graph.tensors, graph.operators = self._tensors, self._operators
        graph.inputs, graph.outputs = [self._at[one] for one in inputs], [self._at[one] for one in outputs]
        model.version, model.description = 3, description.encode()
        model.subgraphs, model.operatorCodes, model.buffers = [graph], self._code_tables, self._contents
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _tensor(self, index: int) -> int:
        if index < 0:
            return -1
        if not index < len(self._old):
            raise ModelError(f"{self._source.name} is damaged: there is no tensor {index}", hint="convert it again")
        if index not in self._at:
            made = self._source.tensor(index)
            made.buffer = self._buffer(self._old[index])
            self._at[index] = len(self._tensors)
            self._tensors.append(made)
        return self._at[index]

    def _buffer(self, tensor: Tensor) -> int:
        if not tensor.stored:
            return 0
        if tensor.buffer not in self._buffers:
            self._buffers[tensor.buffer] = len(self._contents)
            self._contents.append(_Content(bytes(self._content(tensor))))
        return self._buffers[tensor.buffer]


def _ints(found: Any) -> list[int]:
    return [] if found is None else [int(one) for one in found]
