"""The phones that can be simulated: what each says of itself, its gauge's habits, its clocks, its heat and its speed.

Identities, units and signs follow what has been seen of the real ones (a OnePlus 7T user needed -1000 against the
documented uA; Pixels keep energy counters of their rails). Speeds and watts are made up: figures of a simulated phone
say nothing about a real one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edgebench.mock.body import Heat


@dataclass(frozen=True)
class Cluster:
    """One cpufreq policy: its CPUs, full clock, and GMAC/s of one thread on it (fp32)."""

    cpus: tuple[int, ...]
    max_khz: int
    gmacs: float


@dataclass(frozen=True)
class GaugeForm:
    """How the fuel gauge talks: `amps` of one count, `sign` of its counts while discharging, their `step`.

    It converts every `update_s` seconds (None: on every read) by an oscillator of its own. `readable`: the shell user
    may read its files without root.
    """

    amps: float
    sign: int
    step: int
    update_s: float | None
    readable: bool = True


@dataclass(frozen=True)
class Rail:
    """A power rail with an energy counter: `idle` and, by kind of work, `busy` shares of what all rails draw."""

    name: str
    subsystem: str
    idle: float
    busy: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Speed:
    """An accelerator: GMAC/s (of a CPU: per unit of `Cluster.gmacs`), us an operator, us an inference, s to prepare."""

    gmacs: float
    op_us: float
    call_us: float
    prepare_s: float
    watts: float


@dataclass(frozen=True)
class PhoneForm:
    """Everything that is fixed about one simulated phone. `rails_share`: of the phone's power, what the rails carry."""

    name: str
    properties: dict[str, str]
    clusters: tuple[Cluster, ...]
    gauge: GaugeForm
    heat: Heat
    gles: str
    idle_w: float
    speeds: dict[str, Speed]
    memory_kib: int = 7_672_832
    battery_mah: float = 3800.0
    gpu_clocks: tuple[int, ...] = ()
    rails: tuple[Rail, ...] = ()
    rails_share: float = 0.7
    fixed_performance: bool = False
    suspends_input: bool = False
    nnapi: Literal["refuses", "absent", "partly"] = "refuses"

    @property
    def cpus(self) -> int:
        """How many CPUs it has."""
        return sum(len(cluster.cpus) for cluster in self.clusters)


def _properties(**values: str) -> dict[str, str]:
    """Properties by their names, `__` for a dot, and those that every phone has."""
    common = {
        "ro.product.cpu.abilist": "arm64-v8a,armeabi-v7a,armeabi",
        "ro.product.cpu.abi": "arm64-v8a",
        "ro.build.type": "user",
        "ro.debuggable": "0",
        "sys.boot_completed": "1",
        "persist.demo.empty": "",
        "persist.demo.bracket": "value with ] bracket",
        "persist.demo.lines": "first\nsecond]: [third",
    }
    return common | {name.replace("__", "."): value for name, value in values.items()}


def _heat(tau_s: float) -> Heat:
    """A phone in a hand-warm room: about 30 degC idle, 50 at 5 W, slowed above 43 degC of its skin."""
    return Heat(ambient_c=24.0, ohm_c_per_w=5.5, tau_s=tau_s, trip_c=43.0, hysteresis_c=2.0, step_s=2.0)


ONEPLUS_7T = PhoneForm(
    "oneplus-7t",
    _properties(
        ro__product__manufacturer="OnePlus", ro__product__brand="OnePlus", ro__product__model="HD1903",
        ro__product__device="OnePlus7T", ro__product__name="OnePlus7T_EEA", ro__board__platform="msmnile",
        ro__hardware="qcom", ro__build__version__sdk="31", ro__build__version__release="12",
        ro__build__fingerprint="OnePlus/OnePlus7T_EEA/OnePlus7T:12/SKQ1.211113.001/simulated:user/release-keys",
        ro__vendor__api_level="29",
    ),
    (Cluster((0, 1, 2, 3), 1_785_600, 2.5), Cluster((4, 5, 6), 2_419_200, 9.0), Cluster((7,), 2_956_800, 11.0)),
    GaugeForm(amps=1e-3, sign=1, step=5, update_s=1.0),
    _heat(110.0),
    "GLES: Qualcomm, Adreno (TM) 640, OpenGL ES 3.2 V@0530.0 (simulated)",
    idle_w=0.9,
    speeds={"cpu": Speed(1.0, 4, 20, 0.015, 1.1), "gpu": Speed(150.0, 14, 260, 0.42, 3.1),
            "nnapi": Speed(70.0, 8, 400, 0.35, 2.0), "dsp": Speed(110.0, 6, 350, 0.5, 1.6)},
    gpu_clocks=(257_000_000, 345_000_000, 427_000_000, 499_200_000, 585_000_000, 675_000_000),
    fixed_performance=True,
)  # fmt: skip

