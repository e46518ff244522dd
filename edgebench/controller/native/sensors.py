"""Which sensors of a phone can be read, by what it answered: the part of its facts that `sources.py` chooses from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgebench.phones import commands
from edgebench.phones.answers import Answers
from edgebench.phones.battery import parse_battery_dump
from edgebench.phones.rails import parse_enabled_rails, parse_energy_meter, parse_energy_value
from edgebench.phones.thermal import parse_thermal

Firsts = Mapping[str, str | None]


def find_sensors(answers: Answers, prefix: str = "") -> dict[str, Any]:
    """The readable sensors: zones, cooling, policies, gauge, rails (files), meter (HAL) and what the dumps tell.

    Paths are without `prefix`; `denied` counts files that are there and cannot be read.
    """
    zones = _below(answers.firsts(commands.ZONES), prefix)
    clocks = _below(answers.firsts(commands.CLOCKS), prefix)
    gauge = _below(answers.firsts(commands.GAUGE), prefix)
    meter = parse_energy_meter(answers.text(commands.METER_DUMP))
    return {
        "zones": _typed(zones, "temp"),
        "cooling": _typed(zones, "cur_state"),
        "policies": sorted(_folder(path) for path, line in clocks.items() if _readable(path, line, "scaling_cur_freq")),
        "gauge": {path.rpartition("/")[2]: path for path, line in gauge.items() if line is not None},
        "rails": _rails(answers, prefix),
        "meter": [[rail.name, rail.subsystem] for rail in meter],
        "thermal_dump": bool(parse_thermal(answers.text(commands.THERMAL_DUMP)).temperatures),
        "battery_dump": parse_battery_dump(answers.text(commands.BATTERY_DUMP)).why is None,
        "battery_dump_current": parse_battery_dump(answers.text(commands.BATTERY_DUMP)).current is not None,
        "adreno_governor": _first(_below(answers.firsts(commands.ADRENO), prefix), "/governor"),
        "denied": sum(line is None for line in (zones | clocks | gauge).values()),
    }


def _below(firsts: Firsts, prefix: str) -> dict[str, str | None]:
    return {path.removeprefix(prefix): line for path, line in firsts.items()}


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _readable(path: str, line: str | None, name: str) -> bool:
    return path.endswith("/" + name) and line is not None


def _first(firsts: Firsts, ending: str) -> str | None:
    return next((line for path, line in firsts.items() if path.endswith(ending)), None)


def _typed(firsts: Firsts, name: str) -> list[list[str]]:
    """[path, type] of every device whose value can be read, in the kernel's order."""
    found = [path for path, line in firsts.items() if _readable(path, line, name)]
    kinds = [firsts.get(f"{_folder(path)}/type") or _folder(path).rpartition("/")[2] for path in found]
    return sorted(([path, kind[:64]] for path, kind in zip(found, kinds, strict=True)), key=_natural)


def _natural(row: list[str]) -> tuple[int, str]:
    return len(row[0]), row[0]


def _rails(answers: Answers, prefix: str) -> list[dict[str, Any]]:
    """The rail files that can be read: [{path, rails: [[name, subsystem]]}]."""
    files = {path.removeprefix(prefix): lines for path, lines in answers.lines(commands.RAILS).items()}
    found = []
    for path, lines in sorted(files.items()):
        energy = parse_energy_value("\n".join(lines or [])) if path.endswith("/energy_value") else {}
        enabled = parse_enabled_rails("\n".join(files.get(f"{_folder(path)}/enabled_rails") or []))
        subsystems = {rail.name: rail.subsystem for rail in enabled}
        if energy:
            found.append({"path": path, "rails": [[name, subsystems.get(name, "")] for name in energy]})
    return found
