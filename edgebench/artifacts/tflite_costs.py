"""What one operator of a TFLite graph costs, by the rules of the ONNX ones (`costs`), in TFLite's own layouts.

Kernels lie as output x height x width x input channels (depthwise: 1 x height x width x output channels). A fused
activation is an operation for each output element, as it is where it stands alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgebench.artifacts.costs import Cost
from edgebench.artifacts.tflite_file import Operator, element_count

Shape = tuple[int, ...]
CONVOLUTIONS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "CONV_3D", "CONV_3D_TRANSPOSE"})


class Shapes:
    """Shapes of an operator's inputs and outputs by slot; KeyError where one is unknown or left out."""

    def __init__(self, operator: Operator, dims: Mapping[int, Shape]) -> None:
        self._operator = operator
        self._dims = dims

    def input(self, slot: int = 0) -> Shape:
        """Shape of an input."""
        if slot >= len(self._operator.inputs):
            raise KeyError(slot)
        return self._dims[self._operator.inputs[slot]]

    def output(self, slot: int = 0) -> Shape:
        """Shape of an output."""
        if slot >= len(self._operator.outputs):
            raise KeyError(slot)
        return self._dims[self._operator.outputs[slot]]

    def number(self, name: str) -> int:
        """An option that is one whole number; KeyError without one."""
        value = self._operator.options[name]
        if isinstance(value, tuple):
            raise KeyError(name)
        return int(value)

    @property
    def fused(self) -> int:
        """Operations of the activation fused into it."""
        return element_count(self.output()) if self._operator.options.get("FusedActivationFunction") else 0


def operator_cost(operator: Operator, dims: Mapping[int, Shape]) -> Cost | None:
    """The cost of one operator for one inference; None without a rule, or where a shape that it needs is unknown."""
    rule = None if operator.custom else _COSTS.get(operator.kind)
    if rule is None:
        return None
    try:
        return rule(Shapes(operator, dims))
    except (KeyError, IndexError, ValueError, ZeroDivisionError):
        return None


def _convolution(node: Shapes) -> Cost:
    """Elements of the output x kernel elements x input channels of its group."""
    return Cost(element_count(node.output()) * element_count(node.input(1)[1:]), node.fused)


def _convolution_3d(node: Shapes) -> Cost:
    """A kernel of three dimensions lies as depth x height x width x input x output channels."""
    return Cost(element_count(node.output()) * element_count(node.input(1)[:-1]), 0)


def _depthwise(node: Shapes) -> Cost:
    _, height, width, _ = node.input(1)
    return Cost(element_count(node.output()) * height * width, node.fused)


def _transposed(node: Shapes) -> Cost:
    """Elements of the input (slot 2) x output channels x kernel elements."""
    return Cost(element_count(node.input(2)) * element_count(node.input(1)[:-1]), node.fused)


def _fully_connected(node: Shapes) -> Cost:
    return Cost(element_count(node.output()) * node.input(1)[-1], node.fused)


def _batch_matmul(node: Shapes) -> Cost:
    node.input(1)
    depth = node.input(0)[-2] if node.number("AdjX") else node.input(0)[-1]
    return Cost(element_count(node.output()) * depth, 0)


def _elementwise(node: Shapes) -> Cost:
    return Cost(0, element_count(node.output()) + node.fused)


def _reduction(node: Shapes) -> Cost:
    return Cost(0, element_count(node.input()))


def _pooling(node: Shapes) -> Cost:
    return Cost(0, element_count(node.output()) * node.number("FilterHeight") * node.number("FilterWidth"))


def _moving(node: Shapes) -> Cost:
    return Cost(0, 0)


_ELEMENTWISE = """ABS ADD ADD_N ATAN2 BITWISE_XOR CEIL COS CUMSUM DIV ELU EQUAL EXP FLOOR FLOOR_DIV FLOOR_MOD GELU
    GREATER GREATER_EQUAL HARD_SWISH LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND LOGICAL_NOT LOGICAL_OR LOGISTIC
    MAXIMUM MINIMUM MUL NEG NOT_EQUAL POW PRELU RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 RESIZE_BILINEAR
    RESIZE_NEAREST_NEIGHBOR RIGHT_SHIFT ROUND RSQRT SELECT SELECT_V2 SIGN SIN SQRT SQUARE SQUARED_DIFFERENCE SUB TANH
    WHERE"""
_REDUCTIONS = """ARG_MAX ARG_MIN L2_NORMALIZATION LOCAL_RESPONSE_NORMALIZATION LOG_SOFTMAX MEAN REDUCE_ALL REDUCE_ANY
    REDUCE_MAX REDUCE_MIN REDUCE_PROD SOFTMAX SUM"""
_MOVING = """ASSIGN_VARIABLE BATCH_TO_SPACE_ND BITCAST BROADCAST_ARGS BROADCAST_TO CAST CONCATENATION DENSIFY
    DEPTH_TO_SPACE DEQUANTIZE DYNAMIC_UPDATE_SLICE EMBEDDING_LOOKUP EXPAND_DIMS FAKE_QUANT FILL GATHER GATHER_ND
    MIRROR_PAD ONE_HOT PACK PAD PADV2 QUANTIZE RANGE RANK READ_VARIABLE RESHAPE REVERSE_SEQUENCE REVERSE_V2 SCATTER_ND
    SHAPE SLICE SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPARSE_TO_DENSE SPLIT SPLIT_V SQUEEZE STRIDED_SLICE TILE TRANSPOSE
    UNPACK VAR_HANDLE ZEROS_LIKE"""

FUSED = frozenset(_ELEMENTWISE.split()) - {"CUMSUM", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"}
PICKING = frozenset({"EMBEDDING_LOOKUP", "GATHER", "GATHER_ND", "SHAPE", "SLICE", "STRIDED_SLICE"})
"""See `costs`: what runtimes fuse into the operator before it; what reads only as much as it writes."""

_COSTS: dict[str, Callable[[Shapes], Cost]] = {
    **dict.fromkeys(_ELEMENTWISE.split(), _elementwise),
    **dict.fromkeys(_REDUCTIONS.split(), _reduction),
    **dict.fromkeys(_MOVING.split(), _moving),
    "AVERAGE_POOL_2D": _pooling,
    "BATCH_MATMUL": _batch_matmul,
    "CONV_2D": _convolution,
    "CONV_3D": _convolution_3d,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "L2_POOL_2D": _pooling,
    "MAX_POOL_2D": _pooling,
    "TRANSPOSE_CONV": _transposed,
}
