"""Put the branch that will run in the place of an `If` whose condition is known.

PyTorch's exporter asks for the rank or a size of a value and then keeps half of the network in the branches; with the
shapes given, runtimes settle such a question when they load the model, and so what runs can be counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgebench.artifacts.proto import nested_graphs

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto


def is_branching(node: NodeProto) -> bool:
    """Whether the node is an `If` of the standard."""
    return node.op_type == "If" and node.domain in ("", "ai.onnx")


def take_branches(model: ModelProto, conditions: Mapping[str, bool]) -> ModelProto | None:
    """A copy of the model with the known branches of its main graph taken; None if there are none to take.

    `conditions`: value name -> what it is. A branch's values are renamed "OUTPUT/NAME", OUTPUT being the first of the
    `If`, since two branches may use the same names; an Identity gives each result the name it had outside.
    """
    if not any(is_branching(node) and node.input[0] in conditions for node in model.graph.node):
        return None
    taken: ModelProto = type(model).FromString(model.SerializeToString())
    graph = taken.graph
    nodes: list[NodeProto] = []
    for node in graph.node:
        if is_branching(node) and node.input[0] in conditions:
            branch = _branch(node, "then_branch" if conditions[node.input[0]] else "else_branch")
            nodes += _inlined(branch, node, graph)
        else:
            nodes.append(node)
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
    return taken


def _branch(node: NodeProto, name: str) -> GraphProto:
    graph: GraphProto = next(attribute.g for attribute in node.attribute if attribute.name == name)
    return graph


def _inlined(branch: GraphProto, node: NodeProto, around: GraphProto) -> list[NodeProto]:
    """The nodes of a branch for the graph `around` it, to which its stored tensors are added."""
    from onnx import helper

    made = [name for inner in branch.node for name in inner.output if name]
    made += [tensor.name for tensor in branch.initializer]
    names = {name: f"{node.output[0]}/{name}" for name in made}
    for tensor in branch.initializer:
        stored = around.initializer.add()
        stored.CopyFrom(tensor)
        stored.name = names[tensor.name]
    for inner in branch.node:
        _rename(inner, names)
        inner.output[:] = [names.get(name, name) for name in inner.output]
    results = zip(branch.output, node.output, strict=True)
    ends = [helper.make_node("Identity", [names.get(one.name, one.name)], [outer]) for one, outer in results if outer]
    return [*branch.node, *ends]


def _rename(node: NodeProto, names: Mapping[str, str]) -> None:
    """Give a node, and the nodes of the graphs nested in it, the new names of the values that they read."""
    node.input[:] = [names.get(name, name) for name in node.input]
    for graph in nested_graphs(node):
        for inner in graph.node:
            _rename(inner, names)
        for value in graph.output:
            value.name = names.get(value.name, value.name)
