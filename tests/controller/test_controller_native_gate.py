"""The start gate in simulated time: a phone that cools by Newton's law, sticks, heats up or goes dumb."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phone_bench import SAMPLES, FolderPhone

from edgebench.controller.native.gate import (
    FAR_C,
    STEADY_C_PER_MIN,
    GateView,
    Look,
    await_cool,
    limits_of,
    look_at,
    skipped,
)
from edgebench.profiles import load_profile

LIMITS = {"skin": 33.0, "battery": 32.0}


class Time:
    """A clock that the gate itself moves on, and how often it slept."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sleeps: list[float] = []

    def monotonic(self) -> float:
        """Seconds."""
        return self.now

    def sleep(self, seconds: float, /) -> None:
        """Let them pass."""
        assert 0 <= seconds <= 30
        self.sleeps.append(seconds)
        self.now += max(seconds, 0.001)


def cooling(clock: Time, start_c: float, ambient_c: float, tau_s: float, noise: float = 0.0) -> Callable[[], Look]:
    began, rng = clock.now, random.Random(1)

    def read() -> Look:
        passed = clock.now - began
        skin = ambient_c + (start_c - ambient_c) * math.exp(-passed / tau_s) + rng.gauss(0, noise)
        return Look({"skin": skin, "battery": ambient_c}, 0)

    return read


def test_a_cool_phone_begins_at_once() -> None:
    clock, told = Time(), []
    found = await_cool(lambda: Look({"skin": 28.0, "battery": 27.0}, 0), LIMITS, clock, told.append)
    assert (found.state, found.waited_s, found.reason) == ("cool", 0.0, None)
    assert clock.sleeps == []
    assert told == []


def test_a_warm_phone_is_waited_for_with_target_slope_and_eta() -> None:
    clock, told = Time(), list[GateView]()
    read = cooling(clock, 45.0, 26.0, 120.0)
    truth_s = 120.0 * math.log((45 - 26) / (33 - 26))
    found = await_cool(read, LIMITS, clock, told.append)
    assert found.state == "cool"
    assert found.waited_s >= truth_s
    assert found.waited_s < truth_s + 120
    assert all(view.kind == "skin" and view.limit_c == 33.0 for view in told)
    late = [view for view in told if view.celsius > 33 and view.slope_c_per_min is not None]
    assert all(view.slope_c_per_min < 0 and (view.eta_s or 0) > 0 for view in late)
    # an ETA by a straight line is too early for a curve that flattens, but of the right size near its end
    assert late[-1].eta_s == pytest.approx(truth_s - late[-1].waited_s, abs=15)


def test_below_the_limit_is_not_enough_while_it_still_moves() -> None:
    clock = Time()
    began = clock.now
    found = await_cool(
        lambda: Look({"skin": min(32.5, 31.5 + (clock.now - began) / 60)}, 0), LIMITS, clock, lambda view: None
    )
    assert found.state == "cool"
    assert found.waited_s > 60
    assert found.last is not None
    assert abs(found.last.slope_c_per_min or 9) <= STEADY_C_PER_MIN


def test_a_phone_that_stays_hot_is_given_up_and_graded() -> None:
    clock = Time()
    found = await_cool(lambda: Look({"skin": 38.0, "battery": 30.0}, 0), LIMITS, clock, lambda view: None)
    assert found.state == "timeout"
    assert found.waited_s == pytest.approx(1200.0)
    assert found.reason == "temperature gate given up after 20 min: skin 38.0 degC, wanted 33 and steady"


def test_a_throttling_phone_is_not_cool() -> None:
    clock = Time()
    found = await_cool(lambda: Look({"skin": 25.0}, 2), LIMITS, clock, lambda view: None, time_limit_s=60)
    assert found.reason == "temperature gate given up after 1 min: thermal status moderate"


def test_the_kind_furthest_beyond_its_limit_counts() -> None:
    clock, told = Time(), list[GateView]()
    await_cool(lambda: Look({"skin": 33.5, "battery": 34.0}, 0), LIMITS, clock, told.append, time_limit_s=10)
    assert {view.kind for view in told} == {"battery"}


def test_a_dumb_phone_has_no_gate_and_says_so() -> None:
    clock = Time()
    found = await_cool(lambda: None, LIMITS, clock, lambda view: None)
    assert (found.state, found.reason) == ("unavailable", "temperature gate skipped: no live temperature")
    assert clock.now - 100 < 10
    assert await_cool(lambda: Look({"cpu": 30.0}), LIMITS, Time(), lambda view: None).state == "unavailable"


def test_one_silent_look_is_no_reason_to_begin() -> None:
    clock = Time()
    looks = iter([Look({"skin": 40.0}, 0), None, None, Look({"skin": 40.0}, 0), None, Look({"skin": 29.0}, 0)])
    assert await_cool(lambda: next(looks), LIMITS, clock, lambda view: None).state == "cool"
    assert next(looks, "none left") == "none left"


@given(
    start=st.floats(20, 60), ambient=st.floats(15, 45), tau=st.floats(10, 2000), noise=st.sampled_from([0.0, 0.1, 0.5])
)
@settings(max_examples=150, deadline=None)
def test_it_never_begins_hot_and_never_waits_beyond_its_time(
    start: float, ambient: float, tau: float, noise: float
) -> None:
    clock = Time()
    limit = {"skin": 33.0}
    found = await_cool(cooling(clock, start, ambient, tau, noise), limit, clock, lambda view: None)
    assert found.waited_s <= 1200.0 + 1
    assert found.last is not None
    if found.state == "cool":
        assert found.last.celsius <= 33.0
        far = found.last.celsius <= 33.0 - FAR_C
        slope = found.last.slope_c_per_min
        assert far or (slope is not None and abs(slope) <= STEADY_C_PER_MIN)
    else:
        assert found.waited_s >= 1199
        assert found.reason


def test_skipping_is_graded() -> None:
    assert skipped().reason == "temperature gate skipped"


def test_limits_are_the_profiles() -> None:
    assert limits_of(load_profile("oneplus-7t")) == {"skin": 33.0, "battery": 32.0}
    assert limits_of(load_profile("generic-android")) == {"skin": 35.0, "battery": 33.0}
    assert limits_of(load_profile("generic-linux")) == {"skin": 60.0}


def test_only_live_temperatures_are_looked_at(tmp_path: Path) -> None:
    phone = FolderPhone(tmp_path)
    look = look_at(phone)  # type: ignore[arg-type]
    assert look is not None
    assert (look.celsius["skin"], look.celsius["battery"], look.status) == (30.147001, 28.000002, 0)
    # 46.1 and 32.4 are the cached block's
    assert max(look.celsius.values()) == 44.1
    phone.dump("thermalservice", (SAMPLES / "thermalservice_samsung_aidl_status1_head.txt").read_text())
    late = look_at(phone)  # type: ignore[arg-type]
    assert late is not None
    assert (late.celsius, late.status) == ({"battery": 30.1}, 1)
    phone.dump("battery", "")
    assert look_at(phone) is None  # type: ignore[arg-type]
