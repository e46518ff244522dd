"""`dumpsys thermalservice`: the temperatures that are live, and what each is of.

Only the block "Current temperatures from HAL" is live; "Cached" holds each sensor's last event (46 degC there and 34 in
the live block of one dump of a Pixel 3a). Rows that are no temperatures (mA, mV, percent) and placeholders (-99.9, 0.0)
are left out. Names come before type ids: Samsung's Sdhms HAL shifts the ids by one (its 3 is the battery).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgebench.phones.numbers import decimal, integer

LIVE = "Current temperatures from HAL:"
COOLING = "Current cooling devices from HAL:"
PLAUSIBLE_C = (-30.0, 150.0)
MAX_ROWS = 256
KINDS = {0: "cpu", 1: "gpu", 2: "battery", 3: "skin", 4: "usb", 5: "amplifier", 9: "npu"}
"""Type ids of the thermal HAL 2.0 and its AIDL successor; 6, 7 and 8 are mV, mA and percent."""
NO_TEMPERATURES = (6, 7, 8)
NAMED = {
    "cpu": "cpu", "ap": "cpu", "big": "cpu", "mid": "cpu", "little": "cpu", "gpu": "gpu", "g3d": "gpu",
    "battery": "battery", "bat": "battery", "subbat": "battery", "skin": "skin", "virtual-skin": "skin",
    "usb": "usb", "usb_port": "usb", "pa": "amplifier", "power_amplifier": "amplifier", "npu": "npu", "tpu": "npu",
}  # fmt: skip
STATUS = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")

_ROW = re.compile(r"Temperature\{mValue=([^,{}]*), mType=([^,{}]*), mName=([^,{}]*), mStatus=([^,{}]*)")
_DEVICE = re.compile(r"CoolingDevice\{mValue=([^,{}]*), mType=([^,{}]*), mName=([^,{}]*)\}")


@dataclass(frozen=True)
class Temperature:
    """One live sensor: `kind` of `KINDS` or "other"; `status` 0..6 of that sensor."""

    name: str
    kind: str
    celsius: float
    status: int


@dataclass(frozen=True)
class ThermalState:
    """What the thermal service says: `status` 0..6 (None: not told), live temperatures, cooling devices' states.

    `why` says why there are no temperatures.
    """

    status: int | None = None
    temperatures: tuple[Temperature, ...] = ()
    cooling: tuple[tuple[str, int], ...] = ()
    why: str | None = None

    def hottest(self, kind: str) -> float | None:
        """The highest live temperature of that kind (degC), None where there is none."""
        return max((one.celsius for one in self.temperatures if one.kind == kind), default=None)


def parse_thermal(text: str) -> ThermalState:
    """`dumpsys thermalservice`; a state with `why` where it gives no live temperature."""
    status = integer(_after(text, "Thermal Status:"))
    status = status if status is not None and 0 <= status < len(STATUS) else None
    if (_after(text, "HAL Ready:") or "").strip() == "false":
        return ThermalState(status, why="the thermal HAL is not ready")
    rows = [_temperature(row) for row in map(_ROW.search, _block(text, LIVE)) if row]
    kept = tuple(row for row in rows if row is not None)
    why = None if kept else "dumpsys thermalservice told no current temperature"
    devices = [device for device in map(_DEVICE.search, _block(text, COOLING)) if device]
    values = [(device[3], integer(device[1])) for device in devices]
    return ThermalState(status, kept, tuple((name, value) for name, value in values if value is not None), why)


def _after(text: str, key: str) -> str | None:
    """The rest of the first line that begins with `key`."""
    found = re.search(rf"^{re.escape(key)}(.*)$", text, re.MULTILINE)
    return found[1] if found else None


def _block(text: str, header: str) -> list[str]:
    """The indented lines under a header."""
    lines = text.splitlines()
    start = next((at + 1 for at, line in enumerate(lines) if line.strip() == header), len(lines))
    block = []
    for line in lines[start : start + MAX_ROWS]:
        if not line[:1].isspace():
            break
        block.append(line)
    return block


def _temperature(row: re.Match[str]) -> Temperature | None:
    celsius, kind_id, name = decimal(row[1]), integer(row[2]), row[3].strip()[:64]
    plain = name.lower().removeprefix("type_")
    kind = NAMED.get(plain)
    if kind is None and kind_id in NO_TEMPERATURES:
        return None
    if celsius is None or celsius == 0.0 or not PLAUSIBLE_C[0] <= celsius <= PLAUSIBLE_C[1]:
        return None
    if kind is None:
        kind = KINDS.get(kind_id if kind_id is not None else -1, "other")
    return Temperature(name, kind, celsius, integer(row[4]) or 0)
