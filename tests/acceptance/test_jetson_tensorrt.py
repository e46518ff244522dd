"""TensorRT on simulated boards over SSH, as a user runs it: rows, precisions, layers, and engines that are kept."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from jetson_rooms import BRIEF, JetsonRoom
from rooms import Done
from trouble import events

MODELS = Path(__file__).parents[2] / "models"
FLOATS, QUANTISED = MODELS / "sr-x2-w16.onnx", MODELS / "sr-x2-w28-int8.onnx"
ASKED = (FLOATS, "--backend", "tensorrt")
START_BOUND_S = 5.0
NANO_WATTS = (1.0, 10.0)
"""From an idle board to what its 5 V supply gives."""


@pytest.fixture(scope="module")
def nano(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JetsonRoom]:
    with JetsonRoom(tmp_path_factory.mktemp("nano")) as room, room.board("jetson-nano", speed=20.0):
        yield room


def row(done: Done) -> dict[str, Any]:
    """The one row, which is good."""
    (run,) = done.runs
    assert run["outcome"]["status"] == "ok", run["outcome"]
    return run


def value(run: dict[str, Any], name: str) -> float:
    found = run["metrics"][name]["value"]
    assert found is not None, run["metrics"][name]
    return found


def check_power_and_placement(run: dict[str, Any]) -> None:
    assert NANO_WATTS[0] < value(run, "power_mean") < NANO_WATTS[1]
    assert value(run, "energy_gross") > value(run, "energy_net") > 0
    assert run["power"]["scope"]
    (accelerator,) = run["placement"]["nodes"]
    assert accelerator == run["variant"]["accelerator"]["effective"]
    assert run["placement"]["share"] == 1.0


def check_int8_refused(run: dict[str, Any]) -> None:
    outcome = run["outcome"]
    assert (outcome["status"], outcome["code"]) == ("failed", "unsupported-precision")
    assert "sm_53" in outcome["message"]
    assert not [name for name in run["metrics"] if name.startswith("latency") and run["metrics"][name]["value"]]


def check_schema(room: JetsonRoom, document: dict[str, Any]) -> None:
    jsonschema.validate(document, json.loads(room.edgebench("schema", "report").stdout))


@pytest.mark.heavy
@pytest.mark.timeout(1500)
def test_every_model_of_the_repository_by_both_runtimes(tmp_path: Path) -> None:
    with JetsonRoom(tmp_path) as room, room.board("jetson-nano") as name:
        models, both = sorted(MODELS.glob("*.onnx")), ("--backend", "tensorrt,onnxruntime")
        done = room.edgebench("run", *models, "--device", name, *both, "--quick", "--json", "-", timeout=1400)
        assert done.returncode == 5, done.stderr
        check_schema(room, done.document)
    rows = {(run["variant"]["model"], run["variant"]["backend"]): run for run in done.runs}
    assert len(rows) == 2 * len(models)
    check_int8_refused(rows.pop((QUANTISED.stem, "tensorrt")))
    for run in rows.values():
        assert run["outcome"]["status"] in ("ok", "unstable"), run["outcome"]  # ONNX Runtime computes on this machine
        check_power_and_placement(run)


def test_a_row_has_watts_joules_and_placement_and_int8_is_refused_by_name(tmp_path: Path) -> None:
    plan = ("--quick", "--invocations", "2", "--min-time", "0.3", "--soak", "4", "--no-memory", "--json", "-")
    with JetsonRoom(tmp_path) as room, room.board("jetson-nano") as name:
        asked = (FLOATS, QUANTISED, "--backend", "tensorrt", "--device", name)
        done = room.edgebench("run", *asked, *plan)
        assert done.returncode == 5, done.stderr
        check_schema(room, done.document)
    good, refused = done.runs
    check_int8_refused(refused)
    assert good["outcome"]["status"] == "ok", good["outcome"]
    check_power_and_placement(good)
    assert value(good, "build") > 0
    assert value(good, "compute_p50") < value(good, "latency_p50")


@pytest.fixture(scope="module")
def whole(nano: JetsonRoom) -> Done:
    """A first run in fp32, which builds its engine."""
    return nano.run(*ASKED)


def test_half_precision_is_what_the_layers_say_and_faster(nano: JetsonRoom, whole: Done) -> None:
    single, half = row(whole), row(nano.run(*ASKED, "--precision", "fp16"))
    for run, precision in ((single, "fp32"), (half, "fp16")):
        assert run["variant"]["precision"]["effective"]["compute"] == precision
        assert list(run["placement"]["precisions"]) == [precision]
    assert value(half, "latency_p50") < value(single, "latency_p50")
    named = [op for layer in half["placement"]["layers"] for op in layer["ops"]]
    assert {"conv0", "relu0"} <= set(named)
    assert half["placement"]["reformat_share"] > 0
    assert half["fidelity"]["psnr_db"] < single["fidelity"]["psnr_db"]


@pytest.mark.heavy
def test_a_quantised_file_runs_in_int8_on_a_board_that_has_it(tmp_path: Path) -> None:
    with JetsonRoom(tmp_path) as room, room.board("jetson-orin-nano", speed=20.0):
        run = row(room.run(QUANTISED, "--backend", "tensorrt"))
    assert run["variant"]["precision"]["effective"]["compute"] == "int8"
    assert run["placement"]["precisions"]["int8"] > 0
    assert {"int8", "fp32"} >= set(run["placement"]["precisions"])
    mixed = [warning["text"] for warning in run["warnings"] if warning["code"] == "mixed-precision"]
    layers = sum(run["placement"]["precisions"].values())
    assert mixed == [] or f"of {layers} layers ran in int8" in mixed[0]


def test_a_kept_engine_is_told_and_starts_at_once(
    nano: JetsonRoom, whole: Done, capsys: pytest.CaptureFixture[str]
) -> None:
    """What starting costs beyond trtexec's own start is reckoned from the record on the board, by its own clock."""
    built = row(whole)["metrics"]["build"]
    assert built["method"] == "built in this run"
    assert "building the engine" in whole.stderr
    started = nano.edgebench("run", "--device", nano.name, *ASKED, *BRIEF, "--detach")
    assert started.returncode == 0, started.stderr
    follow(nano)
    beyond_s = start_beyond_load_s(events(nano.home))
    with capsys.disabled():
        print(f" [{beyond_s:.2f} s beyond trtexec's own start]", end="")
    assert beyond_s < START_BOUND_S
    collected = nano.edgebench("devices", "restore", nano.name)
    assert "collected sr-x2-w16" in collected.stderr, collected
    again = nano.history()[0]
    assert again["outcome"]["status"] == "ok"
    assert again["metrics"]["build"]["method"] == "built earlier on this device, kept there"
    assert value(again, "build") == built["value"]


def follow(room: JetsonRoom) -> None:
    """Wait on the board itself until its one job has ended."""
    (job,) = (room.home / "jobs").iterdir()
    agent = max((room.home / "agents").glob("*.zip"), key=lambda path: path.stat().st_mtime_ns)
    subprocess.run([sys.executable, agent, "follow", job], stdout=subprocess.DEVNULL, check=True, timeout=120)


def start_beyond_load_s(told: list[dict[str, Any]]) -> float:
    """Seconds of the build step, which finds the engine, and of an invocation's before its first inference: less load.

    Load is trtexec's own: from its start to where its inferences begin.
    """
    begins = {event["pass"]: event for event in told if event["ev"] == "step"}
    build, timed = begins["build"], begins["invocation"]
    (engine,) = [event for event in told if event["ev"] == "engine"]
    assert engine["cached"] is True
    found = next(event for event in told if event["ev"] == "done" and event["step"] == build["step"])
    of_timed = {event["ev"]: event for event in told if event.get("step") == timed["step"] and event is not timed}
    start_ns = of_timed["anchor"]["at_ns"] - timed["t"] - of_timed["loaded"]["load_ns"]
    return (found["t"] - build["t"] + start_ns) / 1e9
