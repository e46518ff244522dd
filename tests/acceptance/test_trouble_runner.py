"""Runners that crash, hang, lie or are not there: every row has its outcome, the device is free again."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx_makers as makers
import pytest
from environments import unavailable
from rooms import SHORT, Done, Room, write_runtime_stub

MAX_TIME_S = 5


class Hang:
    """A run whose runtime hangs, under --max-time, started now and read later: most of its time is waiting."""

    def __init__(self, folder: Path, where: str) -> None:
        self.room = Room(folder, "local")
        self.room.install_faulty_runtime()
        model = makers.conv(folder / "m.onnx")
        hang = ("--option", f"session.fault=hang@{where}", "--max-time", MAX_TIME_S)
        self.process = self.room.start("run", "--device", "board", model, *SHORT, *hang, "--json", "-")

    def finish(self) -> Done:
        out, err = self.process.communicate(timeout=120)
        return Done(self.process.returncode, out, err)


@pytest.fixture(scope="module", autouse=True)
def hangs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Hang]]:
    """Two runs that hang, begun before the other tests of this file and awaited after them."""
    started = {where: Hang(tmp_path_factory.mktemp(f"hang-{where}"), where) for where in ("load", "run")}
    yield started
    for one in started.values():
        one.finish()


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """A local room whose board has the runtime with faults."""
    room = Room(tmp_path_factory.mktemp("faulty"), "local")
    room.install_faulty_runtime()
    makers.conv(room.folder / "m.onnx")
    return room


def run_with(room: Room, fault: str, *args: object) -> Done:
    option = f"session.fault={fault}"
    model = room.folder / "m.onnx"
    return room.edgebench("run", "--device", "board", model, *SHORT, "--option", option, *args, "--json", "-")


def freed(room: Room) -> bool:
    """Whether the device holds no job, and a run without faults succeeds at once."""
    return not list(room.home.glob("jobs/*")) and room.run(room.folder / "m.onnx").returncode in (0, 5)


FAULTS = {
    "segfault@load": ("crashed", "killed by SIGSEGV while loading"),
    "segfault@run": ("crashed", "killed by SIGSEGV while running"),
    "kill@run": ("crashed", "killed by SIGKILL while running"),
    "memory@load": ("oom", "MemoryError"),
    "exit@run": ("crashed", "ended with status 7 and no result"),
    "error@load": ("load-failed", "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : made to fail"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_a_failed_row_with_its_own_words(fault: str, faulty: Room) -> None:
    done = run_with(faulty, fault)
    assert done.returncode == 4, done.stderr
    (run,) = done.runs
    code, said = FAULTS[fault]
    assert (run["outcome"]["status"], run["outcome"]["code"]) == ("failed", code)
    assert said in run["outcome"]["message"]
    assert "latency_p50" not in run["metrics"]
    assert run["metrics"]["params"]["value"] == 108
    assert {one["outcome"]["status"] for one in run["invocations"]} <= {"failed", "skipped"}


def test_the_device_is_free_after_faults_and_the_store_has_all(faulty: Room) -> None:
    codes = [run["outcome"]["code"] for run in faulty.history()]
    assert sorted(codes) == sorted(code for code, _ in FAULTS.values())
    assert freed(faulty)


def test_a_crash_over_ssh(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    room = Room(tmp_path, "ssh", request.getfixturevalue("sshd"))
    room.install_faulty_runtime()
    makers.conv(tmp_path / "m.onnx")
    done = run_with(room, "segfault@run")
    assert done.returncode == 4, done.stderr
    assert "SIGSEGV while running" in done.runs[0]["outcome"]["message"]
    assert not list(room.home.glob("jobs/*"))


def test_noise_on_stdout_and_false_frames_change_nothing(faulty: Room) -> None:
    done = run_with(faulty, "noise@run", "--invocations", "1", "--min-time", "0")
    assert done.returncode in (0, 5), done.stderr
    (run,) = done.runs
    assert run["outcome"]["code"] is None
    assert run["invocations"][0]["iterations"] >= 100
    assert "damaged-record" not in [reason["code"] for reason in run["grade"]["reasons"]]
    assert run["fidelity"]["state"] == "ok"


def test_one_invocation_of_several_that_crashes_makes_the_row_unstable(faulty: Room) -> None:
    done = run_with(faulty, "segfault@run#3", "--invocations", "3")  # the fidelity pass is the first process
    assert done.returncode == 5, done.stderr
    (run,) = done.runs
    assert (run["outcome"]["status"], run["outcome"]["code"]) == ("unstable", "crashed")
    assert run["outcome"]["message"].startswith("2 of 3 invocations finished; killed by SIGSEGV")
    assert [one["outcome"]["status"] for one in run["invocations"]] == ["ok", "failed", "ok"]
    assert run["metrics"]["latency_p50"]["value"] > 0
    assert run["metrics"]["latency_p50"]["k"] == 2
    reasons = {reason["code"]: reason["text"] for reason in run["grade"]["reasons"]}
    assert reasons["invocations-failed"] == "2 of 3 invocations finished"
    assert run["grade"]["letter"] in "CD"


@pytest.mark.parametrize(("fault", "said"), [("wrong@run", "PSNR "), ("nan@run", "output 'y' is not finite")])
def test_wrong_output_keeps_its_latency_out_of_the_metrics(fault: str, said: str, faulty: Room) -> None:
    done = run_with(faulty, fault)
    assert done.returncode == 4, done.stderr
    (run,) = done.runs
    assert (run["outcome"]["status"], run["outcome"]["code"]) == ("failed", "wrong-output")
    assert said in run["outcome"]["message"]
    assert run["fidelity"]["state"] == "wrong"
    assert not [name for name in run["metrics"] if name.startswith(("latency", "load", "first", "power", "memory"))]
    assert all(one["outcome"]["status"] == "ok" and one["summary"]["min"] > 0 for one in run["invocations"])


def test_the_first_row_crashes_and_the_second_is_measured(faulty: Room) -> None:
    # row 1's file is refused by the runtime's loader, with its own message; row 2 is fine
    bad = makers.save(
        faulty.folder / "bad.onnx",
        [makers.helper.make_node("NoSuchOperator", ["x"], ["y"])],
        [makers.value("x", [1, 4])],
        [makers.value("y", [1, 4])],
    )
    done = faulty.run(bad, faulty.folder / "m.onnx")
    assert done.returncode == 5, done.stderr
    first, second = done.runs
    assert (first["outcome"]["status"], first["outcome"]["code"]) == ("failed", "unsupported-op")
    assert "NoSuchOperator" in first["outcome"]["message"]
    assert second["outcome"]["code"] is None
    assert [run["id"] for run in faulty.history()[:2]] == [second["id"], first["id"]]


def test_an_accelerator_that_is_not_there(faulty: Room) -> None:
    done = faulty.run(faulty.folder / "m.onnx", "--accelerator", "cuda")
    assert done.returncode == 4
    outcome = done.runs[0]["outcome"]
    assert outcome["code"] == "delegate-failed"
    assert "CUDAExecutionProvider" in outcome["message"]
    assert "CPUExecutionProvider" in outcome["message"]
    assert done.runs[0]["variant"]["accelerator"] == {"requested": "cuda", "effective": None}


def stub_run(room: Room, text: str) -> dict[str, Any]:
    write_runtime_stub(room.home / "runtimes" / "onnxruntime-9.9.9", text)
    done = room.run(makers.conv(room.folder / "m.onnx"))
    assert done.returncode == 4, done.stderr
    return done.runs[0]["outcome"]


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (
            "raise ImportError('libcudart.so.10.2: cannot open shared object file')",
            "runtime-missing",
            "libcudart.so.10.2",
        ),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGILL)", "crashed", "killed by SIGILL while loading"),
        ("", "runtime-missing", "has no InferenceSession"),
    ],
)
def test_a_runtime_that_dies_at_import(tmp_path: Path, text: str, code: str, said: str) -> None:
    outcome = stub_run(Room(tmp_path, "local"), text)
    assert outcome["code"] == code
    assert said in outcome["message"]


def test_a_delegate_that_is_silently_dropped(tmp_path: Path) -> None:
    room = Room(tmp_path, "local")
    text = """
    import importlib.machinery, importlib.util, pathlib, sys
    here = pathlib.Path(__file__).resolve().parent.parent
    sys.path[:] = [entry for entry in sys.path if pathlib.Path(entry).resolve() != here]
    spec = importlib.machinery.PathFinder.find_spec("onnxruntime", sys.path)
    real = importlib.util.module_from_spec(spec)
    sys.modules["onnxruntime"] = real
    spec.loader.exec_module(real)
    # it claims to have the provider, and gives a session without it
    real.get_available_providers = lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    """
    write_runtime_stub(room.home / "runtimes" / "onnxruntime-9.9.9", text)
    done = room.run(makers.conv(tmp_path / "m.onnx"), "--accelerator", "cuda")
    assert done.returncode == 4
    outcome = done.runs[0]["outcome"]
    assert outcome["code"] == "delegate-failed"
    assert "CUDAExecutionProvider" in outcome["message"]


def test_a_device_without_the_runtime_is_told_how_to_get_it(tmp_path: Path) -> None:
    room = Room(tmp_path, "local")
    bare = tmp_path / "bare"
    subprocess.run(["python3", "-m", "venv", "--without-pip", str(bare)], check=True, capture_output=True)
    room.add_device("bare", python=str(bare / "bin" / "python"))
    done = room.edgebench("run", "--device", "bare", makers.conv(tmp_path / "m.onnx"), *SHORT, "--json", "-")
    assert done.returncode == 4, done.stderr
    outcome = done.runs[0]["outcome"]
    assert outcome["code"] == "runtime-missing"
    assert "bare has no onnxruntime for its Python 3." in outcome["message"]
    assert "`edgebench devices setup bare`" in outcome["message"]


@pytest.fixture
def memory_group() -> Iterator[Path]:
    """A control group of this test's own that holds 512 MiB; skips where none can be made."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    own = {line.split(":", 2)[1]: line.split(":", 2)[2].lstrip("/") for line in lines}
    first = "memory" in own
    parent = Path("/sys/fs/cgroup/memory" if first else "/sys/fs/cgroup", own["memory" if first else ""])
    group = parent / f"edgebench-test-{os.getpid()}"
    limit = "memory.limit_in_bytes" if first else "memory.max"
    try:
        group.mkdir()
    except OSError as error:
        unavailable(f"no memory control group can be made: {error}")
    try:
        (group / limit).write_text(str(512 << 20))
    except OSError as error:
        group.rmdir()
        unavailable(f"no memory limit can be set: {error}")
    yield group
    group.rmdir()


