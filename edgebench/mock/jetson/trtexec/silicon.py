"""What the stand-in `trtexec` knows of a board's GPU: the figures of its profile, and a few that are made up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgebench.profiles.catalog import load_profile

SHARED_KIB = {"5.3": 64, "6.2": 64, "7.2": 96, "8.7": 164, "11.0": 228}
CORES_OF_SM = 128
COPY_GBS = {"5.3": 10.0}
"""A copy of 2.76 MB took 0.275 ms on a Nano (a published log of TensorRT 8.2.1)."""
LAUNCH_US = {"5.3": 12.0, "7.2": 7.0, "8.7": 4.0}
ENQUEUE_US = {"5.3": 90.0, "7.2": 45.0, "8.7": 14.0}
INIT_S = {"5.3": 2.4, "7.2": 1.6, "8.7": 1.0}
TUNE_S = {"5.3": 1.6, "7.2": 0.8, "8.7": 0.5}


@dataclass(frozen=True)
class Silicon:
    """A GPU and its memory: `gops` by number format (those it has), `clock_mhz` its highest, all at that clock.

    `launch_us` is what a layer costs at least, `enqueue_us` what its launch costs the CPU, `init_s` the start of CUDA,
    `tune_s` the trial of one layer's kernels (shorter than on a real board), `watts` what it draws when it computes.
    """

    name: str
    sm: str
    sms: int
    clock_mhz: float
    memory_mib: float
    bus_bits: int
    bandwidth_gbs: float
    gops: Mapping[str, float]
    dla: int
    dla_gops: float
    launch_us: float
    enqueue_us: float
    copy_gbs: float
    init_s: float
    tune_s: float
    watts: float

    @property
    def shared_kib(self) -> int:
        """Shared memory of one of its multiprocessors."""
        return SHARED_KIB.get(self.sm, 100)

    def has(self, precision: str) -> bool:
        """Whether it computes in that format by itself."""
        return precision in self.gops


def silicon(profile_name: str, *, name: str, sm: str, clock_mhz: float, dla: int = 0, watts: float = 4.0) -> Silicon:
    """The GPU of a board by its device profile; the peaks are scaled to `clock_mhz`."""
    profile = load_profile(profile_name)
    gpu = next(unit for unit in profile.compute if unit.unit == "gpu")
    scale = clock_mhz / gpu.clock_mhz if gpu.clock_mhz else 1.0
    peaks = {"fp32": gpu.fp32_gops, "fp16": gpu.fp16_gops, "int8": gpu.int8_gops}
    gops = {kind: peak * scale for kind, peak in peaks.items() if peak and kind not in gpu.unsupported}
    core = next((unit for unit in profile.compute if unit.unit == "dla"), None)
    memory = profile.memory
    return Silicon(
        name=name,
        sm=sm,
        sms=max((gpu.cores or CORES_OF_SM) // CORES_OF_SM, 1),
        clock_mhz=clock_mhz,
        memory_mib=memory.usable_mib or 4096,
        bus_bits=memory.bus_bits or 64,
        bandwidth_gbs=memory.bandwidth_gbs or 25.6,
        gops=gops,
        dla=dla,
        dla_gops=(core.int8_gops if core and core.int8_gops else gops["fp32"]) / 2,
        launch_us=LAUNCH_US.get(sm, 5.0),
        enqueue_us=ENQUEUE_US.get(sm, 20.0),
        copy_gbs=COPY_GBS.get(sm, 20.0),
        init_s=INIT_S.get(sm, 1.0),
        tune_s=TUNE_S.get(sm, 0.5),
        watts=watts,
    )
