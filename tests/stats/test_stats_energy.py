"""Energy of windows and per item: identities, gates and uncertainty."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.stats.energy import Trace, WindowEnergy, measure_window
from edgebench.stats.per_item import Sensor, per_item

NS = 1_000_000_000


def times(rng, seconds=30.0, rate=10.0):
    gaps = rng.uniform(0.7, 1.3, round(1.5 * seconds * rate) + 10) / rate
    t = np.cumsum(gaps) - 1.0
    return np.rint(t[t < seconds + 1.0] * NS).astype(np.int64)


def ramp(kind, rng, **more):
    """Power 2 W + 0.1 W/s * t seen by each kind of source; energy over [a, b] is known in closed form."""
    t_ns = times(rng)
    t = t_ns / NS
    window = 400_000_000 if kind == "windowed" else 0
    values = {
        "instantaneous": 2 + 0.1 * t,
        "windowed": 2 + 0.1 * (t - 0.2),
        "accumulating": 7 + 2 * (t + 1) + 0.05 * (t**2 - 1),
    }[kind]
    return Trace(kind, t_ns, values, window, **more)


def ramp_joules(a, b):
    return 2 * (b - a) + 0.05 * (b * b - a * a)


@pytest.mark.parametrize("kind", ["instantaneous", "windowed", "accumulating"])
@given(seed=st.integers(0, 2**32 - 1), a=st.floats(0, 10), length=st.floats(4, 18))
def test_a_ramp_is_integrated_between_samples_too(kind, seed, a, length):
    trace = ramp(kind, np.random.default_rng(seed))
    t0, t1 = round(a * NS), round((a + length) * NS)
    found = measure_window(trace, t0, t1)
    # the counter is a parabola, which linear interpolation over at most 0.13 s leaves by 0.05 * 0.065^2 J per end
    tolerance = 5e-4 if kind == "accumulating" else 1e-9
    assert found.joules == pytest.approx(ramp_joules(t0 / NS, t1 / NS), abs=tolerance)
    assert found.watts == pytest.approx(found.joules / found.seconds)


@given(seed=st.integers(0, 2**32 - 1), middle=st.floats(5, 15))
def test_energy_of_two_windows_adds_up(seed, middle):
    rng = np.random.default_rng(seed)
    t_ns = times(rng)
    trace = Trace("instantaneous", t_ns, rng.uniform(1, 9, t_ns.size))
    cut = round(middle * NS)
    parts = measure_window(trace, 0, cut).joules + measure_window(trace, cut, 20 * NS).joules
    assert parts == pytest.approx(measure_window(trace, 0, 20 * NS).joules)


@given(seed=st.integers(0, 2**32 - 1), limit=st.floats(2, 50))
def test_a_counter_that_wraps_gives_the_same_energy(seed, limit):
    plain = ramp("accumulating", np.random.default_rng(seed))
    wrapped = Trace("accumulating", plain.t_ns, plain.values % limit, counter_range_joules=limit)
    expected = measure_window(plain, 0, 20 * NS).joules
    assert measure_window(wrapped, 0, 20 * NS).joules == pytest.approx(expected)


def test_a_counter_that_falls_without_a_known_range_gives_no_value():
    plain = ramp("accumulating", np.random.default_rng(1))
    found = measure_window(Trace("accumulating", plain.t_ns, plain.values % 20), 0, 20 * NS)
    assert (found.joules, found.why) == (None, "the energy counter went backwards")


def test_a_window_needs_twenty_samples_of_the_sensor_itself():
    t_ns = np.arange(-1, 61, dtype=np.int64) * NS // 2
    trace = Trace("instantaneous", t_ns, np.full(t_ns.size, 3.0))
    assert measure_window(trace, 0, 19 * NS // 2).joules == pytest.approx(28.5)
    few = measure_window(trace, 0, 9 * NS)
    assert (few.joules, few.why) == (None, "19 sensor samples in the window; 20 are needed")
    polled = Trace("instantaneous", t_ns, trace.values, rate_hz=1.0)
    assert measure_window(polled, 0, 19 * NS).samples == 19
    assert measure_window(polled, 0, 20 * NS).joules == pytest.approx(60)


@pytest.mark.parametrize("window", [(-2 * NS, 20 * NS), (0, 40 * NS)])
def test_a_window_that_the_samples_do_not_cover_gives_no_value(window):
    found = measure_window(ramp("instantaneous", np.random.default_rng(2)), *window)
    assert (found.joules, found.why) == (None, "the samples do not cover the whole window")


def test_a_window_needs_a_length_and_a_value_per_time():
    trace = ramp("instantaneous", np.random.default_rng(2))
    with pytest.raises(ValueError, match="positive length"):
        measure_window(trace, NS, NS)
    with pytest.raises(ValueError, match="one value per time"):
        measure_window(Trace("instantaneous", trace.t_ns, trace.values[1:]), 0, NS)


@pytest.mark.parametrize(("seconds", "rate", "blocks"), [(19, 100, 9), (20, 100, 10), (30, 3, 8), (60, 10, 30)])
def test_an_interval_needs_ten_blocks_of_two_seconds_and_ten_samples(seconds, rate, blocks):
    t_ns = np.arange(-5, seconds * rate + 5, dtype=np.int64) * NS // rate + NS // (2 * rate)
    values = np.random.default_rng(3).uniform(1, 9, t_ns.size)
    found = measure_window(Trace("instantaneous", t_ns, values), 0, seconds * NS)
    assert found.blocks == blocks or (blocks == 8 and found.blocks == 9)
    if blocks < 10:
        assert (found.lo_watts, found.hi_watts, found.u_stat_watts) == (None, None, None)
        assert "needs 10 blocks" in found.interval_why
    else:
        assert found.lo_watts < found.watts < found.hi_watts


def test_slow_swings_of_power_widen_the_interval():
    t_ns = np.arange(-10, 1210, dtype=np.int64) * NS // 10
    swing = np.where(t_ns // NS % 40 < 20, 6.0, 4.0)
    shuffled = np.random.default_rng(4).permutation(swing)
    slow = measure_window(Trace("instantaneous", t_ns, swing), 0, 120 * NS)
    fast = measure_window(Trace("instantaneous", t_ns, shuffled), 0, 120 * NS)
    blocks = slow.blocks
    assert slow.u_stat_watts > 1.5 / math.sqrt(blocks)  # sd of the blocks is 1 W
    assert fast.u_stat_watts < 0.5 / math.sqrt(blocks)


def window(watts, u_stat=None, seconds=60.0, **more):
    return WindowEnergy(seconds, 600, watts * seconds, watts, u_stat_watts=u_stat, blocks=30, **more)


def test_gross_and_net_by_hand():
    found = per_item(window(5.6, 0.05), window(1.9), window(2.1), items=6000)
    assert found.gross.mj_per_item == pytest.approx(56)  # 336 J over 6000 items
    assert found.net.mj_per_item == pytest.approx(36)
    assert (found.idle_watts, found.idle_u_stat_watts) == (pytest.approx(2.0), pytest.approx(0.1))
    assert found.gross.u_stat_mj_per_item == pytest.approx(0.5)
    assert found.net.u_stat_mj_per_item == pytest.approx(10 * math.hypot(0.05, 0.1))
    assert found.net.u_mj_per_item == found.net.u_stat_mj_per_item  # a perfect sensor adds nothing
    assert found.net.hi_mj_per_item - 36 == pytest.approx(2.04523 * found.net.u_stat_mj_per_item, rel=1e-5)


def test_an_offset_spoils_gross_alone_and_gain_both():
    sensor = Sensor(resolution_watts=0.042, offset_watts=0.78, gain_share=0.01)
    found = per_item(window(5.6, 0.05), window(2.0), window(2.0), 6000, sensor)
    step = 0.042 / math.sqrt(12)
    assert found.gross.u_mj_per_item == pytest.approx(10 * math.hypot(0.05, step, 0.78, 0.056))
    assert found.net.u_mj_per_item == pytest.approx(10 * math.hypot(0.05, step, step, 0.036))
    assert found.gross.u_stat_mj_per_item == pytest.approx(0.5)


def test_a_clock_that_is_off_enters_at_both_ends():
    found = per_item(window(5.6, 0.05), window(2.0), window(2.0), 6000, Sensor(clock_s=0.5))
    ends = math.sqrt(2) * 0.5 / 60 * 3.6
    assert found.gross.u_mj_per_item == pytest.approx(10 * math.hypot(0.05, ends))
    assert found.net.u_mj_per_item == pytest.approx(10 * math.hypot(0.05, ends))
    alone = per_item(window(5.6, 0.05), WindowEnergy(1.0, 2), WindowEnergy(1.0, 2), 6000, Sensor(clock_s=0.5))
    assert alone.gross.u_mj_per_item > found.gross.u_mj_per_item


def test_what_is_missing_says_why():
    short = window(5.6, interval_why="too short")
    found = per_item(short, window(2.0), WindowEnergy(3.0, 4, why="4 sensor samples"), 100)
    assert (found.gross.mj_per_item, found.gross.lo_mj_per_item) == (pytest.approx(3360), None)
    assert found.gross.why == "too short"
    assert (found.net.mj_per_item, found.net.why) == (None, "idle: 4 sensor samples")
    nothing = per_item(WindowEnergy(3.0, 4, why="4 sensor samples"), window(2.0), window(2.0), 100)
    assert (nothing.gross.mj_per_item, nothing.net.why) == (None, "4 sensor samples")
    with pytest.raises(ValueError, match="items"):
        per_item(short, window(2.0), window(2.0), 0)
