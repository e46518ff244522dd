"""One process of the stand-in tool, from its first word to its last, in the phone's time."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from edgebench.mock.phone.faults import Faults
from edgebench.mock.phone.forms import PhoneForm
from edgebench.mock.phone.loads import Work
from edgebench.mock.phone.tool import checks, speech
from edgebench.mock.phone.tool.cost import Cost
from edgebench.mock.phone.tool.flags import Options, parse, usage
from edgebench.mock.phone.tool.graph import Graph
from edgebench.mock.phone.tool.placing import Placed, Refused, place
from edgebench.mock.phone.tool.speech import Timing, Voice

NS = 1_000_000_000
NEVER_NS = 1 << 62
BATCH_NS = 50_000_000
SPREAD = 0.02
FIRST_FACTOR = 1.6
MIB = 1024 * 1024
GPU_MIB = 110
ECHOED = {
    "num_runs": "Min num runs",
    "min_secs": "Min runs duration (seconds)",
    "num_threads": "Num threads",
    "warmup_runs": "Min warmup runs",
    "graph": "Graph",
    "use_gpu": "Use gpu",
    "use_nnapi": "Use NNAPI",
    "enable_op_profiling": "Enable op profiling",
    "use_xnnpack": "Use xnnpack",
}


class Pace(Protocol):
    """The phone under the tool: its time, and what the tool makes it draw."""

    def now_ns(self) -> int:
        """The phone's uptime."""

    def wait_until(self, when_ns: int) -> None:
        """Return when the phone has got there. Raises `Gone` when the tool was killed meanwhile."""

    def work(self, work: Work | None) -> None:
        """Draw that from now on."""

    def clock_share(self) -> float:
        """The present clock as a share of the full one."""


class Gone(Exception):
    """The process was killed."""


class Killed(Exception):
    """The process shall die of a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(frozen=True)
class Case:
    """Everything that a process is started with. `cpus` are those it may run on, `nth` counts the phone's runs."""

    argv: tuple[str, ...]
    folder: Path
    form: PhoneForm
    faults: Faults
    cpus: tuple[int, ...]
    nth: int = 1
    lived_s: float = 0.0
    refused: str = "DEPTH_TO_SPACE"
    seed: int = 0

    def struck(self, name: str) -> bool:
        """Whether that fault strikes this process."""
        return self.faults.now(name, self.lived_s, self.nth)


def run(case: Case, voice: Voice, pace: Pace) -> int:
    """Be the tool: speak, draw power, take time. Returns the exit status. Raises `Gone` and `Killed`."""
    options = parse(list(case.argv))
    voice.tool("STARTING!")
    for text in options.wrong:
        voice.tool(text, "ERROR")
    if options.wrong or options.on("help"):
        voice.tool(usage("benchmark_model"), "ERROR")
        voice.tool("Benchmarking failed.", "ERROR")
        return 1
    if options.unknown:
        voice.tool(f"Unconsumed cmdline flags: {' '.join(options.unknown)}", "WARN")
    try:
        _Process(case, options, voice, pace).run()
    except Refused:
        voice.tool("Benchmarking failed.", "ERROR")
        return 1
    return 0


