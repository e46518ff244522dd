"""Parts cut from TFLite graphs compute what the whole graph computes there, load alone, and fear no file."""

import contextlib
import random
from pathlib import Path

import numpy as np
import pytest
import tflite_models as models
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgebench.artifacts.cut_tflite import TfliteCutter
from edgebench.artifacts.tflite_file import read_tflite_file
from edgebench.artifacts.tflite_part import ALIGNMENT
from edgebench.errors import ModelError

FAMILY = Path(__file__).resolve().parents[2] / "models"
PLAIN = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES


def loaded(path, sizes=None, **more):
    interpreter = Interpreter(str(path), num_threads=1, experimental_op_resolver_type=PLAIN, **more)
    for tensor in interpreter.get_input_details():
        if sizes and tensor["name"] in sizes:
            interpreter.resize_tensor_input(tensor["index"], sizes[tensor["name"]])
    interpreter.allocate_tensors()
    return interpreter


def drawn(tensor, seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(tensor["dtype"]).kind == "f":
        return rng.uniform(0, 1, tensor["shape"]).astype(tensor["dtype"])
    return rng.integers(-100, 100, tensor["shape"]).astype(tensor["dtype"])


def every_value(path):
    """{tensor index: array} of a whole model fed with seeded noise."""
    interpreter = loaded(path, experimental_preserve_all_tensors=True)
    for tensor in interpreter.get_input_details():
        interpreter.set_tensor(tensor["index"], drawn(tensor))
    interpreter.invoke()
    return {tensor["index"]: interpreter.get_tensor(tensor["index"]) for tensor in interpreter.get_tensor_details()}


def run_part(path, cutter, first, last, values):
    """{name: array} of what a part computes of the whole model's values."""
    interpreter = loaded(path)
    for tensor in interpreter.get_input_details():
        interpreter.set_tensor(tensor["index"], values[tensor["name"]])
    interpreter.invoke()
    found = {tensor["name"]: interpreter.get_tensor(tensor["index"]) for tensor in interpreter.get_output_details()}
    assert list(found) == [face.name for face in cutter.outputs_of(first, last)]
    return found


def check_part(source, first, last, target, values):
    cutter = TfliteCutter(source)
    cutter.write(first, last, target, {}, {})
    by_name = {face.name: values[index] for index, face in enumerate(cutter._faces)}
    for name, array in run_part(target, cutter, first, last, by_name).items():
        np.testing.assert_array_equal(array, by_name[name])


def random_graph(path, seed, size):
    """`size` operators of four kinds, each reading what came before it; some values are read by nobody."""
    rng = random.Random(seed)
    graph = models.Graph()
    names = [graph.tensor("x", (1, 2, 2, 4)), graph.tensor("second", (1, 2, 2, 4))]
    graph.constant("w", models.values(1, 2, 2, 4))
    for at in range(size):
        made = graph.tensor(f"v{at}", (1, 2, 2, 4))
        kind = rng.choice(["ADD", "MUL", "MAXIMUM", "LOGISTIC"])
        read = [rng.choice([*names, "w"]), rng.choice(names)]
        graph.op(kind, read[1:] if kind == "LOGISTIC" else read, (made,))
        names.append(made)
    return graph.save(path, ("x", "second"), names[-1:])


@pytest.mark.parametrize("name", ["sr-x2-w28-fp32", "sr-x2-w28-fp16", "sr-x2-w28-int8"])
def test_every_prefix_and_every_operator_computes_the_networks_own_values(name, tmp_path):
    source = FAMILY / f"{name}.tflite"
    values = every_value(source)
    count = len(TfliteCutter(source).operators)
    parts = {(0, last) for last in range(count)} | {(at, at) for at in range(count)} | {(count // 2, count - 1)}
    for first, last in sorted(parts):
        check_part(source, first, last, tmp_path / "part.tflite", values)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**6), st.integers(1, 12), st.data())
def test_any_part_of_any_graph_loads_and_computes_the_graphs_own_values(tmp_path, seed, size, data):
    source = random_graph(tmp_path / "whole.tflite", seed, size)
    first = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(first, size - 1))
    assert TfliteCutter(source).can(first, last)
    check_part(source, first, last, tmp_path / "part.tflite", every_value(source))


def test_a_part_of_everything_is_the_model_again(tmp_path):
    source, target = FAMILY / "sr-x2-w28-int8.tflite", tmp_path / "all.tflite"
    cutter = TfliteCutter(source)
    cutter.write(0, len(cutter.operators) - 1, target, {}, {})
    before, after = (read_tflite_file(path).main for path in (source, target))
    assert [one.kind for one in before.operators] == [one.kind for one in after.operators]
    assert [one.version for one in before.operators] == [one.version for one in after.operators]
    assert [one.options for one in before.operators] == [one.options for one in after.operators]
    for one, other in zip(before.operators, after.operators, strict=True):
        for this, that in zip(one.inputs, other.inputs, strict=True):
            assert before.tensors[this].quantisation == after.tensors[that].quantisation
    assert target.stat().st_size < 1.2 * source.stat().st_size


