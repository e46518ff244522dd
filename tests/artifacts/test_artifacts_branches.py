"""Branches whose condition the shapes settle are counted; the truth is what the runtime computes and hand figures."""

from __future__ import annotations

import numpy as np
import onnx_models as nets
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgebench.artifacts import count, estimate_peak
from edgebench.artifacts.branches import take_branches
from edgebench.artifacts.inference import infer

WIDE, NARROW = ([2, 4], [1, 4])


def branch(nodes, output, stored=()):
    return helper.make_graph(nodes, "branch", [], [nets.value(output, None)], initializer=list(stored))


def multiply(weight: str, output: str, columns: int):
    """A branch: captured x times a weight [4, columns] of its own, called `w` in every branch."""
    values = np.random.default_rng(7).standard_normal((4, columns)).astype(np.float32)
    stored = numpy_helper.from_array(values, "w")
    return branch([helper.make_node("MatMul", ["x", weight], [output])], output, [stored])


def wide_or_narrow():
    """x [rows, 4] -> x @ w6 if there are two rows, else relu(x @ w8): the question PyTorch's exporter asks."""
    inner = helper.make_node(
        "If", ["two"], ["late"], then_branch=multiply("w", "p", 6), else_branch=multiply("w", "q", 8)
    )
    relu = helper.make_node("Relu", ["late"], ["r"])
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["rows"]),
        helper.make_node("Equal", ["rows", "pair"], ["two"]),
        helper.make_node(
            "If", ["two"], ["y"], then_branch=multiply("w", "p", 6), else_branch=branch([inner, relu], "r")
        ),
        helper.make_node("Sigmoid", ["y"], ["z"]),
    ]
    stored = [helper.make_tensor(name, TensorProto.INT64, [], [size]) for name, size in (("zero", 0), ("pair", 2))]
    return nets.model(nodes, [nets.value("x", ["rows", 4])], [nets.value("z", None)], stored)


def outputs(net, rows):
    session = onnxruntime.InferenceSession(net.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.random.default_rng(3).standard_normal((rows, 4)).astype(np.float32)})


# 2 rows: 2*4*6 MACs and 12 of Sigmoid; 1 row: 1*4*8, 8 of Relu, 8 of Sigmoid; Equal is folded
@pytest.mark.parametrize(("shape", "macs", "other"), [(WIDE, 48, 12), (NARROW, 32, 16)])
def test_the_branch_that_runs_is_counted(shape, macs, other):
    counts = count(wide_or_narrow(), {"x": tuple(shape)})
    assert counts.uncounted == ()
    assert (counts.macs, counts.flops) == (macs, 2 * macs + other)
    assert counts.params == 4 * 6 + 4 * 6 + 4 * 8  # what is stored, run or not
    assert infer(wide_or_narrow(), {"x": tuple(shape)}).dims["z"] == outputs(wide_or_narrow(), shape[0])[0].shape
    assert estimate_peak(wide_or_narrow(), {"x": tuple(shape)}).unknown == ()


@pytest.mark.parametrize(("rows", "two"), [(2, True), (1, False)])
def test_a_taken_branch_computes_the_same(rows, two):
    net = wide_or_narrow()
    before = net.SerializeToString()
    once = take_branches(net, {"two": two})
    assert once is not None
    again = take_branches(once, {"two": two})  # the branch that was taken may hold another
    final = again or once
    assert (again is None) == two
    assert take_branches(final, {"two": two}) is None
    assert all(node.op_type != "If" for node in final.graph.node)
    np.testing.assert_array_equal(outputs(final, rows), outputs(net, rows))
    assert net.SerializeToString() == before


def test_a_branch_that_hands_an_outer_value_through():
    then, other = branch([], "x"), branch([helper.make_node("Neg", ["x"], ["n"])], "n")
    node = helper.make_node("If", ["yes"], ["y"], then_branch=then, else_branch=other)
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    counts = count(nets.model([node], [nets.value("x", [8])], [nets.value("y", [8])], [yes]))
    assert (counts.flops, counts.uncounted) == (0, ())


def test_a_condition_that_is_an_input_leaves_both():
    node = helper.make_node("If", ["c"], ["y"], then_branch=multiply("w", "p", 6), else_branch=multiply("w", "q", 6))
    inputs = [nets.value("c", [], TensorProto.BOOL), nets.value("x", [1, 4])]
    net = nets.model([node], inputs, [nets.value("y", [1, 6])])
    assert take_branches(net, {}) is None
    assert count(net).uncounted == ("y (If)",)
