"""Pretrained models that others publish, through the installed command: shapes, states, references, old runtimes."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from environments import fetched_model, old_runtime_python
from onnx import TensorProto, helper, numpy_helper
from rooms import SHORT, Done, Room

from edgebench.artifacts.inference import infer

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]  # the first run on a machine fetches

WINDOW = 576
"""Samples that silero VAD takes at a time: 512 and the 64 before them."""

SHAPES = {
    "ppocr-mobile-v2-cls": {"x": (1, 3, 48, 192)},
    "ppocr-v4-det": {"x": (1, 3, 64, 96)},
    "silero-vad-16k": {"input": (1, WINDOW), "state": (2, 1, 128), "sr": ()},
    "silero-vad-half": {"input": (1, WINDOW), "state": (2, 1, 128)},
    "silero-vad-16k-fixed": {"input": (1, WINDOW), "state": (2, 1, 128)},
    "silero-vad-sequence": {"input": (2, WINDOW), "h": (1, 1, 128), "c": (1, 1, 128)},
    "nudenet-320n": {"images": (1, 3, 64, 96)},
    "magika-v3.3": {"bytes": (1, 2048)},
}


@pytest.fixture
def here(tmp_path: Path) -> Room:
    """This machine as the device."""
    return Room(tmp_path, "local")


def good(done: Done, rows: int = 1) -> list[dict]:
    """The rows of a run that measured all of them and found the outputs right."""
    assert done.returncode in (0, 5), done.stderr
    assert len(done.runs) == rows
    for run in done.runs:
        assert run["outcome"]["status"] in ("ok", "unstable"), run["outcome"]
        assert run["metrics"]["latency_p50"]["value"] > 0
        assert run["fidelity"]["state"] == "ok", run["fidelity"]
        assert set(run["placement"]["nodes"]) == {"cpu"}
    return done.runs


def value(run: dict, metric: str) -> float:
    return run["metrics"][metric]["value"]


def conv_nodes(path: Path) -> int:
    """Convolutions, plain and transposed, in the file's main graph."""
    return sum(node.op_type in ("Conv", "ConvTranspose") for node in onnx.load(path).graph.node)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_inferred_shapes_are_those_of_the_runtime(name):
    net = onnx.load(fetched_model(name))
    inferred = infer(net, SHAPES[name]).dims
    names = [name for node in net.graph.node for name in node.output if name and node.op_type != "Constant"]
    del net.graph.output[:]
    net.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(net.SerializeToString(), options, providers=["CPUExecutionProvider"])
    types = {"tensor(float)": np.float32, "tensor(int32)": np.int32, "tensor(int64)": np.int64}
    feeds = {entry.name: np.ones(SHAPES[name][entry.name], types[entry.type]) for entry in session.get_inputs()}
    measured = {name: np.shape(output) for name, output in zip(names, session.run(names, feeds), strict=True)}
    assert {name: inferred.get(name) for name in names} == measured


def test_a_classifier_at_two_batches(room):
    model = fetched_model("ppocr-mobile-v2-cls")
    one, two = good(room.run(model, "--shape", "x=1x3x48x192", "--batch", "1,2"), rows=2)
    assert [run["variant"]["shapes"] for run in (one, two)] == [{"x": [1, 3, 48, 192]}, {"x": [2, 3, 48, 192]}]
    assert [run["variant"]["batch"] for run in (one, two)] == [1, 2]
    assert value(one, "convs") == value(two, "convs") == conv_nodes(model) == 53
    assert value(two, "macs") == 2 * value(one, "macs")
    assert value(one, "params") == value(two, "params")


def test_a_detector_at_two_sizes(here):
    model = fetched_model("ppocr-v4-det")
    (small,) = good(here.run(model, "--shape", "x=1x3x64x64"))
    (wide,) = good(here.run(model, "--shape", "x=1x3x64x128"))
    assert value(small, "convs") == conv_nodes(model) == 62 + 2  # two of them transposed
    assert value(wide, "activations") > 1.9 * value(small, "activations")
    assert 1.9 < value(wide, "macs") / value(small, "macs") < 2  # all but the squeezed channels grow with the area
    assert value(wide, "estimated_peak") > value(small, "estimated_peak")


def test_axes_without_names_are_asked_for(here):
    done = here.run(fetched_model("ppocr-v4-det"))
    assert done.returncode == 2
    assert "input `x` has unset axes" in done.stderr
    assert "--shape x=" in done.stderr


