"""The temperature gate of a board, as its job carries it: the agent waits, the controller shows what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgebench.profiles import Profile

GATE_KEY = "temperature-gate"
LIMIT_S = 1200.0
STEADY_C_PER_MIN = 0.5
"""The same rule as on a phone: begin where it is cool and hardly moves; measurement.md, section 10."""


def is_skipped(prepare: Mapping[str, str]) -> bool:
    """Whether the user asked to begin however warm the device is."""
    return prepare.get(GATE_KEY) == "off"


def board_gate(profile: Profile | None, prepare: Mapping[str, str]) -> dict[str, Any] | None:
    """``gate`` of a job, None where the profile names no temperature to begin at, or the user wants no gate."""
    start_max_c = profile.thermal.start_max_c if profile else None
    if start_max_c is None or is_skipped(prepare):
        return None
    return {
        "start_max_c": start_max_c,
        "slope_c_per_min": STEADY_C_PER_MIN,
        "limit_s": LIMIT_S,
        "ignore_zones": list(profile.thermal.ignore) if profile else [],
    }
