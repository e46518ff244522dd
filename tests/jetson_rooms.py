"""A room for acceptance tests on a simulated board: the installed command, `edgebench mock start`, SSH in between.

    with JetsonRoom(tmp_path) as room, room.board("jetson-nano", "throttle@20s"):
        done = room.run(model, "--backend", "onnxruntime")
        done.returncode, done.runs, done.stderr

The board lives at `speed` of its own seconds in one of ours. What stands for its `/` is `room.tree`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from rooms import Done
from signals import heed_interrupts

BRIEF = ("--invocations", "2", "--min-time", "0.3", "--soak", "0", "--no-memory", "--power", "off")
"""The shortest plan that still has every part a test looks at: fidelity, two invocations."""


class JetsonRoom:
    """A store and a configuration of its own; boards are named `mock-PROFILE`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config"
        self.config.mkdir()
        self.store = folder / "store.db"
        self.name = ""
        self.tree = folder
        self.told: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    @property
    def env(self) -> dict[str, str]:
        """The environment of the commands: nothing of the user's."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "EDGEBENCH_CONFIG": str(self.config),
            "EDGEBENCH_STORE": str(self.store),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "XDG_DATA_HOME": str(self.folder / "data"),
            "NO_COLOR": "1",
            "COLUMNS": "200",
        }

    @contextlib.contextmanager
    def board(
        self,
        profile: str = "jetson-nano",
        *faults: str,
        speed: float = 1.0,
        seed: int = 0,
        around: Sequence[str] = (),
        folder: Path | None = None,
    ) -> Iterator[str]:
        """Serve a board while the block runs; gives its name. `around`: words before the command; `folder`: its own."""
        options = [part for fault in faults for part in ("--fault", fault)]
        argv = self.argv("mock", "start", profile, "--speed", speed, "--seed", seed, *options, "--json", "-")
        env = self.env | ({"TMPDIR": str(folder)} if folder else {})
        serving = subprocess.Popen(
            [*around, *argv],
            env=env,
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            preexec_fn=heed_interrupts,
        )
        assert serving.stdout is not None
        try:
            line = serving.stdout.readline()
            assert line, "the board did not start"
            self.told = json.loads(line)
            self.name, self.tree = self.told["device"], Path(self.told["root"])
            yield self.name
        finally:
            serving.send_signal(signal.SIGINT)
            serving.wait(30)
            serving.stdout.close()

    def argv(self, *args: object) -> list[str]:
        """The command line."""
        return [sys.executable, "-m", "edgebench", *map(str, args)]

    def edgebench(self, *args: object, timeout: float = 150.0, **more: Any) -> Done:
        """Run `edgebench ARGS` to its end."""
        env = self.env | more.pop("env", {})
        done = subprocess.run(
            self.argv(*args), env=env, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, **more
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *args: object) -> subprocess.Popen[str]:
        """Start `edgebench ARGS` and leave it running."""
        return subprocess.Popen(
            self.argv(*args),
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            preexec_fn=heed_interrupts,
        )

    def run(self, *args: object, **more: Any) -> Done:
        """`edgebench run --device BOARD ... --json -` with the shortest plan."""
        return self.edgebench("run", "--device", self.name, *BRIEF, *args, "--json", "-", **more)

    def history(self) -> list[dict[str, Any]]:
        """What the store holds, newest first."""
        return self.edgebench("history", "--json", "-").document["runs"]

    @property
    def home(self) -> Path:
        """edgebench's folder on the board."""
        return Path(self.told["home"])

    def file(self, path: str) -> str:
        """What a file of the board says, as everybody may read it."""
        return (self.tree / path.lstrip("/")).read_text()