def test_recurrent_states_are_found(here):
    found = {}
    for name, shape in (("silero-vad-16k", f"1x{WINDOW}"), ("silero-vad-sequence", f"2x{WINDOW}")):
        (row,) = here.run(fetched_model(name), "--shape", f"input={shape}", "--dry-run").document["rows"]
        found[name] = (row["ask"]["states"], row["ask"]["shapes"])
    state = {"input": [1, WINDOW], "state": [2, 1, 128], "sr": []}
    pair = {"input": [2, WINDOW], "h": [1, 1, 128], "c": [1, 1, 128]}
    assert found == {
        "silero-vad-16k": ({"stateN": "state"}, state),
        "silero-vad-sequence": ({"hn": "h", "cn": "c"}, pair),
    }


@pytest.mark.parametrize("name", ["silero-vad-16k", "silero-vad-sequence", "silero-vad-half"])
def test_a_recurrent_model_runs(here, name):
    (run,) = good(here.run(fetched_model(name), "--shape", f"input=1x{WINDOW}"))
    assert run["fidelity"]["psnr_db"] > 60
    assert value(run, "macs") > 0


def test_the_same_network_has_the_same_counts_however_it_was_exported(here):
    """Two of the files ask for shapes and keep half of the network in branches; the third has it laid out."""
    counts = []
    for name in ("silero-vad-16k", "silero-vad-half", "silero-vad-16k-fixed"):
        shape = "x".join(map(str, SHAPES[name]["input"]))
        document = here.edgebench("inspect", fetched_model(name), "--shape", f"input={shape}", "--json", "-").document
        assert document["graph"]["uncounted"] == []
        counts.append([document["graph"][key] for key in ("params", "macs", "activations", "convs")])
    assert counts[0] == counts[1] == counts[2]
    assert counts[0][1] > 0


@pytest.mark.parametrize(("name", "shape"), [("ppocr-mobile-v2-cls", "x=1x3x48x192"), ("ppocr-v4-det", "x=1x3x64x64")])
def test_inspect_counts_what_run_counts(here, name, shape):
    model = fetched_model(name)
    done = here.edgebench("inspect", model, "--shape", shape, "--json", "-")
    assert done.returncode == 0, done.stderr
    graph = done.document["graph"]
    (run,) = good(here.run(model, "--shape", shape))
    for metric in ("params", "macs", "flops", "activations", "convs"):
        assert graph[metric] == value(run, metric)
    assert graph["convs"] == conv_nodes(model)
    weights = sum(numpy_helper.to_array(tensor).size for tensor in float_tensors(model))
    assert graph["params"] == weights
    assert 4 * weights < model.stat().st_size


def float_tensors(path: Path) -> list[onnx.TensorProto]:
    """Every stored float32 tensor of the file's main graph but the scales that a Resize reads."""
    graph = onnx.load(path).graph
    constants = [node for node in graph.node if node.op_type == "Constant"]
    stored = {tensor.name: tensor for tensor in graph.initializer}
    stored |= {node.output[0]: a.t for node in constants for a in node.attribute if a.name == "value"}
    scales = {name for node in graph.node if node.op_type == "Resize" for name in node.input[1:]}
    return [t for name, t in stored.items() if t.data_type == TensorProto.FLOAT and name not in scales]


def test_a_model_with_fixed_axes_needs_no_shape(here):
    (run,) = good(here.run(fetched_model("silero-vad-16k-fixed")))
    assert run["variant"]["shapes"] == {"input": [1, WINDOW], "state": [2, 1, 128]}


def test_sound_and_sampling_rate_come_from_a_file(here, tmp_path):
    model = fetched_model("silero-vad-16k")
    sound = np.random.default_rng(20261121).uniform(-0.1, 0.1, (1, WINDOW)).astype(np.float32)
    np.savez(tmp_path / "vad.npz", input=sound, sr=np.array(16000, np.int64))
    (run,) = good(here.run(model, "--input", tmp_path / "vad.npz"))
    assert run["variant"]["shapes"] == {"input": [1, WINDOW], "state": [2, 1, 128], "sr": []}
    np.savez(tmp_path / "no-rate.npz", input=sound)
    refused = here.run(model, "--input", tmp_path / "no-rate.npz")
    assert refused.returncode == 2
    assert "no-rate.npz has input; the model takes input, sr" in refused.stderr


def test_another_network_is_no_reference(here):
    """The `half` of silero VAD has half the network, not half precision: its outputs are others."""
    model, full = fetched_model("silero-vad-half"), fetched_model("silero-vad-16k-fixed")
    done = here.run(model, "--shape", f"input=1x{WINDOW}", "--reference", full)
    assert done.returncode == 4
    (run,) = done.runs
    assert (run["outcome"]["status"], run["outcome"]["code"]) == ("failed", "wrong-output")
    assert "latency_p50" not in run["metrics"]
    assert len(run["invocations"]) == 2
    other_inputs = here.run(model, "--shape", f"input=1x{WINDOW}", "--reference", fetched_model("silero-vad-16k"))
    assert other_inputs.returncode == 2
    assert "takes input, sr, state" in other_inputs.stderr


