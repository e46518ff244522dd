"""Small TFLite files, written with the schema that the LiteRT wheel carries: a graph a call, tensors by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import OpResolverType

TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "float16": schema.TensorType.FLOAT16,
    "int8": schema.TensorType.INT8,
    "uint8": schema.TensorType.UINT8,
    "int16": schema.TensorType.INT16,
    "int32": schema.TensorType.INT32,
    "int64": schema.TensorType.INT64,
    "bool": schema.TensorType.BOOL,
}
OPS = {name: value for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}


@dataclass
class Graph:
    """One graph under construction: `tensor` and `constant` name values, `op` adds an operator, `save` writes it."""

    tensors: list[schema.TensorT] = field(default_factory=list)
    operators: list[schema.OperatorT] = field(default_factory=list)
    codes: list[schema.OperatorCodeT] = field(default_factory=list)
    buffers: list[schema.BufferT] = field(default_factory=lambda: [schema.BufferT()])
    names: dict[str, int] = field(default_factory=dict)

    def tensor(self, name: str, shape: Sequence[int], dtype: str = "float32", *, free: bool = False, **scale) -> str:
        """A value; `free`: its first axis is open. `scale`, `zero_point` and `axis` quantise it."""
        made = schema.TensorT()
        made.name = name.encode()
        made.shape = list(shape)
        made.shapeSignature = [-1, *shape[1:]] if free else None
        made.type = TYPES[dtype]
        made.buffer = 0
        made.hasRank = True
        if scale:
            made.quantization = quantisation(**scale)
        self.names[name] = len(self.tensors)
        self.tensors.append(made)
        return name

    def constant(self, name: str, values: np.ndarray, **scale) -> str:
        """A stored value."""
        self.tensor(name, values.shape, str(values.dtype), **scale)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self.tensors[-1].buffer = len(self.buffers)
        self.buffers.append(buffer)
        return name

    def op(
        self, kind: str, inputs: Sequence[str], outputs: Sequence[str], *, custom=None, version=1, **options
    ) -> None:
        """An operator; `kind` as in BuiltinOperator, `options` of its options table (activation in words)."""
        code = schema.OperatorCodeT()
        code.builtinCode = OPS[kind]
        code.deprecatedBuiltinCode = min(OPS[kind], 127)
        code.version = version
        code.customCode = custom
        made = schema.OperatorT()
        made.opcodeIndex = len(self.codes)
        made.inputs = [self.names[name] if name else -1 for name in inputs]
        made.outputs = [self.names[name] for name in outputs]
        table = OPTIONS.get(kind)
        if table:
            made.builtinOptions = getattr(schema, f"{table}T")()
            made.builtinOptionsType = getattr(schema.BuiltinOptions, table)
            for key, value in options.items():
                setattr(made.builtinOptions, key, value)
        self.codes.append(code)
        self.operators.append(made)

    def bytes(self, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
        """The file's content."""
        model = schema.ModelT()
        model.version = 3
        model.description = b"by hand"
        graph = schema.SubGraphT()
        graph.name = b"main"
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs = [self.names[name] for name in inputs]
        graph.outputs = [self.names[name] for name in outputs]
        model.subgraphs, model.operatorCodes, model.buffers = [graph], self.codes, self.buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def save(self, path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> Path:
        """Write the file."""
        path.write_bytes(self.bytes(inputs, outputs))
        return path


OPTIONS = {
    "ADD": "AddOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "BATCH_MATMUL": "BatchMatMulOptions",
    "CONCATENATION": "ConcatenationOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions",
    "DEQUANTIZE": "DequantizeOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "MEAN": "ReducerOptions",
    "MUL": "MulOptions",
    "QUANTIZE": "QuantizeOptions",
    "RESHAPE": "ReshapeOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "SOFTMAX": "SoftmaxOptions",
    "SPACE_TO_DEPTH": "SpaceToDepthOptions",
    "SPLIT": "SplitOptions",
    "SUB": "SubOptions",
    "TRANSPOSE": "TransposeOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions",
}
PLAIN_KERNELS = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
SAME = {"strideH": 1, "strideW": 1, "padding": schema.Padding.SAME}


def quantisation(*, scale: Any, zero_point: Any = 0, axis: int = 0) -> schema.QuantizationParametersT:
    """Parameters of a tensor, or of each channel where `scale` is a list."""
    made = schema.QuantizationParametersT()
    made.scale = list(np.atleast_1d(scale))
    made.zeroPoint = [int(one) for one in np.broadcast_to(zero_point, len(made.scale))]
    made.quantizedDimension = axis
    return made


def values(*shape: int, dtype: str = "float32", seed: int = 1) -> np.ndarray:
    """Numbers to store: floats of -0.5 to 0.5, integers of -100 to 100, none of them zero."""
    rng = np.random.default_rng(seed)
    if dtype.startswith("float"):
        return (rng.uniform(0.1, 0.5, shape) * rng.choice([-1, 1], shape)).astype(dtype)
    return (rng.integers(1, 100, shape) * rng.choice([-1, 1], shape)).astype(dtype)


def upscaler(path: Path, *, size: int = 8, free: bool = False) -> Path:
    """3 -> 12 channels (3x3, ReLU), + a bias per channel, depth to space x2: 336 weights, 324 MACs a pixel."""
    graph = Graph()
    graph.tensor("x", (1, size, size, 3), free=free)
    graph.constant("w", values(12, 3, 3, 3))
    graph.constant("b", values(12, seed=2))
    graph.tensor("a", (1, size, size, 12), free=free)
    graph.constant("c", values(1, 1, 1, 12, seed=3))
    graph.tensor("s", (1, size, size, 12), free=free)
    graph.tensor("y", (1, 2 * size, 2 * size, 3), free=free)
    graph.op("CONV_2D", ("x", "w", "b"), ("a",), fusedActivationFunction=1, **SAME)
    graph.op("ADD", ("a", "c"), ("s",))
    graph.op("DEPTH_TO_SPACE", ("s",), ("y",), blockSize=2)
    return graph.save(path, ("x",), ("y",))


def upscaler_int8(path: Path, *, size: int = 8, io: str = "int8") -> Path:
    """The same convolution and depth to space with int8 weights and activations; `io` int8, or float32 around it."""
    graph = Graph()
    inner = {"scale": 1 / 255, "zero_point": -128}
    scales = np.full(12, 0.01)
    graph.tensor("x", (1, size, size, 3), io, **(inner if io == "int8" else {}))
    first = "x"
    if io != "int8":
        first = graph.tensor("xq", (1, size, size, 3), "int8", **inner)
        graph.op("QUANTIZE", ("x",), ("xq",))
    graph.constant("w", values(12, 3, 3, 3, dtype="int8"), scale=scales)
    graph.constant("b", values(12, dtype="int32"), scale=scales / 255)
    graph.tensor("a", (1, size, size, 12), "int8", scale=0.05, zero_point=-10)
    graph.op("CONV_2D", (first, "w", "b"), ("a",), version=3, **SAME)
    last = graph.tensor("y" if io == "int8" else "yq", (1, 2 * size, 2 * size, 3), "int8", scale=0.05, zero_point=-10)
    graph.op("DEPTH_TO_SPACE", ("a",), (last,), blockSize=2, version=2)
    if io != "int8":
        graph.tensor("y", (1, 2 * size, 2 * size, 3), io)
        graph.op("DEQUANTIZE", ("yq",), ("y",), version=2)
    return graph.save(path, ("x",), ("y",))


def classifier(path: Path, *, free: bool = False) -> Path:
    """A mean over the picture, a fully connected layer 3 -> 5, softmax: 20 weights, 15 MACs."""
    graph = Graph()
    graph.tensor("x", (1, 4, 4, 3), free=free)
    graph.constant("axes", np.array([1, 2], np.int32))
    graph.tensor("m", (1, 3), free=free)
    graph.constant("w", values(5, 3))
    graph.constant("b", values(5, seed=2))
    graph.tensor("f", (1, 5), free=free)
    graph.tensor("y", (1, 5), free=free)
    graph.op("MEAN", ("x", "axes"), ("m",))
    graph.op("FULLY_CONNECTED", ("m", "w", "b"), ("f",))
    graph.op("SOFTMAX", ("f",), ("y",), beta=1.0)
    return graph.save(path, ("x",), ("y",))


def foreign(path: Path, code: str = "FlexErf") -> Path:
    """One operator that no runtime brings along: of TensorFlow (`Flex...`), or of somebody's own."""
    graph = Graph()
    graph.tensor("x", (1, 4))
    graph.tensor("y", (1, 4))
    graph.op("CUSTOM", ("x",), ("y",), custom=code.encode())
    return graph.save(path, ("x",), ("y",))


def float_sided(path: Path) -> Path:
    """`upscaler_int8` between floats: quantised on the way in, dequantised on the way out."""
    return upscaler_int8(path, io="float32")


def half_weights(path: Path) -> Path:
    """A convolution whose fp16 kernel is made fp32 before it is used."""
    graph = Graph()
    graph.tensor("x", (1, 8, 8, 3))
    graph.constant("h", values(4, 3, 3, 3, dtype="float16"))
    graph.tensor("w", (4, 3, 3, 3))
    graph.constant("b", values(4))
    graph.tensor("y", (1, 8, 8, 4))
    graph.op("DEQUANTIZE", ("h",), ("w",), version=3)
    graph.op("CONV_2D", ("x", "w", "b"), ("y",), **SAME)
    return graph.save(path, ("x",), ("y",))


def dynamic_range(path: Path) -> Path:
    """A fully connected layer with int8 weights and a float input."""
    graph = Graph()
    graph.tensor("x", (1, 16))
    graph.constant("w", values(5, 16, dtype="int8"), scale=0.01)
    graph.tensor("y", (1, 5))
    graph.op("FULLY_CONNECTED", ("x", "w", ""), ("y",), version=3)
    return graph.save(path, ("x",), ("y",))


def int16_activations(path: Path) -> Path:
    """A fully connected layer with int8 weights, int16 in and out."""
    graph = Graph()
    graph.tensor("x", (1, 16), "int16", scale=0.001)
    graph.constant("w", values(5, 16, dtype="int8"), scale=0.01)
    graph.tensor("y", (1, 5), "int16", scale=0.01)
    graph.op("FULLY_CONNECTED", ("x", "w", ""), ("y",), version=4)
    return graph.save(path, ("x",), ("y",))


def repeated(raw: bytes, count: int) -> bytes:
    """A file whose model has `count` subgraphs, all of them the first one of `raw`, which follows behind."""
    model = schema.Model.GetRootAs(raw)
    subgraph = model.Subgraphs(0)._tab.Pos
    buffers = model._tab.Vector(model._tab.Offset(12)) - 4
    # vtable: its size, the table's size, then the offsets of version, (codes), subgraphs, (description), buffers
    vtable = np.array([14, 16, 4, 0, 8, 0, 12, 0], "<u2").tobytes()
    table = 8 + len(vtable)
    vector = table + 16
    body = vector + 4 + 4 * count
    fields = np.array([table - 8, 3, vector - (table + 8), body + buffers - (table + 12)], "<i4").tobytes()
    offsets = [body + subgraph - (vector + 4 + 4 * at) for at in range(count)]
    head = np.array([table], "<u4").tobytes() + b"TFL3" + vtable + fields
    return head + np.array([count, *offsets], "<u4").tobytes() + raw


def many_shapes(path: Path) -> Path:
    """One of each operator that has a rule for its shape, in a row: x 1x8x8x3 -> y 1x4."""
    graph = Graph()
    graph.tensor("x", (1, 8, 8, 3))
    graph.constant("k", values(1, 3, 3, 3))
    graph.constant("b", values(3))
    graph.tensor("depthwise", (1, 4, 4, 3))
    graph.op("DEPTHWISE_CONV_2D", ("x", "k", "b"), ("depthwise",), strideH=2, strideW=2, depthMultiplier=1)
    graph.constant("around", np.array([[0, 0], [2, 2], [1, 1], [0, 0]], np.int32))
    graph.tensor("padded", (1, 8, 6, 3))
    graph.op("PAD", ("depthwise", "around"), ("padded",))
    graph.tensor("pooled", (1, 4, 3, 3))
    pool = {"padding": schema.Padding.VALID, "filterHeight": 2, "filterWidth": 2, "strideH": 2, "strideW": 2}
    graph.op("AVERAGE_POOL_2D", ("padded",), ("pooled",), **pool)
    graph.tensor("both", (1, 4, 3, 6))
    graph.op("CONCATENATION", ("pooled", "pooled"), ("both",), axis=-1)
    graph.constant("order", np.array([0, 2, 1, 3], np.int32))
    graph.tensor("turned", (1, 3, 4, 6))
    graph.op("TRANSPOSE", ("both", "order"), ("turned",))
    graph.constant("axis", np.array(3, np.int32))
    for name in ("left", "right"):
        graph.tensor(name, (1, 3, 4, 3))
    graph.op("SPLIT", ("axis", "turned"), ("left", "right"), numSplits=2)
    graph.tensor("sum", (1, 3, 4, 3))
    graph.op("ADD", ("left", "right"), ("sum",))
    graph.constant("size", np.array([4, 4], np.int32))
    graph.tensor("resized", (1, 4, 4, 3))
    graph.op("RESIZE_BILINEAR", ("sum", "size"), ("resized",), halfPixelCenters=True)
    graph.tensor("deep", (1, 2, 2, 12))
    graph.op("SPACE_TO_DEPTH", ("resized",), ("deep",), blockSize=2)
    graph.constant("flat", np.array([-1, 48], np.int32))
    graph.tensor("features", (1, 48))
    graph.op("RESHAPE", ("deep", "flat"), ("features",), newShape=[-1, 48])
    graph.constant("w", values(4, 48))
    graph.tensor("dense", (1, 4))
    graph.op("FULLY_CONNECTED", ("features", "w", ""), ("dense",))
    graph.constant("last", np.array([-1], np.int32))
    graph.tensor("mean", (1, 1))
    graph.op("MEAN", ("dense", "last"), ("mean",), keepDims=True)
    graph.tensor("y", (1, 4))
    graph.op("SUB", ("dense", "mean"), ("y",))
    return graph.save(path, ("x",), ("y",))
