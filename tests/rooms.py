"""A room for acceptance tests: the installed command, a device (this machine or a real sshd), everything in a folder.

    room = Room(tmp_path, "ssh", sshd)
    done = room.edgebench("run", model, *SHORT)
    done.returncode, done.runs, done.stderr

The device's Python is this one and its home a folder of the test's; a runtime with faults can be put into it.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from signals import heed_interrupts
from sizes import with_size
from sshd import Sshd

SHORT = ("--invocations", "2", "--min-time", "0.05", "--soak", "0", "--no-memory", "--threads", "1", "--power", "off")
"""The shortest plan that still has every part a test looks at: two invocations, no soak."""

RUNTIME = Path(__file__).parent / "faulty_runtime"


def _freed_models() -> Path:
    """The family of models/ with free axes, so that tests can run it at a size that takes a millisecond."""
    committed = Path(__file__).parent.parent / "models"
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(committed.glob("*.onnx")))).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"edgebench-test-models-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for path in committed.glob("*.onnx"):
        if not (folder / path.name).exists():
            part = folder / f"{path.name}.{os.getpid()}"
            onnx.save(with_size(onnx.load(path), None, None), part)
            part.replace(folder / path.name)
    return folder


MODELS = _freed_models()


@dataclass(frozen=True)
class Done:
    """A finished command: its exit status, what it printed, and the document it gave with `--json -`."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document on stdout."""
        return json.loads(self.stdout)

    @property
    def runs(self) -> list[dict[str, Any]]:
        """The report's rows."""
        return self.document["runs"]


class Room:
    """One device called `board`, reached by `transport` ("local" or "ssh"), and a store."""

    def __init__(self, folder: Path, transport: str, sshd: Sshd | None = None, port: int | None = None) -> None:
        self.folder = folder
        self.transport = transport
        self.sshd = sshd
        self.config = folder / "config"
        self.home = folder / "device-home"
        self.store = folder / "store.db"
        self.config.mkdir()
        self.home.mkdir()
        self.add_device("board", port=port)

    def add_device(self, name: str, *, port: int | None = None, **more: str) -> None:
        """Write a device into devices.toml (`port`: that of a proxy before the sshd)."""
        values: dict[str, str | int] = {"transport": self.transport, "python": sys.executable, "home": str(self.home)}
        if self.transport == "ssh":
            assert self.sshd is not None
            place = self.sshd.place(name)
            self.sshd.know(port) if port else None
            values |= {"host": "127.0.0.1", "port": port or self.sshd.port, "user": str(place.user)}
            values |= {"key": str(place.key), "known_hosts": str(self.sshd.known_hosts)}
        values |= more
        lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        with (self.config / "devices.toml").open("a") as file:
            file.write(f"[{name}]\n" + "\n".join(lines) + "\n")

    def install_faulty_runtime(self) -> None:
        """Put the runtime with faults into the device's home, as `devices setup` would a real one."""
        target = self.home / "runtimes" / "onnxruntime-9.9.9"
        target.parent.mkdir(exist_ok=True)
        target.symlink_to(RUNTIME)

    @property
    def env(self) -> dict[str, str]:
        """The environment of the commands: nothing of the user's."""
        return os.environ | {
            "EDGEBENCH_CONFIG": str(self.config),
            "EDGEBENCH_STORE": str(self.store),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "XDG_DATA_HOME": str(self.folder / "data"),
            "NO_COLOR": "1",
            "COLUMNS": "200",
        }

    def edgebench(self, *args: object, timeout: float = 120.0, **more: Any) -> Done:
        """Run `edgebench ARGS` to its end."""
        env = self.env | more.pop("env", {})
        done = subprocess.run(
            self.argv(*args), env=env, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, **more
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *args: object, **more: Any) -> subprocess.Popen[str]:
        """Start `edgebench ARGS` and leave it running."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, "text": True}
        pipes["preexec_fn"] = heed_interrupts
        return subprocess.Popen(self.argv(*args), env=self.env, **(pipes | more))

    def argv(self, *args: object) -> list[str]:
        """The command line."""
        return [sys.executable, "-m", "edgebench", *map(str, args)]

    def run(self, *args: object, **more: Any) -> Done:
        """`edgebench run --device board ... --json -` with the shortest plan."""
        return self.edgebench("run", "--device", "board", *args, *SHORT, "--json", "-", **more)

    def history(self) -> list[dict[str, Any]]:
        """What the store holds, newest first."""
        return self.edgebench("history", "--json", "-").document["runs"]


def write_runtime_stub(folder: Path, text: str) -> None:
    """A module `onnxruntime` of the test's own in `folder`, with the metadata that makes it found."""
    (folder / "onnxruntime").mkdir(parents=True)
    (folder / "onnxruntime" / "__init__.py").write_text(textwrap.dedent(text))
    (folder / "onnxruntime-9.9.9.dist-info").mkdir()
    (folder / "onnxruntime-9.9.9.dist-info" / "METADATA").write_text("Name: onnxruntime\nVersion: 9.9.9\n")
