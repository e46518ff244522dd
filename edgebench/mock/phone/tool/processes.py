"""What a simulated phone tells of its tool's processes: `/proc/PID/status` below its root, `dumpsys meminfo PID`."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

RUNTIME_KIB = 11_000
GPU_KIB = 96_000


class Processes:
    """Writes and removes the files of a process; the phone has `cpus` of them."""

    def __init__(self, folder: Path, cpus: int) -> None:
        self._folder = folder
        self._cpus = cpus

    def began(self, pid: int, argv: tuple[str, ...], cwd: Path) -> tuple[int, ...]:
        """Show a process. Returns the CPUs it may run on: those of the mask that `taskset` noted."""
        mask = self._mask(pid)
        model = next((text.partition("=")[2] for text in argv if text.startswith("--graph=")), "")
        path = cwd / model
        kib = RUNTIME_KIB + 3 * (path.stat().st_size if model and path.is_file() else 0) // 1024
        place = self._folder / f"root/proc/{pid}"
        place.mkdir(parents=True, exist_ok=True)
        rows = {"Name": "benchmark_model", "State": "R (running)", "Pid": pid, "VmPeak": f"{3 * kib:8d} kB",
                "VmHWM": f"{kib:8d} kB", "VmRSS": f"{kib * 9 // 10:8d} kB", "Cpus_allowed": f"{mask:x}",
                "Cpus_allowed_list": ",".join(map(str, self._cpus_of(mask)))}  # fmt: skip
        (place / "status").write_text("".join(f"{key}:\t{value}\n" for key, value in rows.items()), encoding="ascii")
        gpu = GPU_KIB if any(text.startswith("--use_gpu=") and text[10:] in ("true", "1") for text in argv) else 0
        (self._folder / f"state/meminfo/{pid}").write_text(_meminfo(pid, kib, gpu), encoding="ascii")
        return self._cpus_of(mask)

    def ended(self, pid: int) -> None:
        """A process is no more."""
        shutil.rmtree(self._folder / f"root/proc/{pid}", ignore_errors=True)
        (self._folder / f"state/meminfo/{pid}").unlink(missing_ok=True)
        (self._folder / f"state/masks/{pid}").unlink(missing_ok=True)

    def _mask(self, pid: int) -> int:
        every = (1 << self._cpus) - 1
        try:
            return int((self._folder / f"state/masks/{pid}").read_text(encoding="ascii"), 16) & every
        except (OSError, ValueError):
            return every

    def _cpus_of(self, mask: int) -> tuple[int, ...]:
        return tuple(cpu for cpu in range(self._cpus) if mask >> cpu & 1)


def age_ns(pid: int) -> int:
    """How long ago a process of ours began, 0 where it is gone: on a busy machine it says hello long after that."""
    try:
        ticks = int(
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
        )
    except (OSError, ValueError, IndexError):
        return 0
    began_ns = ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    return max(time.clock_gettime_ns(time.CLOCK_BOOTTIME) - began_ns, 0)


def _meminfo(pid: int, kib: int, gpu: int) -> str:
    """`dumpsys meminfo PID`, in the older layout without an RSS column."""
    rows = (("Native Heap", kib // 2), (".so mmap", kib // 8), ("GL mtrack", gpu), ("Unknown", kib // 4))
    lines = [f"{name:>13}{size:9d}{size:9d}{0:9d}{0:9d}" for name, size in rows if size]
    total = sum(size for _, size in rows)
    return "\n".join([
        "Applications Memory Usage (in Kilobytes):", "Uptime: 1000 Realtime: 1000", "",
        f"** MEMINFO in pid {pid} [benchmark_model] **",
        f"{'Pss':>22}{'Private':>9}{'Private':>9}{'SwapPss':>9}", f"{'Total':>22}{'Dirty':>9}{'Clean':>9}{'Dirty':>9}",
        f"{'------':>22}{'------':>9}{'------':>9}{'------':>9}", *lines,
        f"{'TOTAL':>13}{total:9d}{total:9d}{0:9d}{0:9d}", "",
    ])  # fmt: skip
