"""The real agent on this machine, in a folder of its own: pushed, supervised and followed as a run does it."""

from __future__ import annotations

import json
import secrets
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import numpy as np

from edgebench.controller.agent_client import Following
from edgebench.controller.deploy_agent import deploy_python_agent
from edgebench.controller.events import JobEvents, StepEvents, sort_events
from edgebench.transports.local import LocalTransport

MODEL = Path(__file__).resolve().parent.parent / "models" / "sr-x2-w16.onnx"
SHAPE = (1, 3, 180, 320)
SHAPE_TEXT = "x".join(map(str, SHAPE))
TELEMETRY = {"power": "auto", "power_hz": 10.0, "slow_hz": 1.0, "seed": 0, "probes": {}}
"""As `edgebench run` asks for it by default."""


class AgentRuns:
    """A device's home in a temporary folder with the agent and the model in it."""

    def __init__(
        self, model: Path = MODEL, backend: str = "onnxruntime", shapes: dict[str, tuple[int, ...]] | None = None
    ) -> None:
        self._model = model
        self._backend = backend
        self._shapes = {"input": SHAPE} if shapes is None else shapes

    def __enter__(self) -> Self:
        self._folder = TemporaryDirectory(prefix="edgebench-bench-")
        home = Path(self._folder.name)
        self._client = deploy_python_agent(LocalTransport("bench"), python=sys.executable, home=str(home))
        (home / "artifacts").mkdir()
        shutil.copy(self._model, home / "artifacts" / "model")
        self.root = Path("/")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def read_power(self) -> bool:
        """See to it that power is sampled: where no source is, from a file that stands in for one; whether it does."""
        sources = self._client.sources()
        if any(source["name"].startswith("power") and source["state"] == "ok" for source in sources):
            return False
        self.root = Path(self._folder.name, "root")
        _add_counter(self.root)
        return True

    def invocation(self, seconds: float, *, sampler: bool = True) -> tuple[StepEvents, JobEvents]:
        """One job of one invocation of `seconds`; raises RuntimeError if it did not end well."""
        nonce, name = secrets.token_hex(8), secrets.token_hex(8)
        folder = Path(self._client.job_folder(name))
        folder.mkdir(parents=True)
        (folder / "job.json").write_text(json.dumps(self._job(name, nonce, seconds, sampler=sampler)), encoding="utf-8")
        self._client.start(name)
        job = sort_events(Following(self._client, name, nonce).events())
        steps = job.of_pass("invocation")
        if not (steps and steps[0].ok and job.end and job.end["code"] is None and not job.damaged):
            raise RuntimeError(f"the invocation failed: {job.errors or job.end} {steps and steps[0].error}")
        self._client.call("discard", str(folder))
        return steps[0], job

    def _job(self, name: str, nonce: str, seconds: float, *, sampler: bool) -> dict[str, Any]:
        step = {"pass": "invocation", "variant": 0, "round": 1, "order": 0, "min_time_s": seconds, "min_iterations": 3}
        variant = {
            "backend": self._backend,
            "model": "artifacts/model",
            "accelerator": "cpu",
            "threads": 1,
            "shapes": {name: list(shape) for name, shape in self._shapes.items()},
            "input": {"seed": 0, "files": []},
        }
        return {
            "protocol": 1,
            "job": name,
            "nonce": nonce,
            "holder": "benchmarks",
            "lease_s": 600,
            "root": str(self.root),
            "host": {},
            "variants": [variant],
            "steps": [step],
            "limits": {"max_time_s": None, "load_s": 60},
            "telemetry": TELEMETRY if sampler else None,
            "prepare": {},
        }


def figures_of(step: StepEvents) -> dict[str, float]:
    """An invocation's median latency and its CPU time an iteration, in ns."""
    return {"median_ns": float(np.median(step.duration_ns)), "cpu_ns": step.usage["cpu_ns"] / step.usage["n"]}


def _add_counter(root: Path) -> None:
    """Make `root` look like this machine with an energy counter more (it does not count: only reading it matters)."""
    counter = root / "sys/class/powercap/intel-rapl:0"
    counter.mkdir(parents=True)
    for name, text in (("name", "package-0"), ("energy_uj", "123456789"), ("max_energy_range_uj", "262143328850")):
        (counter / name).write_text(f"{text}\n", encoding="ascii")
    (root / "proc").symlink_to("/proc")
    for real in (Path("/sys"), Path("/sys/class")):
        for entry in real.iterdir():
            shown = root / entry.relative_to("/")
            if not shown.exists():
                shown.symlink_to(entry)
