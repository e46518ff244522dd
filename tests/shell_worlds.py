"""The POSIX-sh agent in the user lands that it meets, each a PATH with nothing else in it.

    phone = ShellPhone(world, tmp_path)
    job = phone.job("job-1", step("invocation", program="/bin/true"))
    phone.start(job); phone.finish(job)

`dash` has Debian's coreutils; `mksh` has toybox and nothing else, as Android; `busybox` is its own shell.
Commands that a phone has and a PC has not (`settings`, `dumpsys`...) are scripts that a test puts into `phone.stubs`.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgebench.agent.protocol import FrameReader
from edgebench.controller.shell_bundle import build_shell_agent

NONCE = "0c0ffee0"
TIMEOUT_S = 60
ANDROID_APPLETS = (
    "cat chmod cp cut date dirname du echo env false find fsync grep head id kill ln ls mkdir mktemp mv nice nohup od "
    "paste pgrep pidof ps pwd readlink realpath rm rmdir sed seq setsid sha256sum sleep sort split stat sync tail "
    "taskset tee time timeout touch tr true truncate uname uniq uptime wc which whoami xargs"
)
"""What Android's toybox has of Debian's; no awk, perl, flock, mkfifo."""


@dataclass(frozen=True)
class World:
    """A user land: its shell, and its commands as name -> program."""

    name: str
    shell: str
    programs: Mapping[str, str]

    def make_path(self, folder: Path) -> None:
        """Fill `folder` with the commands of this world, `sh` among them."""
        folder.mkdir(parents=True)
        for name, program in {**self.programs, "sh": self.shell}.items():
            (folder / name).symlink_to(program)


def _found(name: str) -> str:
    path = shutil.which(name, path="/usr/bin:/bin:/usr/sbin:/sbin")
    assert path is not None, f"{name} is not here: tools/system_packages.sh installs it"
    return path


def _coreutils() -> dict[str, str]:
    found = {name: shutil.which(name, path="/usr/bin:/bin") for name in ANDROID_APPLETS.split() if name != "fsync"}
    return {name: path for name, path in found.items() if path is not None}


def _busybox_applets() -> list[str]:
    listed = subprocess.run([_found("busybox"), "--list"], capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split() if name not in ("sh", "ash", "awk", "su")]


def find_world(name: str) -> World:
    """One of WORLDS, from what this machine has; fails where a part is missing."""
    if name == "dash":
        return World(name, _found("dash"), _coreutils())
    if name == "mksh":
        return World(name, _found("mksh"), dict.fromkeys(ANDROID_APPLETS.split(), _found("toybox")))
    return World(name, _found("busybox"), dict.fromkeys(_busybox_applets(), _found("busybox")))


WORLDS = ("dash", "mksh", "busybox")
MARKED_WORLDS = ("mksh", *(pytest.param(world, marks=pytest.mark.heavy) for world in ("dash", "busybox")))
"""Android's own shell and tools in the default suite, the others in CI's."""


def step(
    pass_: str = "invocation",
    *lines: str,
    program: str | None = None,
    arguments: Sequence[str] = (),
    limit_s: float = 30,
    index: int = 0,
) -> list[str]:
    """The lines of one step; `lines` stand before the program."""
    head = [f"step {index} {pass_} 0 1 0 {limit_s:g}", *lines]
    return [*head, *([f"program {program}"] if program else []), *(f"arg {text}" for text in arguments), "run"]


class ShellPhone:
    """A device with the agent on it: `home`, a fake tree at `root`, and `stubs` before everything else in PATH."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.home = folder / "home"
        self.root = folder / "root"
        self.stubs = folder / "stubs"
        self.calls = folder / "calls"
        for path in (self.home / "jobs", self.home / "agents", self.root / "proc", self.stubs):
            path.mkdir(parents=True)
        (self.root / "proc/uptime").symlink_to("/proc/uptime")
        self.bin = folder / "bin"
        world.make_path(self.bin)
        built = build_shell_agent()
        self.agent = self.home / "agents" / f"{built.sha256}.sh"
        self.agent.write_bytes(built.data)
        self.env = {"PATH": f"{self.stubs}:{self.bin}", "HOME": str(folder), "CALLS": str(self.calls)}

    def argv(self, *arguments: object) -> list[str]:
        """The command line of a verb."""
        return [str(self.bin / "sh"), str(self.agent), *(str(argument) for argument in arguments)]

    def put(self, path: str, text: str) -> Path:
        """Write a file of the fake tree."""
        full = self.root / path.lstrip("/")
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text)
        return full

    def stub(self, name: str, body: str) -> Path:
        """A command of the phone: a script that notes how it was called, one line a call, then runs `body`."""
        path = self.stubs / name
        path.write_text(f'#!{self.bin}/sh\necho "{name} $*" >>"$CALLS"\n{body}\n')
        path.chmod(0o755)
        return path

    def called(self) -> list[str]:
        """How the stubs were called so far."""
        return self.calls.read_text().splitlines() if self.calls.exists() else []

    def script(self, name: str, body: str) -> Path:
        """A tool: an executable script for this world's shell."""
        path = self.folder / name
        path.write_text(f"#!{self.bin}/sh\n{body}\n")
        path.chmod(0o755)
        return path

    def job(self, name: str, *parts: Sequence[str], root: Path | None = None, **head: object) -> Path:
        """Make a job of lines; return its folder."""
        folder = self.home / "jobs" / name
        folder.mkdir()
        told = {"nonce": NONCE, "holder": "tester", "lease_s": 60, "max_time_s": "-", **head}
        lines = ["protocol 1", f"job {name}", *(f"{key} {value}" for key, value in told.items())]
        lines += [f"root {root or self.root}", *(line for part in parts for line in part), "end"]
        (folder / "job.txt").write_bytes(b"".join(os.fsencode(line) + b"\n" for line in lines))
        (folder / "job.json").write_text("{}")
        return folder

    def verb(self, *arguments: object, nonce: str = "feed") -> tuple[int, list[dict[str, Any]]]:
        """Run a verb; return (exit status, its events). Its frames must be whole."""
        done = self.run(*arguments, "--nonce", nonce)
        events = frames(done.stdout, nonce)
        assert done.stderr == b""
        return done.returncode, events

    def run(self, *arguments: object) -> subprocess.CompletedProcess[bytes]:
        """Run the agent to its end."""
        argv = self.argv(*arguments)
        return subprocess.run(argv, env=self.env, cwd=self.folder, capture_output=True, timeout=TIMEOUT_S)

    def popen(self, *arguments: object, **more: Any) -> subprocess.Popen[bytes]:
        """Start the agent; its output is a pipe."""
        return subprocess.Popen(self.argv(*arguments), env=self.env, cwd=self.folder, stdout=subprocess.PIPE, **more)

    def release(self) -> None:
        """End the job that a test has left running."""
        leases = sorted((self.home / "lease").glob("*"), key=lambda link: int(link.name))
        if leases:
            self.run("stop", self.home / "jobs" / str(leases[-1].readlink()).split(" ")[4])

    def processes(self) -> list[int]:
        """The processes that this device's agent has started, however they are called; those that have ended not."""
        mark = f"CALLS={self.calls}".encode()
        return [pid for pid in _pids() if mark in _environment(pid)]

    def start(self, job: Path) -> dict[str, Any]:
        """Start a job; return the answer."""
        return self.verb("start", job)[1][0]

    def finish(self, job: Path) -> list[dict[str, Any]]:
        """Follow a job to its end; return all its events. Its record must be whole, nothing else said."""
        done = self.run("follow", job)
        assert (done.returncode, done.stderr) == (0, b""), (done.stderr, (job / "log.txt").read_text())
        return frames(done.stdout, NONCE)

    def carry_out(self, job: Path) -> list[dict[str, Any]]:
        """Start a job and follow it to its end."""
        answer = self.start(job)
        assert answer["ev"] == "started", answer
        return self.finish(job)


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") if alive(pid) else []
    except OSError:
        return []


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def frames(data: bytes, nonce: str) -> list[dict[str, Any]]:
    """The events of a whole stream, its hash reckoned anew."""
    reader = FrameReader(nonce)
    events = reader.feed(data)
    assert reader.ended, data
    signs_of_life = data.split(b"\n").count(b"~")  # on a slow machine a job has nothing to tell for seconds
    assert (reader.damaged, reader.noise) == (0, signs_of_life), data
    return events


def of(events: list[dict[str, Any]], ev: str) -> list[dict[str, Any]]:
    """The events of that name."""
    return [event for event in events if event["ev"] == ev]


def outcomes(events: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    """(outcome, code) of every step."""
    return [(event["outcome"], event["code"]) for event in of(events, "done")]


def alive(pid: int) -> bool:
    """Whether a process runs (one that has ended and waits for its parent does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def wait_gone(pid: int, seconds: float = 20) -> None:
    """Return when the process has ended; it is no child of ours."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], seconds)[0], f"{pid} still runs: {_command(pid)!r}"
    finally:
        os.close(descriptor)


class Gate:
    """A fifo that a script of a test blocks on or writes to: tests wait on it, never by the clock."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path

    def read(self) -> str:
        """Wait until somebody has written and closed it; return what it was."""
        return self.path.read_text()

    def open(self) -> None:
        """Let whoever reads it go on."""
        self.path.write_text("go\n")


def kill(pid: int) -> None:
    """kill -9, and wait until it is gone."""
    os.kill(pid, signal.SIGKILL)
    wait_gone(pid)


def clock_ns() -> int:
    """The clock the agent's events carry, of this machine."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
