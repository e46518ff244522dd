"""Pre-flight of ONNX Runtime: what a release refuses, which cure is told, and that the cure is one."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgebench.backends.base import BACKENDS, DeviceRuntime, OnnxStamp, backend_for, get_backend
from edgebench.backends.onnxruntime import RELEASES, backend, restamp_hint
from edgebench.errors import RowFailure, UnknownName

OLD = DeviceRuntime("1.10.0", None, (3, 6, 15))


def stamp(**more) -> OnnxStamp:
    values = {"path": Path("m.onnx"), "ir_version": 8, "opsets": {"": 13}, "precisions": ("fp32",)} | more
    return OnnxStamp(**values)


def test_what_the_release_takes_passes() -> None:
    assert backend.preflight(stamp(), OLD, {}) == []
    assert backend.preflight(stamp(opsets={"": 15, "ai.onnx.ml": 2}), OLD, {}) == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"ir_version": 9}, "IR version 9 (8)"),
        (
            {"opsets": {"": 13, "ai.onnx.ml": 5}, "unused": ("ai.onnx.ml",)},
            "ai.onnx.ml opset 5 (2), which no node uses",
        ),
    ],
)
def test_a_stamp_that_is_too_new_is_refused_with_a_restamp(more: dict[str, object], said: str) -> None:
    with pytest.raises(RowFailure) as caught:
        backend.preflight(stamp(**more), OLD, {})
    assert caught.value.code == "load-failed"
    assert said in caught.value.message
    assert caught.value.hint.startswith("restamp it: python -c ")


@pytest.mark.parametrize("domain", ["", "ai.onnx.ml"])
def test_an_opset_in_use_is_refused_without_a_restamp(domain: str) -> None:
    with pytest.raises(RowFailure) as caught:
        backend.preflight(stamp(ir_version=10, opsets={"": 13} | {domain: 22}), OLD, {})
    assert "opset 22; the device's ONNX Runtime 1.10.0 takes up to" in caught.value.message
    assert "restamp" not in caught.value.hint


def test_every_release_takes_its_limits_and_not_one_more() -> None:
    for (major, minor), (ir, opset, _) in RELEASES.items():
        runtime = DeviceRuntime(f"{major}.{minor}.0", None, (3, 11))
        assert backend.preflight(stamp(ir_version=ir, opsets={"": opset}), runtime, {}) == []
        with pytest.raises(RowFailure):
            backend.preflight(stamp(ir_version=ir + 1, opsets={"": opset}), runtime, {})
        with pytest.raises(RowFailure):
            backend.preflight(stamp(ir_version=ir, opsets={"": opset + 1}), runtime, {})


@pytest.mark.parametrize("version", ["1.99.0", "2.0", "nightly", ""])
def test_a_release_beyond_the_table_is_left_to_judge_itself(version: str) -> None:
    assert backend.preflight(stamp(ir_version=99), DeviceRuntime(version, None, (3, 11)), {}) == []


def test_a_precision_that_the_file_has_not() -> None:
    both = stamp(precisions=("int8", "fp32"))
    assert backend.preflight(both, OLD, {}, "fp32") == []
    with pytest.raises(RowFailure) as caught:
        backend.preflight(both, OLD, {}, "fp16")
    assert caught.value.code == "unsupported-precision"
    assert "m.onnx is int8" in caught.value.message


def test_custom_operators_without_their_library_are_told() -> None:
    custom = stamp(custom_domains=("ai.mine", "com.microsoft"))
    (line,) = backend.preflight(custom, OLD, {})
    assert "ai.mine" in line
    assert "com.microsoft" not in line
    assert backend.preflight(custom, OLD, {"custom_op_library": "x.so"}) == []


def test_a_file_that_cannot_be_lowered_so_far_is_not_told_to_be() -> None:
    assert "restamp" not in restamp_hint(stamp(ir_version=11, lowest_ir=10), 8)


def test_the_restamp_drops_only_what_is_unused_and_keeps_odd_names(tmp_path: Path) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    imports = [helper.make_opsetid("", 13), helper.make_opsetid("ai.onnx.ml", 5)]
    path = tmp_path / 'it\'s "odd" $x.onnx'
    model = helper.make_model(helper.make_graph([node], "g", values[:1], values[1:]), opset_imports=imports)
    model.ir_version = 9
    onnx.save(model, path)
    hint = restamp_hint(stamp(path=path, ir_version=9, unused=("ai.onnx.ml",)), 8)
    _, dash_c, script = shlex.split(hint.removeprefix("restamp it: "))
    assert dash_c == "-c"
    exec(script, {})
    cured = onnx.load(path.with_name('it\'s "odd" $x-restamped.onnx'))
    assert cured.ir_version == 8
    assert [(one.domain, one.version) for one in cured.opset_import] == [("", 13)]
    assert cured.graph == model.graph


def test_backends_by_name_and_by_format() -> None:
    assert get_backend("onnxruntime") is backend
    assert backend_for("onnx") == "onnxruntime"
    assert backend.default_accelerator in backend.accelerators
    with pytest.raises(UnknownName, match="onnxruntme") as caught:
        get_backend("onnxruntme")
    assert caught.value.hint == "did you mean `onnxruntime`?"
    with pytest.raises(UnknownName):
        backend_for("pte")
    assert set(BACKENDS) == {"onnxruntime", "tensorrt", "tflite", "ncnn", "mnn"}
    for name in BACKENDS:
        assert get_backend(name).name == name
        assert name in {backend_for(kind) for kind in get_backend(name).formats}


def relu(path: Path, op: str = "Relu") -> Path:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in ("in/1", "out")]
    graph = helper.make_graph([helper.make_node(op, ["in/1"], ["out"])], "g", values[:1], values[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def test_the_reference_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    inputs = {"in/1": np.float32([-1, 0, 2])}
    outputs = backend.reference(relu(tmp_path / "m.onnx"), inputs, tmp_path, {})
    assert {name: array.tolist() for name, array in outputs.items()} == {"out": [0, 0, 2]}


def test_a_reference_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(RowFailure, match="NoSuchOperator") as caught:
        backend.reference(relu(tmp_path / "m.onnx", "NoSuchOperator"), {"in/1": np.zeros(3, np.float32)}, tmp_path, {})
    assert caught.value.code == "load-failed"
