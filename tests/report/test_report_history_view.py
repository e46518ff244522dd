"""Tables and lines about stored runs, at the widths people have."""

import io

import msgspec
import pytest
from rich.console import Console
from run_records import failed_run, make_run, make_variant

from edgebench.records import DeviceRef, Environment, Grade, Metric, Outcome, PowerInfo
from edgebench.report.history_view import (
    absent_lines,
    environment_lines,
    grade_lines,
    head_lines,
    history_table,
    metrics_table,
    moment_text,
    series_table,
    warning_lines,
)


def rendered(table, width):
    console = Console(file=io.StringIO(), width=width, no_color=True)
    console.print(table)
    return console.file.getvalue()


def simulated(**fields):
    device = DeviceRef(name="mock-jetson-nano", id="simulated:1", simulated=True)
    return make_run("51a51a51a51a", kind="simulated", device=device, **fields)


@pytest.mark.parametrize("width", [80, 160])
def test_no_figure_is_cut_at_any_width(width):
    runs = [make_run(), failed_run(), simulated(p50=1234.5)]
    text = rendered(history_table(runs), width)
    assert all(len(line) <= width for line in text.splitlines())
    for cell in ("0a1b2c3d", "11-20 10:00", "12.5 [12.4, 12.6]", "1234 [1222, 1247]", "(simulated)", "failed"):
        assert cell in text
    assert "…" not in text


def test_columns_that_say_nothing_are_left_out():
    text = rendered(history_table([make_run()]), 80)
    assert "device" not in text
    assert " W " not in text.splitlines()[0]
    powered = msgspec.structs.replace(make_run(), metrics={"power_mean": Metric(value=4.56, unit="W")})
    assert "4.56" in rendered(history_table([powered, make_run("b" * 12)]), 80)


def test_the_year_stands_in_the_rows_where_there_are_several():
    runs = [make_run(), make_run("b" * 12, started_at="2025-12-31T23:30:00-02:00")]
    assert "2026-01-01 01:30" not in rendered(history_table(runs[:1]), 80)
    assert "01-01 01:30" in rendered(history_table(runs), 80)
    older = [make_run(), make_run("b" * 12, started_at="2025-06-01T00:00:00Z")]
    assert "2025-06-01 00:00" in rendered(history_table(older), 80)
    assert moment_text("not a time") == "not a time"


def test_a_mean_of_a_tool_without_samples_is_called_a_mean():
    run = msgspec.structs.replace(make_run(), metrics={"latency_mean": Metric(value=9.5, unit="ms")})
    assert "mean 9.5" in rendered(history_table([run]), 80)


def test_markup_in_names_is_text():
    variant = make_variant(label="[bold]x[/bold]")
    assert "[bold]x[/bold]" in rendered(history_table([make_run(variant=variant)]), 160)
    assert "[bold]x[/bold]" in dict(head_lines(make_run(variant=variant)))["model"]


def test_a_course_needs_three_runs_with_figures():
    runs = [make_run(f"{at:012}", p50=10.0 + at) for at in range(3)]
    assert series_table([runs[:2]]) is None
    assert series_table([[*runs[:2], failed_run()]]) is None
    row = rendered(series_table([runs]), 80).splitlines()[1].split()
    assert row == ["esrgan", "plain", "on", "nano", "3", "▁▄█", "12", "+9.1", "%"]


def test_metrics_show_what_they_rest_on_and_absences_their_reason():
    run = make_run()
    text = rendered(metrics_table(run), 160)
    assert "12.5 [12.38, 12.62]" in text
    assert "median, 6 invocations, n 600" in text
    assert "power_mean" not in text
    assert absent_lines(run) == ["power_mean: unsupported: no power sensor was found"]
    both = run.metrics | {"energy_net": Metric(unit="mJ", state="unsupported", why="no power sensor was found")}
    lines = absent_lines(msgspec.structs.replace(run, metrics=both))
    assert lines == ["power_mean, energy_net: unsupported: no power sensor was found"]


def test_reasons_warnings_and_surroundings_are_lines():
    run = make_run()
    assert grade_lines(run) == ["grade C", "  quick -> --publish, 25 min"]
    assert grade_lines(failed_run()) == []
    assert warning_lines(run)[0].endswith("-> give one: `--reference MODEL`")
    lines = environment_lines(run)
    assert "temperature CPU-therm: 41.0 -> 55.5 degC (from 41.0 to 55.5)" in lines
    assert "other programs: 1.2%" in lines
    lost = Environment(
        pins={"governor": "performance"}, pins_after={"governor": "schedutil"}, throttle=["throttle cpu"]
    )
    power = PowerInfo(state="ok", source="csv:m.csv", scope="wall", kind="instantaneous", rate_hz=10.0, why="aligned")
    assert environment_lines(make_run(environment=lost, power=power)) == [
        "power source: csv:m.csv (wall, instantaneous, 10 Hz, aligned)",
        "pins: governor=performance, lost afterwards",
        "throttling: throttle cpu",
    ]


def test_a_boards_supply_and_swap_are_lines():
    board = Environment(supply_v={"POM_5V_IN": [5.16, 4.504, 5.2, 5.1]}, over_current={"oc3": 40}, swap_mib=39.06)
    assert environment_lines(make_run(environment=board))[1:] == [
        "supply POM_5V_IN: from 4.50 to 5.20 V",
        "over-current events: oc3=40",
        "swap: grew by 39.1 MiB",
    ]


def test_the_head_tells_kind_source_and_outcome():
    run = make_run(kind="reported", source="a paper", outcome=Outcome(status="ok"), grade=Grade(letter="D"), note="n")
    head = dict(head_lines(run))
    assert (head["kind"], head["note"], "runs as" in head) == ("reported, from a paper", "n", False)
    assert dict(head_lines(make_run()))["runs as"] == "cpu, weights fp32, compute fp32, 4 threads"
    assert dict(head_lines(failed_run()))["outcome"].startswith("failed: load-failed: IR version 11")
