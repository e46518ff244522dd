"""Parts of a model as files of their own: operators FIRST..LAST (both included) of the graph that runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edgebench.artifacts.sniff import Format, sniff
from edgebench.artifacts.tensor_spec import Dim
from edgebench.errors import ModelError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class CutTensor:
    """A value at an operator: dims None where the file does not tell, `stored` where it holds the content."""

    name: str
    dtype: str
    dims: tuple[Dim, ...] | None
    stored: bool = False


@dataclass(frozen=True)
class CutOperator:
    """One operator: its number among the graph's operators as the file counts them, its kind and its values."""

    index: int
    kind: str
    name: str
    inputs: tuple[CutTensor, ...]
    outputs: tuple[CutTensor, ...]


class Cutter(Protocol):
    """A model that parts can be cut from. Operators go by their place in `operators`."""

    @property
    def suffix(self) -> str:
        """Of the files that parts are written to."""
        ...

    @property
    def operators(self) -> Sequence[CutOperator]:
        """In the order in which they run."""
        ...

    @property
    def inputs(self) -> Sequence[CutTensor]:
        """Of the whole model."""
        ...

    def can(self, first: int, last: int) -> bool:
        """Whether the part's inputs and outputs are tensors of numbers, which a device can be given and asked for."""
        ...

    def inputs_of(self, first: int, last: int) -> tuple[CutTensor, ...]:
        """What the part reads: inputs of the model, and values that operators before it compute."""
        ...

    def outputs_of(self, first: int, last: int) -> tuple[CutTensor, ...]:
        """What operators after the part, or users of the model, read of it."""
        ...

    def write(self, first: int, last: int, path: Path, dims: Mapping[str, Shape], dtypes: Mapping[str, str]) -> None:
        """Write the part. `dims` and `dtypes` of its inputs count where they are given. Raises `ModelError`."""
        ...


def open_cutter(path: Path) -> Cutter:
    """The cutter of an `.onnx` or `.tflite` file. Raises `ModelError`: damaged, or of another format."""
    found = sniff(path)
    if found is Format.TFLITE:
        from edgebench.artifacts.cut_tflite import TfliteCutter

        return TfliteCutter(path)
    if found is Format.ONNX:
        from edgebench.artifacts.cut_onnx import OnnxCutter

        return OnnxCutter(path)
    raise ModelError(f"{path.name} is {found}: parts are cut from .onnx and .tflite files", hint="bisect one of these")
