"""What root may do to a simulated board, and what its programs see of it: one thing at a time, on its own clock."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from edgebench.mock.jetson.facts import Mode
from edgebench.mock.jetson.hardware import Hardware
from edgebench.mock.machine import THERMAL

MOST_BYTES = 65_536


@dataclass(frozen=True)
class View:
    """The board at one moment: load of each CPU in % (None: off) with its MHz, GPU load and MHz, rails in mW, more."""

    cpus: tuple[tuple[int, int] | None, ...]
    gpu_load: int
    gpu_mhz: int
    emc_mhz: int
    emc_load: int
    celsius: float
    rails: tuple[tuple[str, int], ...]
    used_kib: int
    volts_low: bool
    throttled: bool


class Powers:
    """`held` brings the board up to now and keeps it there for a block."""

    def __init__(self, hardware: Hardware, held: Callable[[], AbstractContextManager[None]]) -> None:
        self._hardware, self._held = hardware, held

    def mode(self) -> Mode:
        """The power mode that is set."""
        mode = self._hardware.facts.mode_of(self._hardware.clocks.mode)
        if mode is None:
            raise ValueError("this board has no power modes")
        return mode

    def set_mode(self, mode: Mode) -> None:
        """Change it."""
        with self._held():
            self._hardware.clocks.set_mode(mode)

    def lock_clocks(self, *, fan: bool) -> None:
        """What `jetson_clocks [--fan]` does."""
        with self._held():
            self._hardware.clocks.lock()
            if fan and self._hardware.facts.fan:
                self._hardware.knobs.set(self._hardware.fan.target, "255")

    def clock_knobs(self) -> list[str]:
        """What `jetson_clocks --store` notes, in its order: CPUs on line, least clocks, GPU, EMC, fan."""
        paths = list(self._hardware.knobs.paths())
        ends = ("/online", "/scaling_min_freq", "/min_freq", "/mrq_rate_locked", "/clk_state", "/target_pwm",
                "/temp_control")  # fmt: skip
        return [path for end in ends for path in paths if path.endswith(end)]

    def knob(self, path: str) -> str:
        """What a knob stands at."""
        return self._hardware.knobs[path]

    def write(self, place: Path, text: str) -> str | None:
        """Write a file of the tree as root. Returns what is wrong, in the words of its system; None: nothing."""
        if not self._is_ours(place):
            return "Permission denied"
        real = "/" + str(_resolved(place).relative_to(self._hardware.root.resolve()))
        with self._held():
            if real in self._hardware.knobs:
                try:
                    self._hardware.knobs.set(real, text)
                except OSError as error:
                    return error.strerror
                self._hardware.clocks.tell()
                return None
        return "Permission denied" if real.startswith(("/sys/", "/proc/")) else self.save(place, text)

    def save(self, place: Path, text: str) -> str | None:
        """Write a plain file of root's below the tree. Returns what is wrong."""
        if not self._is_ours(place) or len(text) > MOST_BYTES:
            return "Permission denied"
        if not place.parent.is_dir():
            return "No such file or directory"
        place.write_text(text, encoding="utf-8")
        return None

    def read(self, place: Path) -> bytes:
        """Read a file of the tree as root. Raises OSError."""
        if not self._is_ours(place):
            raise PermissionError(13, "Permission denied")
        return self._hardware.access.read(place)

    def chmod(self, place: Path, spec: str) -> str | None:
        """Change who may read a file of the tree. Returns what is wrong."""
        if not self._is_ours(place):
            return "Operation not permitted"
        if not place.exists():
            return "No such file or directory"
        return None if self._hardware.access.change(place, spec) else "Operation not permitted"

    def _is_ours(self, place: Path) -> bool:
        """Whether a file is below the tree, and no link that leads out of it."""
        return _resolved(place).is_relative_to(self._hardware.root.resolve()) and not place.is_symlink()

    def cat(self, path: str) -> str:
        """What a file of the tree says now; empty where there is none."""
        try:
            return self._hardware.access.read(self._hardware.root / path.lstrip("/")).decode().strip()
        except OSError:
            return ""

    def gpu_folder(self) -> str | None:
        """The GPU's devfreq folder."""
        return self._hardware.clocks.gpu_folder

    def emc_folder(self) -> tuple[str, str, str] | None:
        """The memory clock's folder, the names of its rate and of its lock."""
        return self._hardware.clocks.emc_folder

    def fan_pwm(self) -> int:
        """What the fan turns at."""
        return self._hardware.fan.pwm()

    def watts(self) -> float:
        """What it draws."""
        with self._held():
            return self._hardware.monitors.watts

    def has_happened(self) -> tuple[bool, bool]:
        """Whether its input has sagged, and its clock been lowered, since the start."""
        with self._held():
            return self._hardware.monitors.has_sagged, bool(self._hardware.board.throttled_at_ns)

    def zones(self) -> list[tuple[str, int]]:
        """Temperatures in m degC by zone, those that can be read."""
        folder = self._hardware.root / THERMAL
        found = []
        for index, zone in enumerate(self._hardware.facts.zones):
            found.append((zone, int((folder / f"thermal_zone{index}/temp").read_text().split()[0])))
        return found

    def look(self) -> View:
        """The board at this moment."""
        hardware = self._hardware
        with self._held():
            clocks, online = hardware.clocks, hardware.clocks.online()
            cores = hardware.cpu_load() * hardware.facts.cpus
            loads: list[tuple[int, int] | None] = []
            for cpu in range(hardware.facts.cpus):
                policy = next(index for index, cpus in enumerate(hardware.facts.policies) if cpu in cpus)
                busy = round(100 * min(max(cores - cpu, 0.0), 1.0))
                mhz = clocks.cpu_khz(policy, busy=cores > 0.05) // 1000
                loads.append((busy, mhz) if cpu in online else None)
            used, _ = hardware.memory_used()
            return View(
                cpus=tuple(loads),
                gpu_load=round(100 * clocks.gpu_load),
                gpu_mhz=round(clocks.gpu_hz(busy=clocks.gpu_load > 0) * hardware.board.clock_share / 1e6),
                emc_mhz=round(clocks.emc_mhz()),
                emc_load=round(40 * clocks.gpu_load),
                celsius=hardware.board.celsius,
                rails=tuple(hardware.rails()),
                used_kib=used + hardware.memory.SYSTEM_KIB,
                volts_low=hardware.is_sagging(),
                throttled=hardware.board.throttle_level > 0,
            )


def _resolved(place: Path) -> Path:
    """The file meant, with links of its folder followed (cpu0/cpufreq is one)."""
    return place.parent.resolve() / place.name
