"""The records of a benchmark: frozen, typed, JSON both ways; what is stored, shown and exported.

Names follow the glossary (docs/glossary.md). A change of a field's name or meaning is a new schema version.
All structs refuse unknown fields, so their JSON Schema says ``additionalProperties: false``.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

REPORT_SCHEMA = "edgebench.report/1"
COMPARISON_SCHEMA = "edgebench.comparison/1"

Status = Literal["ok", "unstable", "failed", "skipped"]
Kind = Literal["measured", "simulated", "reported"]
Letter = Literal["A", "B", "C", "D"]
SteadyClass = Literal["flat", "warmup", "throttled", "bimodal", "never-steady", "not-assessed"]
PassName = Literal["invocation", "soak", "paced", "memory", "fidelity"]
OutcomeCode = Literal[
    "load-failed", "bad-input", "shape-mismatch", "unsupported-op", "unsupported-precision", "delegate-failed",
    "delegate-partial", "engine-mismatch", "build-failed", "runtime-missing", "tool-missing", "tool-wrong-abi",
    "unparsed-output", "wrong-output", "oom", "crashed", "timeout", "device-lost", "device-locked", "disk-full",
    "permission", "needs-reboot", "interrupted", "internal",
]  # fmt: skip

METRIC_UNITS: dict[str, str] = {
    **dict.fromkeys(
        [f"latency_{name}" for name in ("p50", "p90", "p95", "p99", "p999", "mean", "min", "max")],
        "ms",
    ),
    **dict.fromkeys(
        ["compute_p50", "load", "build", "first"],
        "ms",
    ),
    **dict.fromkeys(["iterations_per_s", "burst_fps", "sustained_fps", "paced_fps"], "1/s"),
    **dict.fromkeys(["sustained_drop", "deadline_miss", "cpu_util"], "share"),
    "throttle_onset": "s",
    **dict.fromkeys(["power_mean", "power_idle", "power_at_fps"], "W"),
    **dict.fromkeys(["energy_gross", "energy_net"], "mJ"),
    **dict.fromkeys(["memory_peak", "memory_delta", "memory_gpu", "memory_system", "estimated_peak"], "MiB"),
    "temperature_max": "degC",
    **dict.fromkeys(["params", "params_nonzero", "macs", "flops", "activations", "convs"], "count"),
    "size": "bytes",
    "score": "score",
}
"""The closed list of metrics and their units; beside it stand the open names ``quality.<name>``."""


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all records: immutable, strict, keyword-only."""


class Metric(Record, frozen=True, kw_only=True):
    """A figure with its interval, or the state that explains its absence."""

    value: float | None = None
    unit: str
    lo: float | None = None
    hi: float | None = None
    hi_state: Literal["above-max"] | None = None
    statistic: str | None = None
    k: int | None = None
    n: int | None = None
    window: str | None = None
    method: str | None = None
    state: Literal["unsupported", "unavailable"] | None = None
    why: str | None = None


class Asked(Record, frozen=True, kw_only=True):
    """What was requested and what was got."""

    requested: str | int | None = None
    effective: str | int | None = None


class PrecisionParts(Record, frozen=True, kw_only=True):
    """Precision is four things; each is a dtype name, or null where unknown."""

    weights: str | None = None
    activations: str | None = None
    io: str | None = None
    compute: str | None = None


class Precision(Record, frozen=True, kw_only=True):
    """Precision asked for and what its four parts turned out to be."""

    requested: str | None = None
    effective: PrecisionParts = PrecisionParts()


class ArtifactRef(Record, frozen=True, kw_only=True):
    """One model file by content."""

    sha256: str
    bytes: int
    format: str


class Variant(Record, frozen=True, kw_only=True):
    """One row of a table: artifact, backend, accelerator, precision, threads, batch, shapes, options."""

    model: str
    label: str
    artifact: ArtifactRef
    backend: str
    backend_version: str | None = None
    accelerator: Asked
    precision: Precision = Precision()
    threads: Asked = Asked()
    batch: int = 1
    shapes: dict[str, list[int]] = {}
    options: dict[str, str] = {}


class Outcome(Record, frozen=True, kw_only=True):
    """How a run ended; failed rows keep the runtime's own message."""

    status: Status
    code: OutcomeCode | None = None
    message: str | None = None


class GradeReason(Record, frozen=True, kw_only=True):
    """Why a grade is not better, and what to do about it."""

    code: str
    text: str
    remedy: str | None = None


