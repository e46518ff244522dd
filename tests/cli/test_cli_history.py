"""`edgebench history`: the table, the page of one run, filters, JSON, and reported rows."""

import jsonschema
import pytest
from cli_program import Program
from run_records import failed_run, fill, make_run, make_variant, soak_samples

from edgebench.records import DeviceRef, json_schema


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """A store with a series of four runs, a failed one and a simulated one."""
    found = Program(tmp_path_factory.mktemp("history"))
    mock = DeviceRef(name="mock-localhost", id="simulated:1", simulated=True)
    runs = [make_run(f"0a1b2c{at:06}", p50=12 + at, started_at=f"2026-11-1{at}T10:00:00Z") for at in range(4)]
    runs.append(
        failed_run(started_at="2026-11-15T10:00:00Z", variant=make_variant(model="srgan", label="srgan"), tags={})
    )
    runs.append(make_run("51a51a51a51a", kind="simulated", device=mock, started_at="2026-11-09T10:00:00Z"))
    with found.store() as store:
        fill(store, *runs, samples=soak_samples())
    return found


def lines_of(said):
    return [line.split() for line in said.out.splitlines()]


def test_table_is_newest_first_with_failures_and_simulations_told(program):
    said = program("history")
    assert said.code == 0
    rows = lines_of(said)
    assert [row[0] for row in rows[1:7]] == ["fa11ed00", *["0a1b2c00"] * 4, "51a51a51"]
    assert "load-failed" in rows[1]
    assert "(simulated)" in said.out
    assert "15 [14.8, 15.2]" in said.out.splitlines()[2]
    assert "C quick" in said.out


def test_a_series_of_runs_shows_its_course(program):
    last = program("history", "--device", "nano").out.splitlines()[-1]
    assert last.split() == ["esrgan", "plain", "on", "nano", "4", "▁▃▆█", "15", "+7.1", "%"]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--model", "srgan"], ["fa11ed000000"]),
        (["--device", "mock-localhost"], ["51a51a51a51a"]),
        (["--since", "2026-11-13", "--tag", "suite=nightly"], ["0a1b2c000003"]),
        (["--status", "failed,skipped"], ["fa11ed000000"]),
        (["--limit", "2"], ["fa11ed000000", "0a1b2c000003"]),
        (["--tag", "suite=weekly"], []),
    ],
)
def test_filters_choose_runs(program, options, ids):
    said = program("history", "--json", "-", *options)
    assert said.code == 0
    assert [run["id"] for run in said.document["runs"]] == ids
    jsonschema.validate(said.document, json_schema("history"))


def test_a_span_reaches_back_from_now(program):
    assert program("history", "--since", "1m", "--json", "-").document["runs"] == []
    assert len(program("history", "--since", "5000w", "--json", "-").document["runs"]) == 6


@pytest.mark.parametrize("name", ["0a1b2c000003", "fa11ed", "last"])
def test_a_run_is_named_by_id_prefix_or_last(program, name):
    said = program("history", name)
    assert said.code == 0
    assert ("fa11ed000000" if name != "0a1b2c000003" else name) in said.out


def test_the_page_of_a_run_has_figures_surroundings_and_hints(program):
    page = program("history", "0a1b2c000002").out
    for text in (
        "esrgan plain",
        "onnxruntime 1.19.2",
        "quick -> --publish, 25 min",
        "14 [13.86, 14.14]",
        "6 invocations",
        "655 257 600",
        "power_mean: unsupported: no power sensor was found",
        "soak 60 s",
        "governor=performance",
        "no-reference: outputs not checked: no reference -> give one: `--reference MODEL`",
        "3 runs, p50 ▁▄█, last step +7.7 %",
    ):
        assert text in page


def test_the_page_of_a_failed_run_says_why(program):
    assert "failed: load-failed: IR version 11; the runtime takes up to 8" in program("history", "fa11ed").out


@pytest.mark.parametrize(
    ("arguments", "said", "hint"),
    [
        (["nosuchrun"], "unknown run 'nosuchrun'", "newest: fa11ed00, "),
        (["0a1b2c"], "unknown run '0a1b2c'", "0a1b2c000001"),
        (["last", "--device", "nano"], "a RUN and filters exclude each other", "history RUN"),
        (["--since", "yesterday"], "'yesterday' is not a time", "7d"),
        (["--status", "fail"], "unknown status 'fail'", "failed"),
        (["--tag", "nightly"], "--tag takes KEY=VALUE", "name=value"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_what_can(program, arguments, said, hint):
    found = program("history", *arguments)
    assert (found.code, found.out) == (2, "")
    assert said in found.err
    assert hint in found.err


def test_no_store_is_an_error_that_says_where(tmp_path):
    said = Program(tmp_path)("history")
    assert said.code == 2
    assert "there is no store at" in said.err
    assert not (tmp_path / "store.db").exists()


def test_reported_rows_are_stored_with_their_source(tmp_path):
    program = Program(tmp_path)
    figures = ["--metric", "latency_p50=12.5", "--metric", "quality.psnr=31.2"]
    said = program("history", "add-reported", "esrgan", *figures, "--source", "a paper, table 3", "--json", "-")
    assert said.code == 0
    jsonschema.validate(said.document, json_schema("history"))
    (run,) = said.document["runs"]
    assert (run["kind"], run["source"], run["grade"]["letter"]) == ("reported", "a paper, table 3", "D")
    assert run["metrics"]["latency_p50"]["unit"] == "ms"
    assert run["metrics"]["quality.psnr"]["value"] == 31.2
    assert "(reported)" in program("history").out
    assert "reported, from a paper, table 3" in program("history", run["id"]).out
    assert program("store", "check").code == 0


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("latency_p5=1", "did you mean `latency_p95`?"),
        ("latency_p50=fast", "takes a number"),
        ("latency_p50=nan", "finite"),
        ("quality.=1", "unknown metric"),
    ],
)
def test_a_figure_nobody_could_compare_is_refused(tmp_path, metric, said):
    found = Program(tmp_path)("history", "add-reported", "m", "--metric", metric, "--source", "x")
    assert found.code == 2
    assert said in found.err
