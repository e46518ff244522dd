"""A graph as the lint reads it, the same for TFLite and ONNX: operators in TFLite's names, with types and shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgebench.artifacts.inference import infer, load_onnx
from edgebench.artifacts.tensor_spec import TensorSpec
from edgebench.artifacts.tflite_counting import node_name
from edgebench.artifacts.tflite_file import TfliteFile, read_tflite_file
from edgebench.artifacts.tflite_model import FLEX, describe_tflite
from edgebench.artifacts.tflite_shapes import infer_tflite

Shape = tuple[int, ...]
Given = Mapping[str, Shape]


@dataclass(frozen=True)
class Operand:
    """A value that an operator reads or writes; `dims` None: not known, `stored`: its content is in the file."""

    dtype: str
    dims: Shape | None
    stored: bool = False


@dataclass(frozen=True)
class LintNode:
    """One operator: `kind` as TFLite calls it, or its own name where TFLite has none.

    `groups`: of a convolution, 1 where it has none; `order`: of a transposition, where it is stored.
    """

    name: str
    kind: str
    inputs: tuple[Operand, ...]
    outputs: tuple[Operand, ...]
    custom: bool = False
    groups: int = 1
    order: Shape = ()


@dataclass(frozen=True)
class LintGraph:
    """Operators in order, and the inputs as the file declares them; `precision`: what its activations are."""

    format: str
    nodes: tuple[LintNode, ...]
    inputs: tuple[TensorSpec, ...]
    precision: str
    tensors: tuple[Operand, ...] = field(default=())


def tflite_graph(path: Path, shapes: Given) -> LintGraph:
    """The main graph of a `.tflite` file. Raises `ModelError`."""
    file = read_tflite_file(path)
    dims = infer_tflite(file, shapes)
    info = describe_tflite(file)

    def operand(index: int) -> Operand:
        tensor = file.main.tensors[index]
        return Operand(tensor.dtype, dims.get(index), tensor.stored)

    nodes = []
    for one in file.main.operators:
        inputs = tuple(operand(index) for index in one.inputs if index >= 0)
        outputs = tuple(operand(index) for index in one.outputs if index >= 0)
        order = _stored_order(file, one.inputs[1]) if one.kind == "TRANSPOSE" and len(one.inputs) > 1 else ()
        groups = _groups(inputs) if one.kind == "CONV_2D" else 1
        nodes.append(LintNode(node_name(file.main, one), one.kind, inputs, outputs, one.custom, groups, order))
    computed = tuple(one for node in nodes for one in node.outputs)
    return LintGraph("tflite", tuple(nodes), info.inputs, info.precision.activations, computed)


def _groups(inputs: tuple[Operand, ...]) -> int:
    """Input channels of the value by those of the kernel (output x height x width x input channels)."""
    if len(inputs) < 2 or not inputs[0].dims or not inputs[1].dims or not inputs[1].dims[-1]:
        return 1
    return inputs[0].dims[-1] // inputs[1].dims[-1]


def _stored_order(file: TfliteFile, index: int) -> Shape:
    import numpy as np

    tensor = file.main.tensors[index] if index >= 0 else None
    if tensor is None or not tensor.stored or tensor.dtype != "int32" or (tensor.elements or 0) > 8:
        return ()
    return tuple(int(one) for one in np.frombuffer(file.content(tensor), np.int32))


_AS_TFLITE = {"Conv": "CONV_2D", "Gemm": "FULLY_CONNECTED", "Reshape": "RESHAPE", "Transpose": "TRANSPOSE"}
_AS_TFLITE |= {"GridSample": "GridSample"}


def onnx_graph(path: Path, shapes: Given) -> LintGraph:
    """The main graph of an `.onnx` file; operators that TFLite has, too, under its names. Raises `ModelError`."""
    from edgebench.artifacts.onnx_model import describe

    proto, _ = load_onnx(path)
    info = describe(proto)
    shaped = infer(proto, shapes)
    stored = {tensor.name for tensor in proto.graph.initializer}

    def operand(name: str) -> Operand:
        return Operand(str(shaped.dtypes.get(name, "")), shaped.dims.get(name), name in stored)

    nodes = []
    for node in shaped.model.graph.node:
        if all(name in shaped.constants for name in node.output if name):
            continue
        attributes = {one.name: one for one in node.attribute}
        groups = int(attributes["group"].i) if node.op_type == "Conv" and "group" in attributes else 1
        inputs = tuple(operand(name) for name in node.input if name)
        channels = inputs[0].dims[1] if inputs and inputs[0].dims and len(inputs[0].dims) > 1 else None
        kind = _AS_TFLITE.get(node.op_type, node.op_type)
        if groups > 1 and groups == channels:
            kind, groups = "DEPTHWISE_CONV_2D", 1
        outputs = tuple(operand(name) for name in node.output if name)
        nodes.append(LintNode(node.name or next(iter(node.output), ""), kind, inputs, outputs, False, groups))
    computed = tuple(one for node in nodes for one in node.outputs)
    return LintGraph("onnx", tuple(nodes), info.inputs, info.precision.activations, computed)


def is_flex(node: LintNode) -> bool:
    """Whether an operator is TensorFlow's own, which the Flex delegate runs."""
    return node.custom and node.kind.startswith(FLEX)