class Grade(Record, frozen=True, kw_only=True):
    """Trust in a run's figures."""

    letter: Letter
    reasons: list[GradeReason] = []


class Warn(Record, frozen=True, kw_only=True):
    """Something the reader should know, with what to do next."""

    code: str
    text: str
    hint: str | None = None


class Summary(Record, frozen=True, kw_only=True):
    """Latency of one invocation in ms."""

    n: int
    mean: float
    min: float
    max: float
    sd: float | None = None


class SteadyMark(Record, frozen=True, kw_only=True):
    """Class of one invocation and the index of its first steady iteration."""

    class_: SteadyClass = msgspec.field(name="class", default="not-assessed")
    start: int = 0


class Outlier(Record, frozen=True, kw_only=True):
    """One slow iteration and what happened on the device at that moment."""

    index: int
    ms: float
    ratio: float
    causes: list[str] = []
    file: str | None = None


class Outliers(Record, frozen=True, kw_only=True):
    """Iterations over 2, 5 and 10 times the median: shares of all steady ones, and the worst of them."""

    over_2x: float = 0.0
    over_5x: float = 0.0
    over_10x: float = 0.0
    worst: list[Outlier] = []


class Invocation(Record, frozen=True, kw_only=True):
    """One fresh process that loaded the variant and ran it."""

    index: int
    round: int
    order: int
    outcome: Outcome = Outcome(status="ok")
    load_ms: float | None = None
    build_ms: float | None = None
    first_ms: float | None = None
    steady: SteadyMark = SteadyMark()
    iterations: int = 0
    median_ms: float | None = None
    summary: Summary | None = None
    outliers: Outliers = Outliers()
    cpu_util: float | None = None
    foreign_load: float | None = None
    latency_ns: list[int] | None = None
    files: list[str] | None = None


class SteadySummary(Record, frozen=True, kw_only=True):
    """A run's class: the majority of its invocations', counts kept."""

    class_: SteadyClass = msgspec.field(name="class", default="not-assessed")
    counts: dict[str, int] = {}


class CurvePoint(Record, frozen=True, kw_only=True):
    """One block of the soak: seconds since its start, items per second, median latency in ms."""

    t_s: float
    fps: float
    median_ms: float


class TimePoint(Record, frozen=True, kw_only=True):
    """A reading in time: seconds since the start of its pass, and the value."""

    t_s: float
    value: float


class Soak(Record, frozen=True, kw_only=True):
    """The soak pass: the whole curve and what was read off it."""

    curve: list[CurvePoint] = []
    steady: SteadyMark = SteadyMark()
    window: str | None = None
    throttle_onset: float | None = None
    temperatures: dict[str, list[TimePoint]] = {}
    temperature_state: str | None = None
    seconds: float = 0.0


class Paced(Record, frozen=True, kw_only=True):
    """The paced pass: frames asked for, missed, and the latency distribution at that pace."""

    target_fps: float
    frames: int
    missed: int
    miss_share: float
    latency_p50_ms: float | None = None
    latency_p99_ms: float | None = None
    held: bool = False


class PowerInfo(Record, frozen=True, kw_only=True):
    """The power source of a run, or why there is none."""

    state: str
    source: str | None = None
    scope: str | None = None
    kind: str | None = None
    resolution_w: float | None = None
    rate_hz: float | None = None
    why: str | None = None


class MemoryStage(Record, frozen=True, kw_only=True):
    """Memory of the measured process at one stage, MiB by definition (VmHWM, VmRSS, Pss...)."""

    stage: str
    mib: dict[str, float] = {}


class MemoryInfo(Record, frozen=True, kw_only=True):
    """The memory pass: its stages, and each figure's definition."""

    state: str
    stages: list[MemoryStage] = []
    definition: str | None = None
    system_dip_mib: float | None = None
    measured_over_estimated: float | None = None
    why: str | None = None


class Layer(Record, frozen=True, kw_only=True):
    """A layer of a built engine: the precision that it really uses, ms an inference, the model's nodes in it."""

    name: str
    type: str | None = None
    precision: str | None = None
    ms: float | None = None
    ops: list[str] = []


class Placement(Record, frozen=True, kw_only=True):
    """Where the nodes ran: per accelerator, as the runtime itself says.

    Of a built engine also its layers: how many use which precision, and the shares of reformats and copies in the time.
    """

    state: str
    nodes: dict[str, int] = {}
    macs_share: dict[str, float] = {}
    share: float | None = None
    precisions: dict[str, int] = {}
    reformat_share: float | None = None
    copy_share: float | None = None
    layers: list[Layer] = []
    source: str | None = None
    why: str | None = None


