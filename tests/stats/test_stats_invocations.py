"""Estimates across invocations, timer checks and outliers."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.stats.invocations import across
from edgebench.stats.outliers import find_outliers, join
from edgebench.stats.quantised import check_timer

figures = st.lists(st.floats(1e-3, 1e6), min_size=5, max_size=20)


def test_across_by_hand():
    found = across([1.0, 2.0, 4.0, 8.0, 16.0])
    assert found.value == pytest.approx(4.0)
    # ln 2 * (2 -+ 2.7764 * sqrt(2.5) / sqrt(5)) as powers of two
    assert found.lo == pytest.approx(2 ** (2 - 2.776445 * 0.5**0.5), rel=1e-6)
    assert found.hi == pytest.approx(2 ** (2 + 2.776445 * 0.5**0.5), rel=1e-6)
    assert (found.k, found.why) == (5, None)


@given(figures, st.floats(0.01, 100))
def test_across_follows_the_unit_and_the_reciprocal(values, factor):
    plain, scaled = across(values), across([factor * v for v in values])
    assert scaled.value == pytest.approx(factor * plain.value)
    assert scaled.hi == pytest.approx(factor * plain.hi)
    inverse = across([1 / v for v in values])
    assert (inverse.lo, inverse.hi) == (pytest.approx(1 / plain.hi), pytest.approx(1 / plain.lo))


def test_across_gives_no_interval_under_five():
    found = across([2.0, 2.0, 2.0, 2.0])
    assert (found.value, found.lo, found.hi) == (pytest.approx(2.0), None, None)
    assert found.why == "4 invocations; an interval needs 5"


@pytest.mark.parametrize("values", [[], [1.0, 0.0], [1.0, -2.0], [float("nan")], [float("inf")]])
def test_across_refuses_what_has_no_logarithm(values):
    with pytest.raises(ValueError, match="positive"):
        across(values)


def test_a_fine_timer_passes():
    durations = np.random.default_rng(1).integers(9_000_000, 11_000_000, 200)
    found = check_timer(durations, 1)
    assert found.spread_allowed
    assert found.step_ns == 1


def test_a_coarse_timer_is_refused_by_what_it_states_or_shows():
    steps = np.random.default_rng(2).integers(10, 40, 200)
    for resolution in (1, 1_000_000):
        found = check_timer(steps * 1_000_000, resolution)
        assert not found.spread_allowed
        assert found.step_ns == 1_000_000
        assert "steps of 1000000 ns" in found.why


def test_few_distinct_values_are_refused_even_on_a_fine_timer():
    found = check_timer(np.tile(np.array([1_000_001, 1_000_003, 1_000_007]), 50), 1)
    assert not found.spread_allowed
    assert "only 3 distinct values among 150" in found.why
    assert not check_timer(np.full(50, 7_777_777), 1).spread_allowed


def test_three_slow_iterations_are_no_quantised_timer():
    assert check_timer(np.array([900_000_001, 900_500_000, 901_000_777]), 1).spread_allowed
    with pytest.raises(ValueError, match="samples"):
        check_timer(np.empty(0, dtype=np.int64), 1)


def test_the_long_tail_of_one_is_counted_and_located():
    samples = np.array([10] * 95 + [21, 60, 4931, 10, 10])
    found = find_outliers(samples)
    assert found.counts == (3, 2, 1)
    assert found.shares == (0.03, 0.02, 0.01)
    assert found.indices == (95, 96, 97)
    with pytest.raises(ValueError, match="samples"):
        find_outliers(np.empty(0))


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=100))
def test_outlier_counts_are_nested_and_lose_nothing(values):
    samples = np.asarray(values)
    found = find_outliers(samples)
    assert len(found.indices) == found.counts[0] >= found.counts[1] >= found.counts[2]
    rest = np.delete(samples, list(found.indices))
    assert (rest <= 2 * found.median).all()
    assert (samples[list(found.indices)] > 2 * found.median).all()


def test_outliers_are_joined_with_what_overlaps_them():
    starts = np.array([100, 200, 300, 400])
    durations = np.array([50, 50, 50, 50])
    moments = [(90, 100, "throttle"), (140, 160, "throttle"), (225, 225, "clock-drop"), (251, 299, "page-faults")]
    moments += [(350, 400, "foreign-load")]
    found = join(starts, durations, moments)
    assert found.per_outlier == (("throttle",), ("clock-drop",), ("foreign-load",), ("foreign-load",))
    assert found.per_kind == {"clock-drop": 1, "foreign-load": 2, "throttle": 1}
    assert found.unexplained == 0
    assert join(starts, durations, []).unexplained == 4
    with pytest.raises(ValueError, match="start and a duration"):
        join(starts, durations[:2], [])


def test_importing_the_room_needs_numpy_alone():
    code = (
        "import pkgutil, importlib, sys, edgebench.stats as room\n"
        "for module in pkgutil.iter_modules(room.__path__): importlib.import_module('edgebench.stats.' + module.name)\n"
        "sys.exit(','.join(n for n in ('scipy', 'ruptures', 'msgspec') if n in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
