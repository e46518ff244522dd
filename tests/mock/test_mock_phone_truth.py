"""A phone's energy as the product would find it, against what the simulated phone really drew; simulated time.

The load is what the phone's own tool draws while it infers, in waves of 8 to 18 ms. Seeds are 0, 1, 2...
"""

import numpy as np
import pytest
from phone_instruments import LOCKED, run

from edgebench.mock.phone.faults import parse_fault
from edgebench.mock.phone.loads import Work
from edgebench.mock.phone.physics import PhoneBody
from edgebench.stats.soak import Curve, curve_of, throttle_onset_s

RUNS = 200
RAILS = {"form": "pixel-8", "source": "rails", "rate_hz": 10.0, "load_s": 60, "idle_s": 30}
LIVE_GAUGE = {"form": "generic-android", "source": "gauge", "rate_hz": 10.0, "load_s": 60, "idle_s": 30}
SLOW_GAUGE = {"form": "oneplus-7t", "source": "gauge", "rate_hz": 1.0, "load_s": 105, "idle_s": 30}
"""As long as a plan gets with a source of 1 Hz: 100 samples, and 5 % for the jitter."""


def errors(runs, **how):
    """95th percentiles of |gross error| and |net error|, share of intervals that hold the truth, and their number."""
    found = [run(seed=seed, **how) for seed in range(runs)]
    covered = [one.covered for one in found if one.covered is not None]
    gross, net = (np.quantile(np.abs([getattr(one, name) for one in found]), 0.95) for name in ("gross", "net"))
    print(f"{how['form']} {how['source']}: gross {gross:.4f} net {net:.4f} covered {np.mean(covered or [np.nan]):.3f} "
          f"of {len(covered)}")  # fmt: skip
    return gross, net, np.mean(covered or [np.nan]), len(covered)


def test_counters_of_rails_are_within_1_percent():
    gross, net, _, _ = errors(10, **RAILS)
    assert max(gross, net) <= 0.01
    assert gross > 0.0


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_counters_of_rails_are_within_1_percent_over_200_runs():
    gross, net, _, _ = errors(RUNS, **RAILS)
    assert max(gross, net) <= 0.01


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_a_gauge_read_at_10_hz_over_200_runs():
    gross, net, covered, _ = errors(RUNS, **LIVE_GAUGE)
    assert gross <= 0.03
    assert net <= 0.04
    assert covered >= 0.90


@pytest.mark.heavy
@pytest.mark.timeout(600)
@pytest.mark.parametrize("form", ["oneplus-7t", "pixel-8"])
def test_a_gauge_of_1_hz_over_200_runs_and_its_stated_uncertainty(form):
    _, net, covered, stated = errors(RUNS, **SLOW_GAUGE | {"form": form})
    assert net <= 0.15
    assert covered >= 0.93
    assert stated >= 0.95 * RUNS


def test_a_sampler_in_step_with_the_load_is_seen_to_fail():
    """Mutation: without jitter every sample meets the same phase."""
    gross, net, _, _ = errors(5, **LIVE_GAUGE | {"jitter": 0.0, "wave": LOCKED})
    assert gross > 0.2
    assert net > 0.2


def test_charging_leaves_the_rails_alone_and_turns_the_gauge():
    joules = {}
    for texts in ((), ("charging",)):
        body = PhoneBody("pixel-8", seed=4, faults=[parse_fault(text) for text in texts])
        begin, before = body.now_ns(), sum(body.counters())
        body.advance(100)
        joules[texts] = (sum(body.counters()) - before) / 1e6
        assert joules[texts] == pytest.approx(body.truth_of_rails(begin, body.now_ns()).joules, rel=0.01)
        assert (body.reading().counts > 0) == bool(texts)
    assert joules[()] == pytest.approx(joules[("charging",)], rel=0.01)


def latencies_of_a_hot_phone(seed):
    """(start ns, latency ns) of inferences back to back on a phone that gets hot, and when it was first slowed down."""
    body = PhoneBody("oneplus-7t", seed=seed, faults=[parse_fault("throttling")])
    rng = np.random.default_rng((seed, 9))
    body.load.set("tool", Work("gpu", 3.1, 0.0129), 0.0)
    starts, took = [], []
    begin_ns = body.now_ns()
    while body.now_ns() < begin_ns + 40_000_000_000:
        starts.append(body.now_ns() - begin_ns)
        took.append(round(12_900_000 / body.clock_share * float(np.exp(0.02 * rng.standard_normal()))))
        body.advance_ns(took[-1])
    return np.array(starts), np.array(took), (body.throttled_at_ns[0] - begin_ns) / 1e9


def test_the_onset_of_throttling_is_found_within_2_s():
    found = []
    for seed in range(30):
        starts, took, true_s = latencies_of_a_hot_phone(seed)
        assert 2 < true_s < 30
        found.append(throttle_onset_s(curve_of(starts, took, 1.0)) - true_s)
    print(f"onset: {np.min(found):+.2f} to {np.max(found):+.2f} s")
    assert np.max(np.abs(found)) <= 2.0


def test_the_onset_is_found_from_processes_back_to_back():
    """A tool that gives means only: a process a block, its start-up between them."""
    for seed in range(30):
        starts, took, true_s = latencies_of_a_hot_phone(seed)
        groups = np.array_split(np.arange(starts.size), round((starts[-1] - starts[0]) / 1.2e9))
        means = np.array([took[group].mean() for group in groups])
        t_s = np.array([starts[group[0]] / 1e9 for group in groups])
        curve = Curve(np.arange(len(groups)), t_s, 1e9 / means, means)
        assert abs(throttle_onset_s(curve) - true_s) <= 2.0
