"""Puts the agent on a device: the Python one where there is a Python, the POSIX-sh one behind adb."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from edgebench.controller.agent_client import AgentClient, make_folder
from edgebench.controller.bundle import build_agent
from edgebench.errors import DeviceUnfit
from edgebench.transports.base import Completed, Transport

PYTHON_PROBE = (
    "import sys,os,json;"
    "sys.stdout.write('\\nEBPY '+json.dumps([list(sys.version_info[:3]),os.path.expanduser('~'),"
    "os.path.abspath(sys.argv[1]) if sys.argv[1] else ''])+'\\n')"
)
PYTHON_HINT = 'name another interpreter: `python = "/usr/bin/python3.8"` in devices.toml, or install python3 there'

PHONE_HOME = "/data/local/tmp/edgebench"
"""The only folder of a stock phone where the shell's user may write *and* execute."""


def deploy_python_agent(transport: Transport, *, python: str, home: str | None, root: str = "/") -> AgentClient:
    """Find Python and the home folder, push the agent unless its hash is there.

    Raises `DeviceUnfit` where no usable Python is, and what a push raises.
    """
    done = transport.exec([python, "-c", PYTHON_PROBE, home or ""])
    version, user_home, given = _probe_answer(transport.name, python, done)
    if tuple(version) < (3, 6):
        text = ".".join(map(str, version))
        raise DeviceUnfit(transport.name, f"Python {text} is too old: 3.6 or newer is needed", hint=PYTHON_HINT)
    folder = given or f"{user_home}/.edgebench"
    agent = build_agent()
    target = f"{folder}/agents/{agent.sha256}.zip"
    _push_text(transport, agent.data, target)
    return AgentClient(transport, command=[python, target], home=folder, root=root, python_version=tuple(version))


def deploy_shell_agent(transport: Transport, *, home: str | None, root: str = "/") -> AgentClient:
    """Push the POSIX-sh agent unless its hash is there. Raises `DeviceUnfit` and what a push raises."""
    from edgebench.controller.shell_bundle import build_shell_agent

    agent = build_shell_agent()
    folder = home or PHONE_HOME
    target = f"{folder}/agents/{agent.sha256}.sh"
    _push_text(transport, agent.data, target)
    return AgentClient(transport, command=["sh", target], home=folder, root=root)


def _push_text(transport: Transport, data: bytes, target: str) -> None:
    make_folder(transport, str(Path(target).parent))
    with TemporaryDirectory(prefix="edgebench-") as work:
        source = Path(work, "agent")
        source.write_bytes(data)
        transport.push(source, target)


def _probe_answer(device: str, python: str, done: Completed) -> tuple[list[int], str, str]:
    marked = [line for line in done.stdout.decode("utf-8", "replace").splitlines() if line.startswith("EBPY ")]
    if not marked:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
        reason = said[-1] if said else f"exit status {done.returncode}"
        raise DeviceUnfit(device, f"`{python}` does not run there: {reason}", hint=PYTHON_HINT)
    version, user_home, given = json.loads(marked[-1][5:])
    return version, user_home, given
