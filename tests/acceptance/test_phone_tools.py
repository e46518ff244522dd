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
