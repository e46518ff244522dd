"""Figures that somebody else reports, as rows."""

import hashlib

import onnx
import pytest
from onnx import TensorProto, helper

from edgebench.controller.reported import Claim, reported_run
from edgebench.errors import UnknownName, UsageError


def test_a_file_at_hand_is_the_rows_artifact(tmp_path):
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", values[:1], values[1:])
    path = tmp_path / "tiny.onnx"
    onnx.save(helper.make_model(graph), path)
    _, run = reported_run(Claim(str(path), {"latency_mean": 3.0}, "an app"))
    assert (run.variant.model, run.variant.label, run.kind) == ("tiny", "tiny", "reported")
    assert run.variant.artifact.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert run.metrics["latency_mean"].lo is None


def test_without_a_figure_or_a_source_there_is_no_row():
    with pytest.raises(UsageError, match="figure and its source"):
        reported_run(Claim("m", {}, "a paper"))
    with pytest.raises(UsageError, match="figure and its source"):
        reported_run(Claim("m", {"size": 1.0}, "  "))
    with pytest.raises(UnknownName) as caught:
        reported_run(Claim("m", {"quality": 1.0}, "a paper"))
    assert caught.value.hint
