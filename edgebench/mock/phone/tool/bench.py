"""One process of the stand-in tool, from its first word to its last, in the phone's time."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

import numpy as np

from edgebench.mock.phone.faults import Faults
from edgebench.mock.phone.forms import PhoneForm, Speed
from edgebench.mock.phone.loads import Work
from edgebench.mock.phone.tool import speech
from edgebench.mock.phone.tool.flags import Options, parse, usage
from edgebench.mock.phone.tool.graph import Graph, NotAModel, Operator, read_graph
from edgebench.mock.phone.tool.placing import Placed, Refused, place
from edgebench.mock.phone.tool.speech import Timing, Voice

NS = 1_000_000_000
BATCH_NS = 50_000_000
SPREAD = 0.02
FIRST_FACTOR = 1.6
INT8_FACTOR = 2.2
HALF_FACTOR = 1.5
MIB = 1024 * 1024
FLEX = (
    "Select TensorFlow op(s), included in the given model, is(are) not supported by this interpreter. Make sure you "
    "apply/link the Flex delegate before inference. For the Android, it can be resolved by adding "
    '"org.tensorflow:tensorflow-lite-select-tf-ops" dependency. See instructions: '
    "https://www.tensorflow.org/lite/guide/ops_select"
)
CHANNELS = "tensorflow/lite/kernels/conv.cc:350 input->dims->data[3] != filter->dims->data[3] ({} != {})"


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
        return self.faults.now(name, self.nth, self.lived_s)


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
        self._parameters()
        graph = self._load()
        begin_ns = self._pace.now_ns()
        self._pace.work(Work("cpu", self._case.form.speeds["cpu"].watts))
        placed = self._place(graph)
        speed = self._case.form.speeds[placed.accelerator]
        self._pace.wait_until(begin_ns + round(speed.prepare_s * NS))
        self._pace.work(None)
        init_us = (self._pace.now_ns() - begin_ns) / 1000
        self._voice.tool(f"The input model file size (MB): {graph.file_bytes / 1e6:.6g}")
        self._voice.tool(f"Initialized session in {init_us / 1000:.6g}ms.")
        self._strike()
        self._series(graph, placed, init_us)
        if self._options.text("output_filepath"):
            self._write_outputs(placed)

    def _parameters(self) -> None:
        """Repeat what was asked for."""
        options, words = self._options, self._voice
        if not options.text("graph"):
            self._fail("Please specify the name of your TF Lite input file with --graph")
        labels = {"num_runs": "Min num runs", "min_secs": "Min runs duration (seconds)", "num_threads": "Num threads",
                  "warmup_runs": "Min warmup runs", "graph": "Graph", "use_gpu": "Use gpu", "use_nnapi": "Use NNAPI",
                  "enable_op_profiling": "Enable op profiling", "use_xnnpack": "Use xnnpack"}  # fmt: skip
        for name, label in labels.items():
            if name in options.given:
                value = options.values[name]
                words.tool(f"{label}: [{int(value) if isinstance(value, bool) else value}]")

    def _load(self) -> Graph:
        path = self._case.folder / self._options.text("graph")
        try:
            graph = read_graph(path)
        except OSError:
            self._voice.runtime(f"Could not open '{self._options.text('graph')}'.", "ERROR")
            self._fail(f"Failed to mmap model {self._options.text('graph')}")
        except NotAModel:
            self._voice.runtime("The model is not a valid Flatbuffer buffer", "ERROR")
            self._fail(f"Failed to mmap model {self._options.text('graph')}")
        self._voice.tool(f"Loaded model {self._options.text('graph')}")
        self._voice.runtime("Initialized TensorFlow Lite runtime.")
        self._check_operators(graph)
        self._check_shapes(graph)
        return graph

    def _check_operators(self, graph: Graph) -> None:
        """A stock build knows no Flex and no custom operator."""
        flex = [index for index, operator in enumerate(graph.operators) if operator.kind.startswith("Flex")]
        if self._case.struck("flex-op"):
            self._voice.runtime(FLEX, "ERROR")
            self._prepare_failed(0, "FlexErf")
        if flex:
            self._voice.runtime(FLEX, "ERROR")
            self._prepare_failed(flex[0], graph.operators[flex[0]].kind)
        for operator in graph.operators:
            if operator.custom:
                self._voice.runtime(f"Encountered unresolved custom op: {operator.kind}.\n", "ERROR")
                self._fail("Failed to initialize the interpreter")

    def _check_shapes(self, graph: Graph) -> None:
        """A shape that the first operator cannot take: another rank, or other channels."""
        texts = [text for text in self._options.text("input_layer_shape").split(":") if text]
        for text, shape in zip(texts, graph.inputs.values(), strict=False):
            given = tuple(int(size) for size in text.split(",") if size.strip().lstrip("-").isdigit())
            if len(given) != len(shape) or (shape and given[-1] != shape[-1]):
                kind = graph.operators[0].kind if graph.operators else "CONV_2D"
                ours, theirs = given[-1] if given else 0, shape[-1] if shape else 0
                self._voice.runtime(CHANNELS.format(ours, theirs), "ERROR")
                self._prepare_failed(0, kind)

    def _prepare_failed(self, index: int, kind: str) -> NoReturn:
        self._voice.runtime(f"Node number {index} ({kind}) failed to prepare.\n", "ERROR")
        self._fail("Failed to allocate tensors!")

    def _place(self, graph: Graph) -> Placed:
        refused = self._case.refused if self._case.struck("delegate-refusal") else None
        return place(self._options, graph, self._case.form, self._voice, refused)

    def _strike(self) -> None:
        """Crash, be killed or hang, where a fault says so."""
        if self._case.struck("crash"):
            raise Killed(signal.SIGSEGV)
        if self._case.struck("oom"):
            raise Killed(signal.SIGKILL)
        if self._case.struck("hung-tool"):
            self._pace.wait_until(1 << 62)

    def _series(self, graph: Graph, placed: Placed, init_us: float) -> None:
        options, base_us = self._options, self._latency_us(graph, placed)
        most = options.number("max_secs")
        self._pace.work(self._working(placed, base_us))
        warmup = None
        if options.number("warmup_runs") > 0:
            least = int(options.number("warmup_runs")), options.number("warmup_min_secs")
            self._voice.running(*least, most)
            warmup = self._iterate(base_us, *least, most, first=FIRST_FACTOR)
            self._voice.series(warmup)
        least = int(options.number("num_runs")), options.number("min_secs")
        self._voice.running(*least, most)
        runs = self._iterate(base_us, *least, most, frequency=options.number("run_frequency"), placed=placed)
        self._pace.work(None)
        self._voice.series(runs)
        self._voice.results(init_us, warmup, runs)
        overall = 3 * graph.file_bytes / MIB + 4 + (110 if placed.accelerator == "gpu" else 0)
        self._voice.memory(graph.file_bytes / MIB + 2, overall)
        if options.on("enable_op_profiling"):
            self._profile(graph, placed, runs.mean)

    def _latency_us(self, graph: Graph, placed: Placed) -> float:
        """Of one inference at full clock; simulated: multiplications over speed, and a cost of each operator."""
        form = self._case.form
        there = graph.macs * placed.share
        total = self._cpu_us(graph, graph.macs - there) if there < graph.macs else 0.0
        if placed.accelerator == "cpu":
            return self._cpu_us(graph, graph.macs)
        speed = form.speeds[placed.accelerator]
        half = 1.0 if self._options.on("gpu_precision_loss_allowed") else 1 / HALF_FACTOR
        total += there / (speed.gmacs * half * 1e3) + speed.op_us * len(graph.operators)
        return total + speed.call_us * max(placed.kernels, 1)

    def _cpu_us(self, graph: Graph, macs: float) -> float:
        speed, threads = self._case.form.speeds["cpu"], self._threads()
        per_cpu = sorted((cluster.gmacs for cluster in self._case.form.clusters for cpu in cluster.cpus
                          if cpu in self._case.cpus), reverse=True)  # fmt: skip
        gmacs = sum(per_cpu[:threads]) * 0.85 ** (min(threads, len(per_cpu)) - 1)
        rate = max(gmacs, 0.1) * speed.gmacs * 1e3 * (INT8_FACTOR if graph.eight_bit else 1.0)
        return macs / rate + speed.op_us * len(graph.operators) + speed.call_us

    def _threads(self) -> int:
        given = int(self._options.number("num_threads"))
        return min(given if given > 0 else 1, max(len(self._case.cpus), 1))

    def _working(self, placed: Placed, base_us: float) -> Work:
        speed: Speed = self._case.form.speeds[placed.accelerator]
        if placed.accelerator == "cpu":
            return Work("cpu", speed.watts * self._threads() ** 0.75, base_us / 1e6)
        return Work("gpu" if placed.accelerator == "gpu" else "tpu", speed.watts, base_us / 1e6)

    def _iterate(
        self, base_us: float, least: int, seconds: float, most: float, *, first: float = 1.0, frequency: float = -1.0,
        placed: Placed | None = None,
    ) -> Timing:  # fmt: skip
        """Iterations until both minima are met or the maximum is passed; both bind, as in the tool."""
        begin_ns = at_ns = waited_ns = self._pace.now_ns()
        durations: list[float] = []
        while (len(durations) < least or at_ns < begin_ns + seconds * NS) and at_ns <= begin_ns + most * NS:
            spread = float(np.exp(SPREAD * self._rng.standard_normal()))
            share = self._pace.clock_share()
            took_us = base_us / share * spread * (first if not durations else 1.0)
            durations.append(took_us)
            at_ns += round(took_us * 1000)
            if frequency > 0:
                at_ns = self._rest(
                    max(at_ns, begin_ns + round(len(durations) / frequency * NS)), at_ns, placed, base_us
                )
            if at_ns - waited_ns >= BATCH_NS:
                self._pace.wait_until(at_ns)
                waited_ns = at_ns
        self._pace.wait_until(at_ns)
        return Timing(durations)

    def _rest(self, until_ns: int, busy_until_ns: int, placed: Placed | None, base_us: float) -> int:
        """Sleep until the next slot of a paced run."""
        if until_ns > busy_until_ns and placed is not None:
            self._pace.wait_until(busy_until_ns)
            self._pace.work(None)
            self._pace.wait_until(until_ns)
            self._pace.work(self._working(placed, base_us))
        return until_ns

    def _profile(self, graph: Graph, placed: Placed, mean_us: float) -> None:
        rows = _profile_rows(graph, placed, mean_us)
        options = self._options
        path = options.text("profiling_output_csv_file") or options.text("op_profiling_output_file")
        if path:
            (self._case.folder / path).write_text(speech.profile_csv(rows), encoding="utf-8")
        else:
            self._voice.plain(speech.profile(rows))

    def _write_outputs(self, placed: Placed) -> None:
        pairs = [part.replace("\\:", "\0").split(":", 1) for part in
                 self._options.text("input_layer_value_files").split(",") if ":" in part]  # fmt: skip
        folder = self._case.folder
        files = {name.replace("\0", ":"): str(folder / path) for name, path in pairs}
        # as the tool does it: a layer's name is only what the flags call it, its place among them is what counts
        named = self._options.text("input_layer").split(",")
        ask = {
            "model": str(folder / self._options.text("graph")),
            "inputs": [files.get(name) for name in named],
            "output": str(folder / self._options.text("output_filepath")),
            "half": placed.accelerator == "gpu" and self._options.on("gpu_precision_loss_allowed"),
            "wrong": self._case.struck("wrong-output"),
        }
        command = [sys.executable, "-m", "edgebench.mock.phone.tool.fidelity", json.dumps(ask)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode != 0:
            self._voice.runtime(done.stderr.strip().rpartition("\n")[2], "ERROR")
            self._fail("Failed to write outputs")

    def _fail(self, text: str) -> NoReturn:
        self._voice.tool(text, "ERROR")
        raise Refused


def _profile_rows(graph: Graph, placed: Placed, mean_us: float) -> list[tuple[str, str, float]]:
    """(kind, name, ms) by the operators' multiplications; what a delegate took is one row of its name."""
    total = graph.macs or 1.0

    def took(operators: list[Operator]) -> float:
        return mean_us / 1000 * sum(operator.macs for operator in operators) / total

    if placed.accelerator == "cpu":
        return [(operator.kind, operator.output, took([operator])) for operator in graph.operators]
    delegated = [operator for operator in graph.operators if operator.on_gpu or placed.share == 1.0]
    rest = [operator for operator in graph.operators if operator not in delegated]
    kind = {"gpu": "TfLiteGpuDelegateV2", "nnapi": "TfLiteNnapiDelegate"}.get(placed.accelerator, "ExternalDelegate")
    rows = [(kind, ", ".join(operator.output for operator in delegated[-1:]), took(delegated))]
    return rows + [(operator.kind, operator.output, took([operator])) for operator in rest]
