"""What the simulated phone's tool says in each dialect is understood; it was written by another hand."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgebench.backends.native.base import ToolAsk, get_tool
from edgebench.mock.phone.tool.speech import DIALECTS, Dialect, Timing, Voice

KNOWN = [dialect for dialect in DIALECTS if dialect != "sixth"]
DURATIONS = st.lists(st.floats(5, 9e7), min_size=1, max_size=40)
tool = get_tool("benchmark_model")


def said(dialect: Dialect, init_us: float, warmup: Timing, runs: Timing) -> str:
    lines: list[str] = []
    voice = Voice(dialect, lambda line, stderr: lines.append(line), lambda: "05-30 15:16:44.857  3380  3380")
    voice.tool("STARTING!")
    voice.runtime("Created TensorFlow Lite XNNPACK delegate for CPU.")
    voice.running(1, 0.5, 150)
    voice.series(warmup)
    voice.running(50, 1, 150)
    voice.series(runs)
    voice.results(init_us, warmup, runs)
    voice.memory(2.5, 13.25)
    return "".join(lines)


@given(st.sampled_from(KNOWN), st.integers(1, 10**7), DURATIONS, DURATIONS)
@example("2021", 1, [5.4], [5.4, 5.4])
def test_every_dialect_gives_back_what_was_measured(
    dialect: Dialect, init_us: int, warmup: list[float], runs: list[float]
) -> None:
    timing = Timing(runs)
    report = tool.parse(said(dialect, init_us, Timing(warmup), timing), ToolAsk("m.tflite"), 0)
    stats = report.inference
    assert (report.code, report.dialect) == (None, dialect)
    assert stats is not None
    assert stats.n == len(runs)
    last_digit = 5001 if dialect == "litert" else 501
    assert stats.mean == pytest.approx(timing.mean * 1e3, rel=1e-5)
    assert (stats.min, stats.max) == pytest.approx((min(runs) * 1e3, max(runs) * 1e3), abs=last_digit)
    assert report.warmup is not None
    assert report.warmup.n == len(warmup)
    assert report.init_ns == pytest.approx(init_us * 1e3, abs=5001 if dialect == "litert" else 0)
    assert report.memory_mib == ({} if dialect in ("2019", "litert") else {"init": 2.5, "overall": 13.25})


@given(DURATIONS, DURATIONS)
def test_the_sixth_is_not_guessed_at(warmup: list[float], runs: list[float]) -> None:
    report = tool.parse(said("sixth", 1000, Timing(warmup), Timing(runs)), ToolAsk("m.tflite"), 0)
    assert (report.code, report.inference) == ("unparsed-output", None)
    assert "throughput_qps" in (report.raw or "")
