"""`edgebench run` on .tflite files, locally and over a real sshd; a delegate that computes nothing, built here."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from rooms import Room

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tflite_models as nets

from edgebench.records import json_schema

MODELS = Path(__file__).resolve().parents[2] / "models"
DELEGATE = Path(__file__).resolve().parents[1] / "agent" / "data" / "delegate.c"
SMALL = ("--shape", "input=1x32x32x3")


def test_run_gives_a_valid_row(room: Room) -> None:
    done = room.run(MODELS / "sr-x2-w28-fp32.tflite", *SMALL)
    assert done.returncode in (0, 5), done.stderr
    jsonschema.validate(done.document, json_schema("report"))
    (run,) = done.runs
    assert run["outcome"]["status"] in ("ok", "unstable")
    assert (run["variant"]["backend"], run["variant"]["artifact"]["format"]) == ("tflite", "tflite")
    assert run["metrics"]["latency_p50"]["value"] > 0
    assert run["metrics"]["macs"]["value"] == 1843430400 * 32 * 32 / (180 * 320)
    assert run["fidelity"]["psnr_db"] > 60
    assert run["placement"]["share"] == 1
    assert run["placement"]["nodes"]["xnnpack"] > 0


def test_a_quantised_file_against_the_float_one(room: Room) -> None:
    reference = MODELS / "sr-x2-w28-fp32.tflite"
    done = room.run(MODELS / "sr-x2-w28-int8.tflite", *SMALL, "--reference", reference, "--input-range", "0,255")
    assert done.returncode in (0, 5), done.stderr
    (run,) = done.runs
    assert run["variant"]["precision"]["effective"]["compute"] == "int8"
    assert 25 < run["fidelity"]["psnr_db"] < 60


@pytest.mark.heavy
def test_threads_batch_and_options_multiply_rows(room: Room) -> None:
    done = room.run(MODELS / "sr-x2-w28-fp16.tflite", *SMALL, "--batch", "1,2", "--option", "kernels=builtin")
    assert done.returncode in (0, 5), done.stderr
    assert [run["variant"]["shapes"]["input"][0] for run in done.runs] == [1, 2]
    assert all(set(run["placement"]["nodes"]) == {"cpu"} for run in done.runs)


@pytest.mark.parametrize(
    ("code", "outcome"), [("FlexErf", "unsupported-op"), ("Warp", "unsupported-op")], ids=["flex", "custom"]
)
def test_operators_that_are_not_there_are_an_error_row(room: Room, tmp_path: Path, code: str, outcome: str) -> None:
    done = room.run(nets.foreign(tmp_path / "m.tflite", code))
    assert done.returncode == 4
    assert (done.runs[0]["outcome"]["code"], code in done.runs[0]["outcome"]["message"]) == (outcome, True)


def test_an_accelerator_without_its_library_is_an_error_row(room: Room) -> None:
    done = room.run(MODELS / "sr-x2-w28-fp32.tflite", *SMALL, "--accelerator", "gpu")
    assert done.returncode == 4
    assert done.runs[0]["outcome"]["code"] == "delegate-failed"
    assert "delegate=PATH" in done.runs[0]["outcome"]["message"]


@pytest.mark.heavy
@pytest.mark.parametrize("nodes", ["2", "99", "0"])
def test_a_delegate_that_computes_nothing_is_fast_and_wrong(room: Room, tmp_path: Path, nodes: str) -> None:
    compiler = shutil.which("cc")
    assert compiler, "`tools/system_packages.sh PYTHON cc` names the package that is missing"
    library = tmp_path / "libnothing.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, DELEGATE], check=True)
    options = ("--option", f"delegate={library}", "--option", f"delegate.nodes={nodes}")
    done = room.run(nets.upscaler(tmp_path / "m.tflite", size=32), "--accelerator", "gpu", *options)
    assert done.returncode == 4
    (run,) = done.runs
    assert run["outcome"]["code"] == ("delegate-failed" if nodes == "0" else "wrong-output")
    assert "value" not in run["metrics"].get("latency_p50", {}) or run["metrics"]["latency_p50"]["value"] is None


def test_inspect_names_the_rewrite(room: Room, tmp_path: Path) -> None:
    graph = nets.Graph()
    graph.tensor("x", (1, 8, 8, 4))
    graph.constant("shape", np.array([64, 4], np.int32))
    graph.tensor("y", (64, 4))
    graph.op("RESHAPE", ("x", "shape"), ("y",), newShape=[64, 4])
    path = graph.save(tmp_path / "m.tflite", ("x",), ("y",))
    done = room.edgebench("inspect", path, "--accelerator", "gpu")
    assert done.returncode == 0, done.stderr
    assert "Batch size mismatch" in done.stdout
    document = json.loads(room.edgebench("inspect", path, "--accelerator", "gpu", "--json", "-").stdout)
    assert document["graph"]["lint"][0]["code"] == "batch-changed"
