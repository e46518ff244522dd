"""The user's own tools on a phone: the one for its processor is pushed, run and told of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from elf_files import ARM, X86_64, make_elf
from phone_rooms import PhoneRoom

FP32 = Path(__file__).parents[2] / "models" / "sr-x2-w28-fp32.tflite"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhoneRoom]:
    with PhoneRoom(tmp_path_factory.mktemp("tools")) as room, room.phone():
        yield room


def add(room: PhoneRoom, machine: int, text: bytes = b"") -> None:
    (room.folder / "built").write_bytes(make_elf(machine, text=text))
    done = room.edgebench("tools", "add", "benchmark_model", room.folder / "built")
    assert done.returncode == 0, done.stderr


def test_the_users_tool_is_pushed_and_one_that_does_not_start_there_is_a_failed_row(room: PhoneRoom) -> None:
    add(room, ARM, b"of the user's")
    done = room.run(FP32)
    outcome = done.runs[0]["outcome"]
    assert (outcome["status"], outcome["code"]) == ("failed", "tool-wrong-abi")
    (pushed,) = room.home.glob("tools/*/benchmark_model")
    assert pushed.read_bytes() == (room.folder / "built").read_bytes()
    assert room.edgebench("tools", "remove", "benchmark_model").returncode == 0


def test_a_tool_for_another_processor_leaves_the_phones_own(room: PhoneRoom) -> None:
    add(room, X86_64)
    done = room.run(FP32)
    assert done.returncode == 0, done.stderr
    assert room.edgebench("tools", "remove", "benchmark_model").returncode == 0


def test_a_vendors_accelerator_without_its_library_says_how_to_bring_it(room: PhoneRoom) -> None:
    done = room.run(FP32, "--accelerator", "qnn")
    outcome = done.runs[0]["outcome"]
    assert (outcome["status"], outcome["code"]) == ("failed", "tool-missing")
    assert "libQnnTFLiteDelegate.so" in outcome["message"]


BENCHNCNN = """#!/bin/sh
echo "loop_count = $1" >&2
echo "num_threads = $2" >&2
echo "powersave = $3" >&2
echo "gpu_device = $4" >&2
echo "cooling_down = $5" >&2
[ -f "${6#param=}" ] || exit 1
echo "          squeezenet  min =    4.21  max =    4.36  avg =    4.27" >&2
"""
"""Prints what a captured run printed; the figures are that phone's, not this one's."""


def test_a_runtime_by_a_tool_that_its_user_built(room: PhoneRoom, tmp_path: Path) -> None:
    tool = room.tree / "data/local/tmp/benchncnn"
    tool.write_text(BENCHNCNN)
    tool.chmod(0o755)
    model = tmp_path / "squeezenet.param"
    model.write_text("7767517\n2 2\nInput data 0 1 data\nReLU out 1 1 data out\n")
    (tmp_path / "squeezenet.bin").write_bytes(b"\0" * 64)
    done = room.run(model, "--shape", "data=1x3x227x227", "--threads", "4", "--accelerator", "cpu")
    assert done.returncode == 0, done.stderr
    (run,) = done.runs
    assert (run["variant"]["backend"], run["variant"]["artifact"]["format"]) == ("ncnn", "ncnn")
    assert run["metrics"]["latency_mean"]["value"] == pytest.approx(4.27)
    assert run["fidelity"]["state"] == "unavailable"
    assert run["metrics"]["macs"]["value"] is None
    tool.unlink()


def test_such_a_runtime_is_not_for_boards(tmp_path: Path, room: PhoneRoom) -> None:
    model = tmp_path / "m.param"
    model.write_text("7767517\n2 2\nInput data 0 1 data\nReLU out 1 1 data out\n")
    (tmp_path / "m.bin").write_bytes(b"\0")
    done = room.edgebench("run", model, "--quick", "--shape", "data=1x3x8x8", "--json", "-")
    assert done.returncode == 4
    assert done.runs[0]["outcome"]["code"] == "runtime-missing"
