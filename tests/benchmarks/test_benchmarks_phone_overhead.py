"""What counts as measuring in a run on a phone, and how the rounds become a figure."""

from __future__ import annotations

import pytest
from phone_overhead import Round, figure_of, measured_s

STEP = {"ev": "step", "pass": "invocation"}
DONE = {"ev": "done", "outcome": "ok"}
END = {"ev": "end", "code": None, "t": 20_000_000_000}


def job(*steps: tuple[float, float]) -> list[dict[str, object]]:
    """A job's events: hello at 0, steps that begin and end at these seconds, the end at 20."""
    told: list[dict[str, object]] = [{"ev": "hello", "t": 0}]
    for begin, end in steps:
        told += [STEP | {"t": int(begin * 1e9)}, DONE | {"t": int(end * 1e9)}]
    return [*told, END]


def test_measuring_is_from_the_first_steps_beginning_to_the_last_ones_end():
    assert measured_s(job((0.5, 2.0), (2.25, 4.0), (4.0, 7.5))) == 7.0


@pytest.mark.parametrize(
    "events",
    [
        job(),
        job((0.5, 2.0))[:-1],
        [*job((0.5, 2.0))[:-1], END | {"code": "timeout"}],
        [*job((0.5, 2.0))[:-1], STEP | {"t": 3}, END],
        [*job()[:-1], STEP | {"t": 1}, DONE | {"t": 2, "outcome": "failed"}, END],
    ],
    ids=["nothing measured", "no end", "ended badly", "a step without an end", "a step that failed"],
)
def test_a_job_that_did_not_end_well_gives_no_figure(events):
    with pytest.raises(RuntimeError, match="did not end well"):
        measured_s(events)


def rounds(*beyond_s: float) -> list[Round]:
    return [Round(seconds, 6.0, 1.5) for seconds in beyond_s]


@pytest.mark.parametrize(("beyond_s", "verdict"), [((2.0, 2.9, 9.0), "met"), ((2.0, 3.1, 3.2), "MISSED")])
def test_the_median_is_judged_and_the_worst_is_told(beyond_s, verdict):
    figure = figure_of("the next row", rounds(*beyond_s))
    assert (figure.value, figure.verdict, figure.rounds) == (beyond_s[1], verdict, 3)
    assert f"at most {max(beyond_s):.2f}" in figure.note
    assert "6.00 s of measuring are taken off" in figure.note
