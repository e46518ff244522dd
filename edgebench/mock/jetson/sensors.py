"""What a simulated board shows beside power and clocks: cooling, fan, over-current, memory, uptime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edgebench.mock.body import Body, Heat
from edgebench.mock.cells import Tree
from edgebench.mock.jetson.clocks import Clocks
from edgebench.mock.jetson.facts import BoardFacts
from edgebench.mock.jetson.knobs import Knobs, between
from edgebench.mock.machine import HOT_SURFACE_C, THERMAL, TICK_HZ

FULL_PWM = 255
FAN_OLD = "/sys/devices/pwm-fan"
FAN_BEGINS_C = 45.0
COOLED_SHARE = 0.4
"""How much of the thermal resistance a fan at full speed takes away."""


class Cooling:
    """Cooling devices: policies and alerts that follow throttling, the hot surface, the fan's step."""

    def __init__(self, tree: Tree, facts: BoardFacts, fan: Callable[[], int]) -> None:
        self._fan = fan
        self._kinds = facts.cooling
        for index, kind in enumerate(self._kinds):
            tree.fixed(f"{THERMAL}/cooling_device{index}/type", kind)
            tree.fixed(f"{THERMAL}/cooling_device{index}/max_state", 1 if kind.endswith("-alert") else 10)
        self._cells = [tree.cell(f"{THERMAL}/cooling_device{index}/cur_state", 0) for index in range(len(self._kinds))]

    def show(self, body: Body) -> None:
        """Write the states."""
        for kind, cell in zip(self._kinds, self._cells, strict=True):
            cell.set(self._state(kind, body))

    def _state(self, kind: str, body: Body) -> int:
        if kind == "pwm-fan":
            return round(10 * self._fan() / FULL_PWM)
        if kind == "hot-surface-alert":
            return int(body.celsius > HOT_SURFACE_C)
        if kind.endswith("-throttle-alert"):
            # of the alerts only those of what is throttled: the compute engines and the whole SoC are not told apart
            return int(body.throttle_level > 0 and kind.startswith(("cpu", "gpu")))
        return body.throttle_level if kind.startswith(("cpufreq", "devfreq")) else 0


class Fan:
    """A fan that cools: by its own curve, or as it is told (JetPack 4's pwm-fan, later a hwmon chip)."""

    def __init__(self, tree: Tree, knobs: Knobs, kind: str | None, number: int) -> None:
        self._knobs, self._kind = knobs, kind
        self._auto = 0
        if kind == "pwm-fan":
            self._folder, self.target, self._enable = FAN_OLD, f"{FAN_OLD}/target_pwm", f"{FAN_OLD}/temp_control"
        else:
            self._folder = f"/sys/class/hwmon/hwmon{number}"
            self.target, self._enable = f"{self._folder}/pwm1", f"{self._folder}/pwm1_enable"
        if kind is None:
            return
        knobs.add(self.target, "0", between(0, FULL_PWM))
        # temp_control: 1 is the kernel's curve; pwm1_enable: 0 off, 1 as told, 2 and above a curve
        knobs.add(self._enable, "1" if kind == "pwm-fan" else "2", between(0, 3))
        if kind == "pwm-fan":
            self._present = tree.cell(f"{FAN_OLD}/cur_pwm", 0)
            tree.fixed(f"{FAN_OLD}/pwm_cap", FULL_PWM)
            self._rpm = tree.cell(f"{FAN_OLD}/rpm_measured", 0)
        else:
            tree.fixed(f"{self._folder}/name", "pwmfan")
            tree.fixed(f"sys/class/hwmon/hwmon{number + 1}/name", "pwm_tach")
            self._present = tree.cell(f"sys/class/hwmon/hwmon{number + 1}/pwm", 0)
            self._rpm = tree.cell(f"sys/class/hwmon/hwmon{number + 1}/rpm", 0)

    def pwm(self) -> int:
        """What it turns at, 0 to 255."""
        if self._kind is None:
            return 0
        told, enable = self._knobs.number(self.target), self._knobs[self._enable]
        if self._kind == "pwm-fan":
            return max(told, self._auto) if enable == "1" else told
        return {"0": 0, "1": told}.get(enable, self._auto)

    def follow(self, body: Body) -> None:
        """Take the speed that the temperature asks for by the board's own curve."""
        self._auto = min(max(round(8 * (body.celsius - FAN_BEGINS_C)), 0), FULL_PWM)

    def show(self, body: Body) -> None:
        """Write pwm and rpm."""
        if self._kind is None:
            return
        self._present.set(self.pwm())
        self._rpm.set(self.pwm() * 16)


