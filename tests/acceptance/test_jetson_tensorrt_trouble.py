"""TensorRT in trouble on simulated boards: each is a row that says what it was and what helps, never a number."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx_makers as makers
import pytest
from environments import unavailable
from jetson_rooms import BRIEF, JetsonRoom
from rooms import MODELS, Done
from trouble import events, finish, has_event, jobs, processes, reach

from edgebench.mock.jetson.trtexec.engine_file import Engine

FLOATS = MODELS / "sr-x2-w16.onnx"
TENSORRT = ("--backend", "tensorrt")
SMALL = (FLOATS, *TENSORRT, "--shape", "input=1x3x64x64")
MEASURED = ("latency", "compute", "load", "first", "build")
SPEED = 20.0


@pytest.fixture(scope="module")
def nano(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JetsonRoom]:
    """A board in order: the trouble is in what is asked."""
    with JetsonRoom(tmp_path_factory.mktemp("nano")) as room, room.board("jetson-nano", speed=SPEED):
        yield room


@pytest.fixture
def room(tmp_path: Path) -> JetsonRoom:
    return JetsonRoom(tmp_path)


def failed(done: Done) -> dict[str, Any]:
    """The one row: it failed, and holds no figure that was measured."""
    assert done.returncode == 4, done.stderr
    (run,) = done.runs
    assert run["outcome"]["status"] == "failed"
    told = [name for name, metric in run["metrics"].items() if metric["value"] is not None]
    assert not [name for name in told if name.startswith(MEASURED)]
    assert "no-reference" not in {warning["code"] for warning in run["warnings"]}
    return run


def outcome(done: Done) -> tuple[str, str]:
    told = failed(done)["outcome"]
    return told["code"], told["message"]


def engines(room: JetsonRoom) -> list[Path]:
    return sorted(room.home.glob("engines/*"))


def built(told: list[dict[str, Any]]) -> bool:
    """Whether the job's build step has told of an engine that was not there before."""
    return any(event["ev"] == "engine" and event["cached"] is False for event in told)


# ---- what is asked for


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        (("--accelerator", "dla0", "--precision", "fp16"), "delegate-failed", ("has no DLA", "`--accelerator cuda`")),
        (("--option", "worspace=64"), "bad-input", ("no option 'worspace'", "workspace")),
    ],
)
def test_what_the_board_or_tensorrt_has_not_is_refused_before_anything_is_built(
    nano: JetsonRoom, asked: tuple[str, ...], code: str, words: tuple[str, ...]
) -> None:
    before = engines(nano)
    done = nano.run(*SMALL, *asked)
    told = outcome(done)
    assert told[0] == code
    assert all(word in told[1] for word in words), told[1]
    assert "building the engine" not in done.stderr
    assert engines(nano) == before


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("way", "dims", "words"),
    [
        ("trtexec", (1, 3, 64, 64), ("trtexec cannot calibrate with files", "python3-libnvinfer")),
        ("python", (1, 4, 64, 64), ("--calibration: ", "set.npz")),
    ],
)
def test_a_calibration_set_that_cannot_serve(
    room: JetsonRoom, way: str, dims: tuple[int, ...], words: tuple[str, ...]
) -> None:
    calibration = room.folder / "set.npz"
    np.savez(calibration, input=np.zeros(dims, np.float32))
    with room.board("jetson-orin-nano", speed=SPEED):
        if way == "python":
            install_module(room)
        told = outcome(room.run(*SMALL, "--precision", "int8", "--calibration", calibration))
    assert told[0] == "bad-input"
    assert all(word in told[1] for word in words), told[1]


def install_module(room: JetsonRoom) -> None:
    """The board has a `tensorrt` by its metadata: what is refused before the device is asked needs no more of it."""
    module = room.home / "runtimes" / "tensorrt-10.3.0" / "tensorrt"
    module.mkdir(parents=True)
    (module / "__init__.py").write_text('__version__ = "10.3.0"\n')


