"""A model examined for its row: shapes, batch, counts and states, from options and from input files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgebench.controller.rows import device_runtime, examine
from edgebench.controller.spec import VariantAsk
from edgebench.controller.stamps import stamp_of
from edgebench.errors import ModelError, RowFailure, UsageError


def conv(path: Path, *dims: object, opsets: tuple[tuple[str, int], ...] = (("", 13),), ir: int = 9) -> Path:
    """x -> y: one 3x3 convolution, 3 -> 2 channels, and a state h -> hn of its own."""
    w = numpy_helper.from_array(np.ones((2, 3, 3, 3), np.float32), "w")
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], pads=[1] * 4), helper.make_node("Identity", ["h"], ["hn"])]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(dims))]
    inputs.append(helper.make_tensor_value_info("h", TensorProto.FLOAT, [dims[0], 4]))
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    outputs.append(helper.make_tensor_value_info("hn", TensorProto.FLOAT, [dims[0], 4]))
    imports = [helper.make_opsetid(*one) for one in opsets]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [w])
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=ir), path)
    return path


def test_shapes_batch_and_states_of_a_plain_model(tmp_path: Path) -> None:
    artifact, facts, ask = examine(conv(tmp_path / "m.onnx", "N", 3, 5, 7), VariantAsk(), 2)
    assert ask.shapes == {"x": [2, 3, 5, 7], "h": [2, 4]}
    assert (ask.batch, ask.states) == (2, {"hn": "h"})
    assert facts.macs == 2 * 2 * 3 * 9 * 5 * 7
    assert (facts.params, facts.convs, facts.bytes, facts.sha256) == (54, 1, artifact.bytes, artifact.sha256)


def test_a_given_shape_says_the_batch(tmp_path: Path) -> None:
    path = conv(tmp_path / "m.onnx", "batch", 3, 5, 7)
    assert examine(path, VariantAsk(shapes={"x": [6, 3, 5, 7]}))[2].batch == 6
    assert examine(path, VariantAsk())[2].batch == 1
    # an axis that is fixed, or called something else, is no batch
    assert examine(conv(tmp_path / "f.onnx", 6, 3, 5, 7), VariantAsk())[2].batch == 1
    assert examine(conv(tmp_path / "t.onnx", "time", 3, 5, 7), VariantAsk(shapes={"x": [6, 3, 5, 7]}))[2].batch == 1


def test_input_files_say_the_shapes(tmp_path: Path) -> None:
    path = conv(tmp_path / "m.onnx", "N", 3, "h", "w")
    folder = tmp_path / "in"
    folder.mkdir()
    np.savez(folder / "1.npz", x=np.zeros((4, 3, 8, 8), np.float32))
    np.savez(folder / "2.npz", x=np.zeros((4, 3, 8, 8), np.float32))
    _, facts, ask = examine(path, VariantAsk(input=str(folder)))
    assert ask.shapes == {"x": [4, 3, 8, 8], "h": [4, 4]}
    assert ask.batch == 4
    assert facts.macs == 4 * 54 * 64
    np.savez(folder / "2.npz", x=np.zeros((4, 3, 9, 8), np.float32))
    _, facts, ask = examine(path, VariantAsk(input=str(folder)))
    assert ask.shapes == {"h": [4, 4]}  # two shapes: none is the row's, the state's is
    assert facts.macs is None


def test_a_batch_that_files_do_not_have(tmp_path: Path) -> None:
    path = conv(tmp_path / "m.onnx", "N", 3, 8, 8)
    np.savez(tmp_path / "x.npz", x=np.zeros((1, 3, 8, 8), np.float32))
    with pytest.raises(UsageError, match="a batch of 1, not the 2 asked for"):
        examine(path, VariantAsk(input=str(tmp_path / "x.npz")), 2)


def test_a_format_that_the_backend_does_not_run(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(64))
    with pytest.raises(ModelError, match="onnxruntime does not run tflite files"):
        examine(path, VariantAsk())


def test_the_stamp_of_a_file(tmp_path: Path) -> None:
    stamp = stamp_of(conv(tmp_path / "m.onnx", 1, 3, 8, 8, opsets=(("", 13), ("ai.onnx.ml", 3))))
    assert (stamp.name, stamp.ir_version, stamp.lowest_ir) == ("m.onnx", 9, 4)
    assert (dict(stamp.opsets), stamp.unused) == ({"": 13, "ai.onnx.ml": 3}, ("ai.onnx.ml",))
    assert stamp.precisions == ("fp32",)


def test_a_device_without_the_runtime() -> None:
    facts = {"python": {"version": [3, 6, 9]}, "runtimes": []}
    with pytest.raises(RowFailure, match=r"nano has no onnxruntime for its Python 3\.6\.9") as caught:
        device_runtime(facts, "onnxruntime", "nano")
    assert caught.value.code == "runtime-missing"
    assert "`edgebench devices setup nano`" in str(caught.value.hint)
