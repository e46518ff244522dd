"""On-device power rails (Pixel 6 and later): counters that accumulate in hardware, whatever the battery does.

Two ways to the same chip: the kernel's `energy_value` (root), in uWs; the PowerStats HAL's dump (shell), in mWs. Rails
can be switched to other channels, so that a rail's counter is known by its name, never by its channel.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgebench.phones.numbers import decimal, integer

MAX_RAILS = 64
SUBSYSTEM = "subsystem:"
METER = "energy meter"
END = "========== End of PowerStats HAL"

_CHANNEL = re.compile(r"^CH(\d+)\(T=(\d+)\)\[([^\]]{1,64})\], (\d+)$")
_TIME = re.compile(r"^t=(\d{1,15})$")
_ENABLED = re.compile(r"^CH\d+\[([^\]]{1,64})\]:(.{1,64})$")
_METER = re.compile(r"^\s*\[([^\]]{1,64})\]:(.{1,64}?)\s{2,}([\d.]+) mWs\b")


@dataclass(frozen=True)
class Rail:
    """A rail: its name on the board and the subsystem it feeds, "" where that is not told."""

    name: str
    subsystem: str = ""


def parse_energy_line(line: str) -> tuple[str, int] | None:
    """(rail, uJ) of one line of `energy_value`, None for the time's line and for garbage.

    >>> parse_energy_line("CH0(T=349894)[S10M_VDD_TPU], 5578756")
    ('S10M_VDD_TPU', 5578756)
    """
    row = _CHANNEL.match(line.strip())
    energy = integer(row[4]) if row else None
    return (row[3], energy) if row and energy is not None else None


def parse_energy_value(text: str) -> dict[str, int]:
    """Rail -> energy since boot in uJ of a whole `energy_value` file."""
    rows = [parse_energy_line(line) for line in text.splitlines()[: MAX_RAILS + 1]]
    return dict(row for row in rows if row)


def parse_energy_time(text: str) -> int | None:
    """When the chip's counters were latched that `energy_value` shows: ms of CLOCK_BOOTTIME, the clock of /proc/uptime.

    The driver answers from a cache, so that this is up to some milliseconds before the file was read (odpm.c of gs101
    and gs201: "t=<Measurement timestamp, ms>", of ktime_get_boottime). None where the file does not say.
    """
    row = _TIME.match(text.partition("\n")[0].strip())
    return int(row[1]) if row else None


def parse_enabled_rails(text: str) -> tuple[Rail, ...]:
    """The rails that are measured, with their subsystems, in the order of their channels."""
    rows = [_ENABLED.match(line.strip()) for line in text.splitlines()[:MAX_RAILS]]
    return tuple(Rail(row[1], row[2].strip()) for row in rows if row)


def parse_meter_line(line: str) -> tuple[Rail, int] | None:
    """(rail, uJ) of one line of the HAL's energy meter, None for all others; any delta beside it is left alone."""
    row = _METER.match(line)
    energy = decimal(row[3]) if row else None
    return (Rail(row[1], row[2]), round(energy * 1000)) if row and energy is not None else None


def parse_energy_meter(text: str) -> dict[Rail, int]:
    """Rail -> energy since boot in uJ of `dumpsys android.hardware.power.stats.IPowerStats/default`."""
    found: dict[Rail, int] = {}
    inside = False
    for line in text.splitlines():
        if line.startswith("=="):
            inside = METER in line and not line.startswith(END)
        row = parse_meter_line(line) if inside and len(found) < MAX_RAILS else None
        if row:
            found[row[0]] = row[1]
    return found


def choose_total(rails: Iterable[Rail], wanted: Sequence[str]) -> list[str]:
    """Names of the rails that a profile's whitelist adds up: exact names, or "subsystem:REGEX" on what they feed."""
    found = []
    for rail in rails:
        for want in wanted:
            pattern = want.removeprefix(SUBSYSTEM)
            if rail.name == want or (pattern != want and rail.subsystem and re.search(pattern, rail.subsystem)):
                found.append(rail.name)
                break
    return found
