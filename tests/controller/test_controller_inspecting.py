"""What a model file holds, as one document."""

import onnx
import pytest
import small_models as models

from edgebench.artifacts import restamp
from edgebench.controller.inspecting import inspect_model
from edgebench.errors import ModelError, UsageError


def test_a_fixed_graph_is_counted_completely(tmp_path):
    found = inspect_model(models.convolution(tmp_path / "m.onnx"), {})
    graph = found.graph
    assert (found.format, found.files, found.bytes) == ("onnx", ["m.onnx"], (tmp_path / "m.onnx").stat().st_size)
    assert (graph.params, graph.params_nonzero, graph.convs) == (112, 112, 1)
    assert graph.macs == 108 * 64
    assert graph.flops == 2 * graph.macs + 4 * 64
    assert graph.activations == 4 * 64
    assert (graph.peak.weights, graph.peak.activations) == (112 * 4, 2 * 4 * 64 * 4)  # at the Relu: both its sides
    assert graph.peak.at_node == "relu"
    assert [(cost.op, cost.nodes, cost.macs) for cost in graph.ops] == [("Conv", 1, 6912), ("Relu", 1, 0)]
    assert [cost.name for cost in graph.nodes] == ["conv", "relu"]
    assert (graph.why, graph.uncounted, found.notes) == (None, [], [])


def test_unset_axes_are_told_with_the_option_and_counts_are_absent_not_zero(tmp_path):
    path = models.convolution(tmp_path / "m.onnx", height="H", width="W")
    graph = inspect_model(path, {}).graph
    assert graph.missing_shapes == "--shape x=1x3xHxW"
    assert "unset axes H, W" in graph.why
    assert (graph.macs, graph.flops, graph.activations, graph.peak) == (None, None, None, None)
    assert (graph.params, graph.convs) == (112, 1)
    assert [(cost.op, cost.macs) for cost in graph.ops] == [("Conv", None), ("Relu", None)]
    given = inspect_model(path, {"x": (1, 3, 10, 20)}).graph
    assert (given.macs, given.shapes) == (108 * 200, {"x": [1, 3, 10, 20]})
    with pytest.raises(ModelError, match="4 axes"):
        inspect_model(path, {"x": (1, 3, 10)})


def loads(graph):
    return [check.loads for check in graph.runtimes]


def test_each_runtime_says_whether_it_loads_the_stamps(tmp_path):
    assert loads(inspect_model(models.convolution(tmp_path / "a.onnx"), {}).graph) == [True, True, True]
    newer = inspect_model(models.convolution(tmp_path / "b.onnx", ir_version=10, opsets=(("", 19),)), {}).graph
    assert loads(newer) == [False, True, True]
    assert "opset 19" in newer.runtimes[0].why
    newest = inspect_model(models.convolution(tmp_path / "c.onnx", ir_version=11), {}).graph
    assert loads(newest) == [False, False, True]
    assert "IR version 11" in newest.runtimes[1].why
    assert "ir_version" in newest.runtimes[1].hint


def test_an_unused_stamp_is_told_with_its_cure_and_the_cure_works(tmp_path):
    path = models.convolution(tmp_path / "m.onnx", opsets=(("", 13), ("ai.onnx.ml", 5)))
    found = inspect_model(path, {})
    assert found.graph.unused_opsets == ["ai.onnx.ml"]
    assert loads(found.graph) == [False, True, True]
    (note,) = found.notes
    assert (note.code, "ai.onnx.ml 5" in note.text, "restamp" in note.hint) == ("unused-opset", True, True)
    (tmp_path / "cured.onnx").write_bytes(restamp(path.read_bytes()))
    cured = inspect_model(tmp_path / "cured.onnx", {})
    assert (loads(cured.graph), cured.notes) == ([True, True, True], [])


@pytest.mark.parametrize(
    ("make", "code", "said"),
    [
        (models.custom, "custom-operators", "acme"),
        (models.weight_only, "weight-only", "computed in fp32"),
        (models.recurrent, "state", "state_out for state"),
        (lambda path: models.convolution(path, zeros=60), "zero-weights", "54% of the weights are zero"),
    ],
)
def test_known_traps_are_noted(tmp_path, make, code, said):
    notes = inspect_model(make(tmp_path / "m.onnx"), {}).notes
    assert [note.code for note in notes] == [code]
    assert said in notes[0].text
    assert notes[0].hint


def test_external_data_is_part_of_the_model(tmp_path):
    path = models.convolution(tmp_path / "m.onnx")
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="m.bin", size_threshold=0)
    found = inspect_model(path, {})
    assert found.files == ["m.onnx", "m.bin"]
    assert "several-files" in [note.code for note in found.notes]


def test_nodes_without_a_rule_make_lower_bounds(tmp_path):
    graph = inspect_model(models.custom(tmp_path / "m.onnx"), {}).graph
    assert graph.uncounted == ["warp (Warp)"]
    assert graph.macs == 0


def test_other_formats_are_named_and_not_read(tmp_path):
    path = tmp_path / "m.pte"
    path.write_bytes(b"\x1c\x00\x00\x00ET12" + bytes(64))
    found = inspect_model(path, {})
    assert (found.format, found.graph, found.bytes) == ("pte", None, 72)
    assert found.notes[0].code == "not-read"
    with pytest.raises(UsageError, match="--shape is for ONNX"):
        inspect_model(path, {"x": (1,)})


def test_what_is_no_model_says_how_to_export_one(tmp_path):
    (tmp_path / "m.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    with pytest.raises(ModelError, match=r"Keras \.h5") as caught:
        inspect_model(tmp_path / "m.h5", {})
    assert "tf2onnx" in caught.value.hint
