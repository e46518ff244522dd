"""TFLite files as they are read: their face, quantisation and precision, and whatever damaged files do."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tflite_models as nets

from edgebench.artifacts.lint import lint
from edgebench.artifacts.reading import READERS, Format, read_info, reader_of
from edgebench.artifacts.tensor_spec import TensorSpec
from edgebench.artifacts.tflite_file import parse_tflite, read_tflite_file
from edgebench.artifacts.tflite_model import read_tflite
from edgebench.errors import ModelError

MODELS = Path(__file__).resolve().parents[2] / "models"


def test_the_face_of_a_float_network(tmp_path):
    info = read_tflite(nets.upscaler(tmp_path / "m.tflite"))
    assert info.inputs == (TensorSpec("x", "float32", (1, 8, 8, 3)),)
    assert info.outputs == (TensorSpec("y", "float32", (1, 16, 16, 3)),)
    assert (info.version, info.producer) == (3, "by hand")
    assert dict(info.ops) == {"ADD": 1, "CONV_2D": 1, "DEPTH_TO_SPACE": 1}
    assert (info.flex, info.custom) == ((), ())


def test_a_free_axis_has_no_size(tmp_path):
    assert read_tflite(nets.upscaler(tmp_path / "m.tflite", free=True)).inputs[0].dims == (None, 8, 8, 3)


def test_a_quantised_input_says_its_scale_and_zero_point(tmp_path):
    info = read_tflite(nets.upscaler_int8(tmp_path / "m.tflite"))
    scale, zero_point = info.inputs[0].scale
    assert (scale, zero_point) == (pytest.approx(1 / 255), -128)
    assert dict(info.versions) == {"CONV_2D": 3, "DEPTH_TO_SPACE": 2}


def test_operators_that_no_runtime_brings_along(tmp_path):
    flex = read_tflite(nets.foreign(tmp_path / "f.tflite", "FlexErf"))
    custom = read_tflite(nets.foreign(tmp_path / "c.tflite", "Warp"))
    assert (flex.flex, flex.custom, dict(flex.versions)) == (("FlexErf",), (), {})
    assert (custom.flex, custom.custom) == ((), ("Warp",))


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (nets.upscaler, ("fp32", "fp32", "fp32", "fp32", "fp32")),
        (nets.upscaler_int8, ("int8", "int8", "int8", "int8", "int8 full-integer, integer-only")),
        (nets.float_sided, ("int8", "int8", "fp32", "int8", "int8 full-integer, float inputs and outputs")),
        (nets.half_weights, ("fp16", "fp32", "fp32", "fp32", "fp16 weights")),
        (nets.dynamic_range, ("int8", "fp32", "fp32", "int8", "int8 dynamic range")),
        (nets.int16_activations, ("int8", "int16", "int16", "int16", "int16 full-integer, integer-only")),
    ],
)
def test_the_four_parts_of_a_precision(tmp_path, make, parts):
    found = read_tflite(make(tmp_path / "m.tflite")).precision
    assert (found.weights, found.activations, found.io, found.compute, found.scheme) == parts


def test_inputs_without_a_name_of_their_own_go_by_number(tmp_path):
    graph = nets.Graph()
    graph.tensor("a", (1, 2))
    graph.tensor("b", (1, 2))
    graph.tensor("y", (1, 2))
    graph.tensors[0].name = graph.tensors[1].name = b"same"
    graph.op("ADD", ("a", "b"), ("y",))
    info = read_tflite(graph.save(tmp_path / "m.tflite", ("a", "b"), ("y",)))
    assert [spec.name for spec in info.inputs] == ["tensor 0", "tensor 1"]


@pytest.mark.parametrize("name", sorted(path.name for path in MODELS.glob("*.tflite")))
def test_the_family_s_files_are_read(name):
    info = read_info(MODELS / name)
    assert [spec.dims for spec in info.inputs] == [(1, 180, 320, 3)]
    precision = name.removesuffix(".tflite").rpartition("-")[2]
    assert info.precision.scheme.startswith(precision)


def test_a_format_that_nothing_reads_says_so(tmp_path):
    (tmp_path / "m.pte").write_bytes(bytes(4) + b"ET12" + bytes(32))
    with pytest.raises(ModelError, match="inside of a pte file nothing is read"):
        reader_of(tmp_path / "m.pte")


def test_a_missing_file():
    with pytest.raises(ModelError, match=r"gone\.tflite cannot be read"):
        read_tflite_file("gone.tflite")


def everything(raw: bytes, folder: Path) -> None:
    """Whatever is asked of a file after it was read: its face, counts, peak, other shapes, the lint."""
    path = folder / "damaged.tflite"
    path.write_bytes(raw)
    try:
        info = read_tflite(path)
        larger = {spec.name: tuple(2 * (dim or 1) for dim in spec.dims) for spec in info.inputs if spec.dims}
        for shapes in ({}, larger):
            READERS[Format.TFLITE].count(path, shapes)
            READERS[Format.TFLITE].peak(path, shapes)
            lint(path, shapes)
    except ModelError as error:
        assert "damaged" in error.message  # noqa: PT017


def outcome(raw: bytes) -> str:
    """`read`, or the ModelError's text; anything else is raised, as it would be to a user."""
    try:
        parse_tflite(raw, "m.tflite")
    except ModelError as error:
        return error.message if error.hint else "no hint"
    return "read"


