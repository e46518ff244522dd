"""A simulated phone, measured as a real one would be: `mock start`, the real adb server, the installed command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from phone_rooms import PhoneRoom

MODELS = Path(__file__).parents[2] / "models"
FP32 = MODELS / "sr-x2-w28-fp32.tflite"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhoneRoom]:
    with PhoneRoom(tmp_path_factory.mktemp("phone")) as room, room.phone():
        yield room


def test_one_row_an_accelerator_and_an_error_row_among_them(room: PhoneRoom) -> None:
    done = room.run(FP32, "--accelerator", "cpu,gpu,nnapi")
    assert done.returncode == 5, done.stderr
    cpu, gpu, nnapi = done.runs
    for run in (cpu, gpu):
        assert run["outcome"]["status"] == "ok", run["outcome"]
        assert run["kind"] == "simulated"
        assert run["metrics"]["latency_mean"]["value"] > 0
        assert run["metrics"]["latency_p50"]["value"] is None
        assert run["fidelity"]["state"] == "ok"
        assert run["grade"]["letter"] == "D"
        assert {"simulated", "aggregate-only"} <= {reason["code"] for reason in run["grade"]["reasons"]}
    assert gpu["metrics"]["latency_mean"]["value"] < cpu["metrics"]["latency_mean"]["value"]
    assert gpu["variant"]["precision"]["effective"]["compute"] == "fp16"
    assert gpu["fidelity"]["psnr_db"] < cpu["fidelity"]["psnr_db"]
    assert (nnapi["outcome"]["status"], nnapi["outcome"]["code"]) == ("failed", "delegate-failed")
    assert "ANEURALNETWORKS" in nnapi["outcome"]["message"]
    assert nnapi["metrics"].get("latency_mean", {}).get("value") is None


@pytest.mark.heavy
def test_nothing_of_a_collected_job_stays_there(room: PhoneRoom) -> None:
    room.run(FP32)
    assert list((room.home / "jobs").iterdir()) == []
    status = room.edgebench("devices", "check", room.name, "--json", "-").document
    assert [one["text"] for one in status["findings"] if one["name"] == "lease"] == ["free"]


@pytest.mark.heavy
def test_the_second_run_pushes_no_model(room: PhoneRoom) -> None:
    room.run(FP32)
    (model,) = room.home.glob("artifacts/*/model.tflite")
    before = model.stat()
    assert room.run(FP32).returncode == 0
    assert (model.stat().st_ino, model.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.heavy
def test_auto_takes_the_first_rung_that_works(room: PhoneRoom) -> None:
    done = room.run(FP32, "--accelerator", "auto")
    assert done.returncode == 0, done.stderr
    assert done.runs[0]["variant"]["accelerator"] == {"requested": "auto", "effective": "gpu"}


def test_an_onnx_file_needs_another_tool(room: PhoneRoom) -> None:
    done = room.run(MODELS / "sr-x2-w28.onnx")
    assert done.returncode == 4
    assert done.runs[0]["outcome"]["code"] == "tool-missing"
    assert "onnxruntime_perf_test" in done.runs[0]["outcome"]["message"]


@pytest.mark.heavy
def test_detached_it_goes_on_and_restore_brings_the_report(room: PhoneRoom) -> None:
    done = room.run(FP32, "--detach")
    assert done.returncode == 0, done.stderr
    left = done.runs[0]["id"]
    following = room.run(FP32)  # waits for the job that holds the phone, then collects it
    assert following.returncode == 0, following.stderr
    assert {run["id"]: run["outcome"]["status"] for run in room.history()}[left] == "ok"
