"""The rest of a simulated machine that a benchmark sees: temperatures, throttles, clocks, load, memory, identity."""

from __future__ import annotations

from edgebench.mock.body import Body
from edgebench.mock.cells import Tree

CPUS = 4
FULL_CLOCK_KHZ = 1_479_000
TICK_HZ = 100
HOT_SURFACE_C = 70.0
THERMAL = "sys/class/thermal"


class Zones:
    """Thermal zones: the body's temperature under the board's names, and the placeholders real boards show."""

    def __init__(
        self, tree: Tree, names: tuple[str, ...], gated: tuple[str, ...] = (), dead: tuple[str, ...] = ()
    ) -> None:
        self._cells = []
        for index, name in enumerate(names + gated):
            tree.fixed(f"{THERMAL}/thermal_zone{index}/type", name)
            path = f"{THERMAL}/thermal_zone{index}/temp"
            if name in gated:
                tree.unreadable(path)
            elif name == "PMIC-Die":
                tree.fixed(path, 100000)
            elif name.lower().startswith("cv") or name in dead:
                tree.fixed(path, -256000)
            else:
                self._cells.append(tree.cell(path, 0))

    def show(self, body: Body) -> None:
        """Write m degC."""
        for cell in self._cells:
            cell.set(round(body.celsius * 1000))


class Throttle:
    """Cooling devices; only the first two tell of throttling."""

    def __init__(self, tree: Tree) -> None:
        kinds = ("cpufreq-cpu0", "cpu-throttle-alert", "hot-surface-alert", "pwm-fan")
        for index, kind in enumerate(kinds):
            tree.fixed(f"{THERMAL}/cooling_device{index}/type", kind)
        self._states = [tree.cell(f"{THERMAL}/cooling_device{index}/cur_state", 0) for index in range(len(kinds))]

    def show(self, body: Body) -> None:
        """Write the states."""
        hot = int(body.celsius > HOT_SURFACE_C)
        for cell, state in zip(self._states, (body.throttle_level, int(body.throttle_level > 0), hot, 1), strict=True):
            cell.set(state)


class IntelThrottle:
    """Counters of an Intel processor's thermal throttling, one per CPU."""

    def __init__(self, tree: Tree) -> None:
        self._counters = []
        for cpu in range(CPUS):
            folder = f"sys/devices/system/cpu/cpu{cpu}"
            tree.fixed(f"{folder}/topology/physical_package_id", 0)
            for name in ("core_throttle_count", "package_throttle_count"):
                self._counters.append(tree.cell(f"{folder}/thermal_throttle/{name}", 0))

    def show(self, body: Body) -> None:
        """Write how often the clock was lowered since the start."""
        for cell in self._counters:
            cell.set(body.throttle_events)


class Clocks:
    """One cpufreq policy for all CPUs; its governor may be written by the agent."""

    def __init__(self, tree: Tree) -> None:
        folder = "sys/devices/system/cpu/cpufreq/policy0"
        fixed: dict[str, int | str] = {
            "cpuinfo_max_freq": FULL_CLOCK_KHZ,
            "cpuinfo_min_freq": 102_000,
            "scaling_min_freq": 102_000,
            "scaling_max_freq": FULL_CLOCK_KHZ,
            "scaling_available_governors": "performance schedutil powersave",
            "scaling_governor": "schedutil",
            "related_cpus": " ".join(map(str, range(CPUS))),
        }
        for name, value in fixed.items():
            tree.fixed(f"{folder}/{name}", value)
        self._current = tree.cell(f"{folder}/scaling_cur_freq", FULL_CLOCK_KHZ)

    def show(self, body: Body) -> None:
        """Write the present clock."""
        self._current.set(round(FULL_CLOCK_KHZ * body.clock_share))


class Proc:
    """/proc/stat, loadavg and meminfo; one CPU is busy with whatever draws power above idle."""

    def __init__(self, tree: Tree) -> None:
        self._stat = tree.cell("proc/stat")
        self._loadavg = tree.cell("proc/loadavg")
        memory = {"MemTotal": 4051048, "MemFree": 1800000, "MemAvailable": 2900000, "SwapTotal": 0, "SwapFree": 0}
        tree.fixed("proc/meminfo", "\n".join(f"{name + ':':<16}{kib:>8} kB" for name, kib in memory.items()))
        blocks = [f"processor\t: {cpu}\nmodel name\t: Simulated CPU\n" for cpu in range(CPUS)]
        tree.fixed("proc/cpuinfo", "\n".join(blocks))
        self._busy_s = 0.0
        self._before_s = 0.0

    def show(self, body: Body) -> None:
        """Write the counters up to now."""
        now_s = body.now_ms / 1000
        active = body.watts > 1.2 * body.schedule.idle_w
        self._busy_s += (now_s - self._before_s) * (1.0 if active else 0.0)
        self._before_s = now_s
        user = int(self._busy_s * TICK_HZ)
        idle = int(now_s * TICK_HZ * CPUS) - user
        self._stat.set(f"cpu  {user} 0 0 {idle} 0 0 0 0 0 0\ncpu0 {user} 0 0 {idle} 0 0 0 0 0 0")
        self._loadavg.set(f"{1.0 if active else 0.0:.2f} 0.50 0.25 1/200 1234")


def identity(tree: Tree, model: str, compatible: tuple[str, ...]) -> None:
    """Write the device tree's model and compatible list, NUL-terminated as the kernel shows them."""
    folder = tree.folder / "proc/device-tree"
    folder.mkdir(parents=True)
    (folder / "model").write_bytes(model.encode() + b"\0")
    (folder / "compatible").write_bytes(b"".join(entry.encode() + b"\0" for entry in compatible))
