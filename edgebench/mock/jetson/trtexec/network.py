"""An ONNX file as TensorRT would run it: layers of fused nodes, by their names, with what each costs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.artifacts.costs import node_cost
from edgebench.artifacts.inference import Shape, ShapedGraph, infer
from edgebench.artifacts.proto import element_count, parse_model
from edgebench.mock.jetson.trtexec.dialects import Dialect
from edgebench.mock.jetson.trtexec.kinds import FOLLOWERS, KINDS, NOTHING, QUANTIZED, STEMS, is_known

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto


@dataclass(frozen=True)
class Value:
    """A tensor between layers. `dtype` as numpy calls it."""

    name: str
    dims: Shape
    dtype: str = "float32"

    @property
    def elements(self) -> int:
        """How many."""
        return element_count(self.dims)


@dataclass
class Layer:
    """One layer: `nodes` are the ONNX nodes in it, `macs` and `other` operations of one inference.

    `quantized`: the model says that it computes in 8 bits; `parameters`: stored elements.
    """

    name: str
    kind: str
    nodes: list[str]
    inputs: list[Value]
    outputs: list[Value]
    macs: int = 0
    other: int = 0
    parameters: int = 0
    quantized: bool = False


@dataclass(frozen=True)
class Network:
    """A parsed model. `explicit`: it carries its own quantisation; `wide`: it stores 64-bit integers."""

    layers: tuple[Layer, ...]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    stamps: dict[str, str]
    explicit: bool
    wide: bool
    dynamic: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Inputs with axes left open, their dims with -1 for those."""

    @property
    def parameters(self) -> int:
        """Stored elements of all layers."""
        return sum(layer.parameters for layer in self.layers)


class Unparsed(Exception):
    """TensorRT's parser gives up at a node: `number` and `node` (as text), the operator and the reason."""

    def __init__(self, number: int, node: NodeProto) -> None:
        super().__init__(node.op_type)
        self.number = number
        self.node = node


def network(data: bytes, dialect: Dialect, shapes: dict[str, Shape], refused: int | None = None) -> Network:
    """Parse a model. `refused` is the number of a node that the parser shall not know (a fault).

    An open axis that `shapes` says nothing of becomes 1. Raises ModelError and `Unparsed`.
    """
    model = parse_model(data, "the model")
    _check(model, dialect, refused)
    dynamic = open_inputs(model)
    filled = {name: shapes.get(name, tuple(max(dim, 1) for dim in dims)) for name, dims in dynamic.items()}
    shaped = infer(model, filled)
    fused = _Fusion(shaped).run()
    stored = {tensor.name for tensor in model.graph.initializer}
    narrow = not dialect.since(10)
    return Network(
        layers=tuple(fused),
        inputs=tuple(_value(shaped, v.name, narrow) for v in model.graph.input if v.name not in stored),
        outputs=tuple(_value(shaped, v.name, narrow) for v in model.graph.output),
        stamps=_stamps(model),
        explicit=any(node.op_type in QUANTIZED for node in model.graph.node),
        wide=any(tensor.data_type == tensor.INT64 for tensor in model.graph.initializer),
        dynamic=dynamic,
    )


def open_inputs(model: ModelProto) -> dict[str, Shape]:
    """Inputs with axes left open."""
    stored = {tensor.name for tensor in model.graph.initializer}
    found = {value.name: _dims(value) for value in model.graph.input if value.name not in stored}
    return {name: dims for name, dims in found.items() if -1 in dims}


def _dims(value: ValueInfoProto) -> Shape:
    return tuple(dim.dim_value if dim.HasField("dim_value") else -1 for dim in value.type.tensor_type.shape.dim)


def _check(model: ModelProto, dialect: Dialect, refused: int | None) -> None:
    for number, node in enumerate(model.graph.node):
        if number == refused or not is_known(node.op_type, node.domain, dialect):
            raise Unparsed(number, node)


def _stamps(model: ModelProto) -> dict[str, str]:
    version = model.ir_version
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    return {"ONNX IR version": f"0.0.{version}", "Opset version": str(opset), "Producer name": model.producer_name,
            "Producer version": model.producer_version, "Domain": model.domain, "Model version":
            str(model.model_version), "Doc string": model.doc_string[:60]}  # fmt: skip


NARROWED = {"int64": "int32", "float64": "float32"}


def _value(shaped: ShapedGraph, name: str, narrow: bool) -> Value:
    dtype = shaped.dtypes.get(name, "float32")
    return Value(name, shaped.dims.get(name, ()), NARROWED.get(dtype, dtype) if narrow else dtype)


def node_name(node: NodeProto) -> str:
    """What the parser calls a node: one without a name after its first output."""
    return node.name or f"node_of_{next((name for name in node.output if name), node.op_type)}"


