"""The rails' counters of a phone: when a look was, two chips in step, an idle while the shell has to wait."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.controller.assembly.power import PowerSource, power_source
from edgebench.controller.events import MISSING, sort_events
from edgebench.controller.native.rails import in_step, latched
from edgebench.controller.native.readings import read_phone
from edgebench.stats.energy import measure_window

NS, MS = 1_000_000_000, 1_000_000
IDLE_W, BUSY_W = 0.4, 2.4
SOAK_S = (13.0, 43.0)
LAYOUT = {
    "columns": {},
    "power": {"name": "power:odpm", "state": "ok", "files": 2, "columns": ["CPU", "GPU"], "total": ["CPU", "GPU"]},
}


def joules(t_s: float) -> float:
    """Energy since boot: idle, but for the soak."""
    busy_s = min(max(t_s - SOAK_S[0], 0.0), SOAK_S[1] - SOAK_S[0])
    return IDLE_W * t_s + (BUSY_W - IDLE_W) * busy_s


def value(channel: str, t_s: float, share: float) -> str:
    ms = int(t_s * 1000)
    return f"t={ms}\nCH0(T={ms})[{channel}], {round(share * joules(ms / 1000) * 1e6)}"


def late_sampler(seed: int, *, own: bool = True) -> list[str]:
    """Lines of a sampler that often waits: after its stamp, and between its two files."""
    rng = random.Random(seed)
    lines, at = [], 8.0
    while at < 48.0:
        for index, (channel, share) in enumerate((("CPU", 0.6), ("GPU", 0.4))):
            stamp = int(at * 100)
            at += rng.choice([0.001, 0.001, 0.03])
            shown = value(channel, at, share).splitlines()[0 if own else 1 :]
            lines += [f"{stamp} power:odpm{index} | {line}" for line in shown]
        at += rng.uniform(0.07, 0.13)
    return lines


def source_of(lines: list[str]) -> PowerSource:
    source = power_source(sort_events(read_phone(lines, LAYOUT, []).events))
    assert isinstance(source, PowerSource)
    return source


@pytest.mark.parametrize("seed", range(20))
def test_an_idle_of_three_seconds_holds_nothing_of_the_load(seed: int) -> None:
    source = source_of(late_sampler(seed))
    for begin_s, end_s in ((10.0, SOAK_S[0]), (SOAK_S[1], 46.0)):
        inside = source.trace.t_ns[(source.trace.t_ns >= begin_s * NS) & (source.trace.t_ns <= end_s * NS)]
        kept = inside[source.edge_looks : -source.edge_looks]
        idle = measure_window(source.trace, int(kept[0]), int(kept[-1]))
        assert idle.watts == pytest.approx(IDLE_W, rel=1e-5)
    busy = measure_window(source.trace, *(round(t_s * NS) for t_s in SOAK_S))
    assert busy.watts == pytest.approx(BUSY_W, abs=3 * math.sqrt(2) * source.sensor.clock_s / 30 * (BUSY_W - IDLE_W))


def test_what_the_chips_tell_is_surer_than_the_samplers_stamps() -> None:
    told, stamped = (source_of(late_sampler(1, own=own)).sensor.clock_s for own in (True, False))
    assert 0.005 < told < 0.03 < stamped


def look(stamp_ms: int, own_ms: int | None, energy: int = 1) -> tuple[int, str]:
    head = [] if own_ms is None else [f"t={own_ms}"]
    return stamp_ms * MS, "\n".join([*head, f"CH0(T=1)[CPU], {energy}"])


def test_a_cached_answer_is_no_second_look() -> None:
    file = [look(1000, 980, 5), look(1020, 980, 5), look(1100, 1101, 9)]
    assert latched(file) == [(980 * MS, {"CPU": 5}), (1101 * MS, {"CPU": 9})]


def test_a_time_of_another_clock_is_none() -> None:
    assert latched([look(at, 5_000_000 + at) for at in range(1000, 2000, 100)]) == []
    assert latched([look(at, None) for at in range(1000, 2000, 100)]) == []
    some = [look(1000, 1001), look(1100, 99_000), look(1200, 1201)]
    assert [t_ns for t_ns, _ in latched(some)] == [1001 * MS, 1201 * MS]


def test_a_chip_that_was_not_read_in_that_round_leaves_a_gap() -> None:
    first = [(t * MS, {"CPU": t}) for t in (1000, 1100, 1500, 1900)]
    other = [(t * MS, {"GPU": 2 * t}) for t in (1010, 1110, 1910)]
    merged = in_step([first, other])
    assert merged[1] == (1100 * MS, {"CPU": 1100, "GPU": 2200})
    assert [energies.get("GPU", MISSING) for _, energies in merged] == [MISSING, 2200, MISSING, 3800]


looks = st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**12)), unique_by=lambda one: one[0], max_size=20)


@given(st.lists(looks.map(sorted), min_size=1, max_size=3))
def test_counters_in_step_stay_within_what_was_counted(files: list[list[tuple[int, int]]]) -> None:
    chips: list[list[tuple[int, dict[str, int]]]] = [
        [
            (t * MS, {f"R{index}": count})
            for t, count in zip((t for t, _ in file), sorted(c for _, c in file), strict=True)
        ]
        for index, file in enumerate(files)
    ]
    merged = in_step(chips)
    assert [t_ns for t_ns, _ in merged] == [t_ns for t_ns, _ in chips[0]]
    for index, chip in enumerate(chips):
        counted: list[Any] = [energies[f"R{index}"] for _, energies in chip]
        shown = [energies[f"R{index}"] for _, energies in merged if f"R{index}" in energies]
        assert shown == sorted(shown)
        assert all(counted[0] <= count <= counted[-1] for count in shown)
