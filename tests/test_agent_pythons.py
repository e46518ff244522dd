"""The agent's own tests, run from the built zip under the Pythons that devices have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from environments import OLD_RUNTIMES, find_interpreter, old_runtime_python, unavailable

from edgebench.controller.bundle import build_agent

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests" / "agent"
VERSIONS = {
    "3.6": "JetPack 4.6 (Jetson Nano, TX2)",
    "3.8": "JetPack 5 (Xavier, Orin)",
    "3.11": "Raspberry Pi OS 12",
}


def interpreter(version: str) -> str:
    """An interpreter of this version, the old ones with the runtimes that JetPack 4 and 5 get.

    A missing one fails in CI and skips elsewhere.
    """
    if version in OLD_RUNTIMES:
        return str(old_runtime_python(version))
    if sys.version_info[:2] == tuple(int(part) for part in version.split(".")):
        return sys.executable
    found = find_interpreter(version)
    if found is None:
        unavailable(f"no Python {version} here: the agent is untested on {VERSIONS[version]}")
    return str(found)


@pytest.fixture(scope="module")
def agent_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built agent as a file."""
    path = tmp_path_factory.mktemp("agent") / "agent.zip"
    path.write_bytes(build_agent().data)
    return path


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "version", [v if v == "3.6" else pytest.param(v, marks=pytest.mark.heavy) for v in sorted(VERSIONS)]
)
def test_the_agents_tests_pass_from_the_zip(version: str, agent_zip: Path):
    argv = [interpreter(version), "-W", "error", "-m", "unittest", "discover", "-s", str(TESTS), "-t", str(TESTS)]
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    env = kept | {"EDGEBENCH_AGENT_ZIP": str(agent_zip), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=env, cwd=agent_zip.parent, timeout=550)
    assert done.returncode == 0, done.stderr[-6000:]
    assert "Ran 0 tests" not in done.stderr


def test_no_syntax_or_library_newer_than_3_6():
    vermin = Path(sys.executable).with_name("vermin")
    argv = [str(vermin), "-t=3.6-", "--no-tips", str(ROOT / "edgebench" / "agent")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
