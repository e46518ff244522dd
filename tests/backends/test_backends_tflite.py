"""TFLite as the host sees it: refusals with a cure, and the reference in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tflite_models as nets

from edgebench.backends.base import DeviceRuntime, OnnxStamp, TfliteStamp, backend_for, get_backend
from edgebench.errors import RowFailure

RUNTIME = DeviceRuntime("2.3.0", None, (3, 11))
backend = get_backend("tflite")


def stamp(**more) -> TfliteStamp:
    return TfliteStamp(**({"path": Path("m.tflite"), "versions": {"ADD": 1}, "precisions": ("fp32",)} | more))


def refusal(model, *, precision=None, accelerator="cpu") -> RowFailure:
    with pytest.raises(RowFailure) as caught:
        backend.preflight(model, RUNTIME, {}, precision, accelerator)
    return caught.value


def test_files_go_to_their_backend():
    assert backend_for("tflite") == "tflite"
    assert backend.formats == ("tflite",)
    assert backend.default_accelerator == "cpu"
    assert set(backend.accelerators) >= {"cpu", "gpu", "nnapi", "hexagon", "qnn", "neuron", "edgetpu"}


def test_a_plain_file_passes():
    assert backend.preflight(stamp(), RUNTIME, {}, "fp32") == []


def test_tensorflow_s_operators_are_refused_by_name():
    error = refusal(stamp(flex=("FlexErf", "FlexEinsum")))
    assert error.code == "unsupported-op"
    assert "FlexErf, FlexEinsum" in error.message
    assert "SELECT_TF_OPS" in error.hint


def test_custom_operators_are_refused_on_the_cpu_and_told_elsewhere():
    error = refusal(stamp(custom=("Warp",)))
    assert (error.code, "Warp" in error.message) == ("unsupported-op", True)
    assert backend.preflight(stamp(custom=("Warp",)), RUNTIME, {}, None, "edgetpu") == [
        "custom operators (Warp) run only where edgetpu's library takes them"
    ]
    assert backend.preflight(stamp(custom=("TFLite_Detection_PostProcess",)), RUNTIME, {}) == []


@pytest.mark.parametrize(
    ("precision", "accelerator", "passes"),
    [
        ("fp16", "cpu", False),  # a CPU computes the file in its own precision
        ("fp16", "gpu", True),  # a GPU may choose
        ("fp16", "nnapi", True),
        ("int8", "gpu", False),
        ("int8", "cpu", False),
        ("fp32", "gpu", True),
    ],
)
def test_a_precision_is_the_file_s_own_unless_the_accelerator_chooses(precision, accelerator, passes):
    if passes:
        assert backend.preflight(stamp(), RUNTIME, {}, precision, accelerator) == []
    else:
        error = refusal(stamp(), precision=precision, accelerator=accelerator)
        assert (error.code, "m.tflite is fp32" in error.message) == ("unsupported-precision", True)


def test_an_onnx_file_is_not_its_to_run():
    assert refusal(OnnxStamp(Path("m.onnx"), 8, {"": 13})).code == "load-failed"


def test_the_reference_runs_other_sizes_and_gives_outputs_by_name(tmp_path):
    path = nets.classifier(tmp_path / "m.tflite")
    outputs = backend.reference(path, {"x": np.ones((3, 4, 4, 3), np.float32)}, tmp_path, {})
    assert list(outputs) == ["y"]
    assert outputs["y"].shape == (3, 5)
    np.testing.assert_allclose(outputs["y"].sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(outputs["y"][0], outputs["y"][2], rtol=1e-6)


def test_a_reference_that_cannot_run_says_why(tmp_path):
    path = nets.foreign(tmp_path / "m.tflite", "Warp")
    with pytest.raises(RowFailure, match="Warp") as caught:
        backend.reference(path, {"x": np.ones((1, 4), np.float32)}, tmp_path, {})
    assert caught.value.code == "load-failed"
