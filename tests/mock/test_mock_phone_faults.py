"""Faults by name and time, and what becomes of them on the phone."""

from typing import get_args

import pytest

from edgebench.errors import UnknownName, UsageError
from edgebench.mock.phone.adbd.faults import Kind
from edgebench.mock.phone.faults import FAULTS, Fault, Faults, parse_fault
from edgebench.mock.phone.link_faults import link_fault
from edgebench.mock.phone.physics import PhoneBody


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("charging", Fault("charging")),
        ("charging@70s", Fault("charging", after_s=70.0)),
        ("drop@1.5s", Fault("drop", after_s=1.5)),
        ("crash@2", Fault("crash", nth=2)),
    ],
)
def test_a_fault_is_a_name_and_perhaps_a_time_or_a_number(text, fault):
    assert parse_fault(text) == fault


@pytest.mark.parametrize("text", ["crash@", "crash@-1", "crash@0", "crash@1.5", "Crash", "", "crash @1"])
def test_what_is_no_fault_is_told(text):
    with pytest.raises(UsageError):
        parse_fault(text)


def test_a_name_that_is_near_is_told():
    with pytest.raises(UnknownName, match="charge") as caught:
        parse_fault("charge")
    assert "charging" in caught.value.hint


def test_when_a_fault_strikes():
    always, late, second = Fault("crash"), Fault("crash", after_s=10.0), Fault("crash", nth=2)
    assert always.strikes(nth=1, seconds=0.0)
    assert [late.strikes(nth=1, seconds=at) for at in (9.9, 10.0)] == [False, True]
    assert [second.strikes(nth=nth, seconds=0.0) for nth in (1, 2, 3)] == [False, True, False]
    assert Faults([second]).has("crash")
    assert not Faults([second]).now("oom", nth=2)


def test_every_fault_of_the_link_is_one_that_the_daemon_knows():
    names = {name for name, (place, _) in FAULTS.items() if place == "link"}
    assert names == set(get_args(Kind))
    for name in names:
        for fault in (Fault(name), Fault(name, nth=2), Fault(name, after_s=6.0)):
            told = link_fault(fault, speed=2.0)
            assert (told.kind, told.when.nth, told.when.seconds) == (
                name, fault.nth or 0, 3.0 if fault.after_s else 0.0,
            )  # fmt: skip


def drawing(form, *texts, seconds=10.0):
    body = PhoneBody(form, seed=3, faults=[parse_fault(text) for text in texts])
    body.advance(seconds)
    return body


class TestGauge:
    def test_units_and_signs_are_those_of_the_form(self):
        amperes = {form: drawing(form).reading().counts * drawing(form).gauge.form.amps
                   for form in ("oneplus-7t", "pixel-8", "generic-android")}  # fmt: skip
        assert amperes["oneplus-7t"] == pytest.approx(0.9 / 4.0, rel=0.1)
        assert amperes["pixel-8"] == pytest.approx(-0.8 / 4.0, rel=0.1)
        assert amperes["generic-android"] == pytest.approx(-1.0 / 4.0, rel=0.1)
        assert drawing("oneplus-7t").reading().counts % 5 == 0

    def test_inverted_and_swapped(self):
        usual = drawing("generic-android").reading().counts
        assert usual < -100_000
        assert drawing("generic-android", "inverted-sign").reading().counts == pytest.approx(-usual, rel=0.05)
        assert drawing("generic-android", "swapped-unit").reading().counts == pytest.approx(usual / 1000, rel=0.05)
        assert drawing("oneplus-7t", "swapped-unit").reading().counts == pytest.approx(225_000, rel=0.1)

    def test_a_charger_turns_the_sign_while_it_is_there(self):
        body = drawing("oneplus-7t", "charging@20s")
        assert body.reading().counts > 0
        body.advance(13)
        assert body.charging
        assert body.reading().counts < 0

    def test_suspended_input_is_a_phone_on_battery(self):
        body = drawing("pixel-8", "charging")
        assert body.reading().counts > 0
        body.input_suspended = True
        body.advance(3)
        assert body.plugged
        assert body.reading().counts < 0

    def test_a_dead_one_never_moves(self):
        body = drawing("generic-android", "dead-gauge")
        first = body.reading()
        body.advance(60)
        assert body.reading() == first

    def test_it_renews_about_once_a_second(self):
        body = drawing("oneplus-7t")
        seen = set()
        for _ in range(2000):
            body.advance(0.01)
            seen.add(body.reading().at_ms)
        assert 18 <= len(seen) <= 22


class TestBattery:
    def test_five_percent_are_left(self):
        assert drawing("oneplus-7t", "low-battery").battery.charge == pytest.approx(0.05, abs=0.001)

    def test_it_empties_by_what_is_drawn_and_sags_under_load(self):
        body = PhoneBody("oneplus-7t", seed=1)
        before, volts = body.battery.coulombs, body.battery.volts(0.9)
        start = body.now_ns()
        body.advance(600)
        amperes = body.truth(start, body.now_ns()).joules / 600 / volts
        assert before - body.battery.coulombs == pytest.approx(600 * amperes, rel=0.01)
        assert body.battery.volts(5.0) < volts - 0.05

    def test_charging_fills_it(self):
        body = drawing("oneplus-7t", "charging", seconds=0)
        before = body.battery.charge
        body.advance(600)
        assert body.battery.charge > before + 0.02
