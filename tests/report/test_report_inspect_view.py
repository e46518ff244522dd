"""The inspection document as lines and tables."""

import io

import pytest
from rich.console import Console

from edgebench.report.inspect_view import (
    cure_lines,
    figure_lines,
    file_lines,
    lint_lines,
    nodes_table,
    note_lines,
    ops_table,
    runtimes_table,
)

RESTAMP = "restamp it: python -c '...'"


def cost(name, op, nodes, macs, flops, activations=0):
    return {"name": name, "op": op, "nodes": nodes, "macs": macs, "flops": flops, "activations": activations}


def check(name, hint=None):
    return {"name": name, "found_in": "JetPack", "loads": hint is None, "why": hint and "too new", "hint": hint}


def document(**changes):
    graph = {
        "producer": "hand",
        "ir_version": 8,
        "opsets": {"ai.onnx": 13, "ai.onnx.ml": 5},
        "unused_opsets": ["ai.onnx.ml"],
        "inputs": [{"name": "x", "dtype": "float32", "dims": [1, "C", None]}],
        "outputs": [{"name": "y", "dtype": "float32", "dims": None}],
        "precision": {"weights": "int8", "activations": "fp32", "io": "fp32", "compute": "fp32", "scheme": "int8 w"},
        "shapes": {"x": [1, 3, 8]},
        "missing_shapes": None,
        "why": None,
        "params": 12_345,
        "params_nonzero": 11_000,
        "convs": 2,
        "macs": 3_000_000,
        "flops": 6_500_000,
        "activations": 640,
        "peak": {"weights": 2048, "activations": 1024, "at_node": "conv"},
        "ops": [cost("Conv", "Conv", 2, 3_000_000, 6_000_000, 640), cost("Exp", "Exp", 1, 0, 500_000)],
        "nodes": [cost("exp", "Exp", 1, 0, 500_000), cost("conv[1]", "Conv", 1, 2_000_000, 4_000_000, 640)],
        "uncounted": [],
        "state_pairs": [{"input": "h", "output": "h_out"}],
        "runtimes": [check("A", RESTAMP), check("B", f"{RESTAMP} other"), check("C")],
    }
    notes = [
        {"code": "unused-opset", "text": "unused stamps", "hint": RESTAMP},
        {"code": "fp16", "text": "fp16", "hint": "look"},
    ]
    whole = {"path": "m.onnx", "format": "onnx", "sha256": "ab", "bytes": 2048, "files": ["m.onnx"], "notes": notes}
    return {**whole, "graph": {**graph, **changes}}


def rendered(table, width=80):
    console = Console(file=io.StringIO(), width=width, no_color=True)
    console.print(table)
    return console.file.getvalue().splitlines()


def test_the_face_of_a_graph():
    lines = file_lines(document())
    face = dict(lines)
    assert face["file"] == "m.onnx (onnx, 2.0 KiB)"
    assert face["stamps"] == "IR version 8, opset ai.onnx 13, ai.onnx.ml 5 (unused), by hand"
    assert (face["inputs"], face["outputs"], face["state"]) == ("x float32 [1, C, ?]", "y float32", "h_out -> h")
    parted = document() | {"files": ["m.onnx", "m.bin"], "graph": None}
    assert file_lines(parted)[-1] == ("parts", "m.onnx, m.bin")


def test_figures_are_exact_and_readable():
    figures = dict(figure_lines(document()))
    assert figures["parameters"] == "12 345 (12.3 k), 1 345 of them zero"
    assert figures["MACs"] == "3 000 000 (3 M)"
    assert figures["activations"] == "640 outputs of convolutions"
    assert figures["estimated peak"] == "3.0 KiB = 2.0 KiB of weights + 1.0 KiB of activations, at conv"
    assert figures["for"] == "x=1x3x8"


def test_what_is_not_counted_is_never_a_zero():
    unset = dict(figure_lines(document(why="unset axes H", missing_shapes="--shape x=1xH", macs=None)))
    assert unset["MACs, FLOPs, activations, peak"] == "not counted: unset axes H; give --shape x=1xH"
    assert "MACs" not in unset
    partly = dict(figure_lines(document(uncounted=["warp (Warp)"], activations=0, peak=None)))
    assert partly["MACs"] == "at least 3 000 000 (3 M)"
    assert partly["activations"].startswith("not known")
    assert partly["estimated peak"].startswith("not known")


def test_shares_are_of_what_is_asked_for():
    assert rendered(ops_table(document()))[1].split() == ["Conv", "2", "3", "M", "6", "M", "640", "100.0%"]
    assert rendered(ops_table(document(), "flops"))[2].split()[-1] == "7.7%"
    (_, row) = rendered(nodes_table(document(), 1))
    assert row.split()[:2] == ["conv[1]", "Conv"]
    assert nodes_table(document(), 0) is None


def test_without_shapes_operators_have_no_cost_columns():
    assert rendered(ops_table(document(why="unset")))[0].split() == ["operator", "nodes"]


def test_the_cure_for_the_oldest_runtime_stands_once():
    assert cure_lines(document()) == [f"A: {RESTAMP}"]
    assert note_lines(document()) == ["unused stamps", "fp16 -> look"]
    assert note_lines(document(runtimes=[check("C")]))[0] == f"unused stamps -> {RESTAMP}"
    assert [line.split()[2] for line in rendered(runtimes_table(document()))[1:]] == ["no:", "no:", "yes"]


@pytest.mark.parametrize("view", [ops_table, runtimes_table, lambda found: nodes_table(found, 3)])
def test_other_formats_have_no_tables(view):
    assert view(document() | {"graph": None}) is None
    assert figure_lines(document() | {"graph": None}) == []


def test_a_tflite_file_shows_versions_scales_and_its_lint():
    found = document()
    graph = found["graph"] | {"ir_version": None, "versions": {"ADD": 1, "CONV_2D": 3}, "producer": "by hand"}
    graph["inputs"] = [{"name": "x", "dtype": "int8", "dims": [1, 4], "scale": 0.5, "zero_point": -3}]
    graph["lint"] = [
        {
            "code": "batch-changed",
            "accelerators": ["gpu"],
            "ops": {"RESHAPE": 2, "TRANSPOSE": 1},
            "at": ["a", "b"],
            "text": "axis 0 is no longer the batch",
            "rewrite": "keep it",
            "source": "somewhere",
        }
    ]
    found = found | {"graph": graph}
    lines = dict(file_lines(found))
    assert lines["stamps"] == "operators of version 1, but CONV_2D 3, by by hand"
    assert lines["inputs"] == "x int8 [1, 4] = 0.5 x (stored - -3)"
    assert lint_lines(found) == [
        "gpu: RESHAPE x2, TRANSPOSE (a, b, ...): axis 0 is no longer the batch -> keep it [somewhere]"
    ]
    assert lint_lines(document()) == []
