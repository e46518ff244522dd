"""Is the timer fine enough for a spread to mean anything (measurement, section 2)?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgebench.stats.arrays import Ints

MIN_STEPS = 100
MIN_DISTINCT = 10
_GRID_SAMPLES = 10


@dataclass(frozen=True)
class TimerCheck:
    """What the timer's resolution leaves of the samples.

    `step_ns` is the coarser of the stated resolution and the grid that all samples lie on; `steps` the median in such
    steps. With `spread_allowed` False no standard deviation or interval may be computed, and `why` says so.
    """

    spread_allowed: bool
    step_ns: int
    steps: float
    distinct: int
    why: str | None = None


def check_timer(durations_ns: Ints, resolution_ns: int) -> TimerCheck:
    """Judge integer durations (ns, any order) taken with a timer of `resolution_ns`.

    Refused: a median under 100 steps, or fewer than 10 distinct values (half the samples where there are under 20).
    The stated resolution is not trusted alone: the greatest common divisor of ten or more samples counts as well.
    Raises ValueError for no samples.
    """
    if durations_ns.size == 0:
        raise ValueError("a timer check needs samples")
    distinct = int(np.unique(durations_ns).size)
    step = max(1, int(resolution_ns))
    # Samples that are all equal would be their own grid, which says nothing about the timer.
    if durations_ns.size >= _GRID_SAMPLES and distinct > 1:
        step = max(step, int(np.gcd.reduce(durations_ns)))
    steps = float(np.median(durations_ns)) / step
    why = None
    if distinct < min(MIN_DISTINCT, durations_ns.size / 2):
        why = f"only {distinct} distinct values among {durations_ns.size}: the timer's step is {step} ns"
    elif steps < MIN_STEPS:
        why = f"the median is {steps:.0f} steps of {step} ns: a spread needs {MIN_STEPS}"
    return TimerCheck(why is None, step, steps, distinct, why)
