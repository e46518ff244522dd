"""Wheels for another machine's Python, fetched by this host's own pip with the user's own pip settings."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgebench.controller.runtimes import python_version
from edgebench.errors import DeviceUnfit, UsageError

OLDEST_GLIBC_MINOR = {"x86_64": 5, "i686": 5}
"""manylinux begins at glibc 2.5 on x86 and at 2.17 elsewhere (PEP 513, 571, 599)."""
LEGACY_NAMES = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}
ARM_32_BIT = {"aarch64": "armv7l", "armv8l": "armv7l", "armv7l": "armv7l"}


@dataclass(frozen=True)
class WheelTarget:
    """The Python that wheels are for: version (3, 6), ABI `cp36m`, platform tags from the newest down."""

    python: tuple[int, int]
    abi: str
    platforms: tuple[str, ...]

    @property
    def tag(self) -> str:
        """As wheels name the interpreter: `cp36`."""
        return f"cp{self.python[0]}{self.python[1]}"


@dataclass(frozen=True)
class Wheel:
    """A fetched wheel, its size and what it will take unpacked (bytes)."""

    path: Path
    bytes: int
    unpacked_bytes: int

    @property
    def distribution(self) -> str:
        """The first part of its file name."""
        return self.path.name.split("-")[0]

    @property
    def version(self) -> str:
        """The second part of its file name."""
        return self.path.name.split("-")[1]


def wheel_target(facts: Mapping[str, Any], device: str) -> WheelTarget:
    """Which wheels a device takes, by its facts. Raises `DeviceUnfit` where no wheel can fit."""
    python = facts.get("python") or {}
    version = python_version(facts)
    if facts.get("system") != "Linux" or python.get("implementation") != "CPython" or len(version) < 2:
        what = f"{python.get('implementation') or 'an unknown Python'} on {facts.get('system') or 'an unknown system'}"
        raise DeviceUnfit(
            device, f"setup knows CPython on Linux, not {what}", hint="install the runtime there yourself"
        )
    if python.get("libc") != "glibc" or not python.get("libc_version"):
        libc = python.get("libc") or "an unknown C library"
        raise DeviceUnfit(
            device, f"its Python uses {libc}; the runtimes' wheels need glibc", hint="use a distribution with glibc"
        )
    major, minor = version[:2]
    abi = f"cp{major}{minor}" + ("m" if (major, minor) < (3, 8) else "")
    arch = _arch(str(facts.get("machine")), int(python.get("bits") or 64))
    return WheelTarget((major, minor), abi, tuple(platform_tags(arch, str(python["libc_version"]))))


def _arch(machine: str, bits: int) -> str:
    """The architecture of the interpreter, which may be 32 bit on a 64-bit kernel."""
    if bits == 32:
        return ARM_32_BIT.get(machine, "i686")
    return machine


def platform_tags(arch: str, glibc: str) -> list[str]:
    """All platform tags that a glibc carries, newest first.

    >>> platform_tags("aarch64", "2.18")
    ['manylinux_2_18_aarch64', 'manylinux_2_17_aarch64', 'manylinux2014_aarch64', 'linux_aarch64']
    """
    newest = int(glibc.split(".")[1])
    tags = []
    for minor in range(newest, OLDEST_GLIBC_MINOR.get(arch, 17) - 1, -1):
        tags.append(f"manylinux_2_{minor}_{arch}")
        if minor in LEGACY_NAMES:
            tags.append(f"{LEGACY_NAMES[minor]}_{arch}")
    return [*tags, f"linux_{arch}"]


def pip_command(target: WheelTarget, requirements: Sequence[str], folder: str, *, alone: bool = False) -> list[str]:
    """What this host runs: plain pip, told for whom; `alone` leaves dependencies out."""
    command = [*_pip(), "download", "--only-binary=:all:", "--no-input", "--disable-pip-version-check"]
    command += ["--progress-bar", "off", "--dest", folder, *(["--no-deps"] if alone else [])]
    command += ["--implementation", "cp", "--python-version", ".".join(map(str, target.python))]
    for abi in (target.abi, "abi3", "none"):
        command += ["--abi", abi]
    for platform in target.platforms:
        command += ["--platform", platform]
    return [*command, *requirements]


def _pip() -> list[str]:
    """pip of this Python, else the one on PATH. Raises `UsageError` where there is none."""
    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    found = shutil.which("pip3") or shutil.which("pip")
    if not found:
        raise UsageError("this host has no pip to fetch wheels with", hint=f"`{sys.executable} -m ensurepip`")
    return [found]


def fetch(target: WheelTarget, requirements: Sequence[str], folder: Path, device: str) -> list[Wheel]:
    """Fetch wheels with their dependencies, without them where one of those has no wheel; sorted by name.

    `requirements` must then be all that is needed to import the runtime. Raises `DeviceUnfit`.
    """
    done = _run(pip_command(target, requirements, str(folder)))
    if done.returncode != 0:
        for file in folder.iterdir():
            file.unlink()
        done = _run(pip_command(target, requirements, str(folder), alone=True))
    if done.returncode != 0:
        raise DeviceUnfit(
            device,
            f"pip finds no {' and '.join(requirements)} for {target.tag}, {target.platforms[0]}: {_last_word(done)}",
            hint="is this host online? a vendor's wheels: point pip at them (PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS)",
        )
    return [_wheel(path) for path in sorted(folder.glob("*.whl"))]


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def _last_word(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or [f"exit status {done.returncode}"])[-1]


def _wheel(path: Path) -> Wheel:
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    return Wheel(path, path.stat().st_size, unpacked)
