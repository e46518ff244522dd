"""A board's roofs: the most operations and bytes a second of one of its units, as declared or as measured.

Roofline: Williams, Waterman, Patterson, "Roofline: an insightful visual performance model", CACM 52 (2009).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgebench.controller.calibrations import BUSY, Calibration
from edgebench.errors import UsageError
from edgebench.profiles import Profile
from edgebench.profiles.profile import Compute, Memory

BITS = {"fp32": 32, "tf32": 32, "fp16": 16, "bf16": 16, "int8": 8, "fp8": 8, "fp4": 4}
"""Precision -> bits of a number that is stored so; tf32 computes with fewer than it stores."""

DECLARED = ("fp32", "tf32", "fp16", "int8", "fp8", "fp4")
ACCELERATOR_UNITS = {"cpu": "cpu", "cuda": "gpu", "gpu": "gpu"}


@dataclass(frozen=True)
class Roof:
    """One precision's roof: `gops` (10^9 operations/s) and `gbs` (10^9 bytes/s), with where each comes from."""

    precision: str
    gops: float
    gbs: float
    source: str
    confidence: str | None
    measured: bool = False

    @property
    def ridge(self) -> float:
        """Operations a byte from which on arithmetic is the limit: peak / bandwidth."""
        return self.gops / self.gbs


@dataclass(frozen=True)
class Roofs:
    """The roofs of one unit of a board. `without`: precision -> why there is no roof for it.

    `clock_mhz` and `memory_mhz` are what the declared roofs hold for, None where nothing is declared; `clocks` says
    in words where those come from.
    """

    unit: str
    title: str
    roofs: tuple[Roof, ...]
    without: Mapping[str, str]
    clock_mhz: float | None
    memory_mhz: float | None
    clocks: str


def roofs_of(
    name: str, profile: Profile | None, calibration: Calibration | None, facts: Mapping[str, Any] | None
) -> Roofs:
    """The roofs of the unit that a board is bought for: its GPU, else its CPU; measured ones before declared ones.

    `facts` None: the device was not asked, and its highest declared clocks count, so that bounds hold in every mode.
    Raises `UsageError` where no figure is known.
    """
    unit = next((one for one in profile.compute if _peaks(one)), None) if profile else None
    kind = unit.unit if unit else "cpu"
    measured = calibration if calibration and ACCELERATOR_UNITS.get(calibration.accelerator) == kind else None
    declared, clock, memory, words = _declared(profile, unit, facts) if profile and unit else ((), None, None, "")
    roofs = {roof.precision: roof for roof in declared} | {roof.precision: roof for roof in _measured(measured)}
    if not roofs:
        raise UsageError(
            f"{name}: no peak or bandwidth is known of it",
            hint=f"measure them: `edgebench devices calibrate {name}`; or give a profile as jetson-nano",
        )
    if all(roof.measured for roof in roofs.values()):
        words = "as they were when it was calibrated"
    without = {precision: _why_without(unit, precision) for precision in unit.unsupported} if unit else {}
    shown = tuple(sorted(roofs.values(), key=lambda roof: -BITS[roof.precision]))
    return Roofs(kind, _title(unit, kind), shown, without, clock, memory, words)


def _declared(
    profile: Profile, unit: Compute, facts: Mapping[str, Any] | None
) -> tuple[tuple[Roof, ...], float | None, float | None, str]:
    """The profile's roofs at the clocks that the board has now or, unasked, at the highest that are declared."""
    clock, clock_is_live = _clock(unit, _live_clock(unit, facts))
    memory_clock, memory_is_live = _clock(profile.memory, _live_memory_clock(unit, facts))
    gbs = _scaled(profile.memory.bandwidth_gbs, profile.memory, memory_clock)
    if gbs is None:
        return (), clock, memory_clock, ""
    roofs = tuple(
        Roof(
            precision,
            _scaled(gops, unit, clock) or gops,
            gbs,
            f"{unit.formula}; {profile.memory.formula} [{unit.source}; {profile.memory.source}]",
            _weaker(unit.confidence, profile.memory.confidence),
        )
        for precision, gops in _peaks(unit).items()
    )
    return roofs, clock, memory_clock, _clock_words(clock_is_live, memory_is_live)


def _peaks(unit: Compute) -> dict[str, float]:
    """Precision -> declared peak at the unit's clock."""
    found = {precision: getattr(unit, f"{precision}_gops") for precision in DECLARED}
    return {precision: gops for precision, gops in found.items() if gops is not None}


def _clock(record: Compute | Memory, live: float | None) -> tuple[float | None, bool]:
    """The clock to reckon with (MHz), and whether it is the board's own word."""
    if live is not None and record.clock_mhz is not None:
        return live, True
    return record.clock_mhz_super or record.clock_mhz, False


def _scaled(figure: float | None, record: Compute | Memory, clock: float | None) -> float | None:
    """A peak that holds at the record's clock, at another one: both grow in step."""
    if figure is None or clock is None or record.clock_mhz is None:
        return figure
    return figure * clock / record.clock_mhz


def _live_clock(unit: Compute, facts: Mapping[str, Any] | None) -> float | None:
    """The highest clock that the board's power mode allows the unit now, MHz."""
    if not facts:
        return None
    if unit.unit == "gpu":
        return _number((facts.get("clocks") or {}).get("gpu_max_mhz"))
    if unit.unit == "cpu":
        khz = [one for one in ((facts.get("cpu") or {}).get("max_khz") or {}).values() if _number(one)]
        return max(khz) / 1000 if khz else None
    return None


def _live_memory_clock(unit: Compute, facts: Mapping[str, Any] | None) -> float | None:
    return _number(((facts or {}).get("clocks") or {}).get("emc_max_mhz"))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None


def _clock_words(unit_is_live: bool, memory_is_live: bool) -> str:
    if unit_is_live and memory_is_live:
        return "the board's present limits"
    if unit_is_live:
        return "the board's present limit; the memory's by its profile (root alone may read it)"
    return "the highest that the profile declares: the board was not asked, or does not tell"


def _measured(calibration: Calibration | None) -> list[Roof]:
    if calibration is None or calibration.bandwidth is None:
        return []
    where = f"measured {calibration.date[:10]} by {calibration.runtime} on {calibration.accelerator}"
    if (calibration.foreign_load or 0) >= BUSY:
        where += f", while others took up to {calibration.foreign_load:.0%} of the CPU"
    bandwidth = calibration.bandwidth.value
    return [Roof(one.precision, one.peak.value, bandwidth, where, None, True) for one in calibration.compute]


def _weaker(*words: str | None) -> str | None:
    order = ("high", "medium", "low")
    known = [order.index(word) for word in words if word in order]
    return order[max(known)] if known else None


def _why_without(unit: Compute, precision: str) -> str:
    capability = f" (sm_{unit.compute_capability.replace('.', '')})" if unit.compute_capability else ""
    return f"unsupported by {_title(unit, unit.unit)}{capability}: it would run in another precision"


def _title(unit: Compute | None, kind: str) -> str:
    kind = kind.upper()
    return f"{kind} {unit.model}" if unit and unit.model else kind
