"""The simulated phone's /proc and /sys: files that its sampler reads, rewritten as it lives."""

from __future__ import annotations

import uuid
from pathlib import Path

from edgebench.mock.cells import Cell, Tree
from edgebench.mock.phone.forms import PhoneForm
from edgebench.mock.phone.physics import PhoneBody
from edgebench.mock.phone.rails import CHANNELS

BATTERY = "sys/class/power_supply/battery"
CPUFREQ = "sys/devices/system/cpu/cpufreq"
THERMAL = "sys/class/thermal"
KGSL = "sys/class/kgsl/kgsl-3d0"
ODPM = "sys/bus/iio/devices/iio:device"
ZONES = ("cpu-0-0-usr", "gpuss-0-usr", "skin-therm-usr", "battery")
TOOL_KIB = 60_000


class PhoneTree:
    """Writes what the body says into `root`. Files of root's alone fail to read unless the phone is `rooted`."""

    def __init__(self, root: Path, body: PhoneBody, rooted: bool) -> None:
        self._body = body
        self._tree = Tree(root)
        self._rooted = rooted
        self._root = root
        self._uptime = self._tree.cell("proc/uptime")
        self._busy_cs = 0.0
        self._before_s = 0.0
        self._proc(body.form)
        self._clocks = [self._cluster(number) for number in range(len(body.form.clusters))]
        self._zones = [self._zone(index, name) for index, name in enumerate(ZONES)]
        self._cooling = [self._cooling_device(index) for index in range(len(self._clocks))]
        self._battery = self._battery_files(body.form.gauge.readable or rooted)
        self._gpu = self._gpu_files() if body.form.gpu_clocks else []
        self._odpm = self._odpm_files() if body.form.rails else []
        self.boot()
        self.show(all_of_it=True)

    def boot(self) -> None:
        """A new boot id."""
        self._tree.fixed("proc/sys/kernel/random/boot_id", str(uuid.uuid4()))

    def show(self, all_of_it: bool) -> None:
        """Write the present readings; `all_of_it`: also those that change slowly."""
        seconds = self._body.now_ns() / 1e9
        self._show_battery()
        for device, cell in enumerate(self._odpm):
            cell.set(self._energy_value(device))
        if all_of_it:
            self._show_slow(seconds)
        # the clock last: what a reader stamps is then never older than it says
        cpus = self._body.form.cpus
        self._uptime.set(f"{int(seconds * 100) / 100:.2f} {seconds * cpus * 0.9:.2f}")

    def close(self) -> None:
        """Let go of the files."""
        self._tree.close()

    def _proc(self, form: PhoneForm) -> None:
        self._stat = self._tree.cell("proc/stat")
        self._loadavg = self._tree.cell("proc/loadavg")
        self._meminfo = self._tree.cell("proc/meminfo")
        cpus = [f"processor\t: {cpu}\nBogoMIPS\t: 38.40\n" for cpu in range(form.cpus)]
        self._tree.fixed("proc/cpuinfo", "\n".join(cpus) + f"\nHardware\t: {form.properties['ro.hardware']} simulated")
        self._tree.fixed("proc/version", "Linux version 4.14.180-simulated (edgebench mock) #1 SMP PREEMPT")
        self._tree.fixed("proc/vmstat", "nr_free_pages 100000\noom_kill 0")
        online = f"0-{form.cpus - 1}"
        for name in ("online", "possible", "present"):
            self._tree.fixed(f"sys/devices/system/cpu/{name}", online)

    def _cluster(self, number: int) -> tuple[Cell, Cell, int]:
        cluster = self._body.form.clusters[number]
        folder = f"{CPUFREQ}/policy{cluster.cpus[0]}"
        fixed: dict[str, int | str] = {
            "related_cpus": " ".join(map(str, cluster.cpus)),
            "affected_cpus": " ".join(map(str, cluster.cpus)),
            "cpuinfo_max_freq": cluster.max_khz,
            "cpuinfo_min_freq": 300_000,
            "scaling_min_freq": 300_000,
            "scaling_governor": "schedutil",
            "scaling_available_governors": "performance powersave schedutil",
        }
        for name, value in fixed.items():
            self._tree.fixed(f"{folder}/{name}", value)
        limit, current = (self._tree.cell(f"{folder}/{name}") for name in ("scaling_max_freq", "scaling_cur_freq"))
        return limit, current, cluster.max_khz

    def _zone(self, index: int, name: str) -> Cell:
        self._tree.fixed(f"{THERMAL}/thermal_zone{index}/type", name)
        return self._tree.cell(f"{THERMAL}/thermal_zone{index}/temp", 0)

    def _cooling_device(self, index: int) -> Cell:
        self._tree.fixed(f"{THERMAL}/cooling_device{index}/type", f"thermal-cpufreq-{index}")
        self._tree.fixed(f"{THERMAL}/cooling_device{index}/max_state", self._body.form.heat.levels)
        return self._tree.cell(f"{THERMAL}/cooling_device{index}/cur_state", 0)

    def _battery_files(self, readable: bool) -> dict[str, Cell]:
        names = ("current_now", "voltage_now", "temp", "capacity", "status", "uevent")
        if readable:
            return {name: self._tree.cell(f"{BATTERY}/{name}") for name in names}
        for name in names:
            self._tree.unreadable(f"{BATTERY}/{name}")
        return {}

    def _gpu_files(self) -> list[Cell]:
        paths = (f"{KGSL}/gpubusy", f"{KGSL}/devfreq/cur_freq")
        if self._rooted:
            self._tree.fixed(f"{KGSL}/devfreq/governor", "msm-adreno-tz")
            return [self._tree.cell(path) for path in paths]
        for path in paths:
            self._tree.unreadable(path)
        return []

    def _odpm_files(self) -> list[Cell]:
        rails = self._body.form.rails
        cells = []
        for device in range((len(rails) + CHANNELS - 1) // CHANNELS):
            self._tree.fixed(f"{ODPM}{device}/name", f"s2mpg1{4 + device}-odpm")
            if not self._rooted:
                for name in ("energy_value", "enabled_rails"):
                    self._tree.unreadable(f"{ODPM}{device}/{name}")
                continue
            own = rails[device * CHANNELS : (device + 1) * CHANNELS]
            lines = [f"CH{index}[{rail.name}]:{rail.subsystem}" for index, rail in enumerate(own)]
            self._tree.fixed(f"{ODPM}{device}/enabled_rails", "\n".join(lines))
            cells.append(self._tree.cell(f"{ODPM}{device}/energy_value"))
        return cells

    def _energy_value(self, device: int) -> str:
        counts = self._body.counters()
        stamp = self._body.now_ns_of(self._body.rails.shown_ms) // 1_000_000
        lines = [f"t={stamp}"]
        for index, rail in enumerate(self._body.form.rails[device * CHANNELS : (device + 1) * CHANNELS]):
            lines.append(f"CH{index}(T={stamp})[{rail.name}], {counts[device * CHANNELS + index]}")
        return "\n".join(lines)

    def _show_battery(self) -> None:
        if not self._battery:
            return
        reading = self._body.reading()
        self._battery["current_now"].set(reading.counts)
        self._battery["voltage_now"].set(reading.microvolts)

    def _show_slow(self, seconds: float) -> None:
        share = self._body.clock_share
        working = bool(self._body.load.kinds())
        for limit, current, full in self._clocks:
            limit.set(round(full * self._body.clock_share / 1200) * 1200 if share < 1 else full)
            current.set(round(full * (share if working else 0.4) / 1200) * 1200)
        hot = self._body.temperatures
        for cell, celsius in zip(self._zones, (hot.cpu, hot.gpu, hot.skin, hot.battery), strict=True):
            cell.set(round(celsius * 1000))
        for cell in self._cooling:
            cell.set(self._body.throttle_level)
        self._show_gpu()
        self._show_proc(seconds, working)
        self._show_uevent(hot.battery)

    def _show_gpu(self) -> None:
        if self._gpu:
            busy = "gpu" in self._body.load.kinds()
            clocks = self._body.form.gpu_clocks
            self._gpu[0].set(f"{980_000 if busy else 20_000} 1000000")
            self._gpu[1].set(clocks[-1] if busy else clocks[0])

    def _show_proc(self, seconds: float, working: bool) -> None:
        self._busy_cs += (seconds - self._before_s) * 100 if working and self._before_s else 0
        self._before_s = seconds
        user, every = int(self._busy_cs), int(seconds * 100) * self._body.form.cpus
        self._stat.set(f"cpu  {user} 0 0 {every - user} 0 0 0 0 0 0\ncpu0 {user} 0 0 {every - user} 0 0 0 0 0 0")
        self._loadavg.set(f"{1.2 if working else 0.2:.2f} 0.50 0.25 1/900 4321")
        total = self._body.form.memory_kib
        free = total // 2 - (TOOL_KIB if working else 0)
        rows = {"MemTotal": total, "MemFree": free // 4, "MemAvailable": free, "SwapTotal": 2_097_148,
                "SwapFree": 1_900_000}  # fmt: skip
        self._meminfo.set("\n".join(f"{name + ':':<16}{kib:>8} kB" for name, kib in rows.items()))

    def _show_uevent(self, celsius: float) -> None:
        if not self._battery:
            return
        body, reading = self._body, self._body.reading()
        capacity = round(body.battery.charge * 100)
        status = "Charging" if body.charging else "Discharging"
        self._battery["temp"].set(round(celsius * 10))
        self._battery["capacity"].set(capacity)
        self._battery["status"].set(status)
        rows = {"NAME": "battery", "TYPE": "Battery", "STATUS": status, "HEALTH": "Good", "PRESENT": 1,
                "CAPACITY": capacity, "CURRENT_NOW": reading.counts, "VOLTAGE_NOW": reading.microvolts,
                "TEMP": round(celsius * 10), "TECHNOLOGY": "Li-ion",
                "CHARGE_COUNTER": round(body.battery.coulombs / 3.6 * 1000)}  # fmt: skip
        self._battery["uevent"].set("\n".join(f"POWER_SUPPLY_{key}={value}" for key, value in rows.items()))