@pytest.mark.parametrize(
    ("version", "sm", "words"),
    [("8.5.2.2", "5.3", "another TensorRT"), ("8.2.1.8", "7.2", "compute capability 7.2, this one has 5.3")],
)
def test_an_engine_from_elsewhere_is_a_sentence(
    nano: JetsonRoom, tmp_path: Path, version: str, sm: str, words: str
) -> None:
    model = tmp_path / "elsewhere.engine"
    model.write_bytes(Engine(version, sm, "GPU", fp16=False, int8=False, model=FLOATS.read_bytes()).to_bytes())
    code, message = outcome(nano.run(model, *TENSORRT, "--reference", FLOATS))
    assert code == "engine-mismatch"
    assert words in message
    assert message.endswith("build it here from its .onnx")


@pytest.mark.heavy
def test_a_workspace_is_what_the_builder_is_given(nano: JetsonRoom) -> None:
    done = nano.run(*SMALL, "--option", "workspace=64")
    assert done.runs[0]["outcome"]["status"] == "ok", done.stderr
    assert any("--workspace=64" in path.read_text() for path in engines(nano) if path.suffix == ".json")


# ---- trtexec


def test_without_trtexec_the_row_says_where_it_comes_from(room: JetsonRoom) -> None:
    with room.board("jetson-nano", "no-trtexec"):
        code, message = outcome(room.run(*SMALL))
        assert code == "runtime-missing"
        assert "no tensorrt module" in message
        assert "no trtexec" in message
        assert f"`edgebench devices check {room.name}`" in message


def test_an_unknown_dialect_is_no_number_and_its_text_is_kept_with_the_row(room: JetsonRoom) -> None:
    with room.board("jetson-nano", "trtexec-unknown-dialect", speed=SPEED):
        run = failed(room.run(*SMALL))
    assert run["outcome"]["code"] == "unparsed-output"
    (raw,) = [warning["text"] for warning in run["warnings"] if warning["code"] == "unparsed-output"]
    assert "everything is fine" in raw
    assert "everything is fine" in room.edgebench("history", run["id"]).stdout


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("op-unsupported", "unsupported-op", ("does not take the operator Relu (node relu3)",)),
        ("build-oom", "oom", ("out of memory", "--option workspace=")),
    ],
)
def test_a_builder_that_gives_up_says_of_what(room: JetsonRoom, fault: str, code: str, words: tuple[str, ...]) -> None:
    with room.board("jetson-nano", fault, speed=SPEED):
        told = outcome(room.run(*SMALL))
        assert engines(room) == []
        assert jobs(room.home) == []
    assert told[0] == code
    assert all(word in told[1] for word in words), told[1]


@pytest.mark.heavy
def test_a_builder_that_hangs_is_ended_at_its_limit(room: JetsonRoom) -> None:
    with room.board("jetson-nano", "trtexec-hangs", speed=SPEED):
        done = room.edgebench("run", "--device", room.name, *BRIEF, *SMALL, "--option", "build-limit=3")
        assert done.returncode == 4, done.stderr
        (run,) = room.history()
        assert run["outcome"]["code"] == "timeout"
        assert "not built within 3 s -> " in " ".join(done.stdout.split())
        assert "build-limit" in done.stdout
        assert engines(room) == []
        assert trtexecs(room) == {}


def trtexecs(room: JetsonRoom) -> dict[int, str]:
    """Living processes of the board's trtexec."""
    return {pid: words for pid, words in processes(room.tree.parent).items() if " trtexec " in words}


@pytest.mark.heavy
def test_fast_and_wrong_is_no_number(room: JetsonRoom) -> None:
    with room.board("jetson-nano", "output-wrong", speed=SPEED):
        code, message = outcome(room.run(*SMALL))
    assert code == "wrong-output"
    assert "under 30 dB" in message


# ---- the board, its link, and whoever asked


