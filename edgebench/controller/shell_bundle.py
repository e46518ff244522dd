"""The POSIX-sh agent as one file: the parts of `edgebench/agent/shell`, joined in a fixed order."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

PARTS = (
    "frames.sh",
    "json.sh",
    "lease.sh",
    "journal.sh",
    "jobs.sh",
    "check.sh",
    "waiting.sh",
    "prepare.sh",
    "sampler.sh",
    "memory.sh",
    "oom.sh",
    "burn.sh",
    "steps.sh",
    "supervise.sh",
    "start.sh",
    "main.sh",
)
"""What the script is made of, in order: functions first, the call of `main` last."""


@dataclass(frozen=True)
class ShellAgent:
    """The built script: its bytes and their SHA-256 in hex, which is its name on a device."""

    data: bytes
    sha256: str


@cache
def build_shell_agent() -> ShellAgent:
    """Build the script from the installed package; built once per process."""
    return build_script(files("edgebench.agent") / "shell")


def build_script(folder: Traversable) -> ShellAgent:
    """Join the parts that lie in `folder`. Line ends are those of Unix, also where a checkout has others."""
    data = b"".join((folder / name).read_bytes().replace(b"\r\n", b"\n") for name in PARTS)
    return ShellAgent(data, hashlib.sha256(data).hexdigest())
