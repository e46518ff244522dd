"""Energy against a truth at 1 kHz: a square load whose loop is locked to a clock of 10 ms.

7 W for 60 % and 3.5 W for 40 % of every 10 ms, idle 2 W. The truth is summed here, millisecond by millisecond; bounds
are on the 95th percentile of the absolute error.
"""

import math

import numpy as np
import pytest

from edgebench.stats.energy import Trace, measure_window
from edgebench.stats.per_item import per_item

NS = 1_000_000_000
MS = 1_000_000
LEAD_MS = 40_000
SECONDS = 60
ITEMS = 6000.0
POWER = np.full(2 * LEAD_MS + SECONDS * 1000, 2.0)
POWER[LEAD_MS:-LEAD_MS] = np.tile([7.0] * 6 + [3.5] * 4, SECONDS * 100)
JOULES = np.concatenate([[0.0], np.cumsum(POWER) / 1000])
TRUE_GROSS_MJ = POWER[LEAD_MS:-LEAD_MS].sum() / ITEMS
TRUE_NET_MJ = TRUE_GROSS_MJ - 2.0 * SECONDS * 1000 / ITEMS
LOAD = (LEAD_MS * MS, (LEAD_MS + SECONDS * 1000) * MS)
BEFORE = (5_000 * MS, 35_000 * MS)
AFTER = (LOAD[1] + 5_000 * MS, LOAD[1] + 35_000 * MS)


def sample_times(rng, rate=10.0, jitter=0.3):
    """Times (ns) all over the recording: a random start, then intervals of 1/rate +- jitter."""
    total_s = POWER.size / 1000
    gaps = rng.uniform(1 - jitter, 1 + jitter, round(1.1 * total_s * rate)) / rate
    t = rng.uniform(0, 1 / rate) + np.concatenate([[0.0], np.cumsum(gaps)])
    return np.rint(t[t < total_s - 0.001] * NS).astype(np.int64)


def instantaneous(rng, **how):
    t_ns = sample_times(rng, **how)
    return Trace("instantaneous", t_ns, POWER[t_ns // MS])


def windowed(rng, window_ms=100):
    t_ns = sample_times(rng)
    t_ns = t_ns[t_ns > window_ms * MS]
    end = t_ns // MS
    return Trace("windowed", t_ns, (JOULES[end] - JOULES[end - window_ms]) * 1000 / window_ms, window_ms * MS)


def accumulating(rng, rate=1.0):
    t_ns = sample_times(rng, rate=rate)
    counter = JOULES[t_ns // MS] % 50.0
    return Trace("accumulating", t_ns, counter, counter_range_joules=50.0)


def relative_errors(source, repetitions, seed, **how):
    """95th percentile of |error| of gross and net energy per item."""
    rng = np.random.default_rng(seed)
    gross, net = [], []
    for _ in range(repetitions):
        trace = source(rng, **how)
        found = per_item(*(measure_window(trace, *window) for window in (LOAD, BEFORE, AFTER)), ITEMS)
        gross.append(abs(found.gross.mj_per_item / TRUE_GROSS_MJ - 1))
        net.append(abs(found.net.mj_per_item / TRUE_NET_MJ - 1))
    return float(np.quantile(gross, 0.95)), float(np.quantile(net, 0.95))


def test_the_truth_is_the_documented_load():
    assert pytest.approx(5.6 * SECONDS * 1000 / ITEMS) == TRUE_GROSS_MJ
    assert pytest.approx(3.6 * SECONDS * 1000 / ITEMS) == TRUE_NET_MJ


def test_a_jittered_sampler_meets_the_bounds():
    gross, net = relative_errors(instantaneous, 2000, seed=1)
    print(f"instantaneous, 10 Hz: gross {gross:.4f}, net {net:.4f}")
    assert gross <= 0.03
    assert net <= 0.04


def test_a_locked_sampler_is_seen_to_fail():
    """Mutation: without jitter every sample meets the same phase of the loop."""
    gross, net = relative_errors(instantaneous, 200, seed=2, jitter=0.0)
    assert gross > 0.2
    assert net > 0.3


def test_windowed_and_accumulating_sources_are_within_one_percent():
    for source in (windowed, accumulating):
        gross, net = relative_errors(source, 2000, seed=3)
        print(f"{source.__name__}: gross {gross:.4f}, net {net:.4f}")
        assert gross <= 0.01
        assert net <= 0.01


def without_ends(trace, t0_ns, t1_ns):
    """Mutant: the difference of the counter's readings inside the window, its ends not interpolated."""
    inside = (trace.t_ns >= t0_ns) & (trace.t_ns <= t1_ns)
    counter = np.concatenate([[0.0], np.cumsum(np.diff(trace.values) % 50.0)])[inside]
    return counter[-1] - counter[0]


def test_a_counter_without_interpolated_ends_is_seen_to_fail():
    rng = np.random.default_rng(4)
    true_joules = TRUE_GROSS_MJ * ITEMS / 1000
    ours, mutant = [], []
    for _ in range(500):
        trace = accumulating(rng)
        ours.append(abs(measure_window(trace, *LOAD).joules / true_joules - 1))
        mutant.append(abs(without_ends(trace, *LOAD) / true_joules - 1))
    assert np.quantile(ours, 0.95) <= 0.01
    assert np.quantile(mutant, 0.95) > 0.01


def test_the_intervals_cover_and_the_error_shrinks_with_time():
    rng = np.random.default_rng(5)
    hits = []
    for _ in range(2000):
        found = measure_window(instantaneous(rng), *LOAD)
        hits.append(found.lo_watts <= 5.6 <= found.hi_watts)
    share = float(np.mean(hits))
    error = math.sqrt(share * (1 - share) / len(hits))
    print(f"interval of mean power covers {share:.4f}, standard error {error:.4f}")
    assert 0.93 - 3 * error <= share <= 0.97 + 3 * error
