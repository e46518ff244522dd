"""What layers move: reckoned by hand for small graphs, and in agreement with the counts for every graph."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_models as models
import tflite_models
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from edgebench.artifacts import count, resolve_shapes
from edgebench.artifacts.reading import reader_of
from edgebench.artifacts.traffic import Graph, Step, Value, layers_of, moved, read_traffic
from edgebench.errors import ModelError

ROOT = Path(__file__).resolve().parents[2]
FLOAT32 = 32


def traffic(path: Path):
    reader = reader_of(path)
    return read_traffic(path, resolve_shapes(reader.axes(reader.read(path), {}, None), {}))


def test_a_convolution_and_its_activation_are_one_layer(tmp_path):
    found = traffic(models.convolution(tmp_path / "m.onnx"))
    (layer,) = found.layers
    assert (layer.name, layer.op, layer.fused, layer.complete) == ("conv", "Conv", ("Relu",), True)
    assert layer.flops == 2 * 108 * 64 + 256
    inputs, weights, outputs = 3 * 64, 112, 4 * 64
    assert layer.bytes_at(32) == 4 * (inputs + weights + outputs)
    assert layer.bytes_at(16) == layer.bytes_at(32) / 2
    assert moved(found.compulsory, 32) == layer.bytes_at(32)


def small(path: Path, nodes, stored=(), outputs=("y",), dims=(1, 4, 8, 8)):
    ends = [models.tensor(name, list(dims)) for name in outputs]
    return models.save(path, nodes, [models.tensor("x", list(dims))], ends, stored)


def test_the_addition_of_a_skip_connection_reads_it_again(tmp_path):
    node = helper.make_node
    path = small(
        tmp_path / "m.onnx",
        [
            node("Conv", ["x", "w"], ["a"], name="one", pads=[1] * 4),
            node("Conv", ["a", "w"], ["b"], name="two", pads=[1] * 4),
            node("Add", ["b", "a"], ["y"], name="add"),
        ],
        [models.weight("w", 4, 4, 3, 3)],
    )
    found = traffic(path)
    assert [(layer.name, layer.fused) for layer in found.layers] == [("one", ()), ("two", ("Add",))]
    values, weights = 4 * 64, 4 * 4 * 9
    # the second layer reads `a` once, for the convolution and for the sum, and its weights; it writes y
    assert found.layers[1].bytes_at(FLOAT32) == 4 * (values + weights + values)
    # weights that two layers share must be fetched once
    assert moved(found.compulsory, FLOAT32) == 4 * (2 * values + weights)


def test_what_two_layers_read_is_not_fused_away(tmp_path):
    node = helper.make_node
    path = small(
        tmp_path / "m.onnx",
        [
            node("Conv", ["x", "w"], ["a"], name="c", pads=[1] * 4),
            node("Relu", ["a"], ["y"]),
            node("Sigmoid", ["a"], ["z"]),
        ],
        [models.weight("w", 4, 4, 3, 3)],
        outputs=("y", "z"),
    )
    assert [layer.op for layer in traffic(path).layers] == ["Conv", "Relu", "Sigmoid"]


def test_quantised_weights_are_read_as_they_are_stored(tmp_path):
    (layer,) = traffic(models.weight_only(tmp_path / "m.onnx")).layers
    (weights,) = layer.weights
    assert weights.bits == 8
    assert weights.bytes_at(32) == weights.elements


def test_a_table_is_read_as_far_as_it_is_picked_from(tmp_path):
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, [5])
    out = models.tensor("y", [5, 16])
    node = helper.make_node("Gather", ["table", "ids"], ["y"], name="rows")
    path = models.save(tmp_path / "m.onnx", [node], [ids], [out], [models.weight("table", 1000, 16)])
    found = traffic(path)
    assert found.layers[0].bytes_at(32) == 5 * 16 * 4 + 5 * 8 + 5 * 16 * 4
    assert found.layers[0].bytes_at(16) == 5 * 16 * 2 + 5 * 8 + 5 * 16 * 2  # indexes do not shrink


def test_an_unknown_operator_makes_it_a_lower_bound(tmp_path):
    found = traffic(models.custom(tmp_path / "m.onnx"))
    assert (found.complete, found.flops) == (False, 0)


REAL = [*sorted((ROOT / "models").glob("*.onnx")), *sorted((ROOT / "models").glob("*.tflite"))]


@pytest.mark.parametrize("path", REAL, ids=[path.name for path in REAL])
def test_layers_compute_what_the_counts_say_and_move_at_least_what_they_must(path):
    reader = reader_of(path)
    shapes = resolve_shapes(reader.axes(reader.read(path), {}, None), {})
    found, counts = read_traffic(path, shapes), reader.count(path, shapes)
    assert (found.flops, sum(layer.macs for layer in found.layers)) == (counts.flops, counts.macs)
    assert found.complete
    for bits in (8, 16, 32):
        assert sum(layer.bytes_at(bits) for layer in found.layers) >= moved(found.compulsory, bits)


def test_tflite_files_move_what_is_stored_in_them(tmp_path):
    whole = traffic(tflite_models.upscaler(tmp_path / "whole.tflite"))
    (int8,) = [sum(layer.bytes_at(32) for layer in traffic(tflite_models.upscaler_int8(tmp_path / "q.tflite")).layers)]
    assert 0 < int8 < sum(layer.bytes_at(32) for layer in whole.layers) / 2
    half = traffic(tflite_models.half_weights(tmp_path / "half.tflite"))
    weights = [value for layer in half.layers for value in layer.weights if value.real]
    assert max(weights, key=lambda value: value.elements).bits == 16  # unpacked to 32 in the graph


def test_formats_that_nothing_reads_say_so(tmp_path):
    file = tmp_path / "m.engine"
    file.write_bytes(b"ftrt" + bytes(100))
    with pytest.raises(ModelError):
        read_traffic(file, {})


steps = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.booleans(), st.booleans(), st.booleans()),
    min_size=1,
    max_size=12,
)


@given(steps)
def test_no_operation_is_lost_and_no_step_is_in_two_layers(drawn):
    names = ["x"]
    made = []
    for at, (first, second, renames, joins, picks) in enumerate(drawn):
        inputs = (names[first % len(names)], names[second % len(names)])
        made.append(Step(f"s{at}", "Op", inputs, (f"v{at}",), 1, 2, renames, joins and not renames, picks))
        names.append(f"v{at}")
    values = {name: Value(10, 32, True) for name in names}
    found = layers_of(Graph(tuple(made), values, ("x",), (names[-1],)))
    computing = [step for step in made if not step.renames]
    assert found.flops == 2 * len(computing)
    assert sum(1 + len(layer.fused) for layer in found.layers) == len(computing)
    assert all(layer.bytes_at(8) <= layer.bytes_at(32) for layer in found.layers)


def test_counts_and_layers_agree_on_small_models(tmp_path):
    for make in (models.convolution, models.recurrent, models.weight_only):
        path = make(tmp_path / f"{make.__name__}.onnx")
        assert traffic(path).flops == count(path).flops