class _Process:
    """The course of one run, once its arguments are understood."""

    def __init__(self, case: Case, options: Options, voice: Voice, pace: Pace) -> None:
        self._case, self._options, self._voice, self._pace = case, options, voice, pace
        self._rng = np.random.default_rng((case.seed, case.nth))

    def run(self) -> None:
        """All of it. Raises `Refused`, `Gone` and `Killed`."""
        self._echo()
        graph = checks.load(self._options, self._case.folder, self._voice, flex=self._case.struck("flex-op"))
        begin_ns = self._pace.now_ns()
        placed = self._prepare(graph)
        init_us = (self._pace.now_ns() - begin_ns) / 1000
        self._voice.tool(f"The input model file size (MB): {graph.file_bytes / 1e6:.6g}")
        self._voice.tool(f"Initialized session in {init_us / 1000:.6g}ms.")
        self._strike()
        cost = Cost(self._case.form, graph, placed, self._options, self._case.cpus)
        runs = self._measure(cost, init_us)
        overall = 3 * graph.file_bytes / MIB + 4 + (GPU_MIB if placed.accelerator == "gpu" else 0)
        self._voice.memory(graph.file_bytes / MIB + 2, overall)
        if self._options.on("enable_op_profiling"):
            self._profile(cost.by_operator(runs.mean))
        if self._options.text("output_filepath"):
            self._write_outputs(placed)

    def _echo(self) -> None:
        """Repeat what was asked for."""
        for name in self._options.given:
            if name in ECHOED:
                value = self._options.values[name]
                self._voice.tool(f"{ECHOED[name]}: [{int(value) if isinstance(value, bool) else value}]")

    def _prepare(self, graph: Graph) -> Placed:
        """Apply the delegate and take the time that it needs."""
        case = self._case
        begin_ns = self._pace.now_ns()
        self._pace.work(Work("cpu", case.form.speeds["cpu"].watts))
        refused = case.refused if case.struck("delegate-refusal") else None
        placed = place(self._options, graph, case.form, self._voice, refused)
        self._pace.wait_until(begin_ns + round(case.form.speeds[placed.accelerator].prepare_s * NS))
        self._pace.work(None)
        return placed

    def _strike(self) -> None:
        """Crash, be killed or hang, where a fault says so."""
        if self._case.struck("crash"):
            raise Killed(signal.SIGSEGV)
        if self._case.struck("oom"):
            raise Killed(signal.SIGKILL)
        if self._case.struck("hung-tool"):
            self._pace.wait_until(NEVER_NS)

    def _measure(self, cost: Cost, init_us: float) -> Timing:
        """Warm up and measure, telling both."""
        options, voice = self._options, self._voice
        most = options.number("max_secs")
        self._pace.work(cost.work)
        warmup = None
        if options.number("warmup_runs") > 0:
            least = int(options.number("warmup_runs")), options.number("warmup_min_secs")
            voice.running(*least, most)
            warmup = self._iterate(cost, *least, most, first=FIRST_FACTOR)
            voice.series(warmup)
        least = int(options.number("num_runs")), options.number("min_secs")
        voice.running(*least, most)
        runs = self._iterate(cost, *least, most, frequency=options.number("run_frequency"))
        self._pace.work(None)
        voice.series(runs)
        voice.results(init_us, warmup, runs)
        return runs

    def _iterate(
        self, cost: Cost, least: int, seconds: float, most: float, *, first: float = 1.0, frequency: float = 0.0
    ) -> Timing:
        """Iterations until both minima are met or the maximum is passed; both bind, as in the tool."""
        base_us, pace = cost.latency_us, self._pace
        begin_ns = at_ns = waited_ns = pace.now_ns()
        durations: list[float] = []
        while (len(durations) < least or at_ns < begin_ns + seconds * NS) and at_ns <= begin_ns + most * NS:
            took_us = base_us / pace.clock_share() * float(np.exp(SPREAD * self._rng.standard_normal()))
            durations.append(took_us * (1.0 if durations else first))
            at_ns += round(durations[-1] * 1000)
            if frequency > 0:
                at_ns = self._rest(at_ns, begin_ns + round(len(durations) / frequency * NS), cost)
            if at_ns - waited_ns >= BATCH_NS:
                pace.wait_until(at_ns)
                waited_ns = at_ns
        pace.wait_until(at_ns)
        return Timing(durations)

    def _rest(self, busy_until_ns: int, slot_ns: int, cost: Cost) -> int:
        """Sleep until the next slot of a paced run; when that is."""
        if slot_ns <= busy_until_ns:
            return busy_until_ns
        self._pace.wait_until(busy_until_ns)
        self._pace.work(None)
        self._pace.wait_until(slot_ns)
        self._pace.work(cost.work)
        return slot_ns

    def _profile(self, rows: list[tuple[str, str, float]]) -> None:
        path = self._options.text("profiling_output_csv_file") or self._options.text("op_profiling_output_file")
        if path:
            (self._case.folder / path).write_text(speech.profile_csv(rows), encoding="utf-8")
        else:
            self._voice.plain(speech.profile(rows))

    def _write_outputs(self, placed: Placed) -> None:
        options, folder = self._options, self._case.folder
        # a colon in a name is written `\:`
        files = options.text("input_layer_value_files").replace("\\:", "\0")
        pairs = (part.split(":", 1) for part in files.split(",") if ":" in part)
        by_name = {name.replace("\0", ":"): str(folder / path.replace("\0", ":")) for name, path in pairs}
        ask = {
            "model": str(folder / options.text("graph")),
            # a layer's name is only what the flags call it: its place among them is what counts
            "inputs": [by_name.get(name) for name in options.text("input_layer").split(",")],
            "shapes": checks.given_shapes(options),
            "output": str(folder / options.text("output_filepath")),
            "half": placed.accelerator == "gpu" and options.on("gpu_precision_loss_allowed"),
            "wrong": self._case.struck("wrong-output"),
        }
        command = [sys.executable, "-m", "edgebench.mock.phone.tool.fidelity", json.dumps(ask)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode != 0:
            self._voice.runtime(done.stderr.strip().rpartition("\n")[2], "ERROR")
            checks.fail(self._voice, "Failed to write outputs")
