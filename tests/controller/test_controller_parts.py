"""Parts of a model as rows: what they are fed, how they are called, what a run of theirs means."""

from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
import small_models as models
import tflite_models as lite
from onnx import helper
from run_records import make_run

from edgebench.artifacts.cutting import CutTensor, open_cutter
from edgebench.controller.bisect import Cut
from edgebench.controller.parts import REFUSALS, UnknownShape, Workbench, noise, verdict_of, write_arrays
from edgebench.controller.planning import resolve_settings
from edgebench.controller.requests import RunOptions, build_requests
from edgebench.records import Fidelity, Outcome


def bench_of(path, tmp_path, **more):
    work = tmp_path / "work"
    work.mkdir()
    (whole,) = build_requests([path], RunOptions(settings=resolve_settings(mode="quick"), **more))
    return Workbench(whole, open_cutter(path), work)


def test_a_part_is_fed_what_the_host_computes_before_it(tmp_path):
    bench = bench_of(models.convolution(tmp_path / "m.onnx"), tmp_path)
    request = bench.request(Cut(1, 1))
    assert request.model_path == tmp_path / "work" / "m-op-1.onnx"
    assert [node.op_type for node in onnx.load(request.model_path).graph.node] == ["Relu"]
    (x,) = (noise(face, None) for face in bench.cutter.inputs)
    with np.load(request.ask.input) as given:
        expected = bench._computed(Cut(0, 0))["a"]
        np.testing.assert_array_equal(given["a"], expected)
        assert not np.array_equal(expected[:, :3], x)
    assert request.ask.shapes == {"a": [1, 4, 8, 8]}
    assert request.facts.sha256 != bench.whole.facts.sha256


def test_the_whole_is_the_users_own_file_as_it_was_asked_for(tmp_path):
    path = models.convolution(tmp_path / "m.onnx")
    bench = bench_of(path, tmp_path)
    assert bench.request(Cut(0, 1)) is bench.whole
    assert bench.place(Cut(0, 1)) == path


def test_the_users_input_goes_through_the_beginning(tmp_path):
    path = models.convolution(tmp_path / "m.onnx")
    np.savez(tmp_path / "in.npz", x=np.full((1, 3, 8, 8), 2.5, np.float32))
    bench = bench_of(path, tmp_path, input=str(tmp_path / "in.npz"))
    with np.load(bench.request(Cut(0, 0)).ask.input) as given:
        assert (given["x"] == 2.5).all()


def test_free_axes_have_the_size_that_was_asked_for_in_every_part(tmp_path):
    path = models.convolution(tmp_path / "m.onnx", height="H", width="W")
    bench = bench_of(path, tmp_path, shapes={"x": (1, 3, 6, 10)})
    assert bench.request(Cut(0, 0)).ask.shapes == {"x": [1, 3, 6, 10]}
    assert bench.request(Cut(1, 1)).ask.shapes == {"a": [1, 4, 6, 10]}


def test_where_the_host_cannot_run_what_is_before_a_part_gets_noise(tmp_path):
    bench = bench_of(lite.foreign(tmp_path / "m.tflite"), tmp_path)
    assert bench._computed(Cut(0, 0)) == {}
    graph = lite.Graph()
    for name in ("x", "a", "y"):
        graph.tensor(name, (1, 4))
    graph.op("CUSTOM", ("x",), ("a",), custom=b"Acme")
    graph.op("NEG", ("a",), ("y",))
    (tmp_path / "two").mkdir()
    bench = bench_of(graph.save(tmp_path / "two" / "m.tflite", ("x",), ("y",)), tmp_path / "two")
    request = bench.request(Cut(1, 1))
    with np.load(request.ask.input) as given:
        assert given["a"].shape == (1, 4)
        assert 0 <= given["a"].min() < given["a"].max() < 1


