"""Parts cut from ONNX graphs compute what the whole graph computes there, load alone, and fear no file."""

import contextlib
import random
from pathlib import Path

import numpy as np
import onnx
import onnx_models as models
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx_parts import check_part, every_value

from edgebench.artifacts.cut_onnx import OnnxCutter
from edgebench.artifacts.cutting import open_cutter
from edgebench.errors import ModelError

FAMILY = Path(__file__).resolve().parents[2] / "models"


def save(path, model):
    onnx.save(model, path)
    return path


def random_graph(path, seed, size):
    """`size` nodes of five kinds, each reading what came before it; some values are read by nobody."""
    rng = random.Random(seed)
    names, nodes = ["x", "second", "w"], []
    for at in range(size):
        kind = rng.choice(["Add", "Mul", "Max", "Sigmoid", "Split"])
        outputs = [f"v{at}", f"v{at}b"] if kind == "Split" else [f"v{at}"]
        read = [rng.choice(names[:2] if at == 0 else names)] + ([rng.choice(names)] if kind in ("Add", "Mul") else [])
        if kind == "Split":  # two halves that are joined again, so that all shapes stay the same
            nodes.append(helper.make_node("Split", read, [f"v{at}l", f"v{at}r"], axis=1))
            nodes.append(helper.make_node("Concat", [f"v{at}r", f"v{at}l"], outputs[:1], axis=1))
        else:
            nodes.append(helper.make_node(kind, read, outputs[:1]))
        names.append(outputs[0])
    inputs = [models.value(name, [1, 4]) for name in ("x", "second")]
    output = [models.value(names[-1], [1, 4])]
    return save(path, models.model(nodes, inputs, output, [models.weight("w", 1, 4)]))


def noise(*dims, seed=0):
    return np.random.default_rng(seed).uniform(0, 1, dims).astype(np.float32)


@pytest.mark.parametrize("name", ["sr-x2-w28", "sr-x2-w28-int8"])
def test_every_prefix_and_every_node_computes_the_networks_own_values(name, tmp_path):
    source = FAMILY / f"{name}.onnx"
    values = every_value(source, {"input": 255 * noise(1, 3, 180, 320)})
    cutter = OnnxCutter(source)
    count = len(cutter.operators)
    for first, last in sorted({(0, last) for last in range(count)} | {(at, at) for at in range(count)}):
        check_part(cutter, first, last, tmp_path / "part.onnx", values)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**6), st.integers(1, 12), st.data())
def test_any_part_of_any_graph_loads_and_computes_the_graphs_own_values(tmp_path, seed, size, data):
    source = random_graph(tmp_path / "whole.onnx", seed, size)
    cutter = OnnxCutter(source)
    if not cutter.operators:  # all of it is arithmetic on the weight
        return
    first = data.draw(st.integers(0, len(cutter.operators) - 1))
    last = data.draw(st.integers(first, len(cutter.operators) - 1))
    assert cutter.can(first, last)
    values = every_value(source, {"x": noise(1, 4), "second": noise(1, 4, seed=1)})
    check_part(cutter, first, last, tmp_path / "part.onnx", values)


def test_what_works_on_stored_values_alone_comes_along_and_is_no_operator(tmp_path):
    cutter = OnnxCutter(FAMILY / "sr-x2-w28-int8.onnx")
    at = next(place for place, one in enumerate(cutter.operators) if one.kind == "Conv")
    cutter.write(at, at, tmp_path / "part.onnx", {}, {})
    kinds = [node.op_type for node in onnx.load(tmp_path / "part.onnx").graph.node]
    assert kinds == ["DequantizeLinear", "DequantizeLinear", "Conv"]  # kernel and bias
    nodes = onnx.load(FAMILY / "sr-x2-w28-int8.onnx").graph.node
    assert all(nodes[one.index].op_type == one.kind for one in cutter.operators)


def test_a_constant_node_comes_along(tmp_path):
    source = save(tmp_path / "m.onnx", models.gemm_net())
    cutter = OnnxCutter(source)
    assert [one.kind for one in cutter.operators] == ["Gemm", "Mul", "MatMul"]
    feeds = {spec.name: noise(*spec.dims) for spec in cutter.inputs}
    check_part(cutter, 1, 1, tmp_path / "part.onnx", every_value(source, feeds))


def test_free_axes_get_the_sizes_of_the_values(tmp_path):
    source = save(tmp_path / "m.onnx", models.dynamic_net())
    check_part(OnnxCutter(source), 1, 2, tmp_path / "part.onnx", every_value(source, {"x": noise(2, 3, 6, 10)}))


def test_weights_kept_beside_the_model_are_taken_into_the_part(tmp_path):
    model = models.conv_net()
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    cutter = OnnxCutter(tmp_path / "m.onnx")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    check_part(cutter, 0, 1, elsewhere / "part.onnx", every_value(tmp_path / "m.onnx", {"x": noise(1, 3, 8, 8)}))


def test_values_that_branches_capture_are_read_by_the_node(tmp_path):
    branch = [
        helper.make_graph([helper.make_node(kind, ["a", "a"], ["r"])], kind, [], [models.value("r", [1, 4])])
        for kind in ("Add", "Mul")
    ]
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("If", ["which"], ["y"], then_branch=branch[0], else_branch=branch[1]),
    ]
    inputs = [models.value("x", [1, 4]), models.value("which", [], TensorProto.BOOL)]
    source = save(tmp_path / "m.onnx", models.model(nodes, inputs, [models.value("y", [1, 4])]))
    cutter = OnnxCutter(source)
    assert [face.name for face in cutter.inputs_of(1, 1)] == ["which", "a"]
    values = every_value(source, {"x": noise(1, 4), "which": np.array(False)})
    check_part(cutter, 1, 1, tmp_path / "part.onnx", values)


def test_what_is_no_tensor_cannot_cross_an_edge(tmp_path):
    nodes = [
        helper.make_node("SequenceConstruct", ["x", "x"], ["s"]),
        helper.make_node("SequenceAt", ["s", "at"], ["y"]),
    ]
    sequence = helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None)
    model = models.model(
        nodes, [models.value("x", [4])], [models.value("y", [4])], [models.constant("at", 0, np.int64)]
    )
    model.graph.value_info.append(sequence)
    cutter = OnnxCutter(save(tmp_path / "m.onnx", model))
    assert [cutter.can(*part) for part in ((0, 0), (1, 1), (0, 1))] == [False, False, True]


def test_another_format_is_refused_with_what_can_be_cut(tmp_path):
    (tmp_path / "m.param").write_text("7767517\n1 1\nInput x 0 1 x\n")
    (tmp_path / "m.bin").write_bytes(b"")
    with pytest.raises(ModelError, match=r"m\.param is ncnn"):
        open_cutter(tmp_path / "m.param")


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_is_a_model_error_or_a_part_never_anything_else(tmp_path, data):
    raw = bytearray(models.gemm_net().SerializeToString())
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    source = tmp_path / "damaged.onnx"
    source.write_bytes(raw[: data.draw(st.integers(len(raw) - 60, len(raw)))])
    with contextlib.suppress(ModelError):
        cutter = open_cutter(source)
        last = len(cutter.operators) - 1
        if last >= 0 and cutter.can(0, last):
            cutter.write(0, last, tmp_path / "part.onnx", {}, {})
