"""A model with operators that no runtime brings: refused with the option to give, and run with a real library."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import onnx
import pytest
from environments import custom_op_library
from onnx import TensorProto, helper
from rooms import SHORT, Room

DOMAIN = "ai.onnx.contrib"


@pytest.fixture
def here(tmp_path: Path) -> Room:
    """This machine as the device."""
    return Room(tmp_path, "local")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """x [4, 4] -> its parts below and above zero (`NegPos` of onnxruntime-extensions), after a plain Sub."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, 4]) for name in ("x", "below", "above")]
    nodes = [
        helper.make_node("Sub", ["x", "half"], ["centred"]),
        helper.make_node("NegPos", ["centred"], ["below", "above"], domain=DOMAIN),
    ]
    half = helper.make_tensor("half", TensorProto.FLOAT, [], [0.5])
    graph = helper.make_graph(nodes, "custom", values[:1], values[1:], [half])
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid(DOMAIN, 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "custom.onnx")
    return tmp_path / "custom.onnx"


def test_without_a_library_the_option_is_named(here, model, tmp_path):
    done = here.edgebench("run", "--device", "board", model, *SHORT, "--json", tmp_path / "report.json")
    assert done.returncode == 4
    (run,) = json.loads((tmp_path / "report.json").read_text())["runs"]
    assert run["outcome"]["code"] == "unsupported-op"
    assert "NegPos" in run["outcome"]["message"]
    assert f"custom operators of {DOMAIN}: give their library with `--option custom_op_library=PATH`" in done.stdout


def test_a_library_that_is_none_is_told(here, model, tmp_path):
    (tmp_path / "ops.so").write_text("not a library")
    done = here.run(model, "--option", f"custom_op_library={tmp_path / 'ops.so'}")
    assert done.returncode == 4
    (run,) = done.runs
    assert run["outcome"]["code"] == "load-failed"
    assert "Failed to load library" in run["outcome"]["message"]


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_with_its_library_it_runs_and_is_checked(room, model):
    library = custom_op_library()
    done = room.run(model, "--option", f"custom_op_library={library}")
    assert done.returncode in (0, 5), done.stderr
    (run,) = done.runs
    assert run["outcome"]["status"] in ("ok", "unstable"), run["outcome"]
    assert run["variant"]["options"] == {"custom_op_library": str(library)}
    assert run["fidelity"]["state"] == "ok"
    assert set(run["fidelity"]["outputs"]) == {"below", "above"}
    assert run["fidelity"]["psnr_db"] > 60
    assert run["placement"]["nodes"] == {"cpu": 2}
    assert run["metrics"]["macs"]["value"] is None  # nobody can count what an unknown operator does
    (pushed,) = (room.home / "artifacts" / "libraries").iterdir()
    assert pushed.stat().st_size == library.stat().st_size


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_the_library_may_be_named_from_here(here, model, tmp_path):
    """A bare file name is one of this folder, on the device and for the reference."""
    shutil.copy(custom_op_library(), tmp_path / "ops.so")
    (run,) = here.run(model, "--option", "custom_op_library=ops.so", cwd=tmp_path).runs
    assert run["fidelity"]["state"] == "ok", run["fidelity"]