def test_every_truncation_is_told(tmp_path):
    raw = nets.classifier(tmp_path / "m.tflite").read_bytes()
    whole = [length for length in range(len(raw)) if outcome(raw[:length]) == "read"]
    assert whole == [] or min(whole) > len(raw) - 8  # padding at the end may go


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_changed_bytes_never_do_more_than_refuse(data, tmp_path):
    make = data.draw(st.sampled_from([nets.classifier, nets.upscaler_int8, nets.half_weights, nets.many_shapes]))
    raw = bytearray(make(tmp_path / "m.tflite").read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(8, len(raw) - 1))] = data.draw(st.integers(0, 255))
    everything(bytes(raw), tmp_path)


@pytest.mark.parametrize("number", [-1, 77])
def test_a_type_that_the_schema_has_not(tmp_path, number):
    graph = nets.Graph()
    graph.tensor("x", (1, 3))
    graph.tensor("y", (1, 3))
    graph.tensors[0].type = number
    graph.op("ADD", ("x", "x"), ("y",))
    assert f"'x' is of type {number}" in outcome(graph.bytes(("x",), ("y",)))


@given(st.binary(max_size=400))
def test_noise_behind_a_header_is_refused(tail):
    assert outcome(b"\x14\x00\x00\x00TFL3" + tail) != "read"


@given(words=st.lists(st.sampled_from([0, 1, 4, 8, 16, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFC]), max_size=60))
def test_extreme_offsets_and_lengths_are_refused(words):
    assert outcome(b"\x08\x00\x00\x00TFL3" + np.array(words, "<u4").tobytes()) != "read"


def test_parts_that_overlap_end_soon():
    """Twenty thousand subgraphs that are all one and the same: the work is bounded by the file's size."""
    graph = nets.Graph()
    for at in range(3000):
        graph.tensor(f"t{at}", (1, 1))
    raw = graph.bytes((), ("t0",))
    assert outcome(nets.repeated(raw, 1)).endswith("nothing computes one of its outputs")
    began = time.process_time()
    assert outcome(nets.repeated(raw, 20_000)).endswith("its parts overlap, or are too many")
    assert time.process_time() - began < 10


def test_weights_of_another_size_than_their_shape(tmp_path):
    graph = nets.Graph()
    graph.tensor("x", (1, 3))
    graph.constant("w", nets.values(5, 3))
    graph.tensors[-1].shape = [5, 4]
    graph.tensor("y", (1, 5))
    graph.op("FULLY_CONNECTED", ("x", "w", ""), ("y",))
    assert "60 bytes where its shape needs 80" in outcome(graph.bytes(("x",), ("y",)))


def test_an_operator_that_reads_what_nobody_computes():
    graph = nets.Graph()
    for name in ("x", "lost", "y"):
        graph.tensor(name, (1, 3))
    graph.op("ADD", ("x", "lost"), ("y",))
    assert "ADD 0 reads what nothing before it computes" in outcome(graph.bytes(("x",), ("y",)))


def test_a_tensor_that_is_not_there():
    graph = nets.Graph()
    graph.tensor("x", (1, 3))
    graph.tensor("y", (1, 3))
    graph.op("ADD", ("x", "x"), ("y",))
    graph.operators[0].inputs = [0, 77]
    assert "a tensor that is not there" in outcome(graph.bytes(("x",), ("y",)))