_PIXEL_RAILS = (
    Rail("S10M_VDD_TPU", "TPU", 0.01, {"tpu": 0.6}),
    Rail("VSYS_PWR_MODEM", "Modem", 0.10),
    Rail("VSYS_PWR_RFFE", "Cellular", 0.05),
    Rail("S2M_VDD_CPUCL2", "CPU(BIG)", 0.05, {"cpu": 0.35, "gpu": 0.02, "tpu": 0.02}),
    Rail("S3M_VDD_CPUCL1", "CPU(MID)", 0.07, {"cpu": 0.35, "gpu": 0.03, "tpu": 0.03}),
    Rail("S4M_VDD_CPUCL0", "CPU(LITTLE)", 0.12, {"cpu": 0.05, "gpu": 0.05, "tpu": 0.05}),
    Rail("S5M_VDD_INT", "SYSTEM_FABRIC", 0.10, {"cpu": 0.05, "gpu": 0.08, "tpu": 0.1}),
    Rail("S1M_VDD_MIF", "DDR", 0.15, {"cpu": 0.15, "gpu": 0.17, "tpu": 0.15}),
    Rail("VSYS_PWR_WLAN_BT", "WLAN", 0.06),
    Rail("L2S_VDD_AOC_RET", "AOC", 0.01),
    Rail("S9S_VDD_AOC", "AOC", 0.04),
    Rail("S5S_VDDQ_MEM", "DDR", 0.05, {"cpu": 0.03, "gpu": 0.03, "tpu": 0.03}),
    Rail("S10S_VDD2L", "DDR", 0.03, {"cpu": 0.01, "gpu": 0.01, "tpu": 0.01}),
    Rail("S4S_VDD2H_MEM", "DDR", 0.03, {"cpu": 0.01, "gpu": 0.01, "tpu": 0.01}),
    Rail("S2S_VDD_G3D", "GPU", 0.01, {"gpu": 0.6}),
    Rail("VSYS_PWR_DISPLAY", "Display", 0.12),
)

PIXEL_8 = PhoneForm(
    "pixel-8",
    _properties(
        ro__product__manufacturer="Google", ro__product__brand="google", ro__product__model="Pixel 8",
        ro__product__device="shiba", ro__product__name="shiba", ro__board__platform="zuma", ro__hardware="shiba",
        ro__soc__manufacturer="Google", ro__soc__model="Tensor G3", ro__build__version__sdk="35",
        ro__build__version__release="15", ro__vendor__api_level="34",
        ro__build__fingerprint="google/shiba/shiba:15/AP4A.250105.002/simulated:user/release-keys",
    ),
    (Cluster((0, 1, 2, 3), 1_704_000, 3.0), Cluster((4, 5, 6, 7), 2_367_000, 11.0), Cluster((8,), 2_914_000, 15.0)),
    GaugeForm(amps=1e-6, sign=-1, step=625, update_s=0.25, readable=False),
    _heat(120.0),
    "GLES: ARM, Mali-G715, OpenGL ES 3.2 v1.r44p1-01eac0 (simulated)",
    idle_w=0.8,
    speeds={"cpu": Speed(1.0, 3, 15, 0.012, 1.2), "gpu": Speed(190.0, 12, 300, 0.55, 3.4),
            "nnapi": Speed(120.0, 8, 350, 0.4, 1.8)},
    battery_mah=4575.0,
    rails=_PIXEL_RAILS,
    fixed_performance=True,
    suspends_input=True,
    nnapi="partly",
)  # fmt: skip

GENERIC = PhoneForm(
    "generic-android",
    _properties(
        ro__product__manufacturer="unknown", ro__product__model="SM-UNLISTED", ro__product__device="unlisted",
        ro__board__platform="unlisted", ro__hardware="unlisted", ro__build__version__sdk="29",
        ro__build__version__release="10", ro__product__brand="unlisted",
        ro__build__fingerprint="unlisted/unlisted/unlisted:10/simulated/1:user/release-keys",
    ),
    (Cluster((0, 1, 2, 3, 4, 5), 1_800_000, 2.2), Cluster((6, 7), 2_200_000, 6.0)),
    GaugeForm(amps=1e-6, sign=-1, step=1000, update_s=None),
    _heat(100.0),
    "GLES: unlisted, unlisted GPU, OpenGL ES 3.1 (simulated)",
    idle_w=1.0,
    speeds={"cpu": Speed(1.0, 5, 25, 0.02, 0.9), "gpu": Speed(40.0, 20, 400, 0.6, 2.2),
            "nnapi": Speed(20.0, 10, 500, 0.3, 1.5)},
    memory_kib=3_816_448,
    nnapi="absent",
)  # fmt: skip

FORMS = {form.name: form for form in (ONEPLUS_7T, PIXEL_8, GENERIC)}
