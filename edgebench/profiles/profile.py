"""The record of a profile. What is not known is absent (None or empty), never zero.

Peaks are dense, in 10^9 operations a second, a multiply-add counting as two; `_super` is the same unit at the
board's higher power mode. Sizes in MiB, bandwidth in 10^9 bytes a second, clocks in MHz, temperatures in degC.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

Positive = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(gt=0)]
Confidence = Literal["high", "medium", "low"]
ByPlace = dict[str, float]
"""A temperature for each of several places, as {"skin": 35}."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file."""


class Match(_Table, frozen=True):
    """Which devices this profile is for; `module` are part numbers as the device tree has them (p3448-0000)."""

    soc: tuple[str, ...] = ()
    module: tuple[str, ...] = ()
    exclude_module: tuple[str, ...] = ()
    model_regex: str | None = None
    getprop: dict[str, tuple[str, ...]] = {}
    host: str | None = None
    always: bool = False


class Cluster(_Table, frozen=True):
    """CPU cores of one kind; `mask` in hex as taskset takes it."""

    name: str
    cores: str
    mask: str
    ghz: Positive
    core: str


class Cpu(_Table, frozen=True):
    """How the CPU is divided; `clusters` "auto" means by what the kernel says."""

    clusters: tuple[Cluster, ...] | Literal["auto"] = "auto"
    default_mask: str | None = None
    default_threads: Count | None = None


class Memory(_Table, frozen=True):
    """The main memory; `shared` with the GPU. Bandwidth holds at `clock_mhz` (EMC on a Jetson)."""

    shared: bool | None = None
    nominal_mib: Positive | None = None
    usable_mib: Positive | None = None
    bus_bits: Count | None = None
    clock_mhz: Positive | None = None
    clock_mhz_super: Positive | None = None
    bandwidth_gbs: Positive | None = None
    bandwidth_gbs_super: Positive | None = None
    formula: str | None = None
    source: str | None = None
    confidence: Confidence | None = None


class Compute(_Table, frozen=True):
    """One unit that computes, and its peaks by number format; `unsupported` formats fall back or fail there.

    Peaks hold at `clock_mhz`. `formula`: "fp32 = 128 cores * 2 op * 0.9216 GHz; fp16 = ...", each factor a number and
    what it counts; a test multiplies them. `compute_capability` is CUDA's.
    """

    unit: Literal["cpu", "gpu", "dla", "dsp", "npu"]
    model: str | None = None
    note: str | None = None
    count: Count | None = None
    compute_capability: str | None = None
    cores: Count | None = None
    tensor_cores: Count | None = None
    clock_mhz: Positive | None = None
    clock_mhz_super: Positive | None = None
    fp32_gops: Positive | None = None
    tf32_gops: Positive | None = None
    fp16_gops: Positive | None = None
    int8_gops: Positive | None = None
    fp8_gops: Positive | None = None
    fp4_gops: Positive | None = None
    fp32_gops_super: Positive | None = None
    tf32_gops_super: Positive | None = None
    fp16_gops_super: Positive | None = None
    int8_gops_super: Positive | None = None
    unsupported: tuple[str, ...] = ()
    formula: str | None = None
    source: str | None = None
    confidence: Confidence | None = None


class Fit(_Table, frozen=True):
    """A straight line from what the sensors add up to, to what goes in: slope * x + offset (W)."""

    slope: float
    offset_w: float


class Power(_Table, frozen=True):
    """Power sensors: `backend` in order of preference; `total_rails` add up to the whole without overlap."""

    backend: tuple[str, ...] = ()
    total_rails: tuple[str, ...] = ()
    total_rails_fallback: tuple[str, ...] = ()
    detail_rails: tuple[str, ...] = ()
    ignore_rails: tuple[str, ...] = ()
    rails: dict[str, str] = {}
    paths: tuple[str, ...] = ()
    scope: str | None = None
    lsb_mw: Positive | None = None
    default_hz: Positive | None = None
    max_useful_hz: Positive | None = None
    current_file: str | None = None
    voltage_file: str | None = None
    current_unit: Literal["auto", "uA", "mA"] | None = None
    current_sign: Literal["auto", 1, -1] | None = None
    cells: Count | None = None
    energy_unit: str | None = None
    command: str | None = None
    sum: str | None = None
    excluded: str | None = None
    fit: Fit | None = None
    calibrate: bool = False
    optional: bool = False
    needs_root: bool = False
    allow_negative: bool = False
    external_required: bool = False
    requires_unplugged: bool = False


class Modes(_Table, frozen=True):
    """Power modes by id; `query_live`: the ids differ by release, ask the tool."""

    tool: str | None = None
    query_live: bool = False
    names: dict[int, str] = {}


class Thermal(_Table, frozen=True):
    """Temperatures: which zones count, what throttling looks like, how cool a run may begin."""

    zones: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    may_be_unreadable: tuple[str, ...] = ()
    throttle: str | None = None
    throttle_cdevs: tuple[str, ...] = ()
    throttle_cdevs_glob: str | None = None
    ignore_cdevs: tuple[str, ...] = ()
    oc_counters: str | None = None
    hwmon_fan: str | None = None
    skin: str | None = None
    skin_thresholds_c: tuple[float, ...] = ()
    software_throttle_c: Positive | None = None
    critical_c: Positive | None = None
    start_max_c: float | ByPlace | None = None
    status_abort: int | None = None
    optional: bool = False


class Gpu(_Table, frozen=True):
    """Where the GPU's load and clock are read."""

    load: str | None = None
    devfreq: str | None = None
    freq: str | None = None
    backend: str | None = None


class Profile(_Table, frozen=True):
    """A kind of device, as declared."""

    name: str
    schema: Literal[1]
    family: Literal["linux", "jetson", "rpi", "android"]
    transport: Literal["local", "ssh", "adb"]
    match: Match = Match()
    cpu: Cpu = Cpu()
    memory: Memory = Memory()
    compute: tuple[Compute, ...] = ()
    power: Power = Power()
    modes: Modes = Modes()
    thermal: Thermal = Thermal()
    gpu: Gpu = Gpu()

    def probe_options(self) -> dict[str, list[str]]:
        """What a job's probes must know of this board, as lists of texts; only what the profile says."""
        power = self.power
        options: dict[str, Sequence[str]] = {
            "total_rails": power.total_rails,
            "total_rails_fallback": power.total_rails_fallback,
            "lsb_mw": [f"{power.lsb_mw:g}"] if power.lsb_mw is not None else (),
            "external_required": [self.name] if power.external_required else (),
            "ignore_rails": self.power.ignore_rails,
            "ignore_zones": self.thermal.ignore,
            "ignore_cdevs": self.thermal.ignore_cdevs,
        }
        return {name: list(values) for name, values in options.items() if values}