@pytest.mark.heavy
def test_a_disk_that_fills_while_an_engine_is_built(tmp_path: Path) -> None:
    """The board lies on a small file system of its own, mounted for its server and for who asks it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    room = JetsonRoom(tmp_path)
    model = wide(tmp_path / "wide.onnx")
    with room.board("jetson-nano", speed=SPEED, around=on_a_disk_of(disk, MIB * 16), folder=disk):
        seen = Path(f"/proc/{room.told['pid']}/root")
        done = inside(room, model, "--backend", "onnxruntime")  # brings the agent and the model there
        assert done.returncode in (0, 5), done.stderr
        fill(seen / disk.relative_to("/"), left=model.stat().st_size // 2)
        code, message = outcome(inside(room, model, *TENSORRT))
        assert not list((seen / room.home.relative_to("/")).glob("engines/*"))
    assert code == "disk-full", message
    assert "no room is left for the engine" in message


MIB = 1 << 20


def wide(path: Path) -> Path:
    """1.6 MB of weights, and few operations."""
    node = makers.helper.make_node("MatMul", ["x", "w"], ["y"])
    ends = [makers.value("x", [1, 640])], [makers.value("y", [1, 640])]
    return makers.save(path, [node], *ends, [makers.weight("w", 640, 640)])


def on_a_disk_of(folder: Path, size: int) -> list[str]:
    """The words before a command for which an empty file system of so many bytes is mounted there."""
    can = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", folder], capture_output=True, text=True)
    if can.returncode != 0:
        unavailable(f"no file system can be mounted: {can.stderr.strip()}")
    script = f'mount -t tmpfs -o size={size} none "$0" && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, str(folder)]


def inside(room: JetsonRoom, *args: object) -> Done:
    """`room.run`, seeing the file systems that its board sees."""
    argv = ["nsenter", f"--mount=/proc/{room.told['pid']}/ns/mnt", *room.argv("run", "--device", room.name, *BRIEF)]
    argv += [*map(str, args), "--json", "-"]
    done = subprocess.run(argv, env=room.env, capture_output=True, text=True, timeout=150, stdin=subprocess.DEVNULL)
    return Done(done.returncode, done.stdout, done.stderr)


def fill(folder: Path, left: int) -> None:
    """Leave so many bytes on a file system."""
    told = os.statvfs(folder)
    (folder / "ballast").write_bytes(bytes(told.f_bavail * told.f_frsize - left))


def test_a_link_cut_during_a_build_costs_no_second_build(room: JetsonRoom) -> None:
    with room.board("jetson-nano", "link-cut@build", speed=SPEED):
        done = room.run(*SMALL)
        assert done.stderr.count("reconnecting") == 1
        (run,) = done.runs
        assert run["outcome"]["status"] == "ok", run["outcome"]
        assert run["metrics"]["build"]["method"] == "built in this run"
        assert len(list(room.home.glob("engines/*.engine"))) == 1


@pytest.mark.heavy
def test_a_controller_killed_during_a_build_is_collected_by_the_next_session(nano: JetsonRoom) -> None:
    asked = (*SMALL, "--precision", "fp16")
    running = nano.start("run", "--device", nano.name, *BRIEF, *asked)
    reach(running, has_event(nano.home, ev="progress", text="timing kernels"))
    assert not built(events(nano.home))
    os.kill(running.pid, signal.SIGKILL)
    finish(running)
    (job,) = jobs(nano.home)
    done = nano.run(*asked)
    (run,) = done.runs
    assert run["metrics"]["build"]["method"] == "built earlier on this device, kept there", done.stderr
    assert "building the engine" not in done.stderr
    assert "collected sr-x2-w16" in done.stderr
    collected = next(one for one in nano.history() if one["id"] == job)
    assert collected["outcome"]["status"] == "ok"
    assert collected["metrics"]["build"]["method"] == "built in this run"
    assert collected["metrics"]["build"]["value"] == run["metrics"]["build"]["value"]
