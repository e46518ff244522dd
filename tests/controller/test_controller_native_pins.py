"""Warnings of what could not be set: a line a reason."""

from __future__ import annotations

from edgebench.controller.native.pins import merged


def warning(text: str, code: str = "pin-failed") -> dict[str, str]:
    return {"ev": "warning", "code": code, "text": text}


def test_one_line_a_reason_where_the_first_of_it_stood():
    events = [
        {"ev": "hello"},
        warning("global/low_power: settings does not tell it"),
        warning("fixed-performance: refused with status 127"),
        warning("system/screen_brightness: settings does not tell it"),
        {"ev": "end"},
    ]
    assert merged(events) == [
        {"ev": "hello"},
        warning("settings does not tell it: global/low_power, system/screen_brightness"),
        warning("refused with status 127: fixed-performance"),
        {"ev": "end"},
    ]


def test_other_warnings_and_odd_texts_pass_as_they_are():
    events = [warning("a: b", code="tool"), warning("no colon"), {"ev": "warning", "code": "pin-failed"}, {}]
    assert merged(events) == events
