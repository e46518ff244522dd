"""What `edgebench run` can do, end to end: inputs, states, lists, pacing, soak, power, memory, checks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx_makers as makers
import pytest
from PIL import Image
from rooms import SHORT, Done, Room

from edgebench.mock.living import Living
from edgebench.mock.sysfs import FakeBoard
from edgebench.mock.workload import Constant, Schedule
from edgebench.store import open_store
from edgebench.store.answers import SampleKey

TINY = ("--invocations", "1", "--min-time", "0")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """A local room whose folder has small models."""
    made = Room(tmp_path_factory.mktemp("features"), "local")
    makers.conv(made.folder / "conv.onnx")
    makers.conv(made.folder / "batched.onnx", "N")
    makers.two_and_two(made.folder / "two.onnx")
    makers.embedding(made.folder / "ids.onnx")
    return made


MEAN_W = 5.6
"""Watts that the fake board draws all the time, with its noise; shapes of load are for the tests of the estimators."""

LONG = {
    "everything": """--soak 3 --target-fps 100 --frames-per-inference 2 --note notes --invocations 2 --min-time 0.1
        --power off --option optimization=basic --option session.intra_op.allow_spinning=0 --name net --label row""",
    "too fast": "--target-fps 1000000 --invocations 1 --min-time 0 --soak 0 --no-memory --power off",
    "board": "--target-fps 30 --invocations 1 --min-time 0 --soak 5 --no-memory --power auto",
}
"""Runs that mostly wait (a paced pass takes ten seconds), each on a device of its own."""


class LongRuns:
    """All runs of `LONG`, begun together and read when a test asks."""

    def __init__(self, folder: Path, living: Living) -> None:
        self.room = Room(folder, "local")
        self.living = living
        model = makers.conv(folder / "conv.onnx")
        self._done: dict[str, Done] = {}
        self._running = {}
        for at, (name, options) in enumerate(LONG.items()):
            home = folder / f"home-{at}"
            root = living.board.root if name == "board" else "/"
            self.room.add_device(f"device-{at}", home=str(home), root=root)
            plan = ("--quick", "--threads", "1", *options.split(), "--reference", model, "--json", "-")
            self._running[name] = self.room.start("run", "--device", f"device-{at}", model, *plan)

    def finish(self, name: str) -> Done:
        """The run, at its end."""
        if name not in self._done:
            process = self._running[name]
            out, err = process.communicate(timeout=150)
            self._done[name] = Done(process.returncode, out, err)
        return self._done[name]


@pytest.fixture(scope="module", autouse=True)
def long_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LongRuns]:
    """The long runs, begun before the first test of this file."""
    folder = tmp_path_factory.mktemp("long")
    board = FakeBoard(folder / "board", seed=3, load=Schedule(((600.0, Constant(MEAN_W)),)))
    with board, Living(board, seed=4) as living:
        runs = LongRuns(folder, living)
        yield runs
        for name in LONG:
            runs.finish(name)


def run(room: Room, *args: object) -> Done:
    """The shortest plan, changed by `args`."""
    return room.edgebench("run", "--device", "board", *SHORT, *args, "--json", "-")


def row(done: Done) -> dict[str, Any]:
    """The one row of a run that measured."""
    assert done.returncode in (0, 5), done.stderr + done.stdout
    (one,) = done.runs
    assert one["outcome"]["code"] is None, one["outcome"]
    return one


def reasons(one: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in one["grade"]["reasons"]]


def test_several_inputs_and_outputs_from_a_file(room: Room) -> None:
    a, b = np.float32([[1, 2, 3, 4]]), np.float32([[5, 6, 7, 8]])
    np.savez(room.folder / "both.npz", a=a, b=b)
    one = row(run(room, room.folder / "two.onnx", "--input", room.folder / "both.npz", *TINY))
    assert one["variant"]["shapes"] == {"a": [1, 4], "b": [1, 4]}
    assert set(one["fidelity"]["outputs"]) == {"sum", "product"}
    assert one["fidelity"]["max_abs"] == 0
    assert one["invocations"][0]["files"] is None  # one file is not a choice between several
    assert one["metrics"]["params"]["value"] == 0


def test_a_state_is_fed_back_from_step_to_step(room: Room) -> None:
    # fed back, the state runs off the table at step 50; the same graph with a state that has another name does not
    fed = run(room, makers.stepper(room.folder / "fed.onnx", 50), *TINY)
    assert fed.returncode == 4
    assert "idx=50 must be within the inclusive range [-50,49]" in fed.runs[0]["outcome"]["message"]
    plain = makers.stepper(room.folder / "plain.onnx", 50, state="at", following="other")
    assert row(run(room, plain, *TINY))["invocations"][0]["iterations"] == 100


def test_whole_number_inputs_take_their_range(room: Room) -> None:
    assert row(run(room, room.folder / "ids.onnx", "--input-range", "0,9", *TINY))["fidelity"]["psnr_db"] == 200
    beyond = run(room, room.folder / "ids.onnx", "--input-range", "0,1000", *TINY)
    assert beyond.returncode == 4
    assert "must be within the inclusive range [-10,9]" in beyond.runs[0]["outcome"]["message"]


@pytest.mark.parametrize("kind", ["arrays", "photographs"])
def test_a_folder_of_inputs_names_the_file_of_every_sample(room: Room, kind: str) -> None:
    folder = room.folder / kind
    folder.mkdir()
    rng = np.random.default_rng(1)
    for name in "abc":
        if kind == "arrays":
            np.savez(folder / f"{name}.npz", x=rng.random((1, 3, 8, 8), np.float32))
        else:  # of another size than the model's: scaled
            Image.fromarray(rng.integers(0, 256, (12, 10, 3), np.uint8)).save(folder / f"{name} é.png")
    one = row(run(room, room.folder / "conv.onnx", "--input", folder, "--samples", *TINY))
    (invocation,) = one["invocations"]
    named = [path.name for path in sorted(folder.iterdir())]
    assert len(invocation["latency_ns"]) == len(invocation["files"]) == 100
    assert invocation["files"] == [named[at % 3] for at in range(100)]
    assert one["variant"]["shapes"] == {"x": [1, 3, 8, 8]}
    assert one["metrics"]["macs"]["value"] == 4 * 3 * 9 * 64
    assert not [path for path in room.home.rglob("*") if "é" in path.name]


def test_lists_multiply_rows_and_label_them(room: Room) -> None:
    done = run(room, room.folder / "batched.onnx", "--threads", "1,2", "--batch", "1,3", "--tag", "k=v", *TINY)
    assert done.returncode in (0, 5), done.stderr
    labels = [one["variant"]["label"] for one in done.runs]
    assert labels == [f"batched threads={threads} batch={batch}" for threads in (1, 2) for batch in (1, 3)]
    assert [one["variant"]["batch"] for one in done.runs] == [1, 3, 1, 3]
    assert [one["variant"]["threads"] for one in done.runs] == [
        {"requested": threads, "effective": threads} for threads in (1, 1, 2, 2)
    ]
    assert {one["tags"]["k"] for one in done.runs} == {"v"}
    macs = [one["metrics"]["macs"]["value"] for one in done.runs]
    assert macs[1] == 3 * macs[0]


def test_a_shape_with_a_batch_counts_its_items(room: Room) -> None:
    one = row(run(room, room.folder / "batched.onnx", "--shape", "x=4x3x8x8", "--soak", "1", *TINY))
    assert one["variant"]["batch"] == 4
    metrics = one["metrics"]
    assert metrics["sustained_fps"]["value"] == pytest.approx(4 * metrics["iterations_per_s"]["value"])


@pytest.fixture(scope="module")
def full(long_runs: LongRuns) -> dict[str, Any]:
    """One run with everything on: soak, memory, a pace that holds, several frames an inference, runtime options."""
    return row(long_runs.finish("everything"))


def test_soak_has_its_curve(full: dict[str, Any]) -> None:
    assert full["soak"]["seconds"] == pytest.approx(3, abs=0.5)
    assert len(full["soak"]["curve"]) >= 2
    assert all(point["fps"] > 0 for point in full["soak"]["curve"])
    metrics = full["metrics"]
    assert metrics["sustained_fps"]["value"] == pytest.approx(2 * metrics["iterations_per_s"]["value"])
    assert metrics["burst_fps"]["value"] > 0


def test_a_pace_that_is_easily_held(full: dict[str, Any]) -> None:
    paced = full["paced"]
    assert (paced["target_fps"], paced["frames"]) == (100, 1000)  # ten seconds with --quick
    assert full["metrics"]["deadline_miss"]["value"] == paced["missed"] / 1000
    assert full["metrics"]["paced_fps"]["value"] <= 2 * 100 * 1.01


def test_memory_is_sane(full: dict[str, Any]) -> None:
    metrics = full["metrics"]
    assert 0 < metrics["memory_delta"]["value"] < metrics["memory_peak"]["value"] < 2000
    assert [stage["stage"] for stage in full["memory"]["stages"]][:3] == ["baseline", "imported", "loaded"]


def test_options_reference_and_names_are_recorded(full: dict[str, Any]) -> None:
    assert full["variant"]["options"] == {"optimization": "basic", "session.intra_op.allow_spinning": "0"}
    assert (full["variant"]["model"], full["variant"]["label"], full["note"]) == ("net", "row", "notes")
    assert full["fidelity"]["reference"].startswith("conv.onnx on this host")


def test_power_off_says_so_and_outliers_are_joined(full: dict[str, Any]) -> None:
    assert full["metrics"]["power_mean"]["state"] == "unavailable"
    assert "off" in full["metrics"]["power_mean"]["why"]
    for one in full["invocations"]:
        for worst in one["outliers"]["worst"]:
            assert worst["ratio"] > 2
            assert isinstance(worst["causes"], list)


def test_a_pace_that_cannot_be_held(long_runs: LongRuns) -> None:
    one = row(long_runs.finish("too fast"))
    assert one["metrics"]["deadline_miss"]["value"] > 0.01
    assert one["paced"]["held"] is False


def test_max_time_cuts_and_says_what_it_cut(room: Room) -> None:
    plan = ("--invocations", "6", "--min-time", "30", "--max-time", "4")
    one = row(run(room, room.folder / "conv.onnx", *plan))
    assert "cut-short" in reasons(one)
    text = next(reason["text"] for reason in one["grade"]["reasons"] if reason["code"] == "cut-short")
    assert "--max-time 4" in text
    assert one["environment"]["facts"]
    assert sum(invocation["iterations"] > 0 for invocation in one["invocations"]) >= 1


def test_min_psnr_that_is_not_met(room: Room) -> None:
    other = makers.save(
        room.folder / "other.onnx",
        [makers.helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])],
        [makers.value("x", [1, 3, 8, 8])],
        [makers.value("y", [1, 4, 8, 8])],
        [makers.numpy_helper.from_array(np.full((4, 3, 3, 3), 0.1, np.float32), "w")],
    )
    done = run(room, room.folder / "conv.onnx", "--reference", other, "--min-psnr", "40", *TINY)
    assert done.returncode == 4
    outcome = done.runs[0]["outcome"]
    assert outcome["code"] == "wrong-output"
    assert "under 40 dB" in outcome["message"]


def test_memory_switched_off(room: Room) -> None:
    one = row(run(room, room.folder / "conv.onnx", *TINY))
    assert one["memory"]["state"] == "unavailable"
    assert one["metrics"]["memory_peak"]["why"] == "switched off by --no-memory"


def test_power_of_a_fake_board_is_its_truth(long_runs: LongRuns) -> None:
    one = row(long_runs.finish("board"))
    with open_store(str(long_runs.room.store)) as store:
        starts = store.samples(one["id"], key=SampleKey(0, "start", "soak"))
    truth = long_runs.living.truth(int(starts[0]), int(starts[-1]))
    metrics = one["metrics"]
    assert one["power"]["state"] == "ok"
    assert metrics["power_mean"]["value"] == pytest.approx(truth.mean_watts, rel=0.02)
    seconds, items = truth.seconds, len(starts) - 1
    gross = metrics["power_mean"]["value"] * seconds / items * 1000
    assert metrics["energy_gross"]["value"] == pytest.approx(gross, rel=1e-3)
    net = gross - metrics["power_idle"]["value"] * seconds / items * 1000
    assert metrics["energy_net"]["value"] == pytest.approx(net, abs=gross * 1e-3)
    assert metrics["power_idle"]["value"] == pytest.approx(MEAN_W, rel=0.02)
    assert (one["kind"], one["device"]["simulated"], one["grade"]["letter"]) == ("simulated", True, "D")
    assert reasons(one)[0] == "simulated"


def test_watts_at_a_pace_of_a_fake_board(long_runs: LongRuns) -> None:
    one = row(long_runs.finish("board"))
    at_fps = one["metrics"]["power_at_fps"]
    if one["paced"]["held"]:
        assert at_fps["value"] == pytest.approx(MEAN_W, rel=0.02)
    else:  # a busy machine: no wattage then, and the reason
        assert at_fps["value"] is None
        assert at_fps["why"].startswith("cannot hold 30 FPS: ")