def test_a_single_operator_takes_only_its_own_weights_along(tmp_path):
    source = FAMILY / "sr-x2-w28-fp32.tflite"
    cutter = TfliteCutter(source)
    at = next(place for place, one in enumerate(cutter.operators) if one.kind == "DEPTH_TO_SPACE")
    cutter.write(at, at, tmp_path / "part.tflite", {}, {})
    assert (tmp_path / "part.tflite").stat().st_size < 2000
    assert read_tflite_file(tmp_path / "part.tflite").description.startswith(f"operators {at} to {at} of sr-x2-w28")


def test_what_works_on_stored_values_alone_comes_along_and_is_no_operator(tmp_path):
    source = FAMILY / "sr-x2-w28-fp16.tflite"
    cutter = TfliteCutter(source)
    assert "DEQUANTIZE" not in {one.kind for one in cutter.operators}
    at = next(place for place, one in enumerate(cutter.operators) if one.kind == "CONV_2D")
    cutter.write(at, at, tmp_path / "part.tflite", {}, {})
    kinds = [one.kind for one in read_tflite_file(tmp_path / "part.tflite").main.operators]
    assert kinds == ["DEQUANTIZE", "DEQUANTIZE", "CONV_2D"]  # kernel and bias


def test_buffers_lie_where_the_schema_aligns_them(tmp_path):
    source = FAMILY / "sr-x2-w28-fp16.tflite"
    cutter = TfliteCutter(source)
    cutter.write(0, len(cutter.operators) - 1, tmp_path / "part.tflite", {}, {})
    file = read_tflite_file(tmp_path / "part.tflite")
    assert {file.spans[one.buffer][0] % ALIGNMENT for one in file.main.tensors if one.stored} == {0}


def test_an_open_axis_gets_the_size_that_it_is_given(tmp_path):
    source = models.classifier(tmp_path / "free.tflite", free=True)
    cutter = TfliteCutter(source)
    (face,) = cutter.inputs_of(1, 2)
    assert face.dims == (None, 3)
    cutter.write(1, 2, tmp_path / "part.tflite", {face.name: (5, 3)}, {})
    (tensor,) = loaded(tmp_path / "part.tflite").get_input_details()
    assert tensor["shape"].tolist() == [5, 3]


def test_names_that_are_missing_or_told_twice_are_made_different(tmp_path):
    graph = models.Graph()
    graph.tensor("x", (1, 4))
    graph.tensor("a", (1, 4))
    graph.tensor("y", (1, 4))
    graph.op("LOGISTIC", ("x",), ("a",))
    graph.op("LOGISTIC", ("a",), ("y",))
    for tensor in graph.tensors[1:]:
        tensor.name = b"x"
    source = graph.save(tmp_path / "m.tflite", ("x",), ("y",))
    cutter = TfliteCutter(source)
    assert [one.name for one in cutter.operators] == ["tensor 1", "tensor 2"]
    assert [face.name for face in cutter.inputs] == ["x"]
    check_part(source, 1, 1, tmp_path / "part.tflite", every_value(source))


def test_an_operator_that_runs_another_graph_is_refused_in_words(tmp_path):
    graph = models.Graph()
    graph.tensor("x", (1, 4))
    graph.tensor("y", (1, 4))
    graph.op("CALL_ONCE", (), ())
    graph.op("LOGISTIC", ("x",), ("y",))
    cutter = TfliteCutter(graph.save(tmp_path / "m.tflite", ("x",), ("y",)))
    assert not cutter.can(0, 0)
    with pytest.raises(ModelError, match="CALL_ONCE 0 runs another graph"):
        cutter.write(0, 1, tmp_path / "part.tflite", {}, {})


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_is_a_model_error_or_a_part_never_anything_else(tmp_path, data):
    raw = bytearray((FAMILY / "sr-x2-w28-int8.tflite").read_bytes())
    table = len(raw) - 12_000  # the graph's tables; what lies before them are weights
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, 64) | st.integers(table, len(raw) - 1))] = data.draw(st.integers(0, 255))
    source = tmp_path / "damaged.tflite"
    source.write_bytes(raw[: data.draw(st.integers(len(raw) - 2000, len(raw)))])
    with contextlib.suppress(ModelError):
        cutter = TfliteCutter(source)
        last = len(cutter.operators) - 1
        if last >= 0 and cutter.can(0, last):
            cutter.write(0, last, tmp_path / "part.tflite", {}, {})
            read_tflite_file(tmp_path / "part.tflite")
