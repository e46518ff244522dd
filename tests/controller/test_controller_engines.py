"""A row of TensorRT fitted to a board: how it is driven, what is built, for which shapes, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgebench.controller.engines import (
    BUILD_LIMIT_S,
    Board,
    build_flags,
    declared_inputs,
    fit_engine,
    shape_profile,
)
from edgebench.controller.rows import examine
from edgebench.controller.spec import VariantAsk
from edgebench.errors import RowFailure
from edgebench.profiles.catalog import load_profile

MODELS = Path(__file__).parents[2] / "models"
NANO = {
    "board": {"model": "NVIDIA Jetson Nano Developer Kit"},
    "gpu": {"name": "GM20B", "sm": "5.3", "dla": 0},
    "python": {"version": [3, 6, 9]},
    "software": {"tensorrt": "8.2.1.8"},
    "tools": {"trtexec": "/usr/src/tensorrt/bin/trtexec"},
}
ORIN = {
    "board": {"model": "NVIDIA Jetson Orin Nano Developer Kit"},
    "gpu": {"name": "GA10B", "sm": "8.7", "dla": 0},
    "python": {"version": [3, 10, 12]},
    "runtimes": [{"name": "tensorrt", "module": "tensorrt", "version": "10.3.0", "where": None}],
    "tools": {"trtexec": "/usr/src/tensorrt/bin/trtexec"},
}


def board(facts: dict[str, Any], profile: str | None = None) -> Board:
    return Board("b", facts, load_profile(profile) if profile else None)


def ask(model: Path, **more: Any) -> VariantAsk:
    return examine(model, VariantAsk(backend="tensorrt", accelerator=more.pop("accelerator", "cuda"), **more))[2]


def conv(path: Path, *dims: object) -> Path:
    w = numpy_helper.from_array(np.ones((2, 3, 3, 3), np.float32), "w")
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(dims))]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([helper.make_node("Conv", ["x", "w"], ["y"], pads=[1] * 4)], "g", inputs, outputs, [w])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def test_a_board_with_the_module_is_driven_in_python_one_without_by_trtexec(tmp_path):
    model = conv(tmp_path / "m.onnx", 1, 3, 8, 8)
    runtime, use, calibration, told = fit_engine(board(ORIN), model, ask(model))
    assert (use.way, runtime.version, use.prebuilt, calibration, told) == ("python", "10.3.0", False, None, [])
    assert use.build_s == BUILD_LIMIT_S
    runtime, use, _, _ = fit_engine(board(NANO), model, ask(model))
    assert (use.way, runtime.version) == ("trtexec", "8.2.1.8")
    chosen = ask(model, options={"way": "trtexec"})
    assert fit_engine(board(ORIN), model, chosen)[1].way == "trtexec"


@pytest.mark.parametrize(
    ("way", "code"), [(None, "runtime-missing"), ("python", "runtime-missing"), ("trtexec", "tool-missing")]
)
def test_a_device_without_either_says_how_to_get_them(tmp_path, way, code):
    model = conv(tmp_path / "m.onnx", 1, 3, 8, 8)
    bare = {"python": {"version": [3, 11, 2]}}
    with pytest.raises(RowFailure) as caught:
        fit_engine(board(bare), model, ask(model, options={"way": way} if way else {}))
    assert caught.value.code == code
    assert "apt install tensorrt" in (caught.value.hint or "")


def test_trtexec_is_not_asked_to_pace(tmp_path):
    model = conv(tmp_path / "m.onnx", 1, 3, 8, 8)
    assert fit_engine(board(ORIN), model, ask(model), paced=True)[1].way == "python"
    with pytest.raises(RowFailure, match="trtexec cannot pace"):
        fit_engine(board(NANO), model, ask(model), paced=True)


def test_int8_on_a_nano_is_refused_whether_the_gpu_was_seen_or_only_declared():
    model = MODELS / "sr-x2-w28-int8.onnx"
    unseen = {key: value for key, value in NANO.items() if key != "gpu"}
    for one in (board(NANO), board(unseen, "jetson-nano")):
        with pytest.raises(RowFailure) as caught:
            fit_engine(one, model, ask(model))
        assert caught.value.code == "unsupported-precision"
    assert fit_engine(board(ORIN), model, ask(model))[1].flags["int8"] is True


def test_int8_needs_scales_or_a_set(tmp_path):
    model = conv(tmp_path / "m.onnx", 1, 3, 8, 8)
    with pytest.raises(RowFailure, match="carries no int8 scales"):
        fit_engine(board(ORIN), model, ask(model, precision="int8"))
    folder = tmp_path / "set"
    folder.mkdir()
    np.savez(folder / "1.npz", x=np.zeros((1, 3, 8, 8), np.float32))
    _, use, calibration, _ = fit_engine(board(ORIN), model, ask(model, precision="int8", calibration=str(folder)))
    assert use.flags["int8"] is True
    assert calibration is not None
    assert calibration.names == ["1.npz"]


@pytest.mark.parametrize(
    ("facts", "precision", "shape", "said"),
    [
        (ORIN, "int8", (1, 3, 9, 8), "--calibration: "),
        (NANO | {"gpu": ORIN["gpu"]}, "int8", (1, 3, 8, 8), "trtexec cannot calibrate"),
        (ORIN, "fp16", (1, 3, 8, 8), "is built in fp16"),
    ],
)
def test_sets_that_cannot_serve(tmp_path, facts, precision, shape, said):
    model = conv(tmp_path / "m.onnx", 1, 3, 8, 8)
    np.savez(tmp_path / "set.npz", x=np.zeros(shape, np.float32))
    with pytest.raises(RowFailure) as caught:
        fit_engine(board(facts), model, ask(model, precision=precision, calibration=str(tmp_path / "set.npz")))
    assert caught.value.code == "bad-input"
    assert said in caught.value.message


def test_a_file_with_scales_of_its_own_takes_no_set(tmp_path):
    model = MODELS / "sr-x2-w28-int8.onnx"
    with pytest.raises(RowFailure, match="has scales of its own"):
        fit_engine(board(ORIN), model, ask(model, calibration=str(tmp_path)))


def test_an_engine_is_taken_as_it_is(tmp_path):
    engine = tmp_path / "m.engine"
    engine.write_bytes(b"ftrt" + b"\0" * 64)
    _, use, _, _ = fit_engine(board(NANO), engine, VariantAsk(backend="tensorrt", accelerator="cuda"))
    assert (use.prebuilt, use.build_s, use.flags) == (True, 0.0, {})


@pytest.mark.parametrize(
    ("computed", "more", "flags"),
    [
        ("fp32", {}, {"fp16": False, "int8": False, "tf32": True, "dla": None, "workspace_mib": None}),
        ("fp32", {"precision": "fp32"}, {"tf32": False}),
        ("fp32", {"options": {"tf32": "off", "workspace": "512"}}, {"tf32": False, "workspace_mib": 512}),
        ("fp16", {"precision": "fp16", "accelerator": "dla1"}, {"fp16": True, "dla": 1}),
        ("int8", {"options": {"fp16": "on"}}, {"int8": True, "fp16": True}),
        ("int8", {"accelerator": "dla0"}, {"int8": True, "fp16": True, "dla": 0}),
    ],
)
def test_what_the_builder_is_told(computed, more, flags):
    found = build_flags(computed, VariantAsk(backend="tensorrt", **({"accelerator": "cuda"} | more)))
    assert flags.items() <= found.items()


def test_the_builders_limit_is_an_hour_unless_said(tmp_path):
    model = conv(tmp_path / "m.onnx", 1, 3, 8, 8)
    for options, seconds in (({}, 3600.0), ({"build-limit": "60"}, 60.0)):
        _, use, _, _ = fit_engine(board(NANO), model, ask(model, options=options))
        assert use.build_s == seconds


def test_free_axes_get_a_profile_of_what_will_be_fed(tmp_path):
    fixed, free = conv(tmp_path / "f.onnx", 1, 3, 8, 8), conv(tmp_path / "m.onnx", "N", 3, "h", "w")
    assert shape_profile(fixed, ask(fixed)) == {}
    one = [1, 3, 8, 6]
    assert shape_profile(free, ask(free, shapes={"x": one})) == {"x": {"min": one, "opt": one, "max": one}}
    folder = tmp_path / "in"
    folder.mkdir()
    np.savez(folder / "1.npz", x=np.zeros((1, 3, 8, 9), np.float32))
    np.savez(folder / "2.npz", x=np.zeros((1, 3, 6, 12), np.float32))
    spanned = {"x": {"min": [1, 3, 6, 9], "opt": [1, 3, 8, 9], "max": [1, 3, 8, 12]}}
    assert shape_profile(free, ask(free, input=str(folder))) == spanned


def test_what_a_file_declares_of_its_inputs_is_told_for_trtexec(tmp_path):
    free = conv(tmp_path / "m.onnx", "N", 3, "h", 8)
    assert declared_inputs(free) == [{"name": "x", "dtype": "float32", "shape": [None, 3, None, 8]}]
    engine = tmp_path / "m.engine"
    engine.write_bytes(b"ptrt" + bytes(64))
    assert declared_inputs(engine) == []
