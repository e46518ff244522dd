"""The stand-in trtexec, written apart from the agent's reader of it: whatever the one says, the other understands."""

import io
import json

import pytest
import small_models
from trtexec_bench import ManualBoard, Process, Ran

from edgebench.agent.trtexec import argv, complaints, exports, layers, speech
from edgebench.mock.jetson.host import Call, Killed
from edgebench.mock.jetson.trtexec.program import trtexec

NANO, ORIN = "jetson-nano", "jetson-orin-nano"
RELEASES = {"7.1.3.4": NANO, "8.2.1.8": NANO, "8.5.2.2": ORIN, "10.3.0.30": ORIN}


@pytest.fixture
def folder(tmp_path):
    small_models.convolution(tmp_path / "m.onnx", height=32, width=32)
    return tmp_path


def text_of(ran):
    """Standard output and error as the agent hears them: in one, errors where they come before the last banner."""
    head, _, tail = ran.out.rstrip("\n").rpartition("\n")
    return f"{head}\n{ran.err}{tail}\n"


def known(folder, **of_board):
    return argv.flags_of(Ran(folder, "--help", **of_board).out)


def build(folder, flags=None, **of_board):
    engine = {"flags": flags or {}}
    return Ran(folder, *argv.build("m.onnx", "e", engine, known(folder, **of_board)), **of_board)


def run(folder, *extra, engine="e", limits=(1, 30), flags=None, **of_board):
    told = argv.run(engine, {}, {}, limits, known(folder, **of_board), flags)
    return Ran(folder, *told, *extra, **of_board)


