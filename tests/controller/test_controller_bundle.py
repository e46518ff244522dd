"""The agent's zip: the same bytes from the same sources, and all of them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

import edgebench.agent
from edgebench.controller.bundle import PACKAGE, build_agent, build_zip

SOURCES = Path(edgebench.agent.__file__).parent
ROOT = Path(__file__).parents[2]


def members(data: bytes) -> list[zipfile.ZipInfo]:
    return zipfile.ZipFile(BytesIO(data)).infolist()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SOURCES, tmp_path / "agent", ignore=shutil.ignore_patterns("__pycache__")))


def test_it_is_named_by_its_hash_and_built_once():
    agent = build_agent()
    assert agent.sha256 == hashlib.sha256(agent.data).hexdigest()
    assert build_agent() is agent


def test_it_holds_every_source_and_nothing_else():
    expected = {f"{PACKAGE}/{path.relative_to(SOURCES).as_posix()}" for path in SOURCES.rglob("*.py")}
    names = [info.filename for info in members(build_agent().data)]
    assert set(names) == expected | {"__main__.py"}
    assert names == sorted(names)


def test_times_modes_and_makers_do_not_tell_where_it_was_built():
    infos = members(build_agent().data)
    assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
    assert {(info.external_attr >> 16, info.create_system) for info in infos} == {(0o644, 3)}


def test_neither_times_nor_modes_nor_bytecode_of_the_sources_change_it(copy: Path):
    before = build_zip(copy)
    for path in copy.rglob("*.py"):
        os.utime(path, (10**9, 10**9))
        path.chmod(0o600)
    (copy / "__pycache__").mkdir()
    (copy / "__pycache__" / "main.cpython-311.pyc").write_bytes(b"bytecode")
    (copy / "notes.txt").write_text("not a source")
    assert build_zip(copy) == before


def test_any_change_of_a_source_changes_its_name(copy: Path):
    before = build_zip(copy)
    with (copy / "main.py").open("a") as source:
        source.write("#")
    assert build_zip(copy).sha256 != before.sha256


def test_the_tool_writes_the_same_bytes_whatever_the_hash_seed(tmp_path: Path):
    said = set()
    for seed in ("0", "1"):
        target = tmp_path / seed
        argv = [sys.executable, str(ROOT / "tools" / "build_agent.py"), str(target)]
        done = subprocess.run(
            argv, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONHASHSEED": seed}
        )
        said.add(done.stdout.strip())
        assert hashlib.sha256(target.read_bytes()).hexdigest() == done.stdout.strip()
    assert len(said) == 1
