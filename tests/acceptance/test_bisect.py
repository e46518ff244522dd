"""`edgebench bisect` with real runtimes: operators that they really lack, and ones that a faulty runtime gets wrong."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from rooms import MODELS, Room

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tflite_models as lite

QUICK = ("--device", "board", "--threads", "1")


def chain(path: Path, count: int, planted: dict[int, str], elem: int = TensorProto.FLOAT) -> Path:
    """A graph of `count` nodes one after the other, ReLUs and sigmoids but for the planted ones."""
    kinds = [planted.get(at, "Relu" if at % 2 else "Sigmoid") for at in range(count)]
    values = ["x", *(f"v{at}" for at in range(count - 1)), "y"]
    nodes = [helper.make_node(kind, [values[at]], [values[at + 1]], f"node{at}") for at, kind in enumerate(kinds)]
    ends = [helper.make_tensor_value_info(name, elem, [1, 3, 8, 8]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def test_an_operator_that_the_runtime_lacks_is_found_among_sixty_in_ten_runs(tmp_path: Path) -> None:
    """ONNX Runtime implements Softsign for float32 only (NOT_IMPLEMENTED for float64), on the host as well."""
    room = Room(tmp_path, "local")
    model = chain(tmp_path / "deep.onnx", 60, {41: "Softsign"}, TensorProto.DOUBLE)
    done = room.edgebench("bisect", model, "--accelerator", "cpu", *QUICK, "--json", "-")
    assert done.returncode == 0, done.stderr
    found = done.document
    assert (found["schema"], found["found"]) == ("edgebench.bisect/1", "culprit")
    (culprit,) = found["culprit"]
    assert (culprit["index"], culprit["op"], culprit["name"]) == (41, "Softsign", "node41")
    assert culprit["inputs"] == [{"name": "v40", "dtype": "float64", "dims": [1, 3, 8, 8], "stored": False}]
    assert [one["name"] for one in culprit["outputs"]] == ["v41"]
    assert (found["state"], found["code"], found["more"]) == ("refused", "unsupported-op", False)
    assert "Softsign" in found["message"]
    assert len(found["trials"]) <= 10
    lines = [line for line in done.stderr.splitlines() if line.startswith("cut ")]
    assert lines[0] == "cut 1 of about 10: ops 0-59: refused (unsupported-op)"
    assert len(lines) == len(found["trials"])
    assert room.history() == []  # trials are no rows


@pytest.mark.heavy
@pytest.mark.parametrize("transport", ["local", pytest.param("ssh", marks=pytest.mark.heavy)])
def test_an_operator_that_comes_out_wrong_is_found_and_its_part_kept(
    tmp_path: Path, transport: str, request: pytest.FixtureRequest
) -> None:
    room = Room(tmp_path, transport, request.getfixturevalue("sshd") if transport == "ssh" else None)
    room.install_faulty_runtime()
    model = chain(tmp_path / "deep.onnx", 4, {2: "Tanh"})
    fault = ("--option", "session.fault=twist@Tanh")
    done = room.edgebench("bisect", model, "--accelerator", "cpu", *QUICK, *fault, "--keep", tmp_path / "kept")
    assert done.returncode == 0, done.stderr
    assert "operator 2, Tanh 'node2', comes out wrong on cpu of board (onnxruntime)" in done.stdout
    assert "what follows it runs by itself" in done.stdout
    part = tmp_path / "kept" / "deep-op-2.onnx"
    assert [node.op_type for node in onnx.load(part).graph.node] == ["Tanh"]
    with np.load(part.with_suffix(".npz")) as kept:  # what the host computed up to there
        assert {name: kept[name].shape for name in kept} == {"v1": (1, 3, 8, 8)}
        assert 0 < kept["v1"].min() < kept["v1"].max() < 1
    again = room.run(part, "--input", part.with_suffix(".npz"), *fault)
    assert [row["outcome"]["code"] for row in again.runs] == ["wrong-output"]


@pytest.mark.heavy
def test_two_operators_are_told_of(tmp_path: Path) -> None:
    room = Room(tmp_path, "local")
    room.install_faulty_runtime()
    model = chain(tmp_path / "deep.onnx", 5, {1: "Tanh", 3: "Tanh"})
    fault = ("--option", "session.fault=refuse@Tanh")
    done = room.edgebench("bisect", model, "--accelerator", "cpu", *QUICK, *fault)
    assert done.returncode == 0, done.stderr
    assert "operator 1, Tanh 'node1', is refused by cpu of board" in done.stdout
    assert "what follows it fails too by itself: more operators may have to be changed" in done.stdout


@pytest.mark.heavy
def test_a_tflite_operator_that_no_runtime_brings_along_is_found(tmp_path: Path) -> None:
    room = Room(tmp_path, "local")
    graph = lite.Graph()
    names = [graph.tensor(f"v{at}", (1, 4)) for at in range(9)]
    for at in range(8):
        custom = {"custom": b"Acme"} if at == 5 else {}
        graph.op("CUSTOM" if custom else "NEG", (names[at],), (names[at + 1],), **custom)
    model = graph.save(tmp_path / "m.tflite", names[:1], names[-1:])
    done = room.edgebench("bisect", model, "--accelerator", "cpu", *QUICK, "--json", "-")
    assert done.returncode == 0, done.stderr
    found = done.document
    assert [(one["index"], one["op"]) for one in found["culprit"]] == [(5, "Acme")]
    assert (found["backend"], found["state"], found["code"]) == ("tflite", "refused", "unsupported-op")
    assert len(found["trials"]) <= 7


def test_a_model_that_runs_is_said_to(tmp_path: Path) -> None:
    room = Room(tmp_path, "local")
    model = Path(__file__).resolve().parents[2] / "models" / "sr-x2-w28-int8.tflite"
    done = room.edgebench("bisect", model, "--accelerator", "cpu", *QUICK)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("nothing is refused: sr-x2-w28-int8.tflite runs as a whole on cpu of board (tflite)")
    assert done.stderr.count("cut ") == 1


@pytest.mark.heavy
def test_a_device_without_the_accelerator_blames_no_operator(tmp_path: Path) -> None:
    room = Room(tmp_path, "local")
    options = ("--shape", "input=1x3x16x16", "--json", "-")
    done = room.edgebench("bisect", MODELS / "sr-x2-w16.onnx", "--accelerator", "cuda", *QUICK, *options)
    assert done.returncode == 4, done.stderr
    found = done.document
    assert (found["found"], found["culprit"], found["code"]) == ("everything", [], "delegate-failed")


def test_a_device_that_lacks_the_runtime_is_not_decided(tmp_path: Path) -> None:
    room = Room(tmp_path, "local")
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    bare.chmod(0o755)
    room.add_device("bare", python=str(bare))
    model = chain(tmp_path / "deep.onnx", 3, {})
    done = room.edgebench("bisect", model, "--accelerator", "cpu", "--device", "bare", "--json", "-")
    assert done.returncode == 4, done.stderr
    assert (done.document["found"], done.document["code"]) == ("undecided", "runtime-missing")
    assert len(done.document["trials"]) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--accelerator", "auto"), 2, "bisect takes one accelerator"),
        (("--accelerator", "gpu"), 2, "onnxruntime has no accelerator 'gpu'"),
        (("--accelerator", "cpu", "--device", "nobody"), 2, "unknown device 'nobody'"),
        (("--accelerator", "cpu", "--device", "gone"), 3, "gone: "),
        (("--accelerator", "cpu", "--json", "/nowhere/found.json"), 2, "cannot write /nowhere/found.json"),
        (("--accelerator", "cpu", "--keep", "/dev/null/kept"), 2, "nothing can be kept in /dev/null/kept"),
        (("--accelerator", "cpu", "--shape", "z=1x3x8x8"), 2, "known: x"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(
    tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    room = Room(tmp_path, "local")
    with (room.config / "devices.toml").open("a") as devices:
        devices.write('[gone]\ntransport = "ssh"\nhost = "127.0.0.1"\nport = 1\n')
    done = room.edgebench("bisect", chain(tmp_path / "m.onnx", 3, {}), *arguments)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert json.dumps(done.stdout) == '""'


def test_a_model_of_one_operator_is_its_own_part(tmp_path: Path) -> None:
    room = Room(tmp_path, "local")
    model = chain(tmp_path / "one.onnx", 1, {0: "Softsign"}, TensorProto.DOUBLE)
    (tmp_path / "one.npz").write_bytes(b"somebody else's")
    done = room.edgebench("bisect", model, "--accelerator", "cpu", *QUICK, "--keep", tmp_path / "kept", "--json", "-")
    assert done.returncode == 0, done.stderr
    assert [one["index"] for one in done.document["culprit"]] == [0]
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["one.onnx"]
    assert (tmp_path / "kept" / "one.onnx").read_bytes() == model.read_bytes()


@pytest.mark.heavy
def test_an_interrupt_ends_the_search_and_leaves_nothing_behind(tmp_path: Path) -> None:
    room = Room(tmp_path, "local")
    room.install_faulty_runtime()
    model = chain(tmp_path / "deep.onnx", 9, {})
    searching = room.start("bisect", model, "--accelerator", "cpu", *QUICK, "--option", "session.fault=hang@run")
    with searching:
        while not any(room.home.glob("jobs/*/events.jsonl")):
            assert searching.poll() is None
            os.sched_yield()
        searching.send_signal(signal.SIGINT)
        assert searching.wait(60) == 130
    assert list((room.home / "jobs").iterdir()) == []
    assert room.history() == []
