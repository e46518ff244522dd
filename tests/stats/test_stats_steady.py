"""Steady state of invocations and soaks, on series whose shape is known by construction."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as reference

from edgebench.stats import segments, soak, steady

NS = 1_000_000_000


def latencies(shape, seed=0, noise=0.03):
    """Latencies (ns) around the levels in `shape` (ms, one per iteration)."""
    levels = np.asarray(shape, dtype=np.float64)
    rng = np.random.default_rng(seed)
    return np.rint(levels * 1e6 * np.exp(noise * rng.standard_normal(levels.size))).astype(np.int64)


def soak_of(level_ms, seconds, seed=0, noise=0.03):
    """Back-to-back iterations for `seconds`, each `level_ms(t)` long."""
    rng = np.random.default_rng(seed)
    starts, durations, now = [], [], 5 * NS
    while now < (5 + seconds) * NS:
        duration = round(level_ms((now - 5 * NS) / NS) * 1e6 * np.exp(noise * rng.standard_normal()))
        starts.append(now)
        durations.append(duration)
        now += duration + 10_000
    return np.asarray(starts, dtype=np.int64), np.asarray(durations, dtype=np.int64)


@pytest.mark.parametrize(
    ("shape", "kind", "start"),
    [
        ([10] * 1000, "flat", 0),
        ([14] * 300 + [10] * 700, "warmup", 300),
        ([20] * 100 + [14] * 100 + [10] * 800, "warmup", 200),
        ([10] * 500 + [13] * 500, "throttled", 500),
        ([14] * 200 + [10] * 300 + [13] * 500, "throttled", 500),
        ([10] * 800 + [13] * 200, "never-steady", 0),
        (list(np.linspace(10, 14, 1000)), "never-steady", 0),
        (([10] * 200 + [13] * 200) * 3, "bimodal", 0),
        ([10, 13, 13, 10, 10] * 200, "bimodal", 0),
        ([10] * 29, "not-assessed", 0),
    ],
)
def test_shapes_of_an_invocation(shape, kind, start):
    found = steady.assess_invocation(latencies(shape))
    assert found.kind == kind
    assert abs(found.start - start) <= len(shape) / 40
    assert (found.why is None) == (kind in {"flat", "warmup", "throttled"})


def test_steady_segment_begins_at_a_block():
    found = steady.assess_invocation(latencies([14] * 300 + [10] * 700))
    assert found.start in found.block_first
    assert found.block_ns[-1] == pytest.approx(10e6, rel=0.02)


@given(st.integers(30, 5000))
def test_blocks_are_as_documented(n):
    found = steady.assess_invocation(np.full(n, 1000, dtype=np.int64))
    sizes = np.diff([*found.block_first, n])
    assert 10 <= sizes.size <= 40
    assert sizes.min() >= 3
    assert (found.kind, found.start) == ("flat", 0)


def test_half_a_percent_is_no_trend_however_clear():
    found = steady.assess_invocation(latencies(np.linspace(10, 10.05, 1000), noise=1e-5))
    assert (found.kind, found.start) == ("flat", 0)


def test_a_drift_within_the_last_segment_is_never_steady():
    # blocks of 25 that go up and down by 1.2 %, too rough for a change point, and drift by 3 % in all
    block = np.arange(40)
    levels = np.repeat(10 * np.exp(0.03 * block / 40 + 0.012 * (-1.0) ** block), 25)
    found = steady.assess_invocation(latencies(levels, noise=1e-4))
    assert (found.kind, found.segments, found.why) == ("never-steady", (0,), "latency still drifts at the end")


def test_a_spike_is_kept_in_the_steady_segment():
    durations = latencies([10] * 1000)
    durations[700] *= 400
    found = steady.assess_invocation(durations)
    assert durations[found.start :].max() == durations[700]


def test_majority_keeps_counts_and_prefers_the_worse_of_equals():
    found = steady.majority(["flat", "warmup", "warmup", "throttled", "throttled"])
    assert found.kind == "throttled"
    assert found.counts == {"flat": 1, "warmup": 2, "throttled": 2}
    assert steady.majority(["flat", "flat", "never-steady"]).kind == "flat"
    with pytest.raises(ValueError, match="invocations"):
        steady.majority([])


def test_noise_alone_is_mostly_flat():
    kinds = Counter(steady.assess_invocation(latencies([10] * 1000, seed, noise=0.05)).kind for seed in range(200))
    assert kinds["flat"] >= 0.9 * 200


@given(st.lists(st.integers(0, 6), min_size=3, max_size=12))
def test_mann_kendall_agrees_with_kendalls_tau(values):
    y = np.asarray(values, dtype=np.float64)
    expected = reference.kendalltau(np.arange(y.size), y).statistic
    p = segments.mann_kendall_p(y)
    assert 0 <= p <= 1 + 1e-12
    if np.isnan(expected) or expected == 0:
        assert p == 1
    else:
        assert p == segments.mann_kendall_p(y[::-1])


def test_mann_kendall_by_hand():
    # S = 45, Var = 10 * 9 * 25 / 18 = 125, z = 44 / 11.18 = 3.935
    assert segments.mann_kendall_p(np.arange(10.0)) == pytest.approx(2 * reference.norm.sf(44 / 125**0.5))
    assert segments.mann_kendall_p(np.ones(10)) == 1


@given(st.floats(-1, 1), st.integers(2, 50))
def test_slope_of_a_line(step, n):
    assert segments.slope(step * np.arange(n)) == pytest.approx(step, abs=1e-12)
    assert segments.slope(np.array([3.0])) == 0


def test_a_long_series_is_judged_like_a_short_one():
    rng = np.random.default_rng(1)
    assert segments.has_trend(np.linspace(0, 0.05, 3000) + 0.01 * rng.standard_normal(3000))
    assert not segments.has_trend(0.01 * rng.standard_normal(3000))


@pytest.mark.parametrize("draw", ["standard_normal", "uniform", "exponential"])
def test_one_heap_is_not_two(draw):
    rng = np.random.default_rng(2)
    assert not segments.two_modes(np.exp(0.1 * getattr(rng, draw)(size=5000)))


def test_two_heaps_are_two_unless_one_is_tiny_or_near():
    rng = np.random.default_rng(3)

    def heaps(distance, share):
        return np.exp(0.01 * rng.standard_normal(2000) + distance * (rng.random(2000) < share))

    assert segments.two_modes(heaps(0.2, 0.3))
    assert not segments.two_modes(heaps(0.2, 0.03))
    assert not segments.two_modes(heaps(0.02, 0.5))
    assert not segments.two_modes(np.ones(3))


@pytest.mark.parametrize(
    ("level", "kind", "window", "onset"),
    [
        (lambda t: 20, "flat", "steady", None),
        (lambda t: 20 if t < 20 else 25, "throttled", "steady", 20),
        (lambda t: 30 if t < 8 else 20, "warmup", "steady", None),
        (lambda t: 30 if t < 6 else 20 if t < 25 else 24, "throttled", "steady", 25),
        (lambda t: 20 if t < 45 else 30, "never-steady", "last-third", 45),
        (lambda t: 26 if t % 20 < 10 else 20, "bimodal", "last-third", None),
    ],
)
def test_shapes_of_a_soak(level, kind, window, onset):
    starts, durations = soak_of(level, 61)
    found = soak.assess_soak(starts, durations, 1)
    assert (found.kind, found.temperature) == (kind, "no-sensor")
    assert soak.sustained_fps(starts, found, 1).window == window
    at = soak.throttle_onset_s(found.curve)
    assert at == (None if onset is None else pytest.approx(onset, abs=1.5))


def test_burst_and_sustained_count_items_over_wall_time():
    starts, durations = soak_of(lambda t: 30 if t < 6 else 20 if t < 25 else 25, 70, noise=0.0)
    found = soak.assess_soak(starts, durations, 8)
    burst = soak.burst_fps(starts, found, 8)
    sustained = soak.sustained_fps(starts, found, 8)
    # an iteration starts every 20.01 (25.01) ms: latency and the gap behind it
    assert burst == pytest.approx(8 / 0.02001, rel=1e-3)
    assert sustained.fps == pytest.approx(8 / 0.02501, rel=1e-3)
    assert soak.sustained_drop(burst, sustained.fps) == pytest.approx(1 - 20.01 / 25.01, abs=1e-3)


def test_throughput_counts_gaps_that_latency_does_not_see():
    starts = np.arange(1000, dtype=np.int64) * 40_000_000
    durations = np.full(1000, 10_000_000, dtype=np.int64)
    found = soak.assess_soak(starts, durations, 1)
    assert soak.sustained_fps(starts, found, 1).fps == pytest.approx(25)
    assert found.curve.fps == pytest.approx(25)
    assert np.isnan(soak.throughput(starts[:1], 0, 1, 1))
    paused = np.array([0, 1, 2, 10], dtype=np.int64) * NS
    assert soak.throughput(paused, 0, 3, 1) == pytest.approx(0.3)  # the pause behind its last iteration is its own


@pytest.mark.parametrize("milliseconds", [3, 40, 150, 700])
def test_soak_blocks_last_a_second_and_ten_iterations_and_lose_nothing(milliseconds):
    starts, durations = soak_of(lambda t: milliseconds, 30)
    curve = soak.curve_of(starts, durations, 1)
    edges = np.append(curve.first, starts.size)
    assert edges[0] == 0
    assert np.diff(edges).min() >= 10
    assert np.diff(starts[curve.first]).min() >= NS
    assert soak.curve_of(starts[:0], durations[:0], 1).fps.size == 0


def test_a_short_or_slow_soak_is_not_assessed():
    starts, durations = soak_of(lambda t: 200, 10)
    found = soak.assess_soak(starts, durations, 1)
    assert (found.kind, found.steady_from) == ("not-assessed", None)
    assert "5 blocks" in found.why
    assert soak.throttle_onset_s(found.curve) is None
    assert soak.sustained_fps(starts, found, 1) == soak.Sustained(pytest.approx(5, rel=0.02), "last-third")


def test_a_quick_soak_needs_half_and_a_long_one_thirty_seconds():
    def changed(at, seconds):
        return soak.assess_soak(*soak_of(lambda t: 20 if t < at else 24, seconds), 1).kind

    assert changed(4, 10) == "throttled"
    assert changed(7, 12) == "never-steady"
    assert changed(36, 80) == "throttled"  # 44 s left, 30 are needed
    assert changed(54, 80) == "never-steady"  # 26 s left: over 30 % of 80 s, but under 30 s


@pytest.mark.parametrize(
    ("resolution", "per_minute", "state", "kind"),
    [
        (0.1, 0.1, "steady", "flat"),
        (0.1, 2.0, "drifting", "never-steady"),
        (0.1, -2.0, "drifting", "never-steady"),
        (1.0, 2.0, "not-assessed", "flat"),
    ],
)
def test_temperature_gate_needs_a_fine_sensor_or_a_long_soak(resolution, per_minute, state, kind):
    starts, durations = soak_of(lambda t: 25, 62)
    t_ns = np.arange(5 * NS, 67 * NS, NS // 2)
    degrees = np.round((50 + per_minute * t_ns / (60 * NS)) / resolution) * resolution
    found = soak.assess_soak(starts, durations, 1, soak.Temperature(t_ns, degrees, resolution))
    assert (found.temperature, found.kind) == (state, kind)
    if state == "not-assessed":
        assert found.temperature_slope is None
    else:
        assert found.temperature_slope == pytest.approx(per_minute, abs=0.05)
