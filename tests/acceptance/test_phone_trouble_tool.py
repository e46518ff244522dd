"""A phone's tool in trouble, as a user meets it: never a number that was not obtained, and a line that helps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tflite_models as lite
from phone_rooms import PhoneRoom
from phone_trouble import GPU, MODEL, held_phone

SPEED = 50.0
MEASURED = ("latency", "iterations", "burst", "sustained", "paced", "power", "energy")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhoneRoom]:
    with PhoneRoom(tmp_path_factory.mktemp("trouble")) as room:
        yield room


def row(room: PhoneRoom, *args: object, fault: str | None = None, speed: float = SPEED, **options: Any) -> dict:
    """The one row of a run on a phone with that fault; nothing of its job stays there, and no figure without an ok."""
    with held_phone(room, *([fault] if fault else []), speed=speed, **options) as held:
        done = room.run(*args)
        assert not held.jobs
    (run,) = done.runs
    assert done.returncode == (0 if run["outcome"]["status"] == "ok" else 4), done.stderr
    if run["outcome"]["status"] != "ok":
        told = {name for name, metric in run["metrics"].items() if metric["value"] is not None}
        assert not {name for name in told if name.startswith(MEASURED)}, told
    return run


def reasons(run: dict) -> dict[str, str]:
    return {reason["code"]: reason["text"] for reason in run["grade"]["reasons"]}


def in_line(path: Path, *kinds: str, shape: tuple[int, ...] = (1, 4, 4, 8), custom: bytes | None = None) -> Path:
    """Operators one after the other."""
    graph = lite.Graph()
    names = [graph.tensor("x", shape)]
    for at, kind in enumerate(kinds):
        names.append(graph.tensor(f"v{at}", shape))
        graph.op(kind, (names[at],), (names[-1],), custom=custom)
    return graph.save(path, names[:1], names[-1:])


def test_an_unknown_dialect_is_no_number_and_its_text_is_kept(room: PhoneRoom) -> None:
    run = row(room, MODEL, *GPU, dialect="sixth")
    assert run["outcome"]["code"] == "unparsed-output"
    assert "throughput_qps" in run["outcome"]["message"]
    raw = [warning["text"] for warning in run["warnings"] if warning["code"] == "unparsed-output"]
    assert "INFO: STARTING!" in raw[0]
    assert "everything is fine" in raw[0]


def test_fast_and_wrong_is_no_number(room: PhoneRoom) -> None:
    run = row(room, MODEL, *GPU, fault="wrong-output")
    assert (run["outcome"]["code"], run["fidelity"]["state"]) == ("wrong-output", "wrong")
    assert "under 30 dB" in run["outcome"]["message"]


def test_a_tool_for_another_processor_is_told_before_anything_else_is_pushed(room: PhoneRoom) -> None:
    with held_phone(room, "wrong-abi") as held:
        done = room.run(MODEL, *GPU)
        assert not list(held.home.glob("artifacts/*"))
    outcome = done.runs[0]["outcome"]
    assert (outcome["status"], outcome["code"]) == ("failed", "tool-wrong-abi")
    assert "`edgebench tools list`" in outcome["message"]


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("crash", "crashed", "signal 11"),
        ("oom", "oom", "memory"),
        ("flex-op", "unsupported-op", "built without the Flex ops; Node number 0 (FlexErf)"),
        ("delegate-refusal", "delegate-failed", "DEPTH_TO_SPACE: Operation is not supported"),
        ("noexec", "permission", "noexec"),
    ],
)
def test_the_row_says_what_the_tool_died_of(room: PhoneRoom, fault: str, code: str, words: str) -> None:
    outcome = row(room, MODEL, *GPU, fault=fault)["outcome"]
    assert (outcome["status"], outcome["code"]) == ("failed", code)
    assert words in outcome["message"]


@pytest.mark.heavy
def test_a_tool_that_never_ends_is_ended(room: PhoneRoom) -> None:
    with held_phone(room, "hung-tool", speed=SPEED) as held:
        done = room.run(MODEL, *GPU, "--max-time", "10")
        assert held.phone.processes
        assert all(process.end_ns is not None for process in held.phone.processes), "it is still there"
    outcome = done.runs[0]["outcome"]
    assert outcome["code"] == "timeout"
    assert "not finished within" in outcome["message"]


@pytest.mark.heavy
def test_what_a_flex_model_needs_is_in_the_row(room: PhoneRoom) -> None:
    model = in_line(room.folder / "flex.tflite", "CUSTOM", custom=b"FlexErf")
    outcome = row(room, model, *GPU)["outcome"]
    assert outcome["code"] == "unsupported-op"
    assert "FlexErf" in outcome["message"]


@pytest.mark.heavy
def test_a_part_left_to_the_cpu_is_graded_and_can_be_refused(room: PhoneRoom) -> None:
    model = in_line(room.folder / "partly.tflite", "NEG", "CEIL", "NEG")
    run = row(room, model, *GPU)
    assert run["outcome"]["status"] == "ok"
    assert run["placement"]["state"] == "partial"
    assert "gpu" in reasons(run)["fallback"]
    refused = row(room, model, *GPU, "--require-delegated", "100%")
    assert refused["outcome"]["code"] == "delegate-partial"
    assert "100%" in refused["outcome"]["message"]


@pytest.mark.heavy
def test_a_locked_phone_is_measured_and_the_grade_says_so(room: PhoneRoom) -> None:
    run = row(room, MODEL, *GPU, fault="screen-locked")
    assert run["outcome"]["status"] == "ok"
    assert reasons(run)["screen-off"] == "screen locked"


@pytest.mark.heavy
def test_a_shape_that_the_model_cannot_take(room: PhoneRoom) -> None:
    outcome = row(room, MODEL, *GPU, "--shape", "input=1x3x32x32")["outcome"]
    assert outcome["code"] == "shape-mismatch"
    assert "32 != 3" in outcome["message"]


@pytest.mark.heavy
def test_another_shape_is_really_run(room: PhoneRoom) -> None:
    whole = row(room, MODEL, *GPU)
    small = row(room, MODEL, *GPU, "--shape", "input=1x32x32x3")
    assert small["outcome"]["status"] == "ok", small["outcome"]
    assert small["metrics"]["latency_mean"]["value"] < whole["metrics"]["latency_mean"]["value"]
    assert not [warning for warning in small["warnings"] if warning["code"] == "tool"]


@pytest.mark.heavy
def test_a_model_of_one_pixel(room: PhoneRoom) -> None:
    run = row(room, in_line(room.folder / "tiny.tflite", "NEG", shape=(1, 1, 1, 3)))
    assert run["outcome"]["status"] == "ok"
    assert run["fidelity"]["state"] == "ok"


@pytest.mark.heavy
def test_properties_with_brackets_and_line_breaks_do_no_harm(room: PhoneRoom) -> None:
    with held_phone(room, speed=SPEED) as held:
        listed = held.phone.folder / "state/getprop.txt"
        kept = [line for line in listed.read_text().splitlines() if not line.startswith("[ro.product.model]")]
        odd = ["[ro.product.model]: [Phone ] of", "[an] odd", "maker]", "[]: []", "no property at all"]
        listed.write_text("\n".join([*odd, *kept]) + "\n")
        done = room.run(MODEL, *GPU)
    assert done.returncode == 0, done.stderr
    (session,) = {run["session"] for run in done.runs}
    assert session
    model = done.document["session"]["device"]["facts"]["board"]["model"]
    assert model is None or model.startswith("Phone ] of")


@pytest.mark.heavy
def test_sensors_of_minus_a_hundred_and_nine_thousand_degrees_are_no_temperature(room: PhoneRoom) -> None:
    run = row(room, MODEL, *GPU, fault="hot-nonsense")
    assert run["outcome"]["status"] == "ok"
    hottest = run["metrics"]["temperature_max"]["value"]
    assert hottest is None or 10 < hottest < 110
    assert "throttled" not in reasons(run)
