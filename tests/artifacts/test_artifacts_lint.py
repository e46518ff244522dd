"""The lint: each case seen in a graph that has it, none in one that has not."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import small_models
import tflite_models as nets
from onnx import TensorProto, helper

from edgebench.artifacts.lint import LINTED, lint
from edgebench.artifacts.lint_cases import CASES, STANDS_FOR
from edgebench.artifacts.lint_finds import GPU_OPS, REPLACED

MODELS = Path(__file__).resolve().parents[2] / "models"


def codes(path: Path, accelerator: str | None = None) -> list[str]:
    return [finding.code for finding in lint(path, {}, accelerator)]


def one(tmp_path, kind, before, after, *, dtype="float32", others=(), **options) -> Path:
    """A graph of one operator: x of the shape `before`, then `others` as constants, y of the shape `after`."""
    graph = nets.Graph()
    graph.tensor("x", before, dtype)
    named = [graph.constant(f"c{at}", array) for at, array in enumerate(others)]
    graph.tensor("y", after, dtype)
    graph.op(kind, ("x", *named), ("y",), **options)
    return graph.save(tmp_path / "m.tflite", ("x",), ("y",))


@pytest.mark.parametrize("path", sorted(MODELS.glob("*fp*.tflite")) + sorted(MODELS.glob("sr-x2-w28.onnx")), ids=str)
def test_the_family_is_made_for_a_gpu(path):
    assert codes(path, "gpu") == []


def test_flex_and_custom_operators_are_trouble_everywhere(tmp_path):
    assert codes(nets.foreign(tmp_path / "f.tflite", "FlexErf"), "cpu") == ["flex"]
    (finding,) = lint(nets.foreign(tmp_path / "c.tflite", "Warp"), {}, "gpu")
    assert (finding.code, dict(finding.ops), finding.at) == ("custom", {"Warp": 1}, ("y",))


def test_a_placeholder_input(tmp_path):
    assert "placeholder-input" in codes(one(tmp_path, "RELU", (1, 1, 1, 3), (1, 1, 1, 3)), "cpu")


def test_a_free_axis(tmp_path):
    path = nets.upscaler(tmp_path / "m.tflite", free=True)
    assert codes(path, "gpu") == ["dynamic-shape"]
    assert codes(path, "cpu") == []


def test_grid_sample_is_named_in_both_formats(tmp_path):
    assert codes(nets.foreign(tmp_path / "m.tflite", "GridSample"), "gpu") == ["grid-sample"]
    node = helper.make_node("GridSample", ["x", "g"], ["y"])
    inputs = [small_models.tensor("x", [1, 3, 4, 4]), small_models.tensor("g", [1, 4, 4, 2])]
    outputs = [small_models.tensor("y", [1, 3, 4, 4])]
    path = small_models.save(tmp_path / "m.onnx", [node], inputs, outputs, opsets=(("", 16),))
    assert codes(path, "gpu") == ["grid-sample"]


def test_pixels_made_a_batch_as_a_layer_norm_does(tmp_path):
    path = one(tmp_path, "RESHAPE", (1, 8, 8, 4), (64, 4), others=[np.array([64, 4], np.int32)], newShape=[64, 4])
    (finding,) = lint(path, {}, "gpu")
    assert finding.code == "batch-changed"
    assert "layer norm" in finding.rewrite
    assert "60817" in finding.source
    kept = one(tmp_path, "RESHAPE", (1, 8, 8, 4), (1, 64, 4), others=[np.array([1, 64, 4], np.int32)])
    assert codes(kept, "gpu") == []


def test_five_axes(tmp_path):
    assert "five-axes" in codes(one(tmp_path, "RELU", (1, 2, 4, 4, 3), (1, 2, 4, 4, 3)), "gpu")


def test_a_fully_connected_layer_over_a_picture(tmp_path):
    deep = one(tmp_path, "FULLY_CONNECTED", (1, 4, 4, 3), (16, 5), others=[nets.values(5, 3)])
    assert "fully-connected" in codes(deep, "gpu")
    assert codes(nets.classifier(tmp_path / "flat.tflite"), "gpu") == []


def test_int64(tmp_path):
    assert "int64" in codes(one(tmp_path, "RELU", (1, 4), (1, 4), dtype="int64"), "nnapi")


def test_an_outer_product(tmp_path):
    path = one(tmp_path, "MUL", (1, 4, 1), (1, 4, 5), others=[nets.values(1, 1, 5)])
    assert codes(path, "gpu") == ["outer-product"]
    assert codes(one(tmp_path, "MUL", (1, 4, 5), (1, 4, 5), others=[nets.values(1, 1, 5)]), "gpu") == []


def test_a_slice_of_a_flat_value(tmp_path):
    others = [np.array([0, 0], np.int32), np.array([1, 2], np.int32)]
    assert codes(one(tmp_path, "SLICE", (1, 4), (1, 2), others=others), "gpu") == ["flat-slice"]


def test_what_the_gpu_delegate_has_not(tmp_path):
    squeeze = one(tmp_path, "SQUEEZE", (1, 1, 4), (1, 4))
    (finding,) = lint(squeeze, {}, "gpu")
    assert (finding.code, finding.rewrite) == ("no-squeeze", "a RESHAPE to the same shape")
    assert codes(one(tmp_path, "RANK", (1, 4), (1, 4)), "gpu") == ["not-on-gpu"]
    assert codes(squeeze, "nnapi") == ["deprecated"]


def test_a_grouped_convolution_in_both_formats(tmp_path):
    others = [nets.values(8, 3, 3, 2)]
    assert codes(one(tmp_path, "CONV_2D", (1, 4, 4, 4), (1, 4, 4, 8), others=others, **nets.SAME), "gpu") == ["grouped"]
    assert codes(onnx_convolution(tmp_path, groups=2), "gpu") == ["grouped"]
    assert codes(onnx_convolution(tmp_path, groups=4), "gpu") == []  # depthwise


def onnx_convolution(tmp_path, groups: int) -> Path:
    node = helper.make_node("Conv", ["x", "w"], ["y"], group=groups, pads=[1, 1, 1, 1])
    stored = [small_models.weight("w", 8, 4 // groups, 3, 3)]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, n, 4, 4]) for name, n in (("x", 4), ("y", 8))]
    return small_models.save(tmp_path / "m.onnx", [node], values[:1], values[1:], stored)


def test_transposes_around_a_network_that_came_channels_first(tmp_path):
    graph = nets.Graph()
    graph.tensor("x", (1, 3, 4, 5))
    graph.constant("in", np.array([0, 2, 3, 1], np.int32))
    graph.constant("out", np.array([0, 3, 1, 2], np.int32))
    graph.tensor("t", (1, 4, 5, 3))
    graph.tensor("r", (1, 4, 5, 3))
    graph.tensor("y", (1, 3, 4, 5))
    graph.op("TRANSPOSE", ("x", "in"), ("t",))
    graph.op("RELU", ("t",), ("r",))
    graph.op("TRANSPOSE", ("r", "out"), ("y",))
    (finding,) = lint(graph.save(tmp_path / "m.tflite", ("x",), ("y",)), {}, "cpu")
    assert (finding.code, dict(finding.ops)) == ("layout-moves", {"TRANSPOSE": 2})


def test_precision_and_accelerator_that_do_not_meet(tmp_path):
    floats, integers = nets.upscaler(tmp_path / "f.tflite"), nets.upscaler_int8(tmp_path / "i.tflite")
    assert codes(integers, "gpu") == ["integers-on-gpu"]
    assert codes(floats, "edgetpu") == ["floats-on-integer-unit"]
    assert codes(integers, "edgetpu") == []
    assert codes(floats) == codes(integers) == []  # told only to who asks about that accelerator


def test_shapes_given_are_the_ones_that_count(tmp_path):
    path = one(tmp_path, "RELU", (1, 4, 4, 3), (1, 4, 4, 3))
    assert lint(path, {"x": (1, 9, 9, 3)}, "gpu") == []


def test_other_formats_have_no_lint(tmp_path):
    (tmp_path / "m.pte").write_bytes(bytes(4) + b"ET12")
    assert lint(tmp_path / "m.pte", {}) == []


def test_the_table_is_whole():
    seen = [case.code for case in CASES]
    assert len(seen) == len(set(seen))
    assert STANDS_FOR.keys() == REPLACED
    assert not REPLACED & GPU_OPS
    assert {"cpu", "gpu", "nnapi", "hexagon", "qnn", "neuron", "edgetpu"} == set(LINTED)
    assert all(case.rewrite and case.source and set(case.formats) <= {"tflite", "onnx"} for case in CASES)
    assert {nets.OPS[kind] for kind in GPU_OPS | REPLACED}  # each is an operator of the schema
