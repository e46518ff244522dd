"""How the lint sees each trouble: which operators of a graph have it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from edgebench.artifacts.lint_graph import LintGraph, LintNode, is_flex

Nodes = Iterable[LintNode]

WARPS = frozenset({"GridSample", "grid_sample", "GridSampler"})
"""What a warp by a field of offsets is called."""

_GPU = """ABS ADD ADD_N ATAN2 AVERAGE_POOL_2D BATCH_MATMUL CAST CEIL CONCATENATION CONV_2D COS CUMSUM DENSIFY
    DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP EQUAL EXP FLOOR
    FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER GELU GREATER GREATER_EQUAL HARD_SWISH LEAKY_RELU LESS LESS_EQUAL
    LOG LOGICAL_AND LOGISTIC LSTM MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG NOT_EQUAL ONE_HOT PACK PAD
    PADV2 POW PRELU QUANTIZE REDUCE_MAX REDUCE_MIN REDUCE_PROD RELU RELU6 RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR
    RESIZE_NEAREST_NEIGHBOR RSQRT SELECT SELECT_V2 SIGN SIN SLICE SOFTMAX SPACE_TO_DEPTH SPLIT SPLIT_V SQRT
    SQUARE SQUARED_DIFFERENCE STRIDED_SLICE SUB SUM TANH TILE TRANSPOSE TRANSPOSE_CONV STABLEHLO_CLAMP"""
GPU_OPS = frozenset(_GPU.split())
"""What the GPU delegate takes, by tensorflow/lite/tools/versioning/gpu_compatibility.cc; older releases take fewer."""

_REPLACED = """ARG_MAX ARG_MIN BATCH_TO_SPACE_ND EXPAND_DIMS GATHER_ND L2_NORMALIZATION LOG_SOFTMAX SHAPE
    SPACE_TO_BATCH_ND SQUEEZE TOPK_V2 UNPACK"""
REPLACED = frozenset(_REPLACED.split())
"""Operators that it has not, and that have a case of their own with what stands for them."""


def _whole(graph: LintGraph, holds: bool) -> list[LintNode]:
    """A trouble of the whole graph stands at its inputs."""
    return [LintNode(spec.name, "input", (), ()) for spec in graph.inputs[:1]] if holds else []


def kinds(*kinds: str) -> Callable[[LintGraph], Nodes]:
    """Operators of these kinds."""
    return lambda graph: [node for node in graph.nodes if node.kind in kinds]


def flex(graph: LintGraph) -> Nodes:
    """Operators of TensorFlow."""
    return [node for node in graph.nodes if is_flex(node)]


def custom(graph: LintGraph) -> Nodes:
    """Somebody's own operators, warps apart."""
    return [node for node in graph.nodes if node.custom and not is_flex(node) and node.kind not in WARPS]


def unknown_to_gpu(graph: LintGraph) -> Nodes:
    """Builtin operators that the GPU delegate has not, and that nothing stands for."""
    return [node for node in graph.nodes if not node.custom and node.kind not in GPU_OPS | REPLACED | WARPS]


def free_axes(graph: LintGraph) -> Nodes:
    """Inputs with an axis that has no size."""
    free = [spec for spec in graph.inputs if spec.dims is None or not all(isinstance(dim, int) for dim in spec.dims)]
    return [LintNode(spec.name, "input", (), ()) for spec in free]


def placeholder_input(graph: LintGraph) -> Nodes:
    """Inputs of one pixel with three channels."""
    tiny = {(1, 1, 1, 3), (1, 3, 1, 1)}
    return [LintNode(spec.name, "input", (), ()) for spec in graph.inputs if spec.dims in tiny]


def wide_integers(graph: LintGraph) -> Nodes:
    """Operators that compute 64-bit integers."""
    return [node for node in graph.nodes if any(one.dtype == "int64" for one in node.outputs)]


def five_axes(graph: LintGraph) -> Nodes:
    """Operators whose result has more than four axes."""
    return [node for node in graph.nodes if any(len(one.dims or ()) > 4 for one in node.outputs)]


def batch_changed(graph: LintGraph) -> Nodes:
    """A reshape or transposition after which axis 0 is no longer the batch."""
    return [node for node in graph.nodes if node.kind in ("RESHAPE", "TRANSPOSE") and _other_batch(node)]


def _other_batch(node: LintNode) -> bool:
    before, after = (side[0].dims if side else None for side in (node.inputs, node.outputs))
    return bool(before and after and len(after) > 1 and before[0] != after[0] and not node.inputs[0].stored)


def deep_dense(graph: LintGraph) -> Nodes:
    """Fully connected layers whose input is not flat: batch x features."""
    dense = [node for node in graph.nodes if node.kind == "FULLY_CONNECTED" and node.inputs]
    return [node for node in dense if len(node.inputs[0].dims or ()) != 2]


def grouped(graph: LintGraph) -> Nodes:
    """Grouped convolutions, depthwise ones apart."""
    return [node for node in graph.nodes if node.groups > 1]


CHANNEL_MOVES = {(0, 3, 1, 2), (0, 2, 3, 1)}


def layout_moves(graph: LintGraph) -> Nodes:
    """Two or more transpositions that move the channels."""
    found = [node for node in graph.nodes if node.order in CHANNEL_MOVES]
    return found if len(found) > 1 else []


def outer_products(graph: LintGraph) -> Nodes:
    """Multiplications in which each side is the smaller one along some axis."""
    return [node for node in graph.nodes if node.kind == "MUL" and _is_outer(node)]


def _is_outer(node: LintNode) -> bool:
    if len(node.inputs) != 2:
        return False
    left, right = node.inputs[0].dims or (), node.inputs[1].dims or ()
    if len(left) != len(right):
        return False
    pairs = list(zip(left, right, strict=True))
    return any(a < b for a, b in pairs) and any(b < a for a, b in pairs)


def flat_slices(graph: LintGraph) -> Nodes:
    """Slices of values with neither three nor four axes."""
    sliced = [node for node in graph.nodes if node.kind in ("SLICE", "STRIDED_SLICE") and node.inputs]
    return [node for node in sliced if node.inputs[0].dims is not None and len(node.inputs[0].dims) not in (3, 4)]


def floats(graph: LintGraph) -> Nodes:
    """The whole graph, where it computes in floats."""
    return _whole(graph, graph.precision.startswith(("fp", "bf")))


def integers(graph: LintGraph) -> Nodes:
    """The whole graph, where it computes in integers."""
    return _whole(graph, graph.precision in ("int8", "int16"))


def everything(graph: LintGraph) -> Nodes:
    """The whole graph."""
    return _whole(graph, True)