class Fidelity(Record, frozen=True, kw_only=True):
    """The device's outputs against the reference's for the same seeded input."""

    state: str
    reference: str | None = None
    max_abs: float | None = None
    psnr_db: float | None = None
    cosine: float | None = None
    min_psnr_db: float | None = None
    outputs: dict[str, dict[str, float | None]] = {}
    why: str | None = None


class Environment(Record, frozen=True, kw_only=True):
    """What surrounded the run: fingerprint, pins before and after, load, clocks, temperatures."""

    fingerprint: str | None = None
    facts: dict[str, Any] = {}
    pins: dict[str, Any] = {}
    pins_after: dict[str, Any] = {}
    frequencies_mhz: dict[str, list[float]] = {}
    temperatures_c: dict[str, list[float]] = {}
    throttle: list[str] = []
    over_current: dict[str, int] = {}
    supply_v: dict[str, list[float]] = {}
    swap_mib: float | None = None
    foreign_load: float | None = None
    cpu_util: float | None = None
    sampler: dict[str, float | None] = {}
    clock: dict[str, int] = {}


class DeviceRef(Record, frozen=True, kw_only=True):
    """The device of a run: one physical unit."""

    name: str
    id: str
    profile: str | None = None
    simulated: bool = False


class PlanStep(Record, frozen=True, kw_only=True):
    """One entry of a plan: a pass of a variant in a round."""

    round: int
    variant: str
    pass_: PassName = msgspec.field(name="pass")
    order: int = 0


class Run(Record, frozen=True, kw_only=True):
    """All passes of one variant in one session: the row that is stored and shown."""

    id: str
    session: str
    started_at: str
    device: DeviceRef
    kind: Kind = "measured"
    source: str | None = None
    note: str | None = None
    parent: str | None = None
    tags: dict[str, str] = {}
    variant: Variant
    outcome: Outcome
    grade: Grade
    metrics: dict[str, Metric] = {}
    steady: SteadySummary = SteadySummary()
    soak: Soak | None = None
    paced: Paced | None = None
    invocations: list[Invocation] = []
    power: PowerInfo = PowerInfo(state="unsupported")
    memory: MemoryInfo = MemoryInfo(state="unavailable", why="not measured")
    placement: Placement = Placement(state="unavailable", why="not measured")
    fidelity: Fidelity = Fidelity(state="unavailable", why="not measured")
    environment: Environment = Environment()
    warnings: list[Warn] = []


class SessionDevice(Record, frozen=True, kw_only=True):
    """The device of a session, with what was observed of it."""

    name: str
    profile: str | None = None
    id: str
    transport: str
    simulated: bool = False
    facts: dict[str, Any] = {}


class Session(Record, frozen=True, kw_only=True):
    """One sitting: a device prepared, a plan carried out, the device restored."""

    id: str
    started_at: str
    device: SessionDevice
    plan: list[PlanStep] = []
    prepared: dict[str, Any] = {}
    noise_floor: float | None = None


class Report(Record, frozen=True, kw_only=True):
    """`edgebench.report/1`: what `run --json` prints; several devices give several sessions' runs."""

    schema: Literal["edgebench.report/1"] = REPORT_SCHEMA  # type: ignore[assignment]
    edgebench: str
    session: Session
    sessions: list[Session] = []
    runs: list[Run] = []


class History(Record, frozen=True, kw_only=True):
    """`history --json`: runs, newest first."""

    runs: list[Run] = []


def to_json(record: Any, *, indent: int | None = None) -> str:
    """Any record as JSON text."""
    data = msgspec.json.encode(record)
    return (msgspec.json.format(data, indent=indent) if indent is not None else data).decode()


def run_from_json(text: str | bytes) -> Run:
    """A stored run. Raises `msgspec.ValidationError` naming the path of what is wrong."""
    return msgspec.json.decode(text, type=Run)


def report_from_json(text: str | bytes) -> Report:
    """A report document. Raises `msgspec.ValidationError` naming the path of what is wrong."""
    return msgspec.json.decode(text, type=Report)


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of `report` or `history`. Raises KeyError for another name."""
    types = {"report": Report, "history": History}
    schema = msgspec.json.schema(types[name])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
