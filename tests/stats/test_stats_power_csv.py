"""Aligning a meter's clock by a CPU burn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebench.stats.power_csv import align, to_device_ns

NS = 1_000_000_000
REALTIME = 1_790_000_000 * NS + 123_456_789
MONOTONIC = 54_321 * NS
BURN = (MONOTONIC + 100 * NS, MONOTONIC + 108 * NS)


def meter(rng, ahead_s=0.0, rate=10.0, burn_watts=4.0, noise=0.3):
    """A meter whose clock is `ahead_s` ahead of the device's: Unix times and watts over 200 s around the burn."""
    device_s = np.cumsum(rng.uniform(0.9, 1.1, round(200 * rate))) / rate
    burning = (device_s >= 100) & (device_s < 108)
    watts = 2 + burn_watts * burning + noise * rng.standard_normal(device_s.size)
    return REALTIME / NS + device_s + ahead_s, watts


def test_unix_time_becomes_device_time_to_a_microsecond():
    found = to_device_ns(np.array([REALTIME / NS, REALTIME / NS + 10]), MONOTONIC, REALTIME)
    assert found == pytest.approx(np.array([MONOTONIC, MONOTONIC + 10 * NS]), abs=1000)


@settings(max_examples=40)
@given(st.floats(-9, 9), st.sampled_from([2.0, 10.0, 100.0]), st.integers(0, 2**32 - 1))
def test_offset_is_found_within_its_stated_error(ahead, rate, seed):
    t_unix, watts = meter(np.random.default_rng(seed), ahead, rate)
    found = align(t_unix, watts, (MONOTONIC, REALTIME), BURN)
    assert found.why is None
    assert abs(found.offset_ns + ahead * NS) <= found.error_ns
    assert found.error_ns <= 1.6 * NS / rate
    expected = np.rint((t_unix - ahead - REALTIME / NS) * NS) + MONOTONIC
    assert found.t_ns == pytest.approx(expected, abs=found.error_ns + 1000)


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_no_edge(seed):
    t_unix, watts = meter(np.random.default_rng(seed), rate=1.0, burn_watts=0.0)
    found = align(t_unix, watts, (MONOTONIC, REALTIME), BURN)
    assert (found.t_ns, found.offset_ns, found.error_ns) == (None, None, None)
    assert found.why.startswith("not aligned: no edge")


def test_an_edge_beyond_the_search_or_no_series_is_not_aligned():
    rng = np.random.default_rng(1)
    for ahead in (-11.0, 11.0):
        beyond = align(*meter(rng, ahead), (MONOTONIC, REALTIME), BURN)
        assert beyond.t_ns is None
        assert beyond.why == "not aligned: the edge lies at the end of the +-10 s searched"
    t_unix, watts = meter(rng)
    elsewhere = align(t_unix + 5000, watts, (MONOTONIC, REALTIME), BURN)
    assert elsewhere.why == "not aligned: the meter recorded nothing around the CPU burn"
    flat = align(t_unix, np.full(watts.size, 2.0), (MONOTONIC, REALTIME), BURN)
    assert flat.why == elsewhere.why
    assert align(*meter(rng, 12.0), (MONOTONIC, REALTIME), BURN, search_s=20.0).why is None


def test_align_refuses_arrays_that_do_not_match():
    with pytest.raises(ValueError, match="one value per time"):
        align(np.arange(3.0), np.arange(2.0), (0, 0), (0, 1))
    with pytest.raises(ValueError, match="burn"):
        align(np.arange(3.0), np.arange(3.0), (0, 0), (1, 1))
