"""`tegrastats` of r32 to r38: one line every interval, in its release's shape; root sees the memory clock, too.

Shapes: reference lines of an r32 Nano, r35 Xavier NX and AGX Orin, r36 Orin Nano, and r38 Thor with and without root.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from edgebench.mock.jetson.host import Board, Call, Line, Program
from edgebench.mock.jetson.powers import View

MIB = 1024
USAGE = "Usage: tegrastats [-option]\nOptions:\n    --help\n    --interval <millisec>\n    --logfile <filename>\n"


class Means:
    """The tool's own running averages."""

    def __init__(self) -> None:
        self._sums: dict[int, int] = {}
        self._count = 0

    def take(self, rails: tuple[tuple[str, int], ...]) -> list[int]:
        """Count one reading more. Returns the means in the rails' order."""
        self._count += 1
        for index, (_, milliwatts) in enumerate(rails):
            self._sums[index] = self._sums.get(index, 0) + milliwatts
        return [self._sums[index] // self._count for index in range(len(rails))]


def handler(call: Call, line: Line, board: Board) -> int:
    """Print lines until it is killed."""
    argv, interval_ms = list(call.argv), 1000
    if "--help" in argv:
        line.out(USAGE)
        return 0
    if "--stop" in argv:
        return 0
    if "--interval" in argv:
        given = argv[argv.index("--interval") + 1 :][:1]
        if not given or not given[0].isdecimal() or int(given[0]) < 1:
            line.err(USAGE)
            return 1
        interval_ms = int(given[0])
    major = board.facts.release.major if board.facts.release else 32
    write = _r32 if major < 34 else _r35 if major < 36 else _r36 if major < 38 else _r38
    means, due_ns = Means(), board.now_ns()
    while True:
        # It sleeps between readings and so is a little late each time; what it missed it does not make up.
        due_ns = max(due_ns + interval_ms * 1_000_000, board.now_ns())
        line.wait_until(due_ns)
        view = board.powers.look()
        line.out(write(board, view, means, call.as_root) + "\n")


def _memory(board: Board, view: View, *, iram: bool = False) -> str:
    facts = board.facts
    total, used = facts.memory_kib // MIB, view.used_kib // MIB
    text = f"RAM {used}/{total}MB (lfb {max((total - used) // 28, 1)}x4MB)"
    if facts.swap_kib:
        text += f" SWAP 0/{facts.swap_kib // MIB}MB (cached 0MB)"
    return text + (" IRAM 0/252kB(lfb 252kB)" if iram else "")


def _cpus(view: View) -> str:
    return "CPU [" + ",".join("off" if cpu is None else f"{cpu[0]}%@{cpu[1]}" for cpu in view.cpus) + "]"


def _zones(board: Board, name: Callable[[str], str]) -> list[str]:
    return [f"{name(zone)}@{_celsius(value)}C" for zone, value in board.powers.zones()]


def _celsius(millidegrees: int) -> str:
    return f"{millidegrees / 1000:.3f}".rstrip("0").rstrip(".")


def _old_name(zone: str) -> str:
    names = {"PMIC-Die": "PMIC", "thermal-fan-est": "thermal"}
    return names.get(zone, zone.removesuffix("-therm"))


def _new_name(zone: str) -> str:
    return zone.removesuffix("-thermal")


def _rails(view: View, means: Means, unit: str) -> list[str]:
    averages = means.take(view.rails)
    return [f"{label} {milliwatts}{unit}/{mean}{unit}"
            for (label, milliwatts), mean in zip(view.rails, averages, strict=True)]  # fmt: skip


def _now() -> str:
    return datetime.now().astimezone().strftime("%m-%d-%Y %H:%M:%S")


def _r32(board: Board, view: View, means: Means, as_root: bool) -> str:
    emc = f"EMC_FREQ {view.emc_load}%@{view.emc_mhz}" if as_root else "EMC_FREQ 0%"
    gpu = f"GR3D_FREQ {view.gpu_load}%" + (f"@{view.gpu_mhz}" if as_root else "")
    parts = [_memory(board, view, iram=True), _cpus(view), emc, gpu, *(["APE 25"] if as_root else []),
             *_zones(board, _old_name), *_rails(view, means, "")]  # fmt: skip
    return " ".join(parts)


def _r35(board: Board, view: View, means: Means, as_root: bool) -> str:
    emc = [f"EMC_FREQ {view.emc_load}%@{view.emc_mhz}"] if as_root else []
    gpu = f"GR3D_FREQ {view.gpu_load}%@[{view.gpu_mhz}]"
    rest = ["VIC_FREQ 729", "APE 174"] if as_root else []
    parts = [_now(), _memory(board, view), _cpus(view), *emc, gpu, *rest, *_zones(board, _old_name),
             *_rails(view, means, "mW")]  # fmt: skip
    return " ".join(parts)


def _r36(board: Board, view: View, means: Means, as_root: bool) -> str:
    emc = [f"EMC_FREQ {view.emc_load}%@{view.emc_mhz}"] if as_root else []
    rest = ["NVDEC off", "NVJPG off", "NVJPG1 off", "VIC off", "OFA off", "APE 200"] if as_root else []
    parts = [_now(), _memory(board, view), _cpus(view), *emc, f"GR3D_FREQ {view.gpu_load}%@[{view.gpu_mhz}]", *rest,
             *[zone for zone in _zones(board, _new_name) if not zone.startswith("cv")],
             *_rails(view, means, "mW")]  # fmt: skip
    return " ".join(parts)


def _r38(board: Board, view: View, means: Means, as_root: bool) -> str:
    clocks = ",".join([str(view.gpu_mhz)] * 3)
    engines = [f"EMC_FREQ 0%@{view.emc_mhz}", f"GR3D_FREQ @[{clocks}]", f"NVENC0_FREQ @{view.gpu_mhz}", "VIC off",
               "PVA0_FREQ off", "APE 300"] if as_root else []  # fmt: skip
    parts = [_now(), _memory(board, view), _cpus(view), *engines, *_zones(board, _new_name),
             *_rails(view, means, "mW")]  # fmt: skip
    return " ".join(parts)


PROGRAM = Program("/usr/bin/tegrastats", handler)