class _Fusion:
    """One pass over the nodes: a convolution takes along what follows it alone, what moves nothing vanishes."""

    def __init__(self, shaped: ShapedGraph) -> None:
        self._shaped = shaped
        self._graph: GraphProto = shaped.model.graph
        self._uses = Counter(name for node in self._graph.node for name in node.input)
        self._results = {value.name for value in self._graph.output}
        self._layers: list[Layer] = []
        self._from: dict[str, Layer] = {}
        self._alias: dict[str, str] = {}
        self._narrow: set[str] = set()  # values that went through Quantize and Dequantize
        self._stored: dict[str, list[str]] = {}  # dequantised constants: the nodes that make them

    def run(self) -> list[Layer]:
        """All layers."""
        for node in self._graph.node:
            self._take(node)
        return self._layers

    def _take(self, node: NodeProto) -> None:
        constant = all(name in self._shaped.constants for name in node.output if name)
        if constant:
            if node.op_type in QUANTIZED:
                self._stored[node.output[0]] = [node_name(node)]
        elif node.op_type in NOTHING or node.op_type == "DequantizeLinear":
            self._pass(node)
        elif node.op_type == "QuantizeLinear":
            self._quantize(node)
        elif node.op_type == "Concat":
            self._concat(node)
        elif not self._follows(node):
            self._own(node)

    def _pass(self, node: NodeProto) -> None:
        """A node that costs nothing: what it gives is what it was given."""
        self._alias[node.output[0]] = node.input[0]
        if node.op_type == "DequantizeLinear" or node.input[0] in self._narrow:
            self._narrow.add(node.output[0])
        if node.output[0] in self._results:
            self._own(node)

    def _quantize(self, node: NodeProto) -> None:
        """The layer before takes a Quantize along, a Quantize of an input is a layer of its own."""
        before = self._from.get(self._source(node.input[0]))
        if before is None:
            self._own(node)
            return
        before.nodes.append(node_name(node))
        self._alias[node.output[0]] = node.input[0]

    def _concat(self, node: NodeProto) -> None:
        """A copy for each of its inputs, as TensorRT does it."""
        for name in node.input:
            source = self._value(self._source(name))
            layer = Layer(f"{source.name} copy", "Reformat", [node_name(node)], [source], [self._value(node.output[0])])
            self._layers.append(layer)
        self._from[node.output[0]] = self._layers[-1]

    def _follows(self, node: NodeProto) -> bool:
        """Whether the layer before takes this node along."""
        if node.op_type not in FOLLOWERS:
            return False
        for name in node.input:
            before = self._from.get(name)
            alone = self._uses[name] == 1 and name not in self._results
            if before is None or not alone or before.kind not in STEMS or before.outputs[0].name != name:
                continue
            rest = [other for other in node.input if other and other != name and other not in self._shaped.constants]
            before.nodes.append(node_name(node))
            before.name += f" + {node_name(node)}"
            before.inputs += [self._value(self._source(other)) for other in rest]
            if rest:  # it waits for the other branch
                self._layers.remove(before)
                self._layers.append(before)
            before.outputs = [self._value(node.output[0])]
            before.other += self._cost(node)[1]
            self._from[node.output[0]] = before
            return True
        return False

    def _own(self, node: NodeProto) -> None:
        """A layer of its own."""
        stored = [made for name in node.input for made in self._stored.get(name, [])]
        names = [*stored, node_name(node)]
        macs, other = self._cost(node)
        weights = [name for name in node.input if name in self._shaped.constants]
        inputs = [name for name in node.input if name and name not in self._shaped.constants]
        kind = KINDS.get(node.op_type, "PointWise")
        label = " + ".join(names) if kind != "PointWise" else f"PWN({names[-1]})"
        layer = Layer(
            name=label,
            kind=kind,
            nodes=names,
            inputs=[self._value(self._source(name)) for name in inputs],
            outputs=[self._value(name) for name in node.output if name],
            macs=macs,
            other=other,
            parameters=sum(self._value(name).elements for name in weights) if kind in STEMS else 0,
            quantized=kind in STEMS and bool(stored) and any(name in self._narrow for name in inputs),
        )
        self._layers.append(layer)
        for name in node.output:
            self._from[name] = layer

    def _cost(self, node: NodeProto) -> tuple[int, int]:
        cost = node_cost(node, self._shaped.dims)
        return (cost.macs, cost.other) if cost else (0, 0)

    def _source(self, name: str) -> str:
        while name in self._alias:
            name = self._alias[name]
        return name

    def _value(self, name: str) -> Value:
        return Value(name, self._shaped.dims.get(name, ()), self._shaped.dtypes.get(name, "float32"))


def with_external(path: Path) -> bytes:
    """A model's bytes with the data that lies beside it."""
    import onnx

    data = path.read_bytes()
    model = parse_model(data, path.name)
    if any(tensor.data_location == tensor.EXTERNAL for tensor in model.graph.initializer):
        return bytes(onnx.load(path).SerializeToString())
    return data
