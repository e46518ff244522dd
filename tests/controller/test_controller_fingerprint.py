"""What makes two runs comparable: a change of the board's software or power mode is a change of the environment."""

from __future__ import annotations

import pytest

from edgebench.controller.assembly.environment import fingerprint, settings_of

NANO = {
    "machine": "aarch64",
    "board": {"module": "p3448-0000", "l4t": "32.7.1", "jetpack": "4.6.1"},
    "software": {"tensorrt": "8.2.1.8", "cuda": "10.2.300", "cudnn": "8.2.1.32"},
    "power_mode": {"id": 0, "name": "MAXN"},
}


@pytest.mark.parametrize(
    "change",
    [
        {"board": {**NANO["board"], "module": "p3448-0002"}},
        {"board": {**NANO["board"], "jetpack": "4.6.2"}},
        {"software": {**NANO["software"], "tensorrt": "8.5.2.2"}},
        {"software": {**NANO["software"], "cuda": None}},
        {"software": {**NANO["software"], "cudnn": "8.2.2"}},
    ],
)
def test_another_environment_has_another_fingerprint(change):
    assert fingerprint(NANO | change, "8.2.1.8", {}) != fingerprint(NANO, "8.2.1.8", {})


def test_the_power_mode_that_counts_is_the_one_of_the_run():
    """Facts are read before a job sets its mode: from whichever mode a session starts, the run is the same."""
    pins = [{"power_mode": {"id": number, "name": name}} for number, name in enumerate(("MAXN", "5W"))]
    assert len({fingerprint(NANO, "8.2.1.8", one) for one in pins}) == 2


def test_what_does_not_matter_does_not_split_a_series():
    other = {"uptime_s": 5.0, "board": {**NANO["board"], "serial_hash": "00"}, "power_mode": {"id": 1, "name": "5W"}}
    assert fingerprint(NANO | other, "8.2.1.8", {}) == fingerprint(NANO, "8.2.1.8", {})


def test_machines_without_these_keep_the_fingerprint_that_they_had():
    facts = {"machine": "x86_64", "kernel": "6.1"}
    nothing = {"software": {"tensorrt": None, "cuda": None}, "power_mode": None, "board": {"module": None}}
    assert fingerprint(facts, "1.31.1", {}) == fingerprint(facts | nothing, "1.31.1", {}) == "9202860290fae46c"


def test_a_fans_readings_are_no_setting():
    pins = {"governor": {"policy0": "performance"}, "power_mode": {"id": 0, "name": "MAXN"}}
    turning = [pins | {"fan": {"pwm": 80, "rpm": rpm, "profile": "quiet"}} for rpm in (2100, 2140)]
    assert {fingerprint(NANO, None, settings_of(one)) for one in turning} == {fingerprint(NANO, None, pins)}
    assert settings_of(None) is None
