"""What tests of trouble share: waiting for a state, a device's processes, gates at which a run stands still."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from rooms import MODELS, SHORT, Done, Room

from edgebench.agent.protocol import FrameReader
from edgebench.mock.sysfs import FakeBoard
from edgebench.records import Run
from edgebench.store import open_store

RUN = (MODELS / "sr-x2-w16.onnx", "--shape", "input=1x3x32x32", *SHORT, "--json", "-")
GOVERNOR = "sys/devices/system/cpu/cpufreq/policy0/scaling_governor"


def wait_until(condition: Callable[[], Any], deadline_s: float = 40.0, what: str = "") -> Any:
    """The condition's value as soon as it is true. Fails at the deadline."""
    until = time.monotonic() + deadline_s
    while not (value := condition()):
        assert time.monotonic() < until, f"not within {deadline_s:g} s: {what or condition}"
        time.sleep(0.01)
    return value


def reach(running: subprocess.Popen[str], condition: Callable[[], Any]) -> None:
    """Wait for a condition while a command runs. Fails with what it said when it ends before."""

    def reached() -> bool:
        ended = running.poll() is not None
        if not condition():
            assert not ended, f"ended with {running.returncode}: {running.communicate()}"
            return False
        return True

    wait_until(reached)


def start_run(room: Room, device: str = "board", *more: object) -> subprocess.Popen[str]:
    """`edgebench run` with the shortest plan, in the background."""
    return room.start("run", "--device", device, *RUN, *more)


def finish(process: subprocess.Popen[str], timeout: float = 60.0) -> Done:
    """Wait for its end."""
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        stdout, stderr = process.communicate()
        raise AssertionError(f"did not end within {timeout:g} s\n{stdout}\n{stderr}") from None
    return Done(process.returncode, stdout, stderr)


def events(home: Path) -> list[dict[str, Any]]:
    """What the newest job's record on the device holds so far, [] where there is none."""
    folders = sorted(home.glob("jobs/*"), key=lambda folder: folder.stat().st_mtime_ns)
    try:
        job = json.loads((folders[-1] / "job.json").read_bytes())
        return FrameReader(job["nonce"]).feed((folders[-1] / "events.jsonl").read_bytes())
    except (OSError, IndexError):
        return []


def has_event(home: Path, **fields: object) -> Callable[[], bool]:
    """A condition: the newest job has told such an event."""
    return lambda: any(fields.items() <= event.items() for event in events(home))


def jobs(home: Path) -> list[str]:
    """The jobs on the device."""
    return sorted(folder.name for folder in home.glob("jobs/*"))


def processes(home: Path) -> dict[int, str]:
    """Living processes whose command line names the device's home folder: the agent's, in all its roles."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if str(home) in words and state != "Z":
            found[int(folder.name)] = words
    return found


def supervisor(home: Path) -> int:
    """The pid of the supervisor that holds the device."""
    return int(json.loads((home / "lease.json").read_text())["pid"])


def stored(room: Room) -> list[Run]:
    """All rows of the store, oldest first."""
    with open_store(str(room.store)) as store:
        return store.history()[::-1]


def add_rooted(room: Room, name: str = "rooted", **more: str) -> Path:
    """A device with a fake sysfs tree, so that there is something to set and to put back; returns its governor."""
    root = room.folder / "root"
    with FakeBoard(root, "iio"):
        pass  # its files stay
    room.add_device(name, root=str(root), **more)
    return root / GOVERNOR


class Gate:
    """A Python of the device that stands still before its `nth` call of one of the agent's verbs (`-c`: the probe)."""

    def __init__(self, folder: Path, verb: str, nth: int = 1) -> None:
        self._folder = folder
        folder.mkdir()
        os.mkfifo(folder / "go")
        self.python = folder / "python"
        words = {"verb": verb, "nth": nth, "here": shlex.quote(str(folder)), "python": shlex.quote(sys.executable)}
        self.python.write_text(_GATE.format(**words))
        self.python.chmod(0o755)

    def reached(self) -> bool:
        """Whether a call stands at the gate."""
        return (self._folder / "reached").exists()

    def open(self) -> None:
        """Let it go on."""
        (self._folder / "go").write_text("go\n")

    def shut_for_good(self) -> None:
        """End who still stands there; nobody does: nothing happens."""
        try:
            os.close(os.open(self._folder / "go", os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return


_GATE = """#!/bin/sh
verb=$2
[ "$1" = -c ] && verb=$1
if [ "$verb" = {verb} ]; then
    echo x >>{here}/calls
    if [ "$(wc -l <{here}/calls)" = {nth} ]; then
        : >{here}/reached
        read -r word <{here}/go || exit 1
    fi
fi
exec {python} "$@"
"""


def large_model(path: Path, side: int = 1024) -> Path:
    """A model of 4 * side^2 bytes that runs in no time: long on the way, short on the device."""
    weights = np.random.default_rng(7).standard_normal((side, side), dtype=np.float32)
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph(
        [node],
        "large",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, side])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, side])],
        [helper.make_tensor("w", TensorProto.FLOAT, [side, side], weights.tobytes(), raw=True)],
    )
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)]), path)
    return path


def interrupt(process: subprocess.Popen[str], number: int = signal.SIGINT) -> Done:
    """Send a signal and wait for the end."""
    process.send_signal(number)
    return finish(process)
