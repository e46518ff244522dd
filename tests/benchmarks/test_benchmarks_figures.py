"""How figures are shown."""

from __future__ import annotations

import json

import pytest
from figures import Figure, at_least, document, table
from telemetry import shift_verdict

from edgebench.stats.rounds import compare

MET = Figure("push", 1.25, "x", 1.1, 1.4, 10, ">= 1.0x", "met")
MISSED = Figure("help", 0.5, "s", target="<= 0.25 s", verdict="MISSED", note="on a busy machine")
BESIDE = Figure("CPU time", 0.99, "x")


def test_a_table_says_value_interval_and_verdict():
    lines = table([MET, MISSED, BESIDE]).splitlines()
    assert lines[1].split() == ["push", "1.25x", "[1.1,", "1.4]", "10", "met", "(>=", "1.0x)"]
    assert lines[2].split() == ["help", "0.5", "s", "MISSED", "(<=", "0.25", "s)"]
    assert lines[3].split() == ["CPU", "time", "0.99x"]
    assert lines[4] == "  help: on a busy machine"


def test_the_document_names_the_machine_and_keeps_every_field():
    read = json.loads(document([MET, MISSED]))
    assert [Figure(**one) for one in read["figures"]] == [MET, MISSED]
    assert {"cpu", "cores", "python", "onnxruntime", "load_1m"} <= set(read["machine"])


@pytest.mark.parametrize(
    ("centre", "noise", "verdict"), [(1.1, 0.01, "met"), (0.9, 0.01, "MISSED"), (1.02, 0.1, "open")]
)
def test_a_speed_is_judged_by_its_interval(centre, noise, verdict):
    ratio = compare([centre, centre + noise, centre - noise] * 2, [1.0] * 6, less_is_better=True)
    assert at_least(ratio, 1.0) == verdict


@pytest.mark.parametrize(
    ("centre", "noise", "verdict"),
    [(1.0, 0.005, "met"), (1.02, 0.005, "MISSED"), (0.98, 0.005, "MISSED"), (1.01, 0.005, "open"), (1.0, 0.05, "open")],
)
def test_a_shift_is_judged_by_its_interval(centre, noise, verdict):
    ratio = compare([1.0] * 6, [centre, centre + noise, centre - noise] * 2, less_is_better=False)
    assert shift_verdict(ratio) == verdict


def test_without_an_interval_nothing_is_shown():
    ratio = compare([1.0] * 3, [1.0] * 3, less_is_better=True)
    assert (at_least(ratio, 1.0), shift_verdict(ratio)) == ("open", "open")
