"""The roofline's page: which words stand where."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from edgebench.report import roofline_view as view


def document(**more):
    fp32 = {"precision": "fp32", "gops": 235.9, "gbs": 25.6, "ridge": 9.2148, "intensity": 46.25, "side": "compute",
            "bound_ms": 15.63, "layers_ms": 15.98, "measured": False, "source": "cores", "confidence": "high",
            "why": None}  # fmt: skip
    int8 = dict.fromkeys(fp32) | {"precision": "int8", "measured": False, "why": "unsupported by GPU (sm_53)"}
    layers = [
        {"name": "[a]", "op": "Conv", "fused": ["Relu"], "flops": 10**9, "bytes": 1e6, "intensity": 1000.0,
         "side": "compute", "bound_ms": 3.0},
        {"name": "b", "op": "Add", "fused": [], "flops": 0, "bytes": 0.0, "intensity": None, "side": "memory",
         "bound_ms": 1.0},
    ]  # fmt: skip
    given = {"device": "nano", "profile": "jetson-nano", "simulated": False, "unit": "gpu", "title": "GPU Maxwell",
             "clock_mhz": 921.6, "memory_mhz": None, "clocks": "not asked", "power_mode": None,
             "precisions": [fp32, int8], "precision": "fp32", "layers": layers, "notes": ["some note"]}  # fmt: skip
    return given | more


def printed(table) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()


def test_the_board_and_its_clocks():
    lines = dict(view.board_lines(document(simulated=True, power_mode="5W")))
    assert lines["roofline"] == "nano (jetson-nano), simulated: GPU Maxwell"
    assert lines["clocks"] == "GPU 922 MHz, power mode 5W (not asked)"


def test_a_roof_is_a_row_and_unsupported_is_no_number():
    rows = printed(view.precisions_table(document())).splitlines()
    assert rows[1].split()[:5] == ["fp32", "236", "25.6", "9.2", "46.2"]
    assert "declared (high)" in rows[1]
    assert rows[2].split() == ["int8", *"-------", "unsupported"]


def test_layers_are_shown_longest_first():
    text = printed(view.layers_table(document(), 5))
    assert text.index("[a]") < text.index("Add")
    assert "Conv+Relu" in text
    assert "75.0%" in text
    assert "[a]" not in printed(view.layers_table(document(layers=document()["layers"][1:]), 5))
    assert view.layers_table(document(layers=[]), 5) is None


def test_a_measured_roof_is_called_so():
    rows = document()["precisions"]
    rows[0] |= {"measured": True, "confidence": None}
    assert "measured" in printed(view.precisions_table(document(precisions=rows)))


@pytest.mark.parametrize("notes", [["some note"], ["int8: unsupported by GPU (sm_53); shown in fp32", "some note"]])
def test_what_is_unsupported_is_said_once_and_sources_stand_below(notes):
    lines = view.note_lines(document(notes=notes))
    assert sum("sm_53" in line for line in lines) == 1
    assert lines[-1] == "roofs: cores"
