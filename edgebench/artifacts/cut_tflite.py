"""Parts of a TFLite graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgebench.artifacts.cutting import CutOperator, CutTensor, Shape
from edgebench.artifacts.tflite_file import SIZES, Graph, Operator, Tensor, read_tflite_file
from edgebench.artifacts.tflite_part import FLOWS, Part, Source


class TfliteCutter:
    """Parts of a `.tflite` file; every tensor is called by a name that no other one has.

    Operators that work on stored values alone (the DEQUANTIZE of 16-bit weights) come along with whoever reads them.
    """

    suffix = ".tflite"

    def __init__(self, path: Path) -> None:
        self._file = read_tflite_file(path)
        self._graph = self._file.main
        self._source = Source(self._file.raw, path.name)
        self._folded = _folded(self._graph)
        constant = {one.index for one in self._folded.values()}
        self._live = [one for one in self._graph.operators if one.index not in constant]
        self._made_by = {value: at for at, one in enumerate(self._live) for value in one.outputs if value >= 0}
        self._read_last = {value: at for at, one in enumerate(self._live) for value in one.inputs}
        self._read_last |= dict.fromkeys(self._graph.outputs, len(self._live))
        names = _names(self._graph)
        self._faces = [_face(tensor, names[tensor.index]) for tensor in self._graph.tensors]
        self.inputs = tuple(self._faces[index] for index in self._graph.inputs)
        self.operators = [self._operator(one) for one in self._live]

    def _operator(self, one: Operator) -> CutOperator:
        name = self._faces[one.outputs[0]].name if one.outputs else ""
        inputs, outputs = (tuple(self._faces[at] for at in side if at >= 0) for side in (one.inputs, one.outputs))
        return CutOperator(one.index, one.kind, name, inputs, outputs)

    def can(self, first: int, last: int) -> bool:
        """Whether all that crosses the part's edges is numbers."""
        entering, leaving = self._entering(first, last), self._leaving(first, last)
        return bool(leaving) and all(self._graph.tensors[at].dtype in SIZES for at in entering + leaving)

    def inputs_of(self, first: int, last: int) -> tuple[CutTensor, ...]:
        """What the part reads, the model's own inputs first."""
        return tuple(self._faces[index] for index in self._entering(first, last))

    def outputs_of(self, first: int, last: int) -> tuple[CutTensor, ...]:
        """What is read of the part, in the order in which it is computed."""
        return tuple(self._faces[index] for index in self._leaving(first, last))

    def _entering(self, first: int, last: int) -> list[int]:
        read = {value for one in self._live[first : last + 1] for value in one.inputs}
        own = [value for value in self._graph.inputs if value in read]
        made = [value for value in read if self._made_by.get(value, first) < first]
        return own + sorted(made)

    def _leaving(self, first: int, last: int) -> list[int]:
        made = [value for one in self._live[first : last + 1] for value in one.outputs if value >= 0]
        wanted = [value for value in made if self._read_last.get(value, -1) > last]
        return wanted or [value for value in self._live[last].outputs if value >= 0]

    def write(self, first: int, last: int, path: Path, dims: Mapping[str, Shape], dtypes: Mapping[str, str]) -> None:
        """Write the part; an input's dims replace the file's where they are given. Its types are the file's own."""
        taken = {one.index: one for one in self._live[first : last + 1]}
        waiting = list(taken.values())
        while waiting:
            makers = [self._folded[value] for value in waiting.pop().inputs if value in self._folded]
            waiting += [one for one in makers if one.index not in taken]
            taken |= {one.index: one for one in makers}
        part = Part(self._source, self._file.content, self._graph.tensors)
        for _, operator in sorted(taken.items()):
            part.add(operator)
        entering, leaving = self._entering(first, last), self._leaving(first, last)
        for index in (*entering, *leaving):
            part.call(index, self._faces[index].name, dims.get(self._faces[index].name))
        numbers = f"{self._live[first].index} to {self._live[last].index}"
        path.write_bytes(part.packed(entering, leaving, f"operators {numbers} of {self._file.name}, cut by edgebench"))


def _folded(graph: Graph) -> dict[int, Operator]:
    """Value -> the operator that makes it of stored values alone."""
    constant = {one.index for one in graph.tensors if one.stored and not one.variable} - set(graph.inputs) | {-1}
    makers: dict[int, Operator] = {}
    for one in graph.operators:
        if one.inputs and one.kind not in FLOWS and constant.issuperset(one.inputs):
            constant.update(one.outputs)
            makers |= dict.fromkeys(one.outputs, one)
    return makers


def _names(graph: Graph) -> dict[int, str]:
    """Every tensor's own name, which tells inputs and outputs of parts apart: its number where another has it too.

    The model's inputs and outputs choose first: users know them by their names.
    """
    numbers = dict.fromkeys((*graph.inputs, *graph.outputs, *range(len(graph.tensors))))
    seen: set[str] = set()
    names = {}
    for index in numbers:
        name = graph.tensors[index].name
        names[index] = f"tensor {index}" if not name or name in seen or not name.isprintable() else name
        seen.add(names[index])
    return names


def _face(tensor: Tensor, name: str) -> CutTensor:
    return CutTensor(name, tensor.dtype, tensor.signature, tensor.stored)
