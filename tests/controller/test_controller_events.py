"""A job's events sorted: what a device says is untrusted, and what is missing is not guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.agent.protocol import pack_ints
from edgebench.controller.events import MISSING, JobEvents, sort_events

STEP = {"ev": "step", "t": 0, "step": 0, "pass": "invocation", "variant": 0, "round": 1, "order": 0}


def samples(starts: list[int], durations: list[int], **more: object) -> dict[str, object]:
    packed = {"start_ns": pack_ints(starts), "duration_ns": pack_ints(durations)}
    return {"ev": "samples", "t": 1, "step": 0, "n": len(starts), **packed, **more}


def test_samples_of_blocks_are_joined() -> None:
    job = sort_events([STEP, samples([1, 5], [2, 3]), samples([9], [4], file=pack_ints([1]))])
    step = job.steps[0]
    assert step.start_ns.tolist() == [1, 5, 9]
    assert step.duration_ns.tolist() == [2, 3, 4]
    assert step.file_index.tolist() == [1]
    assert not step.ok
    assert job.damaged == 0


@pytest.mark.parametrize(
    "event",
    [
        {"ev": "samples", "step": 0, "n": 1, "start_ns": "junk", "duration_ns": "junk"},
        samples([1, 2], [1]),
        samples([1], [-5]),
        {"ev": "samples", "step": 7, "start_ns": [1], "duration_ns": [1]},
        {"ev": "step", "step": 1, "pass": "sabotage", "variant": 0, "round": 0, "order": 0},
        {"ev": "first", "step": 0, "ns": None},
        {"ev": "reading", "source": "x", "columns": ["t", "v"], "packed": [[1]]},
        {"ev": "reading", "source": "x", "columns": ["t", "v"], "packed": [[1, 2], [1]]},
        {"ev": "facts"},
        {"no": "name"},
    ],
)
def test_damage_is_counted_and_the_rest_kept(event: dict[str, object]) -> None:
    job = sort_events([STEP, event, samples([1], [2])])
    assert job.damaged == 1
    assert job.steps[0].duration_ns.tolist() == [2]


def test_an_event_of_a_newer_agent_is_no_damage() -> None:
    assert sort_events([STEP, {"ev": "novel", "step": 0}, {"ev": "novel"}]).damaged == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = ["step", "samples", "first", "loaded", "done", "error", "reading", "source", "phase", "block", "end", "facts"]
FIELDS = ["step", "pass", "variant", "ns", "n", "columns", "packed", "source", "name", "code", "facts", "t", "start_ns"]


@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), JSON), max_size=5), st.sampled_from(NAMES))
def test_no_event_whatever_breaks_the_sorting(events: list[dict[str, object]], name: str) -> None:
    job = sort_events([STEP, *({"ev": name} | event for event in events)])
    assert isinstance(job, JobEvents)


def test_missing_readings_are_left_out() -> None:
    packed = [pack_ints([1, 2, 3]), pack_ints([10, MISSING, 30])]
    job = sort_events([{"ev": "reading", "source": "thermal", "columns": ["t", "zone"], "packed": packed}])
    t, zone = job.series["thermal"].column("zone")
    assert (t.tolist(), zone.tolist()) == ([1, 3], [10, 30])
    assert job.series["thermal"].column("other")[0].size == 0


def test_a_phase_lasts_until_the_next() -> None:
    phases = [{"ev": "phase", "step": 0, "name": name, "t": t} for name, t in (("idle", 5), ("soak", 9))]
    step = sort_events([STEP, *phases]).steps[0]
    assert step.window("idle") == (5, 9)
    assert step.window("soak") is None
    assert step.window("other") is None
    done = {"ev": "done", "step": 0, "t": 12, "outcome": "ok"}
    assert sort_events([STEP, *phases, done]).steps[0].window("soak") == (9, 12)
    assert sort_events([STEP, *phases, done | {"outcome": "failed"}]).steps[0].window("soak") is None


def test_what_ended_the_job_ended_the_step_in_hand() -> None:
    end = {"ev": "end", "code": "disk-full", "message": "no room is left on the device"}
    done = {"ev": "done", "step": 0, "outcome": "ok"}
    job = sort_events([STEP, done, STEP | {"step": 1}, end])
    assert job.steps[0].ok
    assert job.steps[1].done == {"outcome": "failed", "code": "disk-full", "message": "no room is left on the device"}
    # an end without a code, or no end at all, says nothing of an open step
    assert sort_events([STEP, end | {"code": None}]).steps[0].done is None
    assert sort_events([STEP]).steps[0].done is None
