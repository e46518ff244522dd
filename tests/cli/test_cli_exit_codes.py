"""The one exit code of a `run`: the first that applies; and values as people type them."""

from __future__ import annotations

import pytest
from run_records import make_run, make_session

from edgebench.cli.measuring import exit_code, report_of
from edgebench.cli.values import floats, once, pairs, share, span, split_ints, split_list
from edgebench.controller.execute import DeviceResult
from edgebench.errors import DeviceUnreachable, UsageError
from edgebench.records import Outcome, Run

OK = Outcome(status="ok")
UNSTABLE = Outcome(status="unstable")
FAILED = Outcome(status="failed", code="crashed", message="x")
SKIPPED = Outcome(status="skipped", code="interrupted", message="x")


def result(*outcomes: Outcome, error: bool = False, interrupted: bool = False) -> DeviceResult:
    runs: list[Run] = [make_run(f"{at:012d}", outcome=outcome) for at, outcome in enumerate(outcomes)]
    lost = DeviceUnreachable("board", "no answer") if error else None
    return DeviceResult("board", make_session(), runs, lost, interrupted)


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([result(OK)], 0),
        ([result(OK, OK)], 0),
        ([result(OK, FAILED)], 5),
        ([result(UNSTABLE)], 5),
        ([result(OK, UNSTABLE)], 5),
        ([result(FAILED)], 4),
        ([result(FAILED, SKIPPED)], 4),
        ([result(error=True)], 3),
        ([result(error=True), result(error=True)], 3),
        ([result(OK), result(error=True)], 5),
        ([result(FAILED), result(error=True)], 4),
        ([result(OK, SKIPPED, error=True)], 3),
        ([result(OK, SKIPPED, interrupted=True)], 130),
        ([result(interrupted=True), result(error=True)], 130),
    ],
)
def test_the_first_that_applies(results: list[DeviceResult], code: int) -> None:
    assert exit_code(results) == code


def test_a_report_without_any_device_is_still_a_document() -> None:
    report = report_of([DeviceResult("board", error=DeviceUnreachable("board", "no answer"))], [])
    assert report.session.device.name == "board"
    assert report.runs == []


def test_lists_and_numbers() -> None:
    assert split_list("a, b,,c") == ["a", "b", "c"]
    assert split_list(None) == []
    assert split_ints("1,2", "--threads") == [1, 2]
    for bad in ("two", "0", "1,-2", "1.5"):
        with pytest.raises(UsageError):
            split_ints(bad, "--threads")


def test_pairs_and_floats() -> None:
    assert pairs(["a=b=c", "x="], "--tag") == {"a": "b=c", "x": ""}
    assert floats({"psnr": "28.1"}, "--quality") == {"psnr": 28.1}
    for bad in ("novalue", "=x"):
        with pytest.raises(UsageError, match="KEY=VALUE"):
            pairs([bad], "--tag")
    with pytest.raises(UsageError, match="psnr takes a number"):
        floats({"psnr": "high"}, "--quality")


def test_shares_and_ranges() -> None:
    assert share("95%", "--x") == pytest.approx(0.95)
    assert share("0.5", "--x") == 0.5
    assert share(None, "--x") is None
    assert span("0,255", "--input-range") == (0.0, 255.0)
    for bad in ("high", "120%", "-1"):
        with pytest.raises(UsageError):
            share(bad, "--x")
    for bad in ("0", "0,1,2", "255,0", "a,b"):
        with pytest.raises(UsageError):
            span(bad, "--input-range")


def test_an_option_given_twice_for_one_name_is_refused() -> None:
    def parse(text: str) -> tuple[str, int]:
        name, _, value = text.partition("=")
        return name, int(value)

    assert once(["a=1", "b=2"], parse, "--shape") == {"a": 1, "b": 2}
    with pytest.raises(UsageError, match="given twice"):
        once(["a=1", "a=2"], parse, "--shape")
