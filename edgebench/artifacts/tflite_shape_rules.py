"""What shape an operator of a TFLite graph gives its outputs, by the shapes of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgebench.artifacts.tflite_file import Graph, Operator, TfliteFile, element_count

Shape = tuple[int, ...]


class Node:
    """One operator with the shapes of its inputs; KeyError where one is unknown or left out."""

    def __init__(
        self, file: TfliteFile, operator: Operator, dims: Mapping[int, Shape], own: Mapping[int, Shape]
    ) -> None:
        self._file = file
        self._operator = operator
        self._dims = dims
        self._own = own
        self.options = operator.options

    @property
    def graph(self) -> Graph:
        """The graph that it stands in."""
        return self._file.main

    def inputs(self) -> list[Shape]:
        """Shapes of all inputs that are there."""
        return [self._dims[index] for index in self._operator.inputs if index >= 0]

    def input(self, slot: int = 0) -> Shape:
        """Shape of an input."""
        return self._dims[self._operator.inputs[slot]]

    def output(self, slot: int = 0) -> Shape:
        """Shape of an output as the file has it, for its own input shapes."""
        return self._own[self._operator.outputs[slot]]

    def number(self, name: str) -> int:
        """An option that is one whole number."""
        value = self.options[name]
        if isinstance(value, tuple):
            raise ValueError(name)
        return int(value)

    def constant(self, slot: int) -> tuple[int, ...]:
        """Whole numbers that the file stores as an input: a shape, axes, sizes."""
        import numpy as np

        tensor = self.graph.tensors[self._operator.inputs[slot]]
        if not tensor.stored or tensor.dtype not in ("int32", "int64"):
            raise ValueError("computed at run time")
        values = np.frombuffer(self._file.content(tensor), tensor.dtype)
        if values.size > 64:
            raise ValueError("no shape")
        return tuple(int(value) for value in values)

    def __len__(self) -> int:
        return len(self._operator.inputs)

    @property
    def outputs(self) -> int:
        """How many outputs it has."""
        return len(self._operator.outputs)


Rule = Callable[[Node], list[Shape]]


def _same(node: Node) -> list[Shape]:
    return [node.input()]


def _broadcast(node: Node) -> list[Shape]:
    shapes = node.inputs()
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    found = []
    for sizes in zip(*padded, strict=True):
        wide = {size for size in sizes if size != 1}
        if len(wide) > 1:
            raise ValueError("shapes do not broadcast")
        found.append(wide.pop() if wide else 1)
    return [tuple(found)]


def _window(node: Node, size: int, kernel: int, side: str) -> int:
    """Output size of a sliding window along one side (`W` or `H`); padding 0 is SAME, 1 is VALID."""
    stride = node.number(f"Stride{side}")
    dilated = (kernel - 1) * int(node.options.get(f"Dilation{side}Factor", 1) or 1) + 1  # type: ignore[arg-type]
    padding = node.number("Padding")
    return -(-size // stride) if padding == 0 else (size - dilated + stride) // stride


def _conv(node: Node) -> list[Shape]:
    batch, height, width, _ = node.input(0)
    channels, kernel_h, kernel_w, _ = node.input(1)
    return [(batch, _window(node, height, kernel_h, "H"), _window(node, width, kernel_w, "W"), channels)]


def _depthwise(node: Node) -> list[Shape]:
    batch, height, width, _ = node.input(0)
    _, kernel_h, kernel_w, channels = node.input(1)
    return [(batch, _window(node, height, kernel_h, "H"), _window(node, width, kernel_w, "W"), channels)]


def _pool(node: Node) -> list[Shape]:
    batch, height, width, channels = node.input()
    sides = (("H", height, "FilterHeight"), ("W", width, "FilterWidth"))
    down, across = (_window(node, size, node.number(kernel), side) for side, size, kernel in sides)
    return [(batch, down, across, channels)]


def _fully_connected(node: Node) -> list[Shape]:
    shape, (units, depth) = node.input(0), node.input(1)
    if node.number("KeepNumDims"):
        return [(*shape[:-1], units)]
    return [(element_count(shape) // depth, units)]


def _batch_matmul(node: Node) -> list[Shape]:
    left, right = node.input(0), node.input(1)
    rows = left[-1] if node.number("AdjX") else left[-2]
    columns = right[-2] if node.number("AdjY") else right[-1]
    leading = left[:-2] if len(left) >= len(right) else right[:-2]
    return [(*leading, rows, columns)]


def _concatenation(node: Node) -> list[Shape]:
    shapes = node.inputs()
    axis = node.number("Axis") % len(shapes[0])
    return [(*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])]


def _depth_to_space(node: Node) -> list[Shape]:
    (batch, height, width, channels), block = node.input(), node.number("BlockSize")
    return [(batch, height * block, width * block, channels // block**2)]


def _space_to_depth(node: Node) -> list[Shape]:
    (batch, height, width, channels), block = node.input(), node.number("BlockSize")
    return [(batch, height // block, width // block, channels * block**2)]


def _reshape(node: Node) -> list[Shape]:
    """The shape that is stored; with one -1 it takes what is left."""
    wanted = node.constant(1) if len(node) > 1 else tuple(node.options["NewShape"])  # type: ignore[arg-type]
    elements = element_count(node.input())
    known = element_count(tuple(size for size in wanted if size >= 0))
    found = tuple(elements // known if size < 0 else size for size in wanted)
    if element_count(found) != elements:
        raise ValueError("another number of elements")
    return [found]


def _transpose(node: Node) -> list[Shape]:
    shape = node.input()
    return [tuple(shape[axis] for axis in node.constant(1))]


def _resize(node: Node) -> list[Shape]:
    (batch, _, _, channels), (height, width) = node.input(), node.constant(1)
    return [(batch, height, width, channels)]


def _reduce(node: Node) -> list[Shape]:
    shape = node.input()
    axes = {axis % len(shape) for axis in node.constant(1)}
    if node.number("KeepDims"):
        return [tuple(1 if axis in axes else size for axis, size in enumerate(shape))]
    return [tuple(size for axis, size in enumerate(shape) if axis not in axes)]


def _pad(node: Node) -> list[Shape]:
    around = node.constant(1)
    return [tuple(size + around[2 * axis] + around[2 * axis + 1] for axis, size in enumerate(node.input()))]


def _split(node: Node) -> list[Shape]:
    """SPLIT has its axis first and its value second."""
    (axis,), shape, parts = node.constant(0), node.input(1), node.number("NumSplits")
    axis %= len(shape)
    return [(*shape[:axis], shape[axis] // parts, *shape[axis + 1 :])] * node.outputs


def _transpose_conv(node: Node) -> list[Shape]:
    """Its first input is the shape of its output: stored, it does not follow the input."""
    return [node.constant(0)]


_UNCHANGED = """ABS CAST CEIL CLIP COS DEQUANTIZE ELU EXP FAKE_QUANT FLOOR GELU HARD_SWISH L2_NORMALIZATION LEAKY_RELU
    LOCAL_RESPONSE_NORMALIZATION LOG LOGICAL_NOT LOGISTIC LOG_SOFTMAX NEG PRELU QUANTIZE RELU RELU6 RELU_0_TO_1
    RELU_N1_TO_1 ROUND RSQRT SIGN SIN SOFTMAX SQRT SQUARE TANH ZEROS_LIKE"""
_BROADCAST = """ADD ADD_N DIV EQUAL FLOOR_DIV FLOOR_MOD GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND LOGICAL_OR
    MAXIMUM MINIMUM MUL NOT_EQUAL POW SELECT_V2 SQUARED_DIFFERENCE SUB"""
_REDUCED = "MEAN SUM REDUCE_MAX REDUCE_MIN REDUCE_PROD REDUCE_ANY REDUCE_ALL"

RULES: dict[str, Rule] = {
    **dict.fromkeys(_UNCHANGED.split(), _same),
    **dict.fromkeys(_BROADCAST.split(), _broadcast),
    **dict.fromkeys(_REDUCED.split(), _reduce),
    "AVERAGE_POOL_2D": _pool,
    "BATCH_MATMUL": _batch_matmul,
    "CONCATENATION": _concatenation,
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "DEPTH_TO_SPACE": _depth_to_space,
    "FULLY_CONNECTED": _fully_connected,
    "L2_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "PAD": _pad,
    "PADV2": _pad,
    "MIRROR_PAD": _pad,
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": _resize,
    "RESIZE_NEAREST_NEIGHBOR": _resize,
    "SPACE_TO_DEPTH": _space_to_depth,
    "SPLIT": _split,
    "TRANSPOSE": _transpose,
    "TRANSPOSE_CONV": _transpose_conv,
}
"""Operator -> the shapes of its outputs."""