def test_a_real_kill_by_the_kernel_for_memory_is_oom(faulty: Room, memory_group: Path) -> None:
    args = ("--option", "session.fault=eat@run", *SHORT, "--invocations", "1", "--json", "-")
    argv = faulty.argv("run", "--device", "board", faulty.folder / "m.onnx", *args)
    enter = f'echo $$ > "{memory_group}/cgroup.procs" && exec "$@"'
    done = subprocess.run(["sh", "-c", enter, "sh", *argv], env=faulty.env, capture_output=True, text=True, timeout=120)
    outcome = json.loads(done.stdout)["runs"][0]["outcome"]
    assert (done.returncode, outcome["code"]) == (4, "oom")
    assert "out of memory: killed by the kernel" in outcome["message"]


@pytest.mark.parametrize("where", ["load", "run"])
def test_a_hang_is_bounded_and_said(where: str, hangs: dict[str, Hang]) -> None:
    done = hangs[where].finish()
    assert done.returncode == 4, done.stderr
    (run,) = done.runs
    assert (run["outcome"]["status"], run["outcome"]["code"]) == ("failed", "timeout")
    limit_s = {"load": 10, "run": 30}[where]
    assert f"{limit_s} s" in run["outcome"]["message"]
    # one hang uses --max-time up: it is not waited for again
    first = {"load": "skipped", "run": "failed"}[where]  # at load the fidelity pass before it hung
    assert [one["outcome"]["status"] for one in run["invocations"]] == [first, "skipped"]
    assert not list(hangs[where].room.home.glob("jobs/*"))