class Climate:
    """Sets the body's heat: the board's own, cooled by the fan, or that of a board that throttles."""

    def __init__(self, facts: BoardFacts, fan: Fan, throttles: Callable[[float], bool]) -> None:
        self._hot = hot_heat_of(facts)
        usual = heat_of(facts)
        self._at_pwm = [replace(usual, ohm_c_per_w=usual.ohm_c_per_w * (1.0 - COOLED_SHARE * pwm / FULL_PWM))
                        for pwm in range(FULL_PWM + 1)]  # fmt: skip
        self._fan, self._throttles = fan, throttles

    def follow(self, body: Body) -> None:
        """Let the fan follow the temperature, and the body feel the fan."""
        self._fan.follow(body)
        if self._throttles(body.now_ms / 1000):
            body.heat = self._hot
            return
        body.heat = self._at_pwm[self._fan.pwm()]


def heat_of(facts: BoardFacts) -> Heat:
    """55 degC above the room at everything the board can draw, without a fan; made up."""
    return Heat(ohm_c_per_w=55.0 / (facts.draw.idle + facts.draw.cpus + facts.draw.gpu))


def hot_heat_of(facts: BoardFacts) -> Heat:
    """A board in an oven: a seventh of what it can draw is too much, within seconds."""
    usual = heat_of(facts)
    watts = facts.draw.idle + (facts.draw.cpus + facts.draw.gpu) / 7
    trip_c = 40.0 + usual.ohm_c_per_w * watts
    return replace(usual, ambient_c=40.0, tau_s=4.0, trip_c=trip_c, hysteresis_c=1.0, levels=3)


class OverCurrent:
    """soctherm's counters: oc1 under-voltage, oc2 average and oc3 instant over-current."""

    STORM_HZ = 27_390 / 3600  # what one board counted in MAXN_SUPER

    def __init__(
        self, tree: Tree, number: int, storms: Callable[[float], bool], browns_out: Callable[[Body], bool]
    ) -> None:
        folder = f"sys/class/hwmon/hwmon{number}"
        tree.fixed(f"{folder}/name", "soctherm_oc")
        self._cells = [tree.cell(f"{folder}/oc{index}_event_cnt", 0) for index in (1, 2, 3)]
        for index in (1, 2, 3):
            tree.fixed(f"{folder}/oc{index}_throt_en", 1)
        self._storms, self._browns_out = storms, browns_out
        self._counts, self._before_s, self._was_low = [0.0, 0.0, 0.0], 0.0, False

    def show(self, body: Body) -> None:
        """Count on."""
        now_s = body.now_ms / 1000
        low = self._browns_out(body)
        self._counts[0] += low and not self._was_low
        if self._storms(now_s):
            self._counts[2] += (now_s - self._before_s) * self.STORM_HZ
        self._before_s, self._was_low = now_s, low
        for cell, count in zip(self._cells, self._counts, strict=True):
            cell.set(int(count))


