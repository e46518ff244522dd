"""What the processes of a step come to: their summaries, the blocks of a soak, a pace, a placement, what to warn of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgebench.backends.native.base import Delegation, Stats, ToolReport
from edgebench.stats.soak import share_beside
from edgebench.units import NS_PER_MS, NS_PER_S

Event = dict[str, Any]

GAPS_TOLD = 0.1
"""A soak with more of its time between processes is told of."""


@dataclass(frozen=True)
class Process:
    """One process of a step: when it ran (device ns), and what it said."""

    begin: int
    end: int
    report: ToolReport
    cut: bool = False

    @property
    def busy_ns(self) -> float:
        """Time inside it that went into steady inferences."""
        stats = self.report.inference
        return stats.n * stats.mean if stats else 0.0


def wall_ns(processes: Sequence[Process]) -> int:
    """From the first begin to the last end."""
    return processes[-1].end - processes[0].begin


def summary(stats: Stats) -> Event:
    """n, mean, min, max, sd in ns; `aggregate` marks that no sample stands behind it."""
    return {
        "aggregate": True, "n": stats.n, "mean": stats.mean, "min": stats.min, "max": stats.max, "sd": stats.sd,
    }  # fmt: skip


def block(process: Process, stats: Stats) -> Event:
    """A process of the soak as a block: its window, what ran in it steadily, and how much before that as warm-up."""
    warmup = process.report.warmup
    return {
        "aggregate": True, "n": stats.n, "items": stats.n, "mean_ns": stats.mean,
        "t0": process.begin, "t1": process.end,
        "warmup_n": warmup.n if warmup else 0, "warmup_ns": warmup.n * warmup.mean if warmup else 0.0,
    }  # fmt: skip


def paced(processes: Sequence[Process], fps: float) -> Event:
    """Frames run and, only where it is certain, missed: none, where the slowest inference fits between two frames."""
    known = [process.report.inference for process in processes if process.report.inference is not None]
    slots, period = sum(stats.n for stats in known), NS_PER_S / fps
    slowest = [stats.max for stats in known if stats.max is not None]
    if known and len(slowest) == len(known) and max(slowest) <= period:
        return {"fps": fps, "slots": slots, "missed": 0, "n": slots}
    mean = sum(stats.n * stats.mean for stats in known) / slots if slots else 0.0
    told = f"; its slowest inference took {max(slowest) / NS_PER_MS:.1f} ms" if slowest else ""
    why = f"the tool counts no missed frames{told}, the mean {mean / NS_PER_MS:.1f} ms of {period / NS_PER_MS:.1f} ms"
    return {"fps": fps, "slots": slots, "missed": None, "n": slots, "why": why}


def gap_share(processes: Sequence[Process]) -> float:
    """Share of the time from the first begin to the last end that went into no inference: loading, starting, ending."""
    busy = sum(p.busy_ns + (p.report.warmup.n * p.report.warmup.mean if p.report.warmup else 0.0) for p in processes)
    return share_beside(wall_ns(processes), busy)


def warnings(processes: Sequence[Process]) -> list[Event]:
    """The tools' notes, text of no known dialect, and gaps of a soak that matter; fields of `warning` events."""
    notes = dict.fromkeys(note for process in processes for note in process.report.notes)
    found: list[Event] = [{"code": "tool", "text": note} for note in notes]
    raw = next((process.report.raw for process in processes if process.report.code == "unparsed-output"), None)
    if raw:
        found.append({"code": "unparsed-output", "text": f"the tool printed: {raw}"})
    share = gap_share(processes) if len(processes) > 1 else 0.0
    if share > GAPS_TOLD:
        text = (
            f"the soak is {len(processes)} processes, and {share:.0%} of its time went into starting and loading them"
        )
        found.append(
            {"code": "soak-gaps", "text": text, "hint": "W and mJ hold that time, FPS does not; a device cools in it"}
        )
    return found


def placement(found: Delegation, accelerator: str) -> Event:
    """Nodes by accelerator where they are counted; `whole` and `kernels` where they are not."""
    nodes = {accelerator: found.nodes[0], "cpu": found.nodes[1] - found.nodes[0]} if found.nodes else {}
    return {
        "nodes": {name: n for name, n in nodes.items() if n}, "names": {}, "source": "tool", "whole": found.whole,
        "kernels": found.kernels, "line": found.line,
    }  # fmt: skip
