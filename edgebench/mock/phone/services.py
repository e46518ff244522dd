"""What the simulated phone's services say to dumpsys: texts in the form of the real ones, rendered from its body."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edgebench.mock.cells import Tree
from edgebench.mock.phone.physics import PhoneBody

GARBAGE = "\x01\x02 \ufffd ]:[ {mValue=NaN, mType=, mName=\n  level: eleventy\nvoltage: -\n"
POWER_STATS = "android.hardware.power.stats.IPowerStats/default"
LIMITS_C = (39.0, 43.0, 45.0, 47.0, 51.5, 56.0)

_THRESHOLDS = (
    "\tTemperatureThreshold{{mType=3, mName=skin, mHotThrottlingThresholds=[{}], "
    "mColdThrottlingThresholds=[NaN, NaN, NaN, NaN, NaN, NaN, NaN]}}"
)

Wish = Callable[[str], str | None]
"""What the stub commands were told, by name; None: nothing."""


def battery(body: PhoneBody, wish: Wish) -> str:
    """`dumpsys battery`, AOSP's order. `battery unplug` changes only what is said, as on a real phone."""
    plugged = body.plugged and wish("battery-said") != "unplugged"
    rows: dict[str, object] = {
        "AC powered": "false",
        "USB powered": str(plugged).lower(),
        "Wireless powered": "false",
        "Max charging current": 1_500_000 if plugged else 0,
        "Max charging voltage": 5_000_000 if plugged else 0,
        "Charge counter": round(body.battery.coulombs / 3.6 * 1000),
        "status": 2 if plugged and body.charging else 3,
        "health": 2,
        "present": "true",
        "level": round(body.battery.charge * 100),
        "scale": 100,
        "voltage": body.reading().microvolts // 1000,
        "temperature": round(body.temperatures.battery * 10),
        "technology": "Li-ion",
    }
    return "Current Battery Service state:\n" + "\n".join(f"  {key}: {value}" for key, value in rows.items())


def thermal_status(body: PhoneBody, wish: Wish) -> int:
    """0 to 6: what was overridden, else by how far the clock is lowered."""
    said = wish("thermal-status")
    if said is not None and said.isdigit():
        return min(int(said), 6)
    return min(body.throttle_level, 3)


def thermalservice(body: PhoneBody, wish: Wish) -> str:
    """`dumpsys thermalservice`: cached temperatures are those of the last event; the HAL's are live."""
    status = thermal_status(body, wish)
    hot = body.temperatures
    rows = [(hot.cpu, 0, "CPU"), (hot.gpu, 1, "GPU"), (hot.skin, 3, "skin"), (hot.battery, 2, "battery")]
    nonsense = [(-99.9, 5, "PA"), (8900.0, 7, "soft_ocp_gpu")] if body.faults.has("hot-nonsense") else []
    live = [_temperature(*row, status if row[2] == "skin" else 0) for row in rows + nonsense]
    cached = [_temperature(value + 12.0, kind, name, 0) for value, kind, name in rows]
    cooling = [f"\tCoolingDevice{{mValue={body.throttle_level}, mType=2, mName=thermal-cpufreq-{index}}}"
               for index in range(len(body.form.clusters))]  # fmt: skip
    limits = ", ".join(str(limit) for limit in ("NaN", *LIMITS_C))
    return "\n".join([
        f"IsStatusOverride: {str(wish('thermal-status') is not None).lower()}",
        "ThermalEventListeners:", "\tcallbacks: 1", "\tkilled: false", "\tbroadcasts count: -1",
        "ThermalStatusListeners:", "\tcallbacks: 1", "\tkilled: false", "\tbroadcasts count: -1",
        f"Thermal Status: {status}",
        "Cached temperatures:", *cached,
        "HAL Ready: true", "HAL connection:", "\tThermalHAL 2.0 connected: yes",
        "Current temperatures from HAL:", *live,
        "Current cooling devices from HAL:", *cooling,
        "Temperature static thresholds from HAL:",
        _THRESHOLDS.format(limits),
    ])  # fmt: skip


def _temperature(celsius: float, kind: int, name: str, status: int) -> str:
    return f"\tTemperature{{mValue={celsius:.3f}, mType={kind}, mName={name}, mStatus={status}}}"


