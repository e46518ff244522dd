"""How figures are shown."""

from __future__ import annotations

import json

from figures import Figure, document, table

MET = Figure("push", 1.25, "x", 1.1, 1.4, 10, ">= 1.0x", True)
MISSED = Figure("help", 0.5, "s", target="<= 0.25 s", met=False, note="on a busy machine")
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