def test_a_shape_that_nothing_tells_is_an_error_of_its_own(tmp_path):
    nodes = [
        helper.make_node("Warp", ["x"], ["a"], domain="acme"),
        helper.make_node("Relu", ["a"], ["y"]),
    ]
    ends = [models.tensor(name, [1, 4]) for name in ("x", "y")]
    path = models.save(tmp_path / "m.onnx", nodes, ends[:1], ends[1:], opsets=(("", 13), ("acme", 1)))
    with pytest.raises(UnknownShape, match="the shape of a is not known"):
        bench_of(path, tmp_path).request(Cut(1, 1))


@pytest.mark.parametrize(
    ("dtype", "low", "high"), [("float32", 0, 1), ("float16", 0, 1), ("int8", -128, 127), ("uint8", 0, 255)]
)
def test_noise_has_the_range_that_the_agent_gives_a_type(dtype, low, high):
    found = noise(CutTensor("x", dtype, (4000,)), None)
    assert (found.dtype, found.shape) == (np.dtype(dtype), (4000,))
    assert low <= found.min() < found.max() <= high
    assert float(found.max()) - float(found.min()) > 0.95 * (high - low)
    np.testing.assert_array_equal(found, noise(CutTensor("x", dtype, (4000,)), None))


def test_wider_integers_are_zero_for_they_may_be_indices():
    assert not noise(CutTensor("x", "int32", (8,)), None).any()
    assert not noise(CutTensor("x", "bool", (8,)), None).any()


def test_noise_has_the_users_range_and_needs_a_shape():
    found = noise(CutTensor("x", "float32", (1, None)), [1, 1000], (0.0, 255.0))
    assert found.max() > 200
    with pytest.raises(UnknownShape):
        noise(CutTensor("x", "float32", (1, None)), None)


@pytest.mark.parametrize("name", ["x", "file", "allow_pickle", "a/b:0", "naïve", "a b"])
def test_arrays_of_any_name_are_written(tmp_path, name):
    write_arrays(tmp_path / "in.npz", {name: np.arange(3)})
    with np.load(tmp_path / "in.npz") as found:
        assert found[name].tolist() == [0, 1, 2]


class TestVerdict:
    """A run's outcome: the part's own fault, or nothing to do with it."""

    def of(self, status, code=None, fidelity="ok"):
        outcome = Outcome(status=status, code=code, message="said")
        run = msgspec.structs.replace(make_run(), outcome=outcome, fidelity=Fidelity(state=fidelity, why="no host"))
        return verdict_of(run)

    @pytest.mark.parametrize("code", sorted(REFUSALS))
    def test_what_an_operator_can_be_to_blame_for_is_a_refusal(self, code):
        assert (self.of("failed", code).state, self.of("failed", code).message) == ("refused", "said")

    @pytest.mark.parametrize("code", ["runtime-missing", "device-lost", "disk-full", "interrupted", "internal"])
    def test_what_has_nothing_to_do_with_it_decides_nothing(self, code):
        assert self.of("failed", code).state == "undecided"

    def test_outputs_decide_between_right_and_wrong(self):
        assert self.of("failed", "wrong-output", "wrong").state == "wrong"
        assert (self.of("ok").state, self.of("ok").message) == ("ok", None)
        assert self.of("unstable").state == "ok"
        assert self.of("ok", fidelity="unavailable").message == "outputs not compared: no host"


def test_the_name_of_a_part_says_the_files_own_numbers(tmp_path):
    bench = bench_of(Path(__file__).resolve().parents[2] / "models" / "sr-x2-w28-fp16.tflite", tmp_path)
    at = next(place for place, one in enumerate(bench.cutter.operators) if one.kind == "ADD")
    number = bench.cutter.operators[at].index
    assert bench.place(Cut(at, at)).name == f"sr-x2-w28-fp16-op-{number}.tflite"
    assert bench.place(Cut(at, at + 1)).name == f"sr-x2-w28-fp16-ops-{number}-{number + 1}.tflite"
