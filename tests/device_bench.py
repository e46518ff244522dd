"""A user with a home folder of their own, a real sshd to talk to, and wheels of their own: for `devices` commands.

bench = Bench(tmp_path, server)
bench.trust()
bench.add_device("board", python=bare_python(tmp_path))
done = bench.run("devices", "check", "board")
"""

from __future__ import annotations

import hashlib
import json
import os
import pty
import select
import shutil
import subprocess
import sys
import time
import venv
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from signals import heed_interrupts
from sshd import Sshd

_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.executable, sys.argv[1:])"
)


class Bench:
    """The user: HOME with SSH keys, EDGEBENCH_CONFIG, pip pointed at `wheels` and at nothing else."""

    def __init__(self, folder: Path, server: Sshd) -> None:
        self.server = server
        self.home = folder / "user"
        self.config = folder / "config"
        self.wheels = folder / "wheels"
        self.known_hosts = self.home / ".ssh" / "known_hosts"
        for path in (self.home / ".ssh", self.config, self.wheels):
            path.mkdir(parents=True)
        shutil.copy(server.user_key, self.home / ".ssh" / "id_ed25519")
        shutil.copy(server.user_key.with_suffix(".pub"), self.home / ".ssh" / "id_ed25519.pub")
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "EDGEBENCH_CONFIG": str(self.config),
            "EDGEBENCH_STORE": str(folder / "store.db"),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
        }

    @property
    def target(self) -> str:
        """The server as `devices add` takes it."""
        return f"{self.server.user}@127.0.0.1:{self.server.port}"

    @property
    def fingerprint(self) -> str:
        """The server's true fingerprint, as ssh-keygen says it."""
        public = self.server.host_key.with_suffix(".pub")
        said = subprocess.run(["ssh-keygen", "-lf", public], capture_output=True, text=True, check=True)
        return said.stdout.split()[1]

    def trust(self) -> None:
        """Write the server's key to the user's known_hosts."""
        self.server.know(self.server.port, self.known_hosts)

    def add_device(self, name: str, **fields: Any) -> None:
        """Write an entry for the server to devices.toml."""
        values = {"host": "127.0.0.1", "port": self.server.port, "user": self.server.user, **fields}
        lines = [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
        with (self.config / "devices.toml").open("a") as file:
            file.write("\n".join(lines) + "\n")

    def run(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """The program without a terminal."""
        return subprocess.run(
            [sys.executable, "-m", "edgebench", *args],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**self.env, **env},
            timeout=120,
            check=False,
        )

    def at_terminal(self, args: Sequence[str], answers: Iterable[tuple[str, str]]) -> tuple[int, str]:
        """The program at a terminal: waits for each text, then types the answer; (exit code, all that was shown)."""
        master, slave = pty.openpty()
        argv = [sys.executable, "-c", _TAKE_TERMINAL, sys.executable, "-m", "edgebench", *args]
        with subprocess.Popen(
            argv,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**self.env, "TERM": "dumb"},
            start_new_session=True,
            preexec_fn=heed_interrupts,
        ) as process:
            os.close(slave)
            shown = ""
            try:
                for wanted, answer in answers:
                    shown += _read_until(master, wanted, shown)
                    os.write(master, f"{answer}\n".encode())
                shown += _read_until(master, None, shown)
                return process.wait(timeout=60), shown
            finally:
                process.kill()
                os.close(master)


def _read_until(master: int, wanted: str | None, before: str) -> str:
    """Read the terminal until `wanted` comes, or to its end for None."""
    shown = ""
    deadline = time.monotonic() + 60
    while wanted is None or wanted not in shown:
        ready, _, _ = select.select([master], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise AssertionError(f"{wanted!r} did not come; shown so far: {before + shown}")
        try:
            data = os.read(master, 65536)
        except OSError:  # EIO: the program has closed its terminal
            data = b""
        if not data:
            if wanted is None:
                return shown
            raise AssertionError(f"ended before {wanted!r}: {before + shown}")
        shown += data.decode()
    return shown


def bare_python(folder: Path) -> str:
    """An interpreter without any package, as on a new board."""
    venv.EnvBuilder(symlinks=True, with_pip=False).create(folder / "bare")
    return str(folder / "bare" / "bin" / "python")


def make_wheel(
    folder: Path,
    name: str,
    version: str,
    files: dict[str, str],
    *,
    tag: str = "py3-none-any",
    needs: Sequence[str] = (),
) -> Path:
    """A wheel of text files; `files` are paths in it."""
    info = f"{name}-{version}.dist-info"
    requires = "".join(f"Requires-Dist: {need}\n" for need in needs)
    members = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: false\nTag: {tag}\n",
    }
    record = "".join(
        f"{path},sha256={hashlib.sha256(text.encode()).hexdigest()},{len(text)}\n" for path, text in members.items()
    )
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, text in {**members, f"{info}/RECORD": record}.items():
            archive.writestr(member, text)
    return path


def fake_runtime(folder: Path, version: str = "9.9.0", code: str = "", tag: str = "py3-none-any") -> None:
    """Wheels of an `onnxruntime` that can be imported and does nothing, and of a `numpy` that it needs."""
    body = f"import numpy\n__version__ = {version!r}\nget_available_providers = lambda: ['CPUExecutionProvider']\n"
    make_wheel(folder, "onnxruntime", version, {"onnxruntime/__init__.py": code + body}, tag=tag, needs=["numpy"])
    make_wheel(folder, "numpy", "3.0.0", {"numpy/__init__.py": "__version__ = '3.0.0'\n"})