def with_half_weights(source: Path, target: Path) -> Path:
    """The same network with its large weights stored in float16 and cast when it is loaded."""
    net = onnx.load(source)
    casts = []
    for node in [node for node in net.graph.node if node.op_type == "Constant"]:
        tensor = next((a.t for a in node.attribute if a.name == "value"), None)
        if tensor is None or tensor.data_type != TensorProto.FLOAT or numpy_helper.to_array(tensor).size < 64:
            continue
        name = node.output[0]
        half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{name}/half")
        net.graph.initializer.append(half)
        casts.append(helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT))
        net.graph.node.remove(node)
    first = list(net.graph.node)
    del net.graph.node[:]
    net.graph.node.extend(casts + first)
    onnx.save(net, target)
    return target


def test_half_weights_against_the_original(here, tmp_path):
    original = fetched_model("ppocr-mobile-v2-cls")
    half = with_half_weights(original, tmp_path / "cls-half.onnx")
    (run,) = good(here.run(half, "--shape", "x=1x3x48x192", "--reference", original))
    assert run["fidelity"]["reference"].startswith("ppocr-mobile-v2-cls.onnx")
    assert 30 < run["fidelity"]["psnr_db"] < 200  # close, and not the same
    assert run["variant"]["artifact"]["bytes"] < 0.7 * original.stat().st_size
    assert run["variant"]["precision"]["effective"]["weights"] == "fp16"


@pytest.mark.parametrize("name", ["nudenet-320n", "magika-v3.3"])
def test_other_kinds_of_inputs(here, name):
    """Free height and width by name, and 2048 whole numbers."""
    shape = ("--shape", "images=1x3x64x96") if name == "nudenet-320n" else ()
    (run,) = good(here.run(fetched_model(name), *shape))
    assert run["variant"]["shapes"] == {key: list(dims) for key, dims in SHAPES[name].items()}
    assert run["variant"]["precision"]["effective"]["io"] == ("int32" if name == "magika-v3.3" else "fp32")


@pytest.fixture
def jetpack4(here: Room) -> Room:
    """A device with CPython 3.6 and ONNX Runtime 1.10, as JetPack 4 has."""
    here.add_device("nano", python=str(old_runtime_python("3.6")), home=str(here.folder / "nano-home"))
    return here


def on_nano(room: Room, model: Path, *shape: str) -> Done:
    return room.edgebench("run", "--device", "nano", model, *shape, *SHORT, "--json", "-")


def test_an_opset_that_is_too_new_is_refused(jetpack4):
    done = on_nano(jetpack4, fetched_model("nudenet-320n"), "--shape", "images=1x3x64x64")
    (run,) = done.runs
    assert run["outcome"]["code"] == "load-failed"
    said = run["outcome"]["message"]
    assert "nudenet-320n.onnx has ai.onnx opset 17; the device's ONNX Runtime 1.10.0 takes up to 15" in said
    assert "export again with opset_version=15" in said
    assert run["invocations"] == []


def test_a_stamp_that_is_too_new_is_cured_by_the_command_it_gives(jetpack4, tmp_path):
    stamped = onnx.load(fetched_model("ppocr-mobile-v2-cls"))
    stamped.ir_version = 10
    onnx.save(stamped, tmp_path / "cls.onnx")
    (refused,) = on_nano(jetpack4, tmp_path / "cls.onnx", "--shape", "x=1x3x48x192").runs
    assert refused["outcome"]["code"] == "load-failed"
    before, _, command = refused["outcome"]["message"].partition("(restamp it: ")
    assert "IR version 10 (8)" in before
    python, *rest = shlex.split(command.removesuffix(")"))
    assert python == "python"
    subprocess.run([sys.executable, *rest], check=True)
    done = on_nano(jetpack4, tmp_path / "cls-restamped.onnx", "--shape", "x=1x3x48x192")
    (run,) = done.runs
    assert run["outcome"]["status"] in ("ok", "unstable"), run["outcome"]
    assert run["variant"]["backend_version"] == "1.10.0"
    assert run["fidelity"]["state"] == "ok"


@pytest.mark.parametrize("name", ["ppocr-v4-det", "silero-vad-16k", "magika-v3.3"])
def test_older_files_run_on_the_old_runtime(jetpack4, name):
    given = {"ppocr-v4-det": "x=1x3x64x64", "silero-vad-16k": f"input=1x{WINDOW}", "magika-v3.3": "bytes=1x2048"}
    (run,) = on_nano(jetpack4, fetched_model(name), "--shape", given[name]).runs
    assert run["outcome"]["status"] in ("ok", "unstable"), run["outcome"]
    assert run["variant"]["backend_version"] == "1.10.0"
    assert run["fidelity"]["state"] == "ok"
