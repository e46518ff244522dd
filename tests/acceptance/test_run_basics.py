"""`edgebench run` on a real model, locally and over a real sshd."""

from __future__ import annotations

import jsonschema
from rooms import MODELS, Room

from edgebench.records import json_schema

SHAPE = ("--shape", "input=1x3x32x32")


def test_run_gives_a_valid_row(room: Room) -> None:
    done = room.run(MODELS / "sr-x2-w16.onnx", *SHAPE)
    assert done.returncode in (0, 5), done.stderr
    jsonschema.validate(done.document, json_schema("report"))
    (run,) = done.runs
    assert run["outcome"]["status"] in ("ok", "unstable")
    assert len(run["invocations"]) == 2
    assert run["metrics"]["latency_p50"]["value"] > 0
    assert run["metrics"]["latency_p50"]["lo"] is None  # two invocations give no interval
    assert run["metrics"]["load"]["value"] > 0
    assert run["fidelity"]["psnr_db"] > 60
    assert run["placement"]["nodes"] == {"cpu": 15}
    assert room.history()[0]["id"] == run["id"]


def test_a_fault_is_a_row_and_the_next_row_runs(room: Room) -> None:
    room.install_faulty_runtime()
    done = room.run(MODELS / "sr-x2-w16.onnx", *SHAPE, "--option", "session.fault=segfault@load")
    assert done.returncode == 4, done.stderr
    assert done.runs[0]["outcome"]["code"] == "crashed"
    good = room.run(MODELS / "sr-x2-w16.onnx", *SHAPE)
    assert good.returncode in (0, 5), good.stderr
