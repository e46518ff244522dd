"""Was the output right? Closeness of arrays, and the verdict."""

from __future__ import annotations

import numpy as np
import pytest

from edgebench.controller.assembly.fidelity import SAME_DB, closeness, compare_outputs
from edgebench.controller.assembly.grade import REASONS, grade

RAMP = np.linspace(0, 255, 1000, dtype=np.float32).reshape(1, 10, 100)


def test_equal_arrays_are_the_same() -> None:
    assert closeness(RAMP, RAMP) == {"max_abs": 0.0, "psnr_db": SAME_DB, "cosine": pytest.approx(1.0)}


def test_psnr_is_over_the_references_own_range() -> None:
    off = RAMP + 2.55  # one per cent of the range
    assert closeness(off, RAMP)["psnr_db"] == pytest.approx(40.0, abs=0.01)
    assert closeness(off / 255, RAMP / 255)["psnr_db"] == pytest.approx(40.0, abs=0.01)


@pytest.mark.parametrize("bad", ["shape", "missing", "nan", "far"])
def test_wrong_outputs_are_wrong(bad: str) -> None:
    got = {"y": RAMP.copy()}
    if bad == "shape":
        got = {"y": RAMP[:, :5]}
    elif bad == "missing":
        got = {"z": RAMP}
    elif bad == "nan":
        got["y"][0, 0, 0] = np.nan
    else:
        got = {"y": RAMP[:, ::-1].copy()}
    found = compare_outputs(got, {"y": RAMP}, reference="ref", min_psnr=30.0)
    assert found.state == "wrong"
    assert found.why


def test_close_outputs_are_ok_and_the_worst_counts() -> None:
    found = compare_outputs({"a": RAMP, "b": RAMP + 0.1}, {"a": RAMP, "b": RAMP}, reference="ref", min_psnr=30.0)
    assert found.state == "ok"
    assert found.psnr_db == pytest.approx(closeness(RAMP + 0.1, RAMP)["psnr_db"])


def test_constant_and_integer_outputs_can_be_compared() -> None:
    ones = np.ones((2, 2), np.int64)
    assert closeness(ones, ones)["psnr_db"] == SAME_DB
    assert closeness(ones + 1, ones)["psnr_db"] == pytest.approx(0.0)


def test_the_worst_reason_decides_and_comes_first() -> None:
    found = grade({"not-pinned": "seen", "quick": "quick"})
    assert found.letter == "C"
    assert [reason.code for reason in found.reasons] == ["quick", "not-pinned"]
    assert found.reasons[0].remedy == "B: --publish, 25 min"
    assert found.reasons[1].remedy == "--prepare governor=performance, 1 min"  # alone it would not lift the grade


def test_a_remedy_says_to_which_grade_it_lifts() -> None:
    assert grade({"quick": "quick"}).reasons[0].remedy == "A: --publish, 25 min"
    both = grade({"quick": "quick", "foreign-load": "others"})
    assert [(reason.remedy or "")[:2] for reason in both.reasons] == ["st", "--"]


def test_no_reason_is_an_a() -> None:
    assert grade({}).letter == "A"


def test_reasons_are_a_table_without_repetition() -> None:
    assert len({reason.code for reason in REASONS}) == len(REASONS)