@pytest.mark.parametrize(("version", "name"), RELEASES.items())
class TestReleases:
    def test_a_build_is_followed_to_its_end(self, folder, version, name):
        ran = build(folder, {"fp16": True}, name=name, tensorrt=version)
        said = speech.read(text_of(ran))
        assert (said.known, said.status) == (True, "PASSED"), text_of(ran)
        assert said.version is None if version.startswith("7") else version.startswith(said.version)
        marks = [mark for mark in map(speech.Said().take, ran.out.splitlines()) if mark]
        assert marks[0] == "banner"
        assert marks.index("timing kernels") < marks.index("saving the engine")

    def test_every_inference_is_read_with_compute_apart(self, folder, version, name):
        build(folder, name=name, tensorrt=version)
        ran = run(folder, "--exportTimes=t.json", name=name, tensorrt=version)
        said = speech.read(text_of(ran))
        times = exports.read_times(io.StringIO((folder / "t.json").read_text()))
        assert exports.leading_warmups(len(times.starts_ns), said.warmups, said.timed) == 0
        assert len(times.starts_ns) >= 30
        assert times.starts_ns[-1] >= 900_000_000
        latency = said.figures["End-to-End Host Latency" if "End-to-End Host Latency" in said.figures else "Latency"]
        ordered = sorted(times.durations_ns)
        assert ordered[0] / 1e6 == pytest.approx(latency["min"], rel=2e-3)
        assert sorted(times.computes_ns)[-1] / 1e6 == pytest.approx(said.figures["GPU Compute Time"]["max"], rel=1e-4)
        pairs = zip(times.starts_ns, times.durations_ns, times.starts_ns[1:], strict=False)
        coarse = [1e-6 * start + exports.resolution_ns(start) + 1000 for start in times.starts_ns[1:]]
        assert all(s + d <= after + slack for (s, d, after), slack in zip(pairs, coarse, strict=True)), "sequential"

    def test_the_moments_of_a_run(self, folder, version, name):
        build(folder, name=name, tensorrt=version)
        wanted = ["banner", "imported", "loaded", "start", "end"]
        marks = map(speech.Said().take, run(folder, name=name, tensorrt=version).out.splitlines())
        assert [mark for mark in marks if mark in wanted][:5] == wanted

    def test_outputs_and_bindings(self, folder, version, name):
        build(folder, name=name, tensorrt=version)
        ran = run(folder, "--exportOutput=o.json", limits=(0, 1), name=name, tensorrt=version)
        told = exports.read_outputs((folder / "o.json").read_text())
        said = speech.read(text_of(ran))
        assert said.inputs
        assert [(one, dims) for one, dims, _ in told] == list(said.outputs.items())

    def test_layers_with_their_precision_and_time(self, folder, version, name):
        if version.startswith("7"):
            assert "exportLayerInfo" not in known(folder, name=name, tensorrt=version)
            return  # layers are told since 8.2
        build(folder, {"fp16": True}, name=name, tensorrt=version)
        extra = ("--exportLayerInfo=l.json", "--exportProfile=p.json")
        run(folder, *extra, limits=(0, 10), name=name, tensorrt=version)
        found, _ = exports.read_layers((folder / "l.json").read_text())
        count, profile = exports.read_profile((folder / "p.json").read_text())
        assert count >= 1
        event, placed = layers.described(found, {one["name"]: one["ms"] for one in profile})
        assert {one["name"] for one in event["layers"]} == {one["name"] for one in profile}
        computing = [one for one in event["layers"] if one["precision"]]
        assert computing
        assert {one["precision"] for one in computing} <= {"fp16", "fp32"}
        assert list(placed) == ["cuda"]
        assert event["reformat"]["share"] is not None

    def test_an_engine_of_another_release_is_a_sentence(self, folder, version, name):
        other = "8.4.1.5"
        build(folder, name=name, tensorrt=other)
        ran = run(folder, name=name, tensorrt=version)
        assert ran.code == 1
        found = complaints.complaint_of(speech.read(text_of(ran)).lines, "load-failed")
        assert found.code == "engine-mismatch", text_of(ran)
        assert "TensorRT" in found.message

    def test_an_operator_that_is_not_taken_is_named(self, folder, version, name):
        ran = build(folder, name=name, tensorrt=version, faults=("op-unsupported",))
        found = complaints.complaint_of(speech.read(text_of(ran)).lines, "build-failed")
        assert found.code == "unsupported-op", text_of(ran)
        assert "node" in found.message

    def test_a_builder_without_memory(self, folder, version, name):
        ran = build(folder, name=name, tensorrt=version, faults=("build-oom",))
        found = complaints.complaint_of(speech.read(text_of(ran)).lines, "build-failed")
        assert found.code == "oom", text_of(ran)
        assert "workspace" in found.message

    def test_no_dla(self, folder, version, name):
        ran = build(folder, {"dla": 0}, name=name, tensorrt=version)
        found = complaints.complaint_of(speech.read(text_of(ran)).lines, "build-failed")
        assert (found.code, found.message) == ("delegate-failed", "Cannot create DLA engine, 0 not available")

    def test_an_input_of_another_size(self, folder, version, name):
        build(folder, name=name, tensorrt=version)
        said = speech.read(text_of(run(folder, limits=(0, 1), name=name, tensorrt=version)))
        (folder / "in.bin").write_bytes(b"1234")
        board = {"name": name, "tensorrt": version}
        inputs = {next(iter(said.inputs)): "in.bin"}
        text = died(folder, argv.run("e", {}, inputs, (0, 1), known(folder, **board)), **board)
        assert complaints.complaint_of(speech.read(text).lines, "crashed").code == "bad-input", text


def died(folder, told, **of_board):
    """What a process says that ends by a signal."""
    board = ManualBoard(**of_board)
    line = Process(board)
    with pytest.raises(Killed):
        trtexec(Call("trtexec", tuple(told), folder, 4711, False), line, board)
    return line.stdout + line.stderr


def test_a_gpu_of_another_capability(folder):
    build(folder, name=ORIN, tensorrt="8.2.1.8")
    ran = run(folder, name=NANO, tensorrt="8.2.1.8")
    found = complaints.complaint_of(speech.read(text_of(ran)).lines, "load-failed")
    assert found.code == "engine-mismatch"
    assert "capability 8.7, this one has 5.3" in found.message


def test_no_engine_at_all(folder):
    (folder / "e").write_text(json.dumps({"no": "engine"}))
    found = complaints.complaint_of(speech.read(text_of(run(folder, name=NANO))).lines, "load-failed")
    assert found.code == "engine-mismatch"
    assert "no engine at all" in found.message


def test_int8_where_the_gpu_has_none_is_told_in_a_note(folder):
    said = speech.read(text_of(build(folder, {"int8": True}, name=NANO)))
    assert "Int8" in said.notes["slow-precision"]


def test_words_of_no_known_dialect(folder):
    said = speech.read(Ran(folder, "--help", name=NANO, faults=("trtexec-unknown-dialect",)).out)
    assert not said.known
