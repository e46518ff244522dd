"""The agent's own tests, run from the built zip under the Pythons that devices have."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgebench.controller.bundle import build_agent

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests" / "agent"
VERSIONS = {
    "3.6": "JetPack 4.6 (Jetson Nano, TX2)",
    "3.8": "JetPack 5 (Xavier, Orin)",
    "3.11": "Raspberry Pi OS 12",
}


def interpreters(version: str) -> list[str]:
    """Candidates for an interpreter of this version, the one on PATH first."""
    on_path = shutil.which(f"python{version}")
    managed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    return ([on_path] if on_path else []) + [str(path) for path in managed]


def interpreter(version: str) -> str:
    """A working interpreter; a missing one fails in CI and skips elsewhere."""
    for path in interpreters(version):
        done = subprocess.run(
            [path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0 and done.stdout.strip() == version:
            return path
    reason = f"no Python {version} here: the agent is untested on {VERSIONS[version]}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def agent_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built agent as a file."""
    path = tmp_path_factory.mktemp("agent") / "agent.zip"
    path.write_bytes(build_agent().data)
    return path


@pytest.mark.parametrize("version", sorted(VERSIONS))
def test_the_agents_tests_pass_from_the_zip(version: str, agent_zip: Path):
    argv = [interpreter(version), "-W", "error", "-m", "unittest", "discover", "-s", str(TESTS), "-t", str(TESTS)]
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    env = kept | {"EDGEBENCH_AGENT_ZIP": str(agent_zip), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=env, cwd=agent_zip.parent, timeout=170)
    assert done.returncode == 0, done.stderr[-6000:]
    assert "Ran 0 tests" not in done.stderr


def test_no_syntax_or_library_newer_than_3_6():
    vermin = Path(sys.executable).with_name("vermin")
    argv = [str(vermin), "-t=3.6-", "--no-tips", str(ROOT / "edgebench" / "agent")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
