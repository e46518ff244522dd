"""What `bisect` shows."""

import io

import msgspec
import pytest
from rich.console import Console

from edgebench.controller.bisecting import BisectReport, Op, Rewrite, Tried, Value
from edgebench.report.bisect_view import culprit_table, summary_lines


def op(index=12, name="conv/3", kind="FULLY_CONNECTED"):
    inputs = [Value(name="x", dtype="int8", dims=[1, None, "w", 4], stored=False)]
    inputs.append(Value(name="kernel", dtype="int8", dims=[8, 4], stored=True))
    outputs = [Value(name="y", dtype="int8", dims=None, stored=False)]
    return Op(index=index, op=kind, name=name, inputs=inputs, outputs=outputs)


def document(**fields):
    known = {
        "model": "m.tflite",
        "sha256": "0" * 64,
        "device": "pixel-8",
        "simulated": False,
        "backend": "tflite",
        "accelerator": "gpu",
        "found": "culprit",
        "operators": 60,
        "culprit": [op()],
        "state": "refused",
        "code": "delegate-failed",
        "message": "FULLY_CONNECTED: no",
        "more": False,
        "trials": [Tried(first=0, last=59, state="refused")] * 9,
    }
    return msgspec.to_builtins(BisectReport(**(known | fields)))


def drawn(table):
    console = Console(file=io.StringIO(), width=100)
    console.print(table)
    return console.file.getvalue()


def test_the_table_has_every_value_at_the_operator():
    lines = [line.split() for line in drawn(culprit_table(document())).splitlines() if line.strip()][2:]
    assert lines[0] == ["12", "FULLY_CONNECTED", "input", "x", "int8", "[1,", "?,", "w,", "4]"]
    assert lines[1] == ["stored", "kernel", "int8", "[8,", "4]"]
    assert lines[2] == ["output", "y", "int8", "?"]


def test_names_from_a_file_are_neither_markup_nor_control_codes():
    shown = drawn(culprit_table(document(culprit=[op(name="a", kind="[red]Op\x1b[2J")])))
    assert "[red]Op\\x1b[2J" in shown
    assert "\x1b" not in shown
    assert "\x1b" not in "".join(summary_lines(document(message="\x1b[2J", culprit=[op(name="\x07")])))


def test_a_culprit_is_named_with_what_is_known_and_where_it_is_kept():
    rewrite = Rewrite(text="refused on 4-D input", rewrite="a 1x1 convolution", source="the guide")
    lines = summary_lines(document(rewrites=[rewrite], kept="/tmp/part.tflite", simulated=True))
    assert lines == [
        "operator 12, FULLY_CONNECTED 'conv/3', is refused by gpu of pixel-8 (tflite) (9 parts tried)",
        "delegate-failed: FULLY_CONNECTED: no",
        "known: refused on 4-D input; a 1x1 convolution (the guide)",
        "what follows it runs by itself",
        "it is in /tmp/part.tflite; the inputs that a part was fed lie beside it",
        "pixel-8 is simulated",
    ]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"state": "wrong"}, "comes out wrong on gpu of pixel-8"),
        ({"more": True}, "more operators may have to be changed"),
        ({"more": None}, "what follows it was not tried by itself"),
        ({"culprit": [op(3), op(4, kind="MEAN")]}, "the part of operators 3 to 4 (FULLY_CONNECTED, MEAN) is refused"),
        ({"found": "everything", "culprit": []}, "no operator is to blame; `edgebench devices check pixel-8`"),
        ({"found": "undecided", "culprit": []}, "the last part could not be judged"),
        ({"trials": [Tried(first=0, last=2, state="wrong")]}, "some parts came out wrong besides"),
        ({"found": "flaky"}, "failed once and did not the next time"),
        ({"found": "nothing", "culprit": [], "message": None}, "nothing is refused: m.tflite runs as a whole"),
        ({"found": "nothing", "message": "outputs not compared: no host"}, "; outputs not compared: no host"),
    ],
)
def test_every_ending_is_said_in_words(fields, said):
    assert any(said in line for line in summary_lines(document(**fields)))


def test_outputs_that_were_not_compared_are_not_called_right():
    assert "right" not in summary_lines(document(found="nothing", message="outputs not compared: no host"))[0]
