"""The memory pass of a tool: its kernel figures while it ran, one look by `dumpsys meminfo`, and its own line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from edgebench.phones.memory import parse_meminfo
from edgebench.units import MIB

CENTISECOND_NS = 10_000_000
SLACK_NS = 2 * CENTISECOND_NS
_LOOK = re.compile(rb"^(\d{1,15}) process (\d{1,12}) (\d{1,12})$", re.M)


def kernel_stage(readings: bytes, begin: int, end: int) -> dict[str, Any] | None:
    """`peak` of the process that ran from begin to end (ns): VmHWM and VmRSS at most, KiB; None where nobody looked.

    Lines of readings.txt: "<centiseconds> process <VmHWM> <VmRSS>", KiB, as the kernel's /proc/PID/status has them.
    """
    looks = [
        (int(high), int(resident))
        for stamp, high, resident in _LOOK.findall(readings)
        if begin - SLACK_NS <= int(stamp) * CENTISECOND_NS <= end + SLACK_NS
    ]
    if not looks:
        return None
    highs, residents = zip(*looks, strict=True)
    return {"stage": "peak", "kib": {"VmHWM": max(highs), "VmRSS": max(residents)}}


def watched_stages(text: str) -> list[dict[str, Any]]:
    """`watched`: PSS of the whole process as Android sees it, and `gpu`: what its driver holds, where it tells; KiB."""
    found = parse_meminfo(text)
    total = found.pss("TOTAL") or found.summary.get("TOTAL PSS", {}).get("Pss(KB)")
    stages: list[dict[str, Any]] = []
    if total:
        stages.append({"stage": "watched", "kib": {"Pss": total}})
    if found.graphics_kib:
        stages.append({"stage": "gpu", "kib": {"mtrack": found.graphics_kib}})
    return stages


def tool_stage(memory_mib: Mapping[str, float]) -> list[dict[str, Any]]:
    """`tool`: what the tool says of itself, KiB by its own words (growth since it began, peak by polling)."""
    if not memory_mib:
        return []
    return [{"stage": "tool", "kib": {key: round(value * MIB / 1024, 3) for key, value in memory_mib.items()}}]
