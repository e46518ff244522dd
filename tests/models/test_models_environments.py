"""The helper that builds the old-runtime environments."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from environments import find_interpreter, old_runtime_python, unavailable


def fake_python(folder, version, answer, status=0):
    path = folder / f"python{version}"
    path.write_text(f"#!/bin/sh\necho {answer}\nexit {status}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def only_path(tmp_path, monkeypatch):
    """A PATH of one empty folder and a home without pyenv."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("EDGEBENCH_TEST_ENVS", str(tmp_path / "envs"))
    monkeypatch.delenv("CI", raising=False)
    return folder


def test_finds_an_interpreter_that_answers_with_its_version(only_path):
    assert find_interpreter("3.6") is None
    path = fake_python(only_path, "3.6", "3.6")
    assert find_interpreter("3.6") == path


def test_passes_over_a_shim_that_cannot_start_its_version(only_path):
    fake_python(only_path, "3.6", "3.6", status=127)
    versions = only_path.parent / ".pyenv" / "versions"
    real = versions / "3.6.15" / "bin"
    real.mkdir(parents=True)
    (fake_python(real, "3.6", "3.6")).rename(real / "python")
    assert find_interpreter("3.6") == real / "python"


def test_passes_over_a_python_of_another_version(only_path):
    fake_python(only_path, "3.6", "3.7")
    assert find_interpreter("3.6") is None


def test_a_missing_interpreter_skips_and_says_what_to_do(only_path):
    with pytest.raises(pytest.skip.Exception, match=r"pyenv install 3\.6"):
        old_runtime_python("3.6")


def test_a_missing_interpreter_fails_under_ci(only_path, monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"pyenv install 3\.8"):
        old_runtime_python("3.8")


def test_a_build_that_breaks_leaves_no_finished_environment(only_path):
    fake_python(only_path, "3.6", "3.6")  # it "makes" a venv without a python in it
    for _ in range(2):
        with pytest.raises(pytest.skip.Exception, match="cannot build"):
            old_runtime_python("3.6")


def test_unavailable_fails_only_under_ci(monkeypatch):
    monkeypatch.setenv("CI", "")
    with pytest.raises(pytest.skip.Exception):
        unavailable("no board")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception):
        unavailable("no board")
