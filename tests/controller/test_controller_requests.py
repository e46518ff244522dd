"""Options of `run` as rows: lists multiplied and labelled, mistakes refused on the host."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from edgebench.controller.planning import resolve_settings
from edgebench.controller.requests import RunOptions, build_requests
from edgebench.errors import UnknownName, UsageError

SETTINGS = resolve_settings(mode="quick")


def model(path: Path, first: object = "N") -> Path:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [first, 4]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", values[:1], values[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def options(**more: object) -> RunOptions:
    return RunOptions(SETTINGS, **more)  # type: ignore[arg-type]


def test_one_model_is_one_row_with_its_defaults(tmp_path: Path) -> None:
    (row,) = build_requests([model(tmp_path / "net.onnx")], options())
    assert (row.model, row.label) == ("net", "net")
    assert (row.ask.backend, row.ask.accelerator, row.ask.batch, row.ask.threads) == ("onnxruntime", "cpu", 1, None)


def test_lists_multiply_and_only_what_varies_is_in_the_label(tmp_path: Path) -> None:
    paths = [model(tmp_path / "a.onnx"), model(tmp_path / "b.onnx")]
    rows = build_requests(paths, options(threads=(1, 2), batches=(1, 8), precisions=("fp32",), name="net"))
    assert [row.label for row in rows] == [f"{m} threads={t} batch={b}" for m in "ab" for t in (1, 2) for b in (1, 8)]
    assert [row.ask.shapes["x"][0] for row in rows] == [1, 8] * 4
    assert {row.model for row in rows} == {"net"}


def test_a_given_label_is_kept(tmp_path: Path) -> None:
    (row,) = build_requests([model(tmp_path / "a.onnx")], options(label="mine", threads=(2,)))
    assert row.label == "mine"


def test_one_model_with_a_name_is_labelled_with_it(tmp_path: Path) -> None:
    (row,) = build_requests([model(tmp_path / "a.onnx")], options(name="net"))
    assert (row.model, row.label) == ("net", "net")
    (row,) = build_requests([model(tmp_path / "a.onnx")], options(name="net", label="mine"))
    assert (row.model, row.label) == ("net", "mine")


def test_names_are_one_line(tmp_path: Path) -> None:
    (row,) = build_requests([model(tmp_path / "two\nlines\x1b[31m é.onnx")], options())
    assert row.model == "two\\nlines\\x1b[31m \\xe9"
    (row,) = build_requests([model(tmp_path / "é 模.onnx")], options())
    assert row.model == "é 模"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"prepare": {"governer": "x"}}, "unknown --prepare key 'governer'"),
        ({"prepare": {"fan": "full"}}, "--prepare fan takes max, auto or a share"),
        ({"prepare": {"clocks": "fast"}}, "--prepare clocks takes max"),
        ({"prepare": {"temperature-gate": "no"}}, "--prepare temperature-gate takes on or off"),
        ({"calibration": "no-folder", "backends": ("tensorrt",)}, "--calibration no-folder: no such file"),
        ({"calibration": "."}, "--calibration is TensorRT's"),
        ({"prepare": {"affinity": "0-"}}, "takes CPU numbers, not '0-'"),
        ({"precisions": ("fp61",)}, "unknown precision 'fp61'"),
        ({"backends": ("tflit",)}, "unknown backend 'tflit'"),
        ({"accelerators": ("cpu", "gpuu")}, "no accelerator 'gpuu'"),
        ({"batches": (2,)}, "no batch axis that can be 2"),
        ({"reference": "no.onnx"}, "no such file: no.onnx"),
        ({"options": {"custom_op_library": "no.so"}}, "no such file: no.so"),
        ({"input": "no.npz"}, "no such input"),
    ],
)
def test_mistakes_are_usage_errors(tmp_path: Path, more: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        build_requests([model(tmp_path / "m.onnx", 1)], options(**more))
    assert said in caught.value.message
    assert caught.value.exit_code == 2


def test_a_calibration_set_is_tensorrts_alone(tmp_path: Path) -> None:
    both = options(backends=("tensorrt", "onnxruntime"), calibration=str(tmp_path))
    rows = build_requests([model(tmp_path / "m.onnx")], both)
    assert {row.ask.backend: row.ask.calibration for row in rows} == {"tensorrt": str(tmp_path), "onnxruntime": None}


@pytest.mark.parametrize("cpus", ["0", "0-3", "0,2,4-7"])
def test_cpu_lists(tmp_path: Path, cpus: str) -> None:
    (row,) = build_requests([model(tmp_path / "m.onnx")], options(prepare={"affinity": cpus}))
    assert row.prepare == {"affinity": cpus}


def test_a_reference_must_take_the_same_inputs(tmp_path: Path) -> None:
    path = model(tmp_path / "m.onnx")
    assert build_requests([path], options(reference=str(model(tmp_path / "r.onnx", 1))))[0].reference
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "zy"]
    graph = helper.make_graph([helper.make_node("Relu", ["z"], ["y"])], "g", values[:1], values[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), tmp_path / "z.onnx")
    with pytest.raises(UsageError, match=r"z\.onnx takes z; m\.onnx takes x"):
        build_requests([path], options(reference=str(tmp_path / "z.onnx")))


def test_a_label_for_several_models(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--label names one row"):
        build_requests([model(tmp_path / "a.onnx"), model(tmp_path / "b.onnx")], options(label="x"))


def test_unknown_names_tell_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownName) as caught:
        build_requests([model(tmp_path / "a.onnx")], options(prepare={"governer": "x"}))
    assert caught.value.hint == "did you mean `governor`?"
