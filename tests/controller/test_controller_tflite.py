"""A .tflite file on its way to a row: examined, fed, stamped, inspected; and the wheels that bring its runtime."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tflite_models as nets
from PIL import Image

from edgebench.controller.inputs import gather_inputs, input_shapes
from edgebench.controller.inspecting import inspect_model
from edgebench.controller.recipes import RECIPES, how_to_bring
from edgebench.controller.requests import RunOptions, build_requests
from edgebench.controller.rows import device_runtime, examine
from edgebench.controller.spec import Settings, VariantAsk
from edgebench.controller.stamps import stamp_of
from edgebench.errors import DeviceUnfit, ModelError, RowFailure, UnknownName, UsageError

ASK = VariantAsk(backend="tflite")


def test_a_file_is_examined(tmp_path):
    artifact, facts, ask = examine(nets.upscaler(tmp_path / "m.tflite"), ASK)
    assert (artifact.format, facts.format) == ("tflite", "tflite")
    assert (facts.macs, facts.convs, facts.params) == (64 * 324, 1, 348)
    assert facts.estimated_peak_bytes == 4 * (348 + 8 * 8 * (3 + 12 + 12))
    assert facts.precision.compute == "fp32"
    assert (ask.shapes, ask.batch) == ({"x": [1, 8, 8, 3]}, 1)


@pytest.mark.parametrize("free", [False, True])
def test_a_batch_resizes_the_first_axis_and_multiplies_the_counts(tmp_path, free):
    path = nets.upscaler(tmp_path / "m.tflite", free=free)
    _, facts, ask = examine(path, ASK, 4)
    assert (ask.shapes, ask.batch) == ({"x": [4, 8, 8, 3]}, 4)
    assert facts.macs == 4 * examine(path, ASK)[1].macs


def test_a_shape_replaces_the_file_s(tmp_path):
    ask = VariantAsk(backend="tflite", shapes={"x": [2, 20, 10, 3]})
    _, facts, ask = examine(nets.upscaler(tmp_path / "m.tflite"), ask)
    assert (ask.shapes, ask.batch, facts.macs) == ({"x": [2, 20, 10, 3]}, 2, 2 * 200 * 324)


def test_each_format_has_its_backend(tmp_path):
    path = nets.upscaler(tmp_path / "m.tflite")
    (request,) = build_requests([path], RunOptions(settings=Settings()))
    assert (request.ask.backend, request.ask.accelerator) == ("tflite", "cpu")
    with pytest.raises(ModelError, match="onnxruntime does not run tflite files"):
        build_requests([path], RunOptions(settings=Settings(), backends=["onnxruntime"]))
    with pytest.raises(UsageError, match="tflite has no accelerator 'cuda'"):
        build_requests([path], RunOptions(settings=Settings(), accelerators=["cuda"]))


def test_a_reference_may_be_a_tflite_file_with_the_same_inputs(tmp_path):
    path, other = nets.upscaler_int8(tmp_path / "q.tflite"), nets.upscaler(tmp_path / "f.tflite")
    (request,) = build_requests([path], RunOptions(settings=Settings(), reference=str(other)))
    assert request.reference == str(other)
    (tmp_path / "r.pte").write_bytes(bytes(4) + b"ET12")
    with pytest.raises(ModelError, match=r"r\.pte is no \.onnx or \.tflite file"):
        build_requests([path], RunOptions(settings=Settings(), reference=str(tmp_path / "r.pte")))


def test_floats_for_a_quantised_input_are_taken_other_types_not(tmp_path):
    path = nets.upscaler_int8(tmp_path / "m.tflite")
    ask = VariantAsk(backend="tflite", input=str(tmp_path / "x.npz"))
    np.savez(tmp_path / "x.npz", x=np.zeros((1, 8, 8, 3), np.float32))
    assert input_shapes(path, ask) == [{"x": (1, 8, 8, 3)}]
    np.savez(tmp_path / "x.npz", x=np.zeros((1, 8, 8, 3), np.int32))
    with pytest.raises(UsageError, match="x is int32, the model takes int8"):
        input_shapes(path, ask)


def test_a_photograph_for_a_quantised_input_is_written_as_real_values(tmp_path):
    path = nets.upscaler_int8(tmp_path / "m.tflite")
    Image.fromarray(np.full((8, 8, 3), 51, np.uint8)).save(tmp_path / "grey.png")
    ask = VariantAsk(backend="tflite", input=str(tmp_path / "grey.png"), input_range=(0.0, 1.0))
    assert input_shapes(path, ask) == [{"x": (1, 8, 8, 3)}]
    (written,) = gather_inputs(path, ask).written_to(tmp_path)
    with np.load(written) as found:
        np.testing.assert_allclose(found["x"], np.full((1, 8, 8, 3), 0.2, np.float32), rtol=1e-6)
    without = VariantAsk(backend="tflite", input=str(tmp_path / "grey.png"))
    with pytest.raises(UsageError, match="how a photograph becomes int8 is not known"):
        input_shapes(path, without)


def test_the_stamp_of_a_file(tmp_path):
    stamp = stamp_of(nets.upscaler_int8(tmp_path / "m.tflite"))
    assert (stamp.name, stamp.precisions) == ("m.tflite", ("int8",))
    assert dict(stamp.versions) == {"CONV_2D": 3, "DEPTH_TO_SPACE": 2}
    assert stamp_of(nets.foreign(tmp_path / "f.tflite")).flex == ("FlexErf",)


def test_inspection_of_a_quantised_file(tmp_path):
    graph = inspect_model(nets.upscaler_int8(tmp_path / "m.tflite"), {}, "gpu").graph
    assert (graph.ir_version, graph.opsets, graph.versions["CONV_2D"]) == (None, {}, 3)
    assert (graph.inputs[0].zero_point, graph.precision["scheme"]) == (-128, "int8 full-integer, integer-only")
    assert [cost.op for cost in graph.ops] == ["CONV_2D", "DEPTH_TO_SPACE"]
    assert [found.code for found in graph.lint] == ["integers-on-gpu"]
    assert [(check.name, check.loads) for check in graph.runtimes] == [
        ("TFLite", False),
        ("tflite-runtime 2.13", True),
        ("LiteRT 2.3", True),
    ]


def test_inspection_counts_for_the_shape_that_is_given(tmp_path):
    found = inspect_model(nets.upscaler(tmp_path / "m.tflite"), {"x": (1, 16, 16, 3)})
    assert (found.graph.macs, found.graph.shapes) == (256 * 324, {"x": [1, 16, 16, 3]})


def test_an_accelerator_that_nobody_knows(tmp_path):
    with pytest.raises(UnknownName, match="gpuu") as caught:
        inspect_model(nets.upscaler(tmp_path / "m.tflite"), {}, "gpuu")
    assert caught.value.hint == "did you mean `gpu`?"


@pytest.mark.parametrize(
    ("python", "package", "requirement"),
    [
        ((3, 8), "tflite_runtime", "tflite-runtime==2.13.0"),
        ((3, 9), "tflite_runtime", "tflite-runtime==2.13.0"),
        ((3, 10), "ai_edge_litert", "ai-edge-litert"),
        ((3, 13), "ai_edge_litert", "ai-edge-litert"),
    ],
)
def test_the_wheels_that_bring_tflite(python, package, requirement):
    wheels = RECIPES["tflite"].wheels(python, "board")
    assert (wheels.package, wheels.requirements[0]) == (package, requirement)
    assert wheels.module == f"{package}.interpreter"


@pytest.mark.parametrize("python", [(3, 6), (3, 7)])
def test_pythons_for_which_there_is_none_are_told_so(python):
    with pytest.raises(DeviceUnfit, match=rf"no tflite for Python 3\.{python[1]}") as caught:
        RECIPES["tflite"].wheels(python, "nano")
    assert caught.value.code == "runtime-missing"
    assert "onnx" in caught.value.hint
    assert how_to_bring("tflite", python, "nano") == (caught.value.hint, f"there is no tflite for Python 3.{python[1]}")


def test_a_device_without_it_says_which_command_brings_it():
    facts = {"python": {"version": [3, 11, 2]}, "runtimes": []}
    with pytest.raises(RowFailure, match=r"pi has no tflite for its Python 3\.11\.2") as caught:
        device_runtime(facts, "tflite", "pi")
    assert "devices setup pi --runtime tflite" in caught.value.hint


def test_a_device_with_the_older_one_has_it():
    facts = {
        "python": {"version": [3, 8, 10]},
        "runtimes": [{"name": "tflite", "module": "tflite_runtime", "version": "2.13.0", "where": None}],
    }
    assert device_runtime(facts, "tflite", "orin").version == "2.13.0"
