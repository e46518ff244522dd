"""`edgebench power attach`."""

import numpy as np
import pytest
from cli_program import Program
from run_records import NS, REALTIME_NS, fill, make_run, soak_samples


@pytest.fixture
def program(tmp_path):
    """A run with its soak, and the file of a meter that saw it: 2 W idle, 6 W under load."""
    found = Program(tmp_path)
    with found.store() as store:
        fill(store, make_run(), samples=soak_samples())
    t = np.arange(60, 200, 0.1)
    watts = np.where((t >= 100) & (t < 160), 6.0, 2.0)
    lines = [f"{REALTIME_NS / NS + at:.3f},{w}" for at, w in zip(t, watts, strict=True)]
    (tmp_path / "meter.csv").write_text("\n".join(["t_unix_s,watts", *lines]) + "\n")
    return found


def test_a_meters_file_gives_power_to_a_stored_run(program):
    said = program("power", "attach", "last", "meter.csv", "--scope", "wall", "--json", "-")
    assert said.code == 0
    (run,) = said.document["runs"]
    assert run["metrics"]["power_mean"]["value"] == pytest.approx(6.0, abs=0.01)
    assert run["metrics"]["energy_net"]["value"] == pytest.approx(50.0, rel=0.01)
    assert (run["power"]["state"], run["power"]["scope"]) == ("ok", "wall")
    again = program("power", "attach", "last", "meter.csv")
    assert (again.code, "--replace" in again.err) == (2, True)
    replaced = program("power", "attach", "last", "meter.csv", "--replace")
    assert replaced.code == 0
    assert "power_mean" in replaced.out
    assert "csv:meter.csv, wall: aligned by the soak's edges" in replaced.out
    assert "power-replaced" in program("history", "last").out


def test_a_file_of_another_time_is_not_aligned(program):
    text = (program.folder / "meter.csv").read_text().replace("17900", "17800")
    (program.folder / "other.csv").write_text(text)
    said = program("power", "attach", "last", "other.csv")
    assert said.code == 4
    assert "not aligned" in said.err
    assert "power_mean" in program("history", "last").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["last", "missing.csv"], "cannot read missing.csv"),
        (["last", "meter.csv", "--scope", "walls"], "did you mean `wall`?"),
        (["nosuchrun", "meter.csv"], "unknown run"),
    ],
)
def test_what_cannot_be_attached_is_refused(program, arguments, said):
    found = program("power", "attach", *arguments)
    assert found.code == 2
    assert said in found.err
