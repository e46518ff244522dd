"""Parts of an ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.artifacts.artifact import external_files
from edgebench.artifacts.cutting import CutOperator, CutTensor, Shape
from edgebench.artifacts.inference import ShapedGraph, infer
from edgebench.artifacts.onnx_model import describe
from edgebench.artifacts.proto import captured, damage_is_a_model_error, dtype_name, read_model
from edgebench.artifacts.tensor_spec import Dim
from edgebench.errors import ModelError

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

NUMBERS = frozenset(
    {"float32", "float64", "float16", "bool"} | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
)


class OnnxCutter:
    """Parts of an `.onnx` file, functions of the model and external data included.

    Nodes that work on stored values alone (Constant, the DequantizeLinear of weights) come along with whoever reads
    them; they are no operators here.
    """

    suffix = ".onnx"

    def __init__(self, path: Path) -> None:
        self._model = read_model(path)
        self._folder = path.parent
        self._name = path.name
        external_files(self._model, path.parent)
        with damage_is_a_model_error(path.name):
            self._folded = _folded(self._model.graph)
            constant = {at for at, _ in self._folded.values()}
            numbered = [(at, one) for at, one in enumerate(self._model.graph.node) if at not in constant]
            self._nodes = [node for _, node in numbered]
            self._reads = [_read(node) for node in self._nodes]
            self._made_by = {name: at for at, node in enumerate(self._nodes) for name in node.output if name}
            self._read_last = self._last_readers()
            self._stored = _stored(self._model.graph) | self._folded.keys()
            self._faces = self._known_faces()
            own = [spec.name for spec in describe(self._model).inputs]
            self.inputs = tuple(self._face(name) for name in own)
            self.operators = [self._operator(number, node) for number, node in numbered]

    def can(self, first: int, last: int) -> bool:
        """Whether all that crosses the part's edges is numbers, or of a type that only running it will tell."""
        crossing = (*self.inputs_of(first, last), *self.outputs_of(first, last))
        return bool(self._leaving(first, last)) and all(one.dtype in NUMBERS | {"unknown"} for one in crossing)

    def inputs_of(self, first: int, last: int) -> tuple[CutTensor, ...]:
        """What the part reads, the model's own inputs first."""
        read = dict.fromkeys(name for reads in self._reads[first : last + 1] for name in reads)
        own = [one for one in self.inputs if one.name in read]
        made = [self._face(name) for name in read if self._made_by.get(name, first) < first]
        return (*own, *made)

    def outputs_of(self, first: int, last: int) -> tuple[CutTensor, ...]:
        """What is read of the part, in the order in which it is computed."""
        return tuple(self._face(name) for name in self._leaving(first, last))

    def _leaving(self, first: int, last: int) -> list[str]:
        made = [name for node in self._nodes[first : last + 1] for name in node.output if name]
        wanted = [name for name in made if self._read_last.get(name, -1) > last]
        return wanted or [name for name in self._nodes[last].output if name]

    def write(self, first: int, last: int, path: Path, dims: Mapping[str, Shape], dtypes: Mapping[str, str]) -> None:
        """Write the part; an input's dims and type replace the file's where they are given."""
        import onnx

        with damage_is_a_model_error(self._name):
            part = self._shell()
            self._fill(part.graph, first, last)
            for face in self.inputs_of(first, last):
                part.graph.input.append(_value(face, dims.get(face.name), dtypes.get(face.name)))
        try:
            onnx.save(part, path)
        except ValueError as error:  # over 2 GiB
            text = f"{self._name}: a part of it cannot be written: {error}"
            raise ModelError(text, hint="bisect a smaller model") from error

    def _fill(self, graph: GraphProto, first: int, last: int) -> None:
        """Put the part's nodes and outputs into an empty graph, and what is stored for them."""
        names = {name for reads in self._reads[first : last + 1] for name in reads}
        constant = self._makers(names)
        names |= {name for node in constant for name in _read(node)}
        source = self._model.graph
        graph.name = f"nodes {self.operators[first].index} to {self.operators[last].index} of {self._name}"
        graph.node.extend(constant)
        graph.node.extend(self._nodes[first : last + 1])
        graph.initializer.extend(one for one in source.initializer if one.name in names)
        graph.sparse_initializer.extend(one for one in source.sparse_initializer if one.values.name in names)
        graph.output.extend(_value(face, None, None) for face in self.outputs_of(first, last))
        self._bring_along(graph)

    def _makers(self, names: set[str]) -> list[NodeProto]:
        """The nodes that make constants of these names, and what those are made of, in order."""
        found: dict[int, NodeProto] = {}
        waiting = list(names & self._folded.keys())
        while waiting:
            at, node = self._folded[waiting.pop()]
            if at not in found:
                found[at] = node
                waiting += [name for name in _read(node) if name in self._folded]
        return [node for _, node in sorted(found.items(), key=lambda one: one[0])]

    def _shell(self) -> ModelProto:
        """The model without its graph; from IR 4 on what is stored need not be listed among the inputs."""
        import onnx

        source = self._model
        shell = onnx.ModelProto(ir_version=max(source.ir_version, 4), opset_import=source.opset_import)
        shell.functions.extend(source.functions)
        shell.producer_name = "edgebench"
        return shell

    def _bring_along(self, graph: GraphProto) -> None:
        """Load the external data of what was taken: the part is one file."""
        from onnx.external_data_helper import load_external_data_for_tensor

        for tensor in graph.initializer:
            if tensor.data_location == tensor.EXTERNAL:
                load_external_data_for_tensor(tensor, str(self._folder))
                tensor.data_location = tensor.DEFAULT
                del tensor.external_data[:]

    def _last_readers(self) -> dict[str, int]:
        last = {name: at for at, reads in enumerate(self._reads) for name in reads}
        return last | dict.fromkeys((value.name for value in self._model.graph.output), len(self._nodes))

    def _known_faces(self) -> dict[str, CutTensor]:
        shaped = self._shaped()
        known = {}
        for value in (*self._model.graph.value_info, *self._model.graph.output, *self._model.graph.input):
            known[value.name] = _of_value(value)
        for tensor in self._model.graph.initializer:
            known[tensor.name] = CutTensor(tensor.name, dtype_name(tensor.data_type), tuple(tensor.dims), True)
        for name, dtype in (shaped.dtypes if shaped else {}).items():
            dims = shaped.dims.get(name) if shaped else None
            if name not in known or (known[name].dims is None and dims is not None):
                known[name] = CutTensor(name, dtype, dims, name in self._stored)
        return known

    def _shaped(self) -> ShapedGraph | None:
        try:
            return infer(self._model, {})
        except ModelError:  # what its values are is then told by running it
            return None

    def _face(self, name: str) -> CutTensor:
        return self._faces.get(name) or CutTensor(name, "unknown", None, name in self._stored)

    def _operator(self, number: int, node: NodeProto) -> CutOperator:
        kind = f"{node.domain}::{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
        inputs = tuple(self._face(name) for name in node.input if name)
        outputs = tuple(self._face(name) for name in node.output if name)
        return CutOperator(number, kind, node.name or next(filter(None, node.output), ""), inputs, outputs)


