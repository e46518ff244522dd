"""Calibrating a gauge of known truth: unit, sign and rate are found, or it is refused; it is never wrong."""

from __future__ import annotations

import random

import pytest
from gauges import TrueGauge, looks
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebench.phones.gauge import UNITS, Gauge, Prior, Sample, calibrate, update_rate

IDLE_S = 30.0


def seen(gauge: TrueGauge, idle_w: float, burn_w: float, poll_hz: float = 10.0) -> tuple[list[Sample], list[Sample]]:
    """30 s of idle and 30 s of burn, the phone's other work wobbling by a few per cent."""
    wobble = random.Random(gauge.seed + 1)
    noise = [wobble.gauss(1, 0.03) for _ in range(601)]
    samples = [
        Sample(t_s, current, microvolts)
        for t_s, current, microvolts in looks(
            gauge, lambda t: (idle_w if t < IDLE_S else burn_w) * noise[int(t * 10) % 601], 0.0, 2 * IDLE_S, poll_hz
        )
    ]
    return [one for one in samples if one.t_s < IDLE_S], [one for one in samples if one.t_s >= IDLE_S]


def truly(gauge: TrueGauge, found: Gauge) -> bool:
    return found.scale_a == pytest.approx(1 / gauge.per_a) and found.sign == gauge.sign


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("rate_hz", [0.5, 1.0, 4.0, None])
def test_unit_sign_and_rate_are_found(unit: str, sign: int, rate_hz: float | None) -> None:
    right = rates = 0
    for seed in range(40):
        rng = random.Random(seed)
        noise, idle_w = rng.choice([0.0, 0.02, 0.08]), rng.uniform(0.4, 2.2)
        burn_w = rng.uniform(max(3.4, idle_w + 1.2), 11.0)
        gauge = TrueGauge(1 / UNITS[unit], sign, rate_hz=rate_hz, noise=noise, seed=seed)
        idle, burn = seen(gauge, idle_w, burn_w)
        found = calibrate(idle, burn)
        if found.state == "ok":
            assert truly(gauge, found)
            assert found.idle_w == pytest.approx(idle_w, rel=0.15)
            assert found.burn_w == pytest.approx(burn_w, rel=0.15)
            right += 1
            rates += found.update_hz == pytest.approx(rate_hz or 10.0, rel=0.1)
    assert right >= 38, f"{right} of 40"
    assert rates >= 38, f"{rates} of 40"


@given(
    unit=st.sampled_from(list(UNITS)),
    sign=st.sampled_from([1, -1]),
    rate_hz=st.sampled_from([0.25, 1.0, 4.0, None]),
    noise=st.floats(0, 0.2),
    step=st.sampled_from([1, 5, 1000]),
    idle_w=st.floats(0.1, 4.0),
    more_w=st.floats(0.0, 20.0),
    charger_w=st.sampled_from([0.0, 0.0, 2.0, 7.5, 15.0]),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=200, deadline=None)
def test_it_is_right_or_refused_and_never_wrong(
    unit: str, sign: int, rate_hz: float | None, noise: float, step: int, idle_w: float, more_w: float,
    charger_w: float, seed: int,
) -> None:  # fmt: skip
    gauge = TrueGauge(1 / UNITS[unit], sign, step, rate_hz, noise, charger_w, seed=seed)
    found = calibrate(*seen(gauge, idle_w, idle_w + more_w))
    if found.state == "ok":
        assert truly(gauge, found)
        assert charger_w < idle_w, "a figure while charging"
    else:
        assert found.why


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("charger_w", [4.0, 10.0, 15.0])
def test_charging_is_seen_by_the_currents_direction(unit: str, sign: int, charger_w: float) -> None:
    """At 4 W the burn takes more than the charger gives, and the battery helps out: refused all the same."""
    for seed in range(20):
        gauge = TrueGauge(1 / UNITS[unit], sign, charger_w=charger_w, seed=seed)
        found = calibrate(*seen(gauge, 1.0, 6.0))
        assert found.state == "unavailable"
        assert "charged" in str(found.why)
        assert "inwards" in str(found.why)


def test_a_dead_gauge_is_refused() -> None:
    dead = [Sample(t / 10, 0, 4_312_000) for t in range(300)]
    assert "dead" in str(calibrate(dead, dead).why)


def test_a_burn_that_does_not_show_is_refused() -> None:
    idle, burn = seen(TrueGauge(noise=0.1), 1.0, 1.0)
    assert calibrate(idle, burn).why == "the burn did not show in the gauge's current"


def test_figures_of_no_phone_are_refused_with_both_units_named() -> None:
    found = calibrate(*seen(TrueGauge(per_a=1e4), 1.0, 6.0))
    assert "no unit gives 0.3-2.5 W at idle and 3-12 W under the burn" in str(found.why)
    assert "in uA" in str(found.why)
    assert "in mA" in str(found.why)


def test_too_few_readings_are_refused() -> None:
    idle, burn = seen(TrueGauge(), 1.0, 6.0, poll_hz=0.2)
    assert "5 of each are needed" in str(calibrate(idle, burn).why)
    assert calibrate([], []).state == "unavailable"


def test_the_profile_is_a_prior_and_no_more() -> None:
    idle, burn = seen(TrueGauge(per_a=1e3, sign=-1), 1.0, 6.0)
    assert calibrate(idle, burn, Prior("mA", -1)).surprise is None
    surprised = calibrate(idle, burn, Prior("uA", 1))
    assert (surprised.scale_a, surprised.sign) == (1e-3, -1)
    assert surprised.surprise == "the profile believed unit uA, the burn shows mA; sign 1, the burn shows -1"


def test_two_cells_of_which_one_is_told() -> None:
    idle, burn = seen(TrueGauge(), 0.6, 3.2)
    one, two = calibrate(idle, burn), calibrate(idle, burn, Prior(cells=2))
    assert two.burn_w == pytest.approx(2 * float(one.burn_w or 0))
    assert two.watts(-500_000, 3_900_000) == pytest.approx(3.9)


def test_steps_are_found() -> None:
    idle, burn = seen(TrueGauge(step=5, per_a=1e3), 1.0, 6.0)
    assert calibrate(idle, burn).step_a == pytest.approx(0.005)


def test_pixel_3as_976_microamperes_are_no_milliamperes() -> None:
    """The rule "below 10000 it is mA" misfires there: 976 uA of a phone on its cable."""
    idle = [Sample(t / 10, -976 - t % 3, 3_815_175) for t in range(300)]
    burn = [Sample(30 + t / 10, -1_200_000 - 100 * (t % 7), 3_700_000) for t in range(300)]
    assert calibrate(idle, burn).state == "unavailable"


def test_no_changes_no_rate() -> None:
    assert update_rate([Sample(t, 5, 4_000_000) for t in range(100)]) is None
    assert update_rate([]) is None
