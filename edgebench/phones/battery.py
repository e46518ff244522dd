"""The battery as `dumpsys battery` and the kernel's `power_supply` tell it.

Units: the kernel's documentation says uA, uV and 0.1 degC, the battery service's dump mV and 0.1 degC. Phones print mA
for uA, of either sign, and TV boxes volts (`voltage: 13`). So the current stays raw here (`gauge.py` finds its unit),
and a voltage or temperature that no battery has is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edgebench.phones.numbers import integer

STATUS = {"1": "unknown", "2": "charging", "3": "discharging", "4": "not charging", "5": "full"}
"""BatteryManager.BATTERY_STATUS_*."""
POWERED = {
    "AC powered": "AC",
    "USB powered": "USB",
    "Wireless powered": "wireless",
    "Dock powered": "dock",
}
HEADER = "Current Battery Service state:"
FAKED = "UPDATES STOPPED"
PREFIX = "POWER_SUPPLY_"
CELL_MV = (2500, 5000)
MAX_CELLS = 2


@dataclass(frozen=True)
class Battery:
    """What one look at the battery gave; None: not told, or not to be believed.

    `level` percent; `plugged` the power sources in use, () for none; `status` of `STATUS`; `current` raw, unit and sign
    not yet known; `voltage_uv`; `temperature_c`. `faked`: somebody froze the service's state (`dumpsys battery set`).
    """

    level: int | None = None
    plugged: tuple[str, ...] | None = None
    status: str | None = None
    current: int | None = None
    voltage_uv: int | None = None
    temperature_c: float | None = None
    faked: bool = False
    why: str | None = None


def parse_battery_dump(text: str) -> Battery:
    """`dumpsys battery`; a `Battery` with only `why` where the text is no such dump."""
    lines = text.splitlines()
    start = next((at for at, line in enumerate(lines) if line.strip().startswith(HEADER.rstrip(":"))), None)
    if start is None:
        return Battery(why="dumpsys battery told no battery state")
    fields = _fields(lines[start + 1 :], ":")
    powered = [key for key in POWERED if key in fields]
    level, scale = integer(fields.get("level")), integer(fields.get("scale"))
    voltage_uv = volts_in_uv(fields.get("voltage"), 1000)
    return Battery(
        level=_percent(level, scale),
        plugged=tuple(POWERED[key] for key in powered if fields[key] == "true") if powered else None,
        status=STATUS.get(fields.get("status", "")),
        current=integer(fields.get("current now")),
        voltage_uv=voltage_uv,
        # where the voltage is in a unit of the maker's own, so may be the temperature
        temperature_c=_celsius(fields.get("temperature")) if voltage_uv else None,
        faked=any(FAKED in line for line in lines[start : start + 3]),
    )


def parse_power_supply(text: str) -> Battery:
    """A battery's `uevent` file, with or without the kernel's prefix of its keys."""
    named = _fields(text.splitlines(), "=")
    fields = {key.removeprefix(PREFIX): value for key, value in named.items()}
    if not fields.keys() & {"STATUS", "CURRENT_NOW", "VOLTAGE_NOW", "CAPACITY"}:
        return Battery(why="the power supply told nothing of a battery")
    status = fields.get("STATUS", "").strip().lower()
    return Battery(
        level=_percent(integer(fields.get("CAPACITY")), 100),
        status=status if status in STATUS.values() else None,
        current=integer(fields.get("CURRENT_NOW")),
        voltage_uv=volts_in_uv(fields.get("VOLTAGE_NOW"), 1),
        temperature_c=_celsius(fields.get("TEMP")),
    )


def volts_in_uv(text: str | None, unit_uv: int) -> int | None:
    """A battery's voltage in uV, from a number that should be in units of `unit_uv` but may be in mV or uV.

    >>> volts_in_uv("4312", 1000), volts_in_uv("3888173", 1), volts_in_uv("13", 1000)
    (4312000, 3888173, None)
    """
    value = integer(text)
    if value is None:
        return None
    low, high = CELL_MV[0], CELL_MV[1] * MAX_CELLS
    for unit in (unit_uv, 1000, 1):
        if low * 1000 <= value * unit <= high * 1000:
            return value * unit
    return None


def _fields(lines: Iterable[str], mark: str) -> Mapping[str, str]:
    """`key MARK value` lines; the first of a repeated key counts."""
    found: dict[str, str] = {}
    for line in lines:
        key, there, value = line.partition(mark)
        if there:
            found.setdefault(key.strip(), value.strip())
    return found


def _percent(level: int | None, scale: int | None) -> int | None:
    if level is None or not scale or not 0 <= level <= scale:
        return None
    return round(100 * level / scale)


def _celsius(text: str | None) -> float | None:
    tenths = integer(text)
    return tenths / 10 if tenths is not None and -300 <= tenths <= 1000 else None
