"""Following a job: what is part of its record, and how long nothing may come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from edgebench.agent.protocol import FrameReader, FrameWriter
from edgebench.controller.agent_client import SHELL_SILENCE_S, AgentClient, Following

NONCE = "00c0ffee"


@dataclass
class Told:
    """A transport over which the given lines come; notes after how much silence it was to give up."""

    lines: Sequence[bytes]
    name: str = "phone"
    silences: list[float | None] = field(default_factory=list)

    @contextmanager
    def stream(self, argv: Sequence[str], *, silence_s: float | None, **_: Any) -> Iterator[Any]:
        self.silences.append(silence_s)
        yield _Lines(self.lines)


class _Lines(SimpleNamespace):
    returncode, stderr = 3, b""

    def __init__(self, lines: Sequence[bytes]) -> None:
        super().__init__(lines=lines)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.lines)


def client(told: Told, python: tuple[int, ...] = ()) -> AgentClient:
    return AgentClient(told, command=["sh", "agent.sh"], home="/data/local/tmp/edgebench", python_version=python)


def frames(*events: str) -> list[bytes]:
    written: list[bytes] = []
    writer = FrameWriter(written.append, NONCE)
    for event in events:
        writer.emit({"ev": event, "t": 0})
    return b"".join(written).splitlines()


def test_a_sign_of_life_is_no_part_of_the_record() -> None:
    record = frames("hello", "phase")
    following = Following(client(Told([record[0], b"~", b"~", record[1], b"~"])), "job", NONCE)
    assert [event["ev"] for event in following.events()] == ["hello", "phase"]
    assert following.reader.offset == sum(len(line) + 1 for line in record)
    assert following.reader.damaged == 0
    assert FrameReader(NONCE).feed(b"\n".join(record) + b"\n")


@pytest.mark.parametrize(
    ("python", "asked", "given"),
    [((), 180.0, SHELL_SILENCE_S), ((), 1.0, 1.0), ((), None, SHELL_SILENCE_S), ((3, 11, 2), 180.0, 180.0)],
)
def test_an_agent_that_gives_signs_of_life_may_be_silent_for_seconds_only(
    python: tuple[int, ...], asked: float | None, given: float
) -> None:
    told = Told([])
    assert list(Following(client(told, python), "job", NONCE, 0, asked).events()) == []
    assert told.silences == [given]
