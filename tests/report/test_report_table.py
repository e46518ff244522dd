"""The table that `run` ends with: readable on 80 columns, whole on wide ones; and the notes under it."""

import io

import msgspec
import pytest
from rich.console import Console
from run_records import failed_run, make_run

from edgebench.records import DeviceRef, Grade, GradeReason, Layer, MemoryInfo, MemoryStage, Metric, Placement
from edgebench.report.details import detail_lines
from edgebench.report.table import WIDE, notes, runs_table

CROWDED = GradeReason(code="cpu-starved", text="CPU time / (wall x threads) 0.50", remedy="fewer --threads, 4 min")
QUICK = GradeReason(code="quick", text="quick", remedy="--publish, 25 min")


def graded(run, *reasons):
    return msgspec.structs.replace(run, grade=Grade(letter="C", reasons=list(reasons)))


def rendered(table, width):
    console = Console(file=io.StringIO(), width=width, no_color=True)
    console.print(table)
    return console.file.getvalue().splitlines()


def test_on_80_columns_no_word_is_broken_and_a_row_has_two_lines():
    lines = rendered(runs_table([graded(make_run(), CROWDED, QUICK), failed_run()], reasons=False), 80)
    words = " ".join(lines).split()
    assert len(lines) == 6
    assert [word for word in ("12.5", "[12.4,", "12.6]", "[95", "grade", "C") if word not in words] == []
    assert not any("wall" in line for line in lines)


@pytest.mark.parametrize("reasons", [True, False])
def test_every_reason_is_said_once_in_the_table_or_under_it(reasons):
    runs = [graded(make_run(), CROWDED, QUICK)]
    table = " ".join(rendered(runs_table(runs, reasons=reasons), 4 * WIDE))
    said = table + " ".join(notes(runs, reasons=reasons))
    assert said.count(CROWDED.text) == said.count(QUICK.remedy) == 1
    assert (CROWDED.text in table) is reasons


def test_notes_name_the_device_where_there_are_several():
    here, there = (
        msgspec.structs.replace(graded(make_run(), QUICK, reason), device=DeviceRef(name=name, id=name))
        for name, reason in (("one", CROWDED), ("two", QUICK))
    )
    lines = notes([here, there])
    label = here.variant.label
    assert f"one {label}: {CROWDED.text} -> {CROWDED.remedy}" in lines
    assert f"two {label}: quick -> --publish, 25 min" in lines
    assert f"{CROWDED.text} -> {CROWDED.remedy}" in notes([here])


def test_a_row_of_aggregates_shows_its_mean_and_says_so():
    metrics = make_run().metrics | {
        "latency_p50": Metric(unit="ms", state="unavailable", why="the tool gives no samples"),
        "latency_mean": Metric(unit="ms", value=4.9, lo=4.8, hi=5.0, k=5),
    }
    wide = " ".join(rendered(runs_table([make_run(metrics=metrics)]), 2 * WIDE))
    assert "mean 4.9 [4.8, 5]" in wide
    assert "12.5" not in wide
    narrow = rendered(runs_table([make_run(metrics=metrics)], reasons=False), 80)
    assert any("mean 4.9" in line for line in narrow)


def test_a_note_of_many_rows_counts_them():
    runs = [graded(make_run(), QUICK, CROWDED) for _ in range(3)] + [failed_run()]
    lines = notes(runs)
    assert f"3 of 4 rows: {CROWDED.text} -> {CROWDED.remedy}" in lines


def test_a_delegate_that_took_a_part_is_told_in_the_tools_words():
    part = "Explicitly applied NNAPI delegate, and the model graph will be partially executed w/ 44 delegate kernels."
    for state, told in (("ok", True), ("partial", True), ("unavailable", False)):
        lines = detail_lines(make_run(placement=Placement(state=state, why=part)))
        assert any(part in line for line in lines) is told


def test_a_built_engine_says_what_its_layers_compute_in_and_what_the_build_took():
    engine = Placement(
        state="ok",
        nodes={"cuda": 3},
        share=1.0,
        precisions={"int8": 2, "fp32": 1},
        reformat_share=0.125,
        copy_share=0.0,
        layers=[Layer(name="conv1", precision="int8", ms=2.0)],
    )
    run = make_run(placement=engine)
    times = {"build": Metric(unit="ms", value=90000.0), "compute_p50": Metric(unit="ms", value=7.25)}
    lines = detail_lines(msgspec.structs.replace(run, metrics=run.metrics | times))
    assert "nodes: 3 on cuda; layers: 2 in int8, 1 in fp32, 12% of the time in reformats" in lines
    assert any("build 90000 ms" in line and "compute p50 7.25 ms" in line for line in lines)


def test_the_gpus_memory_is_told_with_the_name_of_who_told_it():
    memory = MemoryInfo(state="ok", stages=[MemoryStage(stage="peak", mib={"EngineDevice": 64.0})])
    run = make_run(memory=memory)
    shares = {"memory_delta": Metric(unit="MiB", value=90.0), "estimated_peak": Metric(unit="MiB", value=80.0)}
    shares["memory_gpu"] = Metric(unit="MiB", value=200.0, statistic="nvmap: of the process")
    (line,) = (one for one in detail_lines(msgspec.structs.replace(run, metrics=shares)) if one.startswith("memory"))
    assert line == (
        "memory over the imported runtime: 90 MiB (estimated 80 MiB); GPU 200 MiB (nvmap: of the process); "
        "the engine's activations and scratch 64 MiB"
    )
