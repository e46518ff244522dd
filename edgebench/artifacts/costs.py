"""What one node of a graph costs: multiply-accumulates, and operations that are none.

Rules (they are the definition behind `macs` and `flops`):
- a convolution: elements of its output x input channels of a group x kernel elements; a transposed one: elements of its
  input x output channels of a group x kernel elements (taps that padding cuts off included, in both);
- a matrix product M x K by K x N: M*K*N for each matrix of a batch; an LSTM, GRU or RNN: its matrix products for all
  steps and directions, plus one other operation for each gate's value;
- a bias is where an accumulator starts: nothing;
- element-wise operators: one operation for each output element; reductions, normalisations and softmax: one for each
  input element; a pooling: kernel elements for each output element;
- moving, slicing, casting, quantising and dequantising: nothing; they compute no new number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from edgebench.artifacts.proto import element_count

if TYPE_CHECKING:
    from onnx import NodeProto

Shape = tuple[int, ...]


class Cost(NamedTuple):
    """Multiply-accumulates, and operations besides them."""

    macs: int
    other: int


class Shapes:
    """Shapes of a node's inputs and outputs by slot; KeyError where one is unknown or left out."""

    def __init__(self, node: NodeProto, dims: Mapping[str, Shape]) -> None:
        self._node = node
        self._dims = dims

    def input(self, slot: int) -> Shape:
        """Shape of an input."""
        if slot >= len(self._node.input):
            raise KeyError(slot)
        return self._dims[self._node.input[slot]]

    def output(self, slot: int = 0) -> Shape:
        """Shape of an output."""
        if slot >= len(self._node.output):
            raise KeyError(slot)
        return self._dims[self._node.output[slot]]

    def ints(self, attribute: str) -> Shape:
        """An attribute of integers; KeyError if the node has none of that name."""
        for found in self._node.attribute:
            if found.name == attribute:
                return tuple(found.ints) or (found.i,)
        raise KeyError(attribute)


def _convolution(weight_slot: int) -> Callable[[Shapes], Cost]:
    def cost(node: Shapes) -> Cost:
        return Cost(element_count(node.output()) * element_count(node.input(weight_slot)[1:]), 0)

    return cost


def _transposed(node: Shapes) -> Cost:
    return Cost(element_count(node.input(0)) * element_count(node.input(1)[1:]), 0)


def _product(other_slot: int) -> Callable[[Shapes], Cost]:
    """MatMul and its quantised forms; `other_slot` is looked up so that an unknown second factor is told."""

    def cost(node: Shapes) -> Cost:
        node.input(other_slot)
        return Cost(element_count(node.output()) * node.input(0)[-1], 0)

    return cost


def _gemm(node: Shapes) -> Cost:
    rows, columns = node.output()
    return Cost(rows * columns * (element_count(node.input(0)) // max(rows, 1)), 0)


def _recurrent(node: Shapes) -> Cost:
    steps = element_count(node.input(0)[:2])
    weights, recurrence = node.input(1), node.input(2)
    macs = steps * (element_count(weights) + element_count(recurrence))
    return Cost(macs, steps * element_count(weights[:2]))


def _elementwise(node: Shapes) -> Cost:
    return Cost(0, element_count(node.output()))


def _reduction(node: Shapes) -> Cost:
    return Cost(0, element_count(node.input(0)))


def _pooling(node: Shapes) -> Cost:
    return Cost(0, element_count(node.output()) * element_count(node.ints("kernel_shape")))


def _moving(node: Shapes) -> Cost:
    return Cost(0, 0)


CONVOLUTIONS = frozenset({"Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "DeformConv"})

_ELEMENTWISE = """Abs Acos Acosh Add And Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Ceil
    Celu Clip Cos Cosh CumSum Div Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual HardSigmoid HardSwish IsInf IsNaN
    LeakyRelu Less LessOrEqual Log Max Mean Min Mish Mod Mul Neg Not Or PRelu Pow Reciprocal Relu Resize Round Selu
    Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Sub Sum Swish Tan Tanh ThresholdedRelu Upsample Where Xor
    GridSample"""
_REDUCTIONS = """ArgMax ArgMin BatchNormalization GlobalAveragePool GlobalLpPool GlobalMaxPool GroupNormalization
    Hardmax InstanceNormalization LayerNormalization LogSoftmax LpNormalization LRN MeanVarianceNormalization
    RMSNormalization ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
    ReduceSumSquare Softmax"""
_MOVING = """Cast CastLike CenterCropPad Compress Concat Constant ConstantOfShape DepthToSpace DequantizeLinear Dropout
    DynamicQuantizeLinear Expand EyeLike Flatten Gather GatherElements GatherND Identity OneHot Pad QuantizeLinear Range
    Reshape ReverseSequence ScatterElements ScatterND Shape Size Slice SpaceToDepth Split Squeeze Tile Transpose Trilu
    Unsqueeze"""

FUSED = frozenset(_ELEMENTWISE.split()) - {"CumSum", "GridSample", "Resize", "Upsample"} | {"BatchNormalization"}
"""What runtimes compute together with the operator before it: each output element needs one input element only."""

PICKING = frozenset({"Gather", "GatherElements", "GatherND", "Slice", "Shape", "Size"})
"""What reads only as much of its input as it writes."""

_COSTS: dict[str, Callable[[Shapes], Cost]] = {
    **dict.fromkeys(_ELEMENTWISE.split(), _elementwise),
    **dict.fromkeys(_REDUCTIONS.split(), _reduction),
    **dict.fromkeys(_MOVING.split(), _moving),
    **dict.fromkeys(("AveragePool", "MaxPool", "LpPool"), _pooling),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
    **dict.fromkeys(("Conv", "ConvInteger", "DeformConv"), _convolution(1)),
    "QLinearConv": _convolution(3),
    "ConvTranspose": _transposed,
    "Gemm": _gemm,
    "MatMul": _product(1),
    "MatMulInteger": _product(1),
    "QLinearMatMul": _product(3),
}


def node_cost(node: NodeProto, dims: Mapping[str, Shape]) -> Cost | None:
    """The cost of a node, for known value shapes; None if the operator has no rule or a shape it needs is unknown."""
    rule = _COSTS.get(node.op_type) if node.domain in ("", "ai.onnx") else None
    if rule is None:
        return None
    try:
        return rule(Shapes(node, dims))
    except (KeyError, IndexError, ValueError):
        return None
