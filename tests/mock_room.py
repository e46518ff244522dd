"""What acceptance tests on any simulated device share: a store and a configuration of their own, the installed command.

`jetson_rooms.py` and `phone_rooms.py` add what is a board's and what is a phone's.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rooms import Done
from signals import heed_interrupts

BRIEF = ("--invocations", "2", "--min-time", "0.3", "--soak", "0", "--no-memory", "--power", "off")
"""The shortest plan that still has every part a test looks at: fidelity, two invocations."""


class MockRoom:
    """Commands in `env`; `name`, `tree` (what stands for the device's `/`) and `told` are of the device served last."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config"
        self.config.mkdir()
        self.store = folder / "store.db"
        self.name = ""
        self.tree = folder
        self.told: dict[str, Any] = {}

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
    def served(
        self,
        *words: object,
        faults: Sequence[str] = (),
        around: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> Iterator[str]:
        """Serve `edgebench mock start WORDS` while the block runs; gives the device's name. `around`: words before."""
        options = [part for fault in faults for part in ("--fault", fault)]
        serving = subprocess.Popen(
            [*around, *self.argv("mock", "start", *words, *options, "--json", "-")],
            env=self.env | dict(env or {}),
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            preexec_fn=heed_interrupts,
        )
        assert serving.stdout is not None
        try:
            line = serving.stdout.readline()
            assert line, "the device did not start"
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
        """`edgebench run --device DEVICE ... --json -` with the shortest plan."""
        return self.edgebench("run", "--device", self.name, *BRIEF, *args, "--json", "-", **more)

    def history(self) -> list[dict[str, Any]]:
        """What the store holds, newest first."""
        return self.edgebench("history", "--json", "-").document["runs"]
