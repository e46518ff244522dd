"""A calibration (`edgebench.calibration/1`) in lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Document = Mapping[str, Any]
BUSY = 0.1


def calibration_lines(found: Document) -> list[str]:
    """What was reached, by whom and when; the ridge of each precision is peak / bandwidth."""
    mode = f", power mode {found['power_mode']}" if found["power_mode"] else ""
    simulated = ", simulated" if found["simulated"] else ""
    head = f"{found['device']}{simulated}: {found['runtime']} on {found['accelerator']}{mode}, {found['date']}"
    memory = found["bandwidth"]
    lines = [head, f"  memory  {_rate(memory, 'GB/s')}, arrays of {memory['size']:.0f} MiB"]
    for one in found["compute"]:
        peak = one["peak"]
        ridge = peak["value"] / memory["value"]
        edge = f"{peak['size']:.0f} x {peak['size']:.0f}"
        lines.append(
            f"  {one['precision']}    {_rate(peak, 'GFLOP/s')}, products of {edge}; ridge {ridge:.1f} FLOP/byte"
        )
    if (found["foreign_load"] or 0) >= BUSY:
        share = f"{found['foreign_load']:.0%}"
        lines.append(f"  others took up to {share} of the CPU meanwhile: calibrate again when the device is quiet")
    return lines


def _rate(rate: Document, unit: str) -> str:
    between = f" ({rate['lo']:.4g} to {rate['hi']:.4g})" if rate["lo"] and rate["hi"] else ""
    return f"{rate['value']:.4g} {unit}{between}"
