"""`--accelerator auto`: rungs in fresh processes, and what each said."""

from __future__ import annotations

from pathlib import Path

from rooms import MODELS, Room

MODEL = MODELS / "sr-x2-w16.onnx"


def test_auto_walks_down_to_the_rung_that_works_and_says_what_the_others_said(tmp_path: Path) -> None:
    room = Room(tmp_path, "local")
    done = room.run(MODEL, "--shape", "input=1x3x16x16", "--accelerator", "auto")
    assert done.returncode in (0, 5), done.stderr  # as steady as this machine is
    (row,) = done.runs
    assert row["variant"]["accelerator"] == {"requested": "auto", "effective": "cpu"}
    told = [one["text"] for one in row["warnings"] if one["code"] == "auto"]
    assert [text.split(": ")[1:3] for text in told] == [["tensorrt", "delegate-failed"], ["cuda", "delegate-failed"]]
    assert "auto takes cpu" in done.stderr
    assert len(room.history()) == 1  # the rungs that were tried are no rows


def test_where_no_rung_works_the_row_says_why_of_each(tmp_path: Path) -> None:
    room = Room(tmp_path, "local")
    room.install_faulty_runtime()
    done = room.run(
        MODEL, "--shape", "input=1x3x16x16", "--accelerator", "auto", "--option", "session.fault=abort@load"
    )
    assert done.returncode == 4, done.stderr
    (row,) = done.runs
    assert row["outcome"]["code"] == "delegate-failed"
    assert "auto: cpu: " in row["outcome"]["message"]
