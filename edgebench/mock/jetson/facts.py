"""What the simulated boards are: identity, releases, rails, modes, clocks. Pure data.

Sources: NVIDIA's L4T release notes (versions of a JetPack), the device trees and rails of jetson_stats and energymon,
mode tables of /etc/nvpmodel.conf. Watts and clocks between the modes are made up in the boards' range.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgebench.mock.power_sensors import Rail


@dataclass(frozen=True)
class Gpu:
    """A GPU: `sm` its compute capability, `node` its devfreq folder, clocks in MHz, `dla` cores of the accelerator."""

    name: str
    sm: str
    cores: int
    clocks_mhz: tuple[float, ...]
    node: str
    load_path: str
    dla: int = 0


@dataclass(frozen=True)
class Release:
    """What is installed: `l4t` ("32.7.4"), JetPack, and packages by their dpkg names with versions."""

    l4t: str
    jetpack: str
    tensorrt: str
    cuda: str
    cudnn: str
    ubuntu: str
    kernel: str

    @property
    def major(self) -> int:
        """The L4T generation: 32 is JetPack 4, 35 is 5, 36 is 6, 38 is 7."""
        return int(self.l4t.split(".", 1)[0])


@dataclass(frozen=True)
class Mode:
    """A power mode: its number, name, CPUs on line, caps of CPU (kHz) and GPU (MHz); `mask` of the GPU's units.

    A change between modes of another `mask` takes a reboot.
    """

    number: int
    name: str
    cpus: int
    cpu_khz: int
    gpu_mhz: float
    mask: int = 0


@dataclass(frozen=True)
class Chip:
    """A power monitor: its driver's form, bus and address, and rails in the order of its channels."""

    form: str
    address: str
    rails: tuple[Rail, ...]


@dataclass(frozen=True)
class Draw:
    """Watts above what stands beside it: idle, all CPUs busy, the GPU busy, clocks locked. At the highest clocks."""

    idle: float
    cpus: float
    gpu: float
    locked: float


@dataclass(frozen=True)
class BoardFacts:
    """A kind of board. Memory and swap in KiB; clocks in kHz (CPU) and MHz (GPU, EMC); `gpu` None on a Pi."""

    name: str
    model: str
    compatible: tuple[str, ...]
    soc: str
    module: str
    serial: str
    dts: str | None
    release: Release | None
    gpu: Gpu | None
    policies: tuple[tuple[int, ...], ...]
    cpu_khz: tuple[int, ...]
    governors: str
    governor: str
    modes: tuple[Mode, ...]
    mode: int
    chips: tuple[Chip, ...]
    zones: tuple[str, ...]
    cooling: tuple[str, ...]
    emc_mhz: tuple[float, ...]
    draw: Draw
    memory_kib: int
    swap_kib: int
    fan: str | None = None
    over_current: bool = False
    nvmap: bool = False
    rails_are_roots: bool = False
    gated: tuple[str, ...] = ()

    @property
    def cpus(self) -> int:
        """How many CPUs it has."""
        return sum(len(policy) for policy in self.policies)

    @property
    def is_jetson(self) -> bool:
        """Whether it is a Jetson."""
        return self.release is not None

    def mode_of(self, number: int) -> Mode | None:
        """The power mode of that number."""
        return next((mode for mode in self.modes if mode.number == number), None)
