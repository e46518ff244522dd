"""What the doctor says of a phone, from facts alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from edgebench.controller.finding import Finding
from edgebench.controller.native.check import android, phone_state, tools

WELL = {
    "os": {"name": "Android 12"},
    "sdk": 31,
    "abis": ["arm64-v8a"],
    "tools": [{"name": "benchmark_model", "path": "/data/local/tmp/benchmark_model", "sha256": "ab" * 32}],
    "battery": {"level": 72, "plugged": []},
    "screen": {"on": True, "locked": False},
    "thermal": {"status": 0},
}


def seen(check: Any, **facts: Any) -> dict[str, Finding]:
    session = SimpleNamespace(facts=WELL | facts, entry=SimpleNamespace(name="phone"))
    return {one.name: one for one in check(session)}


@pytest.fixture(autouse=True)
def no_tools_of_the_users(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEBENCH_TOOLS", str(tmp_path))


def test_a_phone_that_is_well():
    assert {name: one.state for name, one in seen(phone_state).items()} == {"battery": "ok"}
    assert seen(android)["android"].text == "Android 12 (API 31), arm64-v8a"
    (tool,) = seen(tools).values()
    assert (tool.state, tool.needed) == ("ok", True)


@pytest.mark.parametrize(
    ("facts", "name", "state", "words"),
    [
        ({"battery": {"level": 5, "plugged": []}}, "battery", "missing", "5 %"),
        ({"battery": {"level": None, "why": "dumpsys is unknown"}}, "battery", "unknown", "dumpsys is unknown"),
        ({"battery": {"level": 50, "plugged": ["USB"]}}, "cable", "unknown", "USB"),
        ({"screen": {"on": False, "locked": True}}, "screen", "missing", "locked"),
        ({"screen": {"on": False, "locked": False}}, "screen", "unknown", "off"),
        ({"thermal": {"status": 3}}, "thermal", "missing", "status 3"),
        ({"thermal": {"why": "HAL not ready"}}, "thermal", "unknown", "HAL not ready"),
    ],
)
def test_what_spoils_figures(facts, name, state, words):
    found = seen(phone_state, **facts)[name]
    assert found.state == state
    assert words in found.text
    assert not found.needed  # a run can work all the same


def test_without_any_tool_no_run_can_work():
    (missing,) = seen(tools, tools=[]).values()
    assert (missing.name, missing.state, missing.needed) == ("benchmark_model", "missing", True)
    assert "edgebench tools get benchmark_model" in missing.todo


def test_another_tool_is_enough():
    other = [{"name": "benchncnn", "path": "/data/local/tmp/benchncnn", "sha256": "cd" * 32}]
    found = seen(tools, tools=other)
    assert not found["benchmark_model"].needed
    assert found["benchncnn"].state == "ok"


def test_nothing_told_is_no_abort():
    assert seen(android, os=None, sdk=None, abis=[])["android"].text == "Android (API ?), no ABI told"
    assert seen(phone_state, battery=None, screen=None, thermal=None)["battery"].state == "unknown"
