"""What each layer of a model must move through memory, beside what it computes: the two sides of a roofline.

A layer is an operator that computes or gathers, together with the element-wise operators behind it that runtimes fuse
into it (bias, normalisation, activation, the addition of a skip connection). It reads its inputs and its weights once
and writes its outputs once; what only renames, reshapes or (de)quantises moves nothing. That is the least that a
runtime without fusion across layers can move; caches can only make single layers better, which `compulsory` allows for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgebench.artifacts.sniff import Format, sniff
from edgebench.errors import ModelError

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Value:
    """A tensor as it is stored. `real`: floating point, so that it shrinks where a lower precision is computed with.

    `elements` is None where the shape is not known; `bits` are those of one stored element.
    """

    elements: int | None
    bits: int
    real: bool
    constant: bool = False

    def bytes_at(self, bits: int) -> float:
        """Bytes where floating-point numbers have so many bits; 0 where nothing is known."""
        return (self.elements or 0) * (min(bits, self.bits) if self.real else self.bits) / 8


@dataclass(frozen=True)
class Step:
    """One operator, in the order in which they run, its values by name.

    `renames`: its first output is its first input, read otherwise; `joins`: it is fused into what comes before it;
    `picks`: it reads no more of its inputs than it writes. `flops` is None where no rule counts it.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    macs: int
    flops: int | None
    renames: bool = False
    joins: bool = False
    picks: bool = False


@dataclass(frozen=True)
class Graph:
    """A model as the rule for layers needs it, whatever its format."""

    steps: tuple[Step, ...]
    values: Mapping[str, Value]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Layer:
    """Operators that run as one; `name` and `op` are those of the one that computes most, `fused` the others' kinds.

    `complete`: every operator was counted and every size is known; otherwise `flops` and the bytes are lower bounds.
    """

    name: str
    op: str
    fused: tuple[str, ...]
    macs: int
    flops: int
    reads: tuple[Value, ...]
    weights: tuple[Value, ...]
    writes: tuple[Value, ...]
    complete: bool

    def bytes_at(self, bits: int) -> float:
        """Bytes moved where floating-point numbers have so many bits."""
        return moved((*self.reads, *self.weights, *self.writes), bits)


@dataclass(frozen=True)
class Traffic:
    """All layers in order, and what must be moved even if everything between them stayed in caches.

    `compulsory`: inputs and outputs of the model and all of its weights, once.
    """

    layers: tuple[Layer, ...]
    compulsory: tuple[Value, ...]

    @property
    def flops(self) -> int:
        """Operations of one inference."""
        return sum(layer.flops for layer in self.layers)

    @property
    def complete(self) -> bool:
        """Whether nothing was left out."""
        return all(layer.complete for layer in self.layers)


def moved(values: Iterable[Value], bits: int) -> float:
    """Bytes of values where floating-point numbers have so many bits."""
    return sum(value.bytes_at(bits) for value in values)


def read_traffic(path: Path, shapes: Shapes) -> Traffic:
    """The layers of a model file for full input shapes. Raises `ModelError` for a format that nothing reads."""
    found = sniff(path)
    if found is Format.ONNX:
        from edgebench.artifacts.traffic_onnx import onnx_graph

        return layers_of(onnx_graph(path, shapes))
    if found is Format.TFLITE:
        from edgebench.artifacts.traffic_tflite import tflite_graph

        return layers_of(tflite_graph(path, shapes))
    raise ModelError(f"{path.name}: inside of a {found} file nothing is read", hint="inspect the file it was made from")


def layers_of(graph: Graph) -> Traffic:
    """Gather the operators of a graph into layers."""
    names = _Names(graph)
    groups = _groups(graph, names)
    members: dict[int, list[Step]] = {}
    readers: dict[str, set[int]] = {}
    for step, group in zip(graph.steps, groups, strict=True):
        if not step.renames:
            members.setdefault(group, []).append(step)
            for name in names.of(step.inputs):
                readers.setdefault(name, set()).add(group)
    kept = set(names.of(graph.outputs))
    layers = []
    for group, steps in members.items():
        made = {name for step in steps for name in step.outputs}
        written = {name for name in made if name in kept or readers.get(name, set()) - {group}}
        layers.append(_layer(steps, made, written, names, graph.values))
    weights = {
        name: _read(step, name, graph.values)
        for step in graph.steps
        if not step.renames
        for name in names.of(step.inputs)
    }
    ends = [graph.values[name] for name in (*graph.inputs, *graph.outputs) if name in graph.values]
    return Traffic(tuple(layers), (*ends, *(value for value in weights.values() if value and value.constant)))


class _Names:
    """Values by the one name that they have before any renaming."""

    def __init__(self, graph: Graph) -> None:
        self._roots: dict[str, str] = {}
        for step in graph.steps:
            if step.renames and step.inputs and step.outputs:
                self._roots[step.outputs[0]] = self._roots.get(step.inputs[0], step.inputs[0])

    def of(self, names: Iterable[str]) -> list[str]:
        """Each name once, in order."""
        return list(dict.fromkeys(self._roots.get(name, name) for name in names))


def _groups(graph: Graph, names: _Names) -> list[int]:
    """For each step the index of the step that its layer begins with: one that joins goes to the latest before it
    whose result nothing else reads."""
    uses = dict.fromkeys(names.of(graph.outputs), 1)
    for step in graph.steps:
        for name in names.of(step.inputs) if not step.renames else ():
            uses[name] = uses.get(name, 0) + 1
    made: dict[str, int] = {}
    groups = []
    for at, step in enumerate(graph.steps):
        alone = [made[name] for name in names.of(step.inputs) if name in made and uses.get(name) == 1]
        group = max(alone) if step.joins and alone else at
        groups.append(group)
        if not step.renames:
            made |= dict.fromkeys(step.outputs, group)
    return groups


def _layer(
    steps: Sequence[Step], made: set[str], written: set[str], names: _Names, values: Mapping[str, Value]
) -> Layer:
    read: dict[str, Value | None] = {}
    for step in steps:
        for name in names.of(step.inputs):
            if name not in made:
                read[name] = _read(step, name, values)
    sizes = [*read.values(), *(values.get(name) for name in sorted(written))]
    main = max(steps, key=lambda step: step.flops or 0)
    known = [value for value in read.values() if value is not None]
    return Layer(
        name=main.name,
        op=main.op,
        fused=tuple(step.op for step in steps if step is not main),
        macs=sum(step.macs for step in steps),
        flops=sum(step.flops or 0 for step in steps),
        reads=tuple(value for value in known if not value.constant),
        weights=tuple(value for value in known if value.constant),
        writes=tuple(values[name] for name in sorted(written) if name in values),
        complete=all(step.flops is not None for step in steps)
        and all(value is not None and value.elements is not None for value in sizes),
    )


def _read(step: Step, name: str, values: Mapping[str, Value]) -> Value | None:
    """What an operator reads of a value; of the one that it takes a part of, as much as it writes."""
    if not step.picks or name != step.inputs[0]:
        return values.get(name)
    source, result = values.get(name), values.get(step.outputs[0])
    return None if source is None or result is None else replace(source, elements=result.elements)
