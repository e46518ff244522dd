"""One page for the formats whose inside can be read: what everything else asks of a model file, by its format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edgebench.artifacts.counting import Counts, count
from edgebench.artifacts.liveness import PeakEstimate, estimate_peak
from edgebench.artifacts.onnx_model import read_onnx
from edgebench.artifacts.precision import Precision
from edgebench.artifacts.shapes import Face, fixed_axes
from edgebench.artifacts.sniff import Format, sniff
from edgebench.artifacts.state_pairs import StatePair
from edgebench.artifacts.tensor_spec import TensorSpec
from edgebench.artifacts.tflite_counting import count_tflite
from edgebench.artifacts.tflite_liveness import estimate_tflite_peak
from edgebench.artifacts.tflite_model import read_tflite
from edgebench.artifacts.tflite_shapes import resizable_axes
from edgebench.errors import ModelError

Shapes = Mapping[str, tuple[int, ...]]


class Info(Protocol):
    """What every format says of itself; each has more of its own (`ModelInfo`, `TfliteInfo`)."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The inputs, in the model's order."""

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The outputs, in the model's order."""

    @property
    def producer(self) -> str:
        """What wrote the file, by its own word."""

    @property
    def ops(self) -> Mapping[str, int]:
        """Operator -> how many nodes."""

    @property
    def precision(self) -> Precision:
        """The four parts of the precision, and the scheme."""

    @property
    def state_pairs(self) -> tuple[StatePair, ...]:
        """Outputs that look like the next value of an input."""


@dataclass(frozen=True)
class Reader:
    """How one format is read; all raise `ModelError` for a damaged file.

    `read`: the file's face; `count` and `peak`: for the given shapes of inputs; `axes`: the inputs as a request may
    shape them (info, shapes given, batch asked for): with axes free that the runtime would resize.
    """

    read: Callable[[Path], Info]
    count: Callable[[Path, Shapes], Counts]
    peak: Callable[[Path, Shapes], PeakEstimate]
    axes: Callable[[Face, Shapes, int | None], Face]


READERS: Mapping[Format, Reader] = {
    Format.ONNX: Reader(read_onnx, count, estimate_peak, fixed_axes),
    Format.TFLITE: Reader(read_tflite, count_tflite, estimate_tflite_peak, resizable_axes),
}


def reader_of(path: Path) -> Reader:
    """The reader of a file's format. Raises `ModelError` for no model, and for a format that nothing reads."""
    found = sniff(path)
    if found not in READERS:
        known = ", ".join(f".{name}" for name in READERS)
        raise ModelError(f"{path.name}: inside of a {found} file nothing is read", hint=f"what is read: {known}")
    return READERS[found]


def read_info(path: Path) -> Info:
    """The face of a model file of whatever format. Raises `ModelError`."""
    return reader_of(path).read(path)