def power(body: PhoneBody, wish: Wish) -> str:
    """`dumpsys power`: whether the screen is on."""
    awake = wish("wakefulness") or ("Asleep" if body.faults.has("screen-locked") else "Awake")
    plugged = str(body.plugged).lower()
    return f"POWER MANAGER (dumpsys power)\n\nPower Manager State:\n  mWakefulness={awake}\n  mIsPowered={plugged}"


def window(body: PhoneBody, _: Wish) -> str:
    """`dumpsys window`: whether the screen is locked."""
    locked = str(body.faults.has("screen-locked")).lower()
    rows = (f"{name}={locked}" for name in ("mShowingLockscreen", "mDreamingLockscreen", "isKeyguardShowing"))
    return "\n    ".join(["WINDOW MANAGER POLICY STATE (dumpsys window policy)", *rows])


def deviceidle(body: PhoneBody, wish: Wish) -> str:
    """`dumpsys deviceidle`: doze, and whether the screen is on and locked."""
    enabled = str(wish("deviceidle") != "off").lower()
    locked = body.faults.has("screen-locked")
    awake = str((wish("wakefulness") or ("Asleep" if locked else "Awake")) == "Awake").lower()
    return "\n".join([
        "  Settings:", "    light_after_inactive_to=+3m0s0ms", "    inactive_to=+30m0s0ms",
        f"  mLightEnabled={enabled}  mDeepEnabled={enabled}", "  mForceIdle=false", "  mUseMotionSensor=true",
        f"  mScreenOn={awake}", f"  mScreenLocked={str(locked).lower()}", "  mNetworkConnected=true",
        f"  mCharging={str(body.plugged).lower()}", "  mState=ACTIVE mLightState=ACTIVE",
    ])  # fmt: skip


def surfaceflinger(body: PhoneBody, _: Wish) -> str:
    """`dumpsys SurfaceFlinger`, its line about the GPU."""
    return f"Build configuration: [sf]\n  refresh-rate 60.00 fps\n{body.form.gles}"


def meminfo(body: PhoneBody, _: Wish) -> str:
    """`dumpsys meminfo` without a process."""
    total = body.form.memory_kib
    return (
        f"Applications Memory Usage (in Kilobytes):\nTotal RAM: {total:,}K (status normal)\n Free RAM: {total // 2:,}K"
    )


def power_stats(body: PhoneBody, _: Wish) -> str:
    """The power statistics HAL's energy meter, in mWs since boot; the layout is that of AOSP's PowerStats.cpp."""
    rows = [f"{f'[{rail.name}]:{rail.subsystem}':>32}{count / 1000:>18.2f} mWs (          0.00)"
            for rail, count in zip(body.form.rails, body.counters(), strict=True)]  # fmt: skip
    return "\n".join([
        "============= PowerStats HAL 2.0 energy meter ==============",
        f"Elapsed time: {body.now_ns() // 1_000_000} ms",
        f"{'Channel':>34}    Cumulative Energy (      Delta   )",
        *rows,
        "========== End of PowerStats HAL 2.0 energy meter ==========",
    ])  # fmt: skip


class Services:
    """Keeps `folder/dumpsys/SERVICE` up to date; wishes are files of `folder/set`."""

    def __init__(self, folder: Path, body: PhoneBody) -> None:
        self._folder = folder
        self._body = body
        said = {"battery": battery, "thermalservice": thermalservice, "power": power, "window": window,
                "deviceidle": deviceidle, "SurfaceFlinger": surfaceflinger, "meminfo": meminfo}  # fmt: skip
        if body.form.rails:
            said[POWER_STATS] = power_stats
        self._tree = Tree(folder / "dumpsys")
        self._cells = {self._tree.cell(name.replace("/", "@")): text for name, text in said.items()}
        (folder / "set").mkdir(exist_ok=True)
        if body.faults.has("garbage-dumpsys"):
            (folder / "garbage").write_text(GARBAGE, encoding="utf-8")
        self.show()

    def wish(self, name: str) -> str | None:
        """What the phone was told under that name."""
        try:
            return (self._folder / "set" / name).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return None

    def show(self) -> None:
        """Render everything, and let the body do what it was told."""
        self._body.input_suspended = self.wish("suspend-input") == "1"
        self._body.cable_out = self.wish("cable-out") is not None  # a file that a test puts there
        self._body.fixed_performance = self.wish("fixed-performance") == "true"
        for cell, text in self._cells.items():
            cell.set(text(self._body, self.wish))

    def close(self) -> None:
        """Let go of the files."""
        self._tree.close()
