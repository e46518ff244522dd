"""A simulated Jetson, measured as a real one would be: `mock start`, its SSH server, the installed command."""

import pytest
from jetson_rooms import JetsonRoom
from rooms import MODELS

from edgebench.mock.jetson.boards import BOARDS

MODEL = MODELS / "sr-x2-w16.onnx"
MEASURED = ("--quick", "--shape", "input=1x3x64x64", "--invocations", "2", "--min-time", "0.2", "--soak", "6",
            "--no-memory", "--power", "auto")  # fmt: skip
"""`--quick` for its idles of 3 s: two of 30 s are most of a run's minute otherwise."""


@pytest.fixture
def room(tmp_path):
    with JetsonRoom(tmp_path) as room:
        yield room


# each takes over a minute on a busy machine
pytestmark = pytest.mark.heavy


def measured(room, *more):
    return room.edgebench("run", "--device", room.name, MODEL, *MEASURED, "--backend", "onnxruntime", *more,
                          "--json", "-")  # fmt: skip


def watts_of(done):
    assert done.returncode in (0, 5), done.stderr
    (run,) = done.runs
    return run, run["metrics"]["power_mean"]["value"]


@pytest.mark.parametrize("name", ["jetson-nano", "jetson-orin-nano"])
def test_a_row_with_watts_from_its_rails(room, name):
    with room.board(name):
        run, watts = watts_of(measured(room))
    draw = BOARDS[name].draw
    assert run["grade"]["letter"] == "D"
    assert run["device"]["simulated"] is True
    assert draw.idle * 0.9 < watts < draw.idle + draw.cpus + 1.0


def test_without_sudo_tegrastats_gives_the_watts_of_a_nano(room):
    with room.board("jetson-nano", "no-sudo"):
        done = measured(room)
    _, watts = watts_of(done)
    assert BOARDS["jetson-nano"].draw.idle * 0.9 < watts
    assert "tegrastats" in done.stdout
