"""Which ONNX operators the releases of TensorRT's parser know, and what kind of layer each becomes.

Source: the tables of operators in onnx-tensorrt (docs/operators.md), from memory; an operator of which nothing is said
here is taken as known.
"""

from __future__ import annotations

from edgebench.mock.jetson.trtexec.dialects import Dialect, Number

LATER: dict[str, Number] = {
    "GridSample": (8, 5),
    "NonMaxSuppression": (8, 5),
    "NonZero": (8, 5),
    "LayerNormalization": (8, 6),
    "GroupNormalization": (8, 6),
    "IsNaN": (8, 6),
    "HardSwish": (8, 6),
    "Mish": (10,),
    "Gelu": (10, 4),
}
"""Operator -> the first release whose parser knows it."""
NEVER = frozenset({"ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul", "DynamicQuantizeLinear",
                   "DeformConv", "Unique", "Compress", "StringNormalizer", "Optional"})  # fmt: skip
QUANTIZED = frozenset({"QuantizeLinear", "DequantizeLinear"})
NOTHING = frozenset({"Identity", "Dropout", "Squeeze", "Unsqueeze", "Flatten", "Reshape"})
"""What moves no data: gone, or a change of shape that costs nothing."""
FOLLOWERS = frozenset({"BatchNormalization", "Relu", "LeakyRelu", "Clip", "PRelu", "Sigmoid", "Add"})
"""What the layer before takes along where it alone reads it."""

KINDS = {
    "Conv": "Convolution",
    "ConvTranspose": "Deconvolution",
    "Gemm": "MatrixMultiply",
    "MatMul": "MatrixMultiply",
    "QuantizeLinear": "Scale",
    "DequantizeLinear": "Scale",
    "BatchNormalization": "Scale",
    "Softmax": "SoftMax",
    "Resize": "Resize",
    "Upsample": "Resize",
    "Slice": "Slice",
    "Split": "Slice",
    "Pad": "Slice",
    "TopK": "TopK",
    "ArgMax": "TopK",
    "Gather": "Gather",
    **dict.fromkeys(("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"), "Pooling"),
    **dict.fromkeys(("Transpose", "DepthToSpace", "SpaceToDepth", *NOTHING), "Shuffle"),
    **dict.fromkeys(("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd"), "Reduce"),
}
"""Operator -> kind of layer; all others are point-wise."""
STEMS = frozenset({"Convolution", "Deconvolution", "MatrixMultiply"})
EIGHT_BIT = STEMS | {"Pooling", "PointWise", "Scale", "Reformat", "Shuffle", "Resize"}
"""Kinds that have kernels for 8 bits."""
MOVERS = frozenset({"Reformat", "Shuffle", "Slice", "Resize", "Scale", "Gather"})
"""Kinds that take whatever precision reaches them."""
ON_DLA = STEMS | {"Pooling", "PointWise", "Scale", "Reformat"}


def is_known(op: str, domain: str, dialect: Dialect) -> bool:
    """Whether that release's parser knows an operator."""
    if domain not in ("", "ai.onnx") or op in NEVER:
        return False
    return op not in LATER or dialect.since(*LATER[op])
