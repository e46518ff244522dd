"""What the stand-in tool sees in a `.tflite`: operators in order, roughly what each costs, and the model's inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

_GPU_OPERATORS = (
    "ABS ADD AVERAGE_POOL_2D BATCH_MATMUL CONCATENATION CONV_2D COS DEPTHWISE_CONV_2D DEPTH_TO_SPACE "
    "DEQUANTIZE DIV ELU EXP EXPAND_DIMS FLOOR FULLY_CONNECTED GELU HARD_SWISH LEAKY_RELU LOG LOGISTIC LSTM "
    "MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG PACK PAD PADV2 POW PRELU QUANTIZE REDUCE_MAX RELU "
    "RELU6 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SIN SLICE SOFTMAX SPACE_TO_DEPTH SPLIT SQRT "
    "SQUARE SQUARED_DIFFERENCE STRIDED_SLICE SUB SUM TANH TILE TRANSPOSE TRANSPOSE_CONV"
)
GPU_OPERATORS = frozenset(_GPU_OPERATORS.split())
"""Operators that the GPU delegate is taken to know, after its documentation."""
EIGHT_BIT = (3, 9)


class NotAModel(ValueError):
    """The file holds no TFLite model."""


@dataclass(frozen=True)
class Operator:
    """One operator: its kind (a Flex or custom one by its own name), the name of its output, its multiplications."""

    kind: str
    output: str
    macs: float
    custom: bool = False

    @property
    def on_gpu(self) -> bool:
        """Whether the GPU delegate knows it."""
        return self.kind in GPU_OPERATORS


@dataclass(frozen=True)
class Graph:
    """A model as far as the stand-in cares. `inputs` are names and shapes."""

    operators: tuple[Operator, ...]
    inputs: dict[str, tuple[int, ...]]
    file_bytes: int
    eight_bit: bool

    @property
    def macs(self) -> float:
        """All multiplications."""
        return sum(operator.macs for operator in self.operators)

    def resized(self, shapes: Sequence[tuple[int, ...]]) -> Graph:
        """The same with inputs of other shapes: as much more or less work as they hold more or fewer values."""
        ours = sum(math.prod(shape) for shape in self.inputs.values())
        inputs = dict(self.inputs) | dict(zip(self.inputs, shapes, strict=False))
        ratio = sum(math.prod(shape) for shape in inputs.values()) / ours if ours else 1.0
        operators = tuple(replace(operator, macs=operator.macs * ratio) for operator in self.operators)
        return replace(self, inputs=inputs, operators=operators)

    def gpu_kernels(self) -> int:
        """How many delegate kernels there would be: runs of neighbouring operators that the GPU knows."""
        known = [operator.on_gpu for operator in self.operators]
        return sum(now and not before for before, now in zip([False, *known], known, strict=False))


def read_graph(path: Path) -> Graph:
    """Read a model. Raises `NotAModel`, and OSError."""
    data = path.read_bytes()
    if data[4:8] != b"TFL3":
        raise NotAModel(path.name)
    from ai_edge_litert import schema_py_generated as schema

    try:
        return _graph(schema, schema.ModelT.InitFromPackedBuf(data, 0), len(data))
    except Exception as error:
        raise NotAModel(path.name) from error


def _graph(schema: Any, model: Any, size: int) -> Graph:
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    subgraph = model.subgraphs[0]
    tensors = subgraph.tensors
    operators: list[Operator] = []
    for operator in subgraph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        number = max(code.builtinCode, code.deprecatedBuiltinCode)
        kind = names.get(number, str(number))
        custom = kind == "CUSTOM"
        if custom:
            kind = (code.customCode or b"?").decode(errors="replace")
        outputs = [tensors[index] for index in operator.outputs if index >= 0]
        name = outputs[0].name.decode(errors="replace") if outputs and outputs[0].name else f"{kind}_{len(operators)}"
        operators.append(Operator(kind, name, _macs(kind, operator, tensors), custom))
    inputs = {_name(tensors[index]): _shape(tensors[index]) for index in subgraph.inputs}
    eight_bit = any(tensors[index].type in EIGHT_BIT for operator in subgraph.operators for index in operator.outputs)
    return Graph(tuple(operators), inputs, size, eight_bit)


def _name(tensor: Any) -> str:
    return (tensor.name or b"").decode(errors="replace")


def _shape(tensor: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in tensor.shape) if tensor.shape is not None else ()


def _macs(kind: str, operator: Any, tensors: Any) -> float:
    """Multiplications of one operator: a convolution's exactly, of others one an output value."""
    outputs = sum(math.prod(_shape(tensors[index])) for index in operator.outputs if index >= 0)
    if kind in ("CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV") and len(operator.inputs) > 1:
        return float(outputs * math.prod(_shape(tensors[operator.inputs[1]])[1:]))
    if kind == "DEPTHWISE_CONV_2D" and len(operator.inputs) > 1:
        return float(outputs * math.prod(_shape(tensors[operator.inputs[1]])[1:3]))
    return float(outputs)
