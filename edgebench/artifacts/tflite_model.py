"""What a TFLite file says about itself, read without running it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebench.artifacts.precision import Precision
from edgebench.artifacts.state_pairs import StatePair, state_pairs
from edgebench.artifacts.tensor_spec import TensorSpec
from edgebench.artifacts.tflite_file import Graph, Tensor, TfliteFile, read_tflite_file
from edgebench.artifacts.tflite_precision import guess_tflite_precision

FLEX = "Flex"
"""TensorFlow's own operators are custom operators whose name begins so: the Flex delegate runs them."""


@dataclass(frozen=True)
class TfliteInfo:
    """A TFLite model's face.

    `ops`: operator -> how many nodes of the main graph and its control flow; `versions`: builtin operator -> the newest
    version of it that the file needs; `flex` and `custom`: operators that a runtime does not bring along by itself.
    `state_pairs`: outputs that look like the next value of an input, a suggestion by names only.
    """

    version: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    producer: str
    ops: Mapping[str, int]
    versions: Mapping[str, int]
    precision: Precision
    state_pairs: tuple[StatePair, ...]
    flex: tuple[str, ...]
    custom: tuple[str, ...]


def read_tflite(path: Path | str) -> TfliteInfo:
    """Read a `.tflite` file; ModelError if it cannot be read, or is truncated or damaged."""
    return describe_tflite(read_tflite_file(path))


def describe_tflite(file: TfliteFile) -> TfliteInfo:
    """The TfliteInfo of a parsed file."""
    graph = file.main
    inputs, outputs = specs_of(graph, graph.inputs), specs_of(graph, graph.outputs)
    operators = [operator for one in file.graphs for operator in one.operators]
    versions: dict[str, int] = {}
    for operator in operators:
        if not operator.custom:
            versions[operator.kind] = max(operator.version, versions.get(operator.kind, 1))
    foreign = sorted({operator.kind for operator in operators if operator.custom})
    return TfliteInfo(
        version=file.version,
        inputs=inputs,
        outputs=outputs,
        producer=file.description,
        ops=dict(sorted(Counter(operator.kind for operator in operators).items())),
        versions=dict(sorted(versions.items())),
        precision=guess_tflite_precision(file),
        state_pairs=state_pairs(inputs, outputs),
        flex=tuple(kind for kind in foreign if kind.startswith(FLEX)),
        custom=tuple(kind for kind in foreign if not kind.startswith(FLEX)),
    )


def specs_of(graph: Graph, indices: Sequence[int]) -> tuple[TensorSpec, ...]:
    """Inputs or outputs as they are called everywhere: by the tensor's name, or by its number where that is no name."""
    counts = Counter(graph.tensors[index].name for index in indices)
    return tuple(_spec(graph.tensors[index], counts) for index in indices)


def _spec(tensor: Tensor, counts: Mapping[str, int]) -> TensorSpec:
    name = tensor.name if tensor.name and counts[tensor.name] == 1 else f"tensor {tensor.index}"
    return TensorSpec(name, tensor.dtype, tensor.signature, _scale(tensor))


def _scale(tensor: Tensor) -> tuple[float, int] | None:
    """Scale and zero point of a value with one of each; None for a float, and for scales per channel."""
    found = tensor.quantisation
    if found is None or len(found.scales) != 1 or "float" in tensor.dtype:
        return None
    return found.scales[0], found.zero_points[0]
