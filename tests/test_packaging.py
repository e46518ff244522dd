"""What the wheel and the sdist carry: everything the program needs, nothing that is only ours."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist of this checkout."""
    target = tmp_path_factory.mktemp("dist")
    argv = [sys.executable, "-m", "hatchling", "build", "-d", str(target)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    """The wheel, open."""
    (path,) = built.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_every_module(wheel: zipfile.ZipFile) -> None:
    ours = {str(path.relative_to(ROOT)) for path in (ROOT / "edgebench").rglob("*.py")}
    assert ours <= set(wheel.namelist())


def test_the_wheel_holds_every_part_of_the_sh_agent(wheel: zipfile.ZipFile) -> None:
    ours = {str(path.relative_to(ROOT)) for path in (ROOT / "edgebench").rglob("*.sh")}
    assert len(ours) >= 10
    assert ours <= set(wheel.namelist())


def test_the_wheel_holds_profiles_migrations_and_the_typing_mark(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    profiles = {f"edgebench/profiles/data/{path.name}" for path in (ROOT / "device_profiles").glob("*.toml")}
    assert len(profiles) >= 10
    assert profiles <= names
    assert "edgebench/py.typed" in names
    assert [name for name in names if name.startswith("edgebench/store/migrations/versions/") and "0001" in name]


def test_the_wheel_holds_nothing_else(wheel: zipfile.ZipFile) -> None:
    folders = {name.split("/")[0] for name in wheel.namelist()}
    assert {name for name in folders if not name.endswith(".dist-info")} == {"edgebench"}
    assert not [name for name in wheel.namelist() if name.endswith(".pyc")]
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())


def test_the_agent_of_the_wheel_is_the_agent_of_the_tree(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    from edgebench.controller.bundle import build_agent

    wheel.extractall(tmp_path)
    script = "from edgebench.controller.bundle import build_agent; print(build_agent().sha256)"
    argv = [sys.executable, "-c", script]
    done = subprocess.run(argv, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.stdout.strip() == build_agent().sha256, done.stderr


def test_the_sdist_can_be_tested(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as sdist:
        names = {name.split("/", 1)[1] for name in sdist.getnames() if "/" in name}
    wanted = {"Makefile", "README.md", "LICENSE", "models/sr-x2-w16.onnx", "tests/rooms.py", "tools/measure_psnr.py"}
    assert wanted <= names
