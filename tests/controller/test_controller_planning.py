"""From settings to steps: the passes, the power source's extensions, and the limits of time."""

from __future__ import annotations

import pytest

from edgebench.controller.planning import (
    JITTER_ROOM,
    LOAD_LIMIT_LEAST_S,
    LOAD_LIMIT_S,
    extend_for_power,
    job_steps,
    lease_seconds,
    plan_rows,
    planned_seconds,
    resolve_settings,
)
from edgebench.controller.spec import MODES


@pytest.mark.parametrize("mode", MODES)
def test_a_modes_numbers_stand_unless_given(mode: str) -> None:
    base = MODES[mode]
    settings = resolve_settings(mode=mode)
    assert (settings.invocations, settings.soak_s, settings.max_time_s) == (
        base.invocations,
        base.soak_s,
        base.max_time_s,
    )
    assert not settings.soak_given
    given = resolve_settings(mode=mode, invocations=3, soak_s=0, min_time_s=0, max_time_s=7)
    assert (given.invocations, given.soak_s, given.min_time_s, given.max_time_s) == (3, 0, 0, 7)
    assert given.soak_given


def test_steps_in_their_order() -> None:
    steps = job_steps(resolve_settings(mode="quick", invocations=2, target_fps=30))
    assert [step["pass"] for step in steps] == ["fidelity", "invocation", "invocation", "memory", "soak", "paced"]
    assert [step["round"] for step in steps] == [0, 1, 2, 0, 0, 0]
    least = job_steps(resolve_settings(invocations=1, soak_s=0, memory=False))
    assert [step["pass"] for step in least] == ["fidelity", "invocation"]
    assert [row.pass_ for row in plan_rows("m", resolve_settings(invocations=1, soak_s=0))] == [
        "fidelity",
        "invocation",
        "memory",
    ]


def test_a_slow_source_lengthens_soak_pace_and_idle() -> None:
    settings, told = extend_for_power(resolve_settings(target_fps=30), 0.5)
    assert (settings.soak_s, settings.paced_s, settings.idle_s) == pytest.approx(
        (200 * JITTER_ROOM, 200 * JITTER_ROOM, 40 * JITTER_ROOM)
    )
    assert len(told) == 3
    assert "0.5 samples a second" in told[0]
    quick, _ = extend_for_power(resolve_settings(mode="quick"), 0.5)
    assert quick.soak_s == pytest.approx(40 * JITTER_ROOM)


def test_a_fast_source_and_a_given_soak_change_nothing() -> None:
    assert extend_for_power(resolve_settings(), 10.0) == (resolve_settings(), [])
    given, told = extend_for_power(resolve_settings(soak_s=5), 0.5)
    assert given.soak_s == 5
    assert [line.split()[0] for line in told] == ["idle"]
    none, _ = extend_for_power(resolve_settings(soak_s=0), 0.5)
    assert none.soak_s == 0


def test_without_a_source_there_is_no_idling() -> None:
    settings, told = extend_for_power(resolve_settings(), None)
    assert (settings.idle_s, told) == (0, [])


def test_the_lease_outlives_what_is_allowed() -> None:
    for settings in (resolve_settings(mode="quick"), resolve_settings(), resolve_settings(mode="publish")):
        assert lease_seconds(settings) > planned_seconds(settings)
        assert settings.max_time_s is None or lease_seconds(settings) > settings.max_time_s


def test_planned_time_adds_up() -> None:
    settings = resolve_settings(invocations=2, min_time_s=3, soak_s=10, memory=False, mode="quick")
    # fidelity 2 + .5, two invocations 2 + 3, soak 2 + 10 + two idles of 3
    assert planned_seconds(settings) == 2.5 + 2 * 5 + 2 + 10 + 6


def test_loading_is_bounded_by_max_time() -> None:
    assert LOAD_LIMIT_LEAST_S < LOAD_LIMIT_S


def test_a_gauge_whose_looks_are_late_idles_longer():
    surely, _ = extend_for_power(resolve_settings(mode="quick"), 1.0)
    late, told = extend_for_power(resolve_settings(mode="quick"), 1.0, unsure_s=1.0)
    assert (surely.idle_s, late.idle_s) == (21.0, 23.0)
    assert late.soak_s == surely.soak_s
    assert any("idle extended to 23 s" in line for line in told)
