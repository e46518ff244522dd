"""`edgebench bisect` on a simulated phone whose GPU refuses an operator: real adb server, the installed command."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from phone_rooms import PhoneRoom

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tflite_models as lite

MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhoneRoom]:
    """Its GPU's delegate fails on DEPTH_TO_SPACE."""
    with PhoneRoom(tmp_path_factory.mktemp("phone")) as room, room.phone("oneplus-7t", "delegate-refusal"):
        yield room


def deep(path: Path, planted: int, kind: str) -> Path:
    """Sixty operators one after the other, NEG but for the planted one."""
    graph = lite.Graph()
    shape = (1, 4, 4, 8)
    names = [graph.tensor("x", shape)]
    for at in range(60):
        if at == planted and kind == "DEPTH_TO_SPACE":
            shape = (1, 8, 8, 2)
        names.append(graph.tensor(f"v{at}", shape))
        if at == planted:
            graph.op(kind, (names[at],), (names[-1],), **({"blockSize": 2} if kind == "DEPTH_TO_SPACE" else {}))
        else:
            graph.op("NEG", (names[at],), (names[-1],))
    return graph.save(path, names[:1], names[-1:])


def bisect(room: PhoneRoom, model: Path, *args: object):
    return room.edgebench("bisect", model, "--accelerator", "gpu", "--device", room.name, *args, "--json", "-")


def test_the_operator_that_the_gpu_refuses_is_found_among_sixty_in_ten_runs(room: PhoneRoom) -> None:
    done = bisect(room, deep(room.folder / "deep.tflite", 33, "DEPTH_TO_SPACE"))
    assert done.returncode == 0, done.stderr
    found = done.document
    (culprit,) = found["culprit"]
    assert (found["found"], culprit["index"], culprit["op"]) == ("culprit", 33, "DEPTH_TO_SPACE")
    assert (found["state"], found["code"], found["simulated"]) == ("refused", "delegate-failed", True)
    assert "DEPTH_TO_SPACE: Operation is not supported" in found["message"]  # the tool's own words
    assert len(found["trials"]) <= 10
    assert room.history() == []


@pytest.mark.heavy
def test_in_the_trained_network_too_and_what_follows_runs(room: PhoneRoom) -> None:
    done = bisect(room, MODELS / "sr-x2-w28-fp16.tflite", "--keep", room.folder / "kept")
    assert done.returncode == 0, done.stderr
    (culprit,) = done.document["culprit"]
    assert culprit["op"] == "DEPTH_TO_SPACE"
    assert done.document["more"] is False
    part = Path(done.document["kept"])
    again = room.run(part, "--accelerator", "gpu", "--input", part.with_suffix(".npz"))
    assert [row["outcome"]["code"] for row in again.runs] == ["delegate-failed"]


@pytest.mark.heavy
def test_an_operator_left_to_the_cpu_counts_as_refused_unless_it_may_be(room: PhoneRoom) -> None:
    model = deep(room.folder / "partly.tflite", 7, "CEIL")
    done = bisect(room, model)
    assert done.returncode == 0, done.stderr
    (culprit,) = done.document["culprit"]
    assert (culprit["index"], culprit["op"]) == (7, "CEIL")
    done = bisect(room, model, "--require-delegated", "0")
    assert (done.returncode, done.document["found"]) == (0, "nothing"), done.stderr