def _read(node: NodeProto) -> tuple[str, ...]:
    return tuple(dict.fromkeys([name for name in node.input if name] + sorted(captured(node))))


def _folded(graph: GraphProto) -> dict[str, tuple[int, NodeProto]]:
    """Value -> number and node that makes it of stored values alone."""
    constant = _stored(graph)
    makers: dict[str, tuple[int, NodeProto]] = {}
    for at, node in enumerate(graph.node):
        read = _read(node)
        if node.op_type == "Constant" or (read and constant.issuperset(read)):
            names = [name for name in node.output if name]
            constant.update(names)
            makers |= dict.fromkeys(names, (at, node))
    return makers


def _stored(graph: GraphProto) -> set[str]:
    return {one.name for one in graph.initializer} | {one.values.name for one in graph.sparse_initializer}


def _of_value(value: ValueInfoProto) -> CutTensor:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        return CutTensor(value.name, (kind or "unknown").removesuffix("_type"), None)
    tensor = value.type.tensor_type
    dtype = dtype_name(tensor.elem_type) if tensor.elem_type else "unknown"
    dims: Sequence[Dim] | None = None
    if tensor.HasField("shape"):
        dims = [dim.dim_value if dim.dim_value > 0 else dim.dim_param or None for dim in tensor.shape.dim]
    return CutTensor(value.name, dtype, None if dims is None else tuple(dims))


def _value(face: CutTensor, dims: Shape | None, dtype: str | None) -> ValueInfoProto:
    """A graph's input or output; of unknown type it has a name only, which runtimes accept of outputs."""
    import numpy as np
    import onnx

    known = dtype or face.dtype
    if known not in NUMBERS:
        return onnx.ValueInfoProto(name=face.name)
    number = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(known))
    shape = dims if dims is not None else face.dims
    return onnx.helper.make_tensor_value_info(face.name, number, None if shape is None else list(shape))
