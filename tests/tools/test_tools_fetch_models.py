"""tools/fetch_models.py with the real pip and a wheel made here; nothing comes from a network."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from fetch_models import MANIFEST, Entry, FetchError, chosen, extract, fetch, is_there, main, table

MODEL = b"not really a model"
ENTRY = Entry(
    "little",
    "edgebench-test-models==1.0",
    "test_models/little.onnx",
    hashlib.sha256(MODEL).hexdigest(),
    "MIT",
    "https://example.org",
)


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A folder with the wheel, which is all that pip knows of."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    info = "edgebench_test_models-1.0.dist-info"
    with zipfile.ZipFile(folder / "edgebench_test_models-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(ENTRY.member, MODEL)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: edgebench-test-models\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def wheel_in(shelf: Path) -> Path:
    return next(shelf.glob("*.whl"))


def test_a_model_is_fetched_once(shelf, tmp_path, capsys):
    into = tmp_path / "models"
    assert main(["--into", str(into)], [ENTRY]) == 0
    assert (into / "little.onnx").read_bytes() == MODEL
    assert [path.name for path in into.iterdir()] == ["little.onnx"]
    wheel_in(shelf).unlink()  # what is there needs no wheel
    assert main(["little", "--into", str(into)], [ENTRY]) == 0
    states = [line.split()[:3] for line in capsys.readouterr().out.splitlines() if line.startswith("little")]
    assert states == [["little", "fetched", str(len(MODEL))], ["little", "there", str(len(MODEL))]]


def test_without_a_network_it_says_what_helps(shelf, tmp_path, capsys):
    wheel_in(shelf).unlink()
    other = replace(ENTRY, name="other")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "other.onnx").write_bytes(MODEL)
    assert main(["--into", str(tmp_path / "models")], [ENTRY, other]) == 1
    said = capsys.readouterr()
    assert "cannot download edgebench-test-models==1.0: No matching distribution" in said.err
    assert "PIP_NO_INDEX=1 PIP_FIND_LINKS=FOLDER" in said.err
    assert [line.split()[:2] for line in said.out.splitlines()[1:]] == [["little", "failed"], ["other", "there"]]


def test_a_damaged_file_is_not_there(tmp_path):
    (tmp_path / "little.onnx").write_bytes(MODEL[:-1])
    assert not is_there(ENTRY, tmp_path)


def test_other_bytes_than_stated_are_not_kept(shelf, tmp_path):
    with pytest.raises(FetchError, match="not 000000000000"):
        extract(replace(ENTRY, sha256="0" * 64), wheel_in(shelf), tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_a_wheel_without_the_model_is_said(shelf, tmp_path):
    moved = replace(ENTRY, member="elsewhere/little.onnx")
    ((entry, outcome),) = fetch([moved], tmp_path / "models")
    assert entry == moved
    assert "has no elsewhere/little.onnx" in outcome


def test_a_file_that_is_no_wheel_is_said(tmp_path):
    (tmp_path / "a.whl").write_bytes(b"<html>")
    with pytest.raises(FetchError, match=r"a\.whl has no"):
        extract(ENTRY, tmp_path / "a.whl", tmp_path)


def test_list_shows_licence_and_origin_and_fetches_nothing(tmp_path, capsys):
    assert main(["--list", "--into", str(tmp_path / "models")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(MANIFEST)
    for entry, line in zip(MANIFEST, lines[1:], strict=True):
        assert all(part in line for part in (entry.name, entry.requirement, entry.licence, entry.origin))
    assert not (tmp_path / "models").exists()


def test_an_unknown_name_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["litle"], [ENTRY])
    assert caught.value.code == 2
    assert "no model called litle; there are little" in capsys.readouterr().err


def test_the_manifest_is_exact():
    assert len({entry.name for entry in MANIFEST}) == len(MANIFEST) == len(chosen([]))
    for entry in MANIFEST:
        assert "==" in entry.requirement
        assert len(bytes.fromhex(entry.sha256)) == 32


def test_columns_are_aligned():
    assert table([("a", "b"), ("long", "c")]) == "a     b\nlong  c"