class Memory:
    """/proc/meminfo and /proc/swaps. `used` gives (KiB of processes, KiB of these that are the GPU's)."""

    SYSTEM_KIB = 620_000

    def __init__(self, tree: Tree, facts: BoardFacts, used: Callable[[], tuple[int, int]]) -> None:
        self._facts, self._used = facts, used
        self._cell = tree.cell("proc/meminfo")
        swaps = ["Filename\t\t\t\tType\t\tSize\tUsed\tPriority"]
        zrams = facts.cpus if facts.is_jetson and facts.swap_kib else 0
        swaps += [f"/dev/zram{index}{'':30}partition\t{facts.swap_kib // zrams}\t0\t5" for index in range(zrams)]
        if not facts.is_jetson:
            swaps.append(f"/var/swap{'':30}file\t\t{facts.swap_kib}\t0\t-2")
        tree.fixed("proc/swaps", "\n".join(swaps))
        for index in range(zrams):
            tree.fixed(f"sys/block/zram{index}/disksize", facts.swap_kib // zrams * 1024)

    def available_kib(self) -> int:
        """MemAvailable of now."""
        return max(self._facts.memory_kib - self.SYSTEM_KIB - self._used()[0], 1)

    def show(self, body: Body) -> None:
        """Write the table."""
        facts, (_, gpu_kib) = self._facts, self._used()
        left = self.available_kib()
        rows = {"MemTotal": facts.memory_kib, "MemFree": left * 2 // 3, "MemAvailable": left, "Buffers": 24_000,
                "Cached": left // 3, "SwapCached": 0, "SwapTotal": facts.swap_kib,
                "SwapFree": facts.swap_kib}  # fmt: skip
        if facts.nvmap:
            rows |= {"NvMapMemFree": 0, "NvMapMemUsed": gpu_kib}
        self._cell.set("\n".join(f"{name + ':':<16}{kib:>8} kB" for name, kib in rows.items()))


class Activity:
    """/proc/stat, loadavg and uptime. `uptime_s` is the board's; `cpu_load` a share of all its CPUs."""

    def __init__(
        self, tree: Tree, facts: BoardFacts, uptime_s: Callable[[], float], cpu_load: Callable[[], float]
    ) -> None:
        self._cpus, self._uptime_s, self._cpu_load = facts.cpus, uptime_s, cpu_load
        self._stat, self._loadavg = tree.cell("proc/stat"), tree.cell("proc/loadavg")
        self._uptime = tree.cell("proc/uptime")
        self._busy_s = [0.0] * self._cpus
        self._before_s = 0.0
        self._average = 0.0

    def show(self, body: Body) -> None:
        """Write the counters up to now."""
        now_s, cores = body.now_ms / 1000, self._cpu_load() * self._cpus
        span = now_s - self._before_s
        self._before_s = now_s
        self._busy_s = [busy + span * min(max(cores - cpu, 0.0), 1.0) for cpu, busy in enumerate(self._busy_s)]
        self._average += (cores - self._average) * min(span / 60.0, 1.0)
        rows = [self._row(f"cpu{cpu}", int(busy * TICK_HZ), int(now_s * TICK_HZ))
                for cpu, busy in enumerate(self._busy_s)]  # fmt: skip
        whole = self._row("cpu ", int(sum(self._busy_s) * TICK_HZ), int(now_s * TICK_HZ * self._cpus))
        self._stat.set("\n".join([whole, *rows]))
        self._loadavg.set(f"{self._average:.2f} {self._average / 2:.2f} 0.10 1/200 1234")
        self._uptime.set(f"{self._uptime_s():.2f} {self._uptime_s() * self._cpus:.2f}")

    def _row(self, name: str, busy: int, total: int) -> str:
        return f"{name} {busy} 0 0 {max(total - busy, 0)} 0 0 0 0 0 0"


class Boot:
    """The boot's id."""

    def __init__(self, tree: Tree) -> None:
        self._cell = tree.cell("proc/sys/kernel/random/boot_id")

    def set(self, number: int) -> None:
        """It is the `number`th boot of this simulation."""
        self._cell.set(f"{number:08x}-0000-4000-8000-000000000000")


def share_of(clocks: Clocks, kind: str) -> float:
    """The clock's share that a work of that kind runs at; a DLA has a clock of its own."""
    return clocks.share("gpu" if kind == "gpu" else "cpu") if kind in ("cpu", "gpu") else 1.0
