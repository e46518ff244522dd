"""What was asked for: one variant on one device, with every setting resolved to a number.

A `RunContext` travels with the job to the device and back (`host` in job.json), so that any controller
can assemble the report of a run whose own controller died.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from edgebench.records import DeviceRef, PrecisionParts, Session


@dataclass(frozen=True)
class Mode:
    """How long to measure (measurement.md, section 3): seconds and counts per variant."""

    name: str
    invocations: int
    min_time_s: float
    min_iterations: int
    soak_s: float
    idle_s: float
    burst_s: float
    paced_s: float
    max_time_s: float | None


MODES = {
    "quick": Mode("quick", 5, 1.0, 30, 10.0, 3.0, 2.0, 10.0, 120.0),
    "default": Mode("default", 6, 10.0, 100, 60.0, 30.0, 10.0, 60.0, 600.0),
    "publish": Mode("publish", 10, 60.0, 2000, 600.0, 60.0, 10.0, 60.0, None),
}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one run; times in seconds.

    `build_s`: how long an engine may take to build, 0 where none is built; `gate_s`: how long a board may cool down
    before it begins, 0 where it begins at once.
    """

    mode: str = "default"
    invocations: int = 6
    min_time_s: float = 10.0
    min_iterations: int = 100
    soak_s: float = 60.0
    soak_given: bool = False
    idle_s: float = 30.0
    burst_s: float = 10.0
    paced_s: float = 60.0
    max_time_s: float | None = 600.0
    target_fps: float | None = None
    power: str = "auto"
    power_hz: float = 10.0
    memory: bool = True
    unplugged: bool = False
    build_s: float = 0.0
    gate_s: float = 0.0
    seed: int = 0


class VariantAsk(msgspec.Struct, frozen=True, kw_only=True):
    """The variant as requested."""

    backend: str = "onnxruntime"
    accelerator: str = "cpu"
    accelerator_asked: str | None = None
    precision: str | None = None
    threads: int | None = None
    batch: int = 1
    shapes: dict[str, list[int]] = {}
    options: dict[str, str] = {}
    input: str | None = None
    input_range: tuple[float, float] | None = None
    states: dict[str, str] = {}
    frames_per_inference: int = 1
    calibration: str | None = None


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says of itself, counted on the host for the given shapes."""

    sha256: str
    bytes: int
    format: str
    params: int | None = None
    params_nonzero: int | None = None
    macs: int | None = None
    flops: int | None = None
    activations: int | None = None
    convs: int | None = None
    estimated_peak_bytes: int | None = None
    precision: PrecisionParts = PrecisionParts()
    uncounted: list[str] = []


class RawTensor(msgspec.Struct, frozen=True, kw_only=True):
    """A tensor as raw little-endian values: numpy's name of the type, concrete dimensions, the file (below home)."""

    name: str
    dtype: str
    dims: list[int]
    path: str = ""


class NativeUse(msgspec.Struct, frozen=True, kw_only=True):
    """The runtime's own tool that a run on a device without Python uses; `path` and `delegate` are absolute there.

    `layout` says what each line of the readings is (controller/native/sources.py), `gauge` how an earlier run of the
    session found the phone's fuel gauge to count; `unpinned` and `gate` are what the grade says of it.
    """

    tool: str
    path: str
    version: str | None = None
    flags: list[str] = []
    has_flex: bool = False
    delegate: str | None = None
    inputs: list[RawTensor] = []
    outputs: list[RawTensor] = []
    unpinned: list[str] = []
    gate: str | None = None
    layout: dict[str, Any] = {}
    gauge: dict[str, Any] | None = None


class EngineUse(msgspec.Struct, frozen=True, kw_only=True):
    """How TensorRT is driven: by its Python module or by trtexec; what an engine is built with, and for which shapes.

    `profile`: {input: {"min", "opt", "max"}} of inputs with free dimensions; `build_s`: the limit of the build.
    """

    way: str
    prebuilt: bool = False
    flags: dict[str, Any] = {}
    profile: dict[str, dict[str, list[int]]] = {}
    build_s: float = 0.0


class RunContext(msgspec.Struct, frozen=True, kw_only=True):
    """Everything but the device's events that the report of one run is assembled from."""

    run_id: str
    session: Session
    started_at: str
    device: DeviceRef
    model_path: str
    model: str
    label: str
    ask: VariantAsk
    facts: ModelFacts
    settings: Settings
    inputs: list[str] = []
    note: str | None = None
    parent: str | None = None
    tags: dict[str, str] = {}
    quality: dict[str, float] = {}
    reference: str | None = None
    min_psnr: float = 30.0
    require_delegated: float | None = None
    power_csv: str | None = None
    probes: dict[str, list[str]] = {}
    warnings: list[tuple[str, str, str]] = []
    controller: str = ""
    native: NativeUse | None = None
    engine: EngineUse | None = None
    gate_skipped: bool = False


def context_to_json(context: RunContext) -> str:
    """The context as JSON text, for job.json."""
    return msgspec.json.encode(context).decode()


def context_from_builtins(data: object) -> RunContext:
    """The context from decoded JSON. Raises `msgspec.ValidationError` when another version wrote it."""
    return msgspec.convert(data, RunContext)
