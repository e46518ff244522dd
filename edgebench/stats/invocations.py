"""A variant's value across its invocations (measurement, section 5): the invocation is the statistical unit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgebench.stats.distributions import student_t

MIN_INVOCATIONS = 5


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval, in the unit of the inputs; `lo` and `hi` are None together, with `why`."""

    value: float
    lo: float | None
    hi: float | None
    k: int
    why: str | None = None


def across(figures: Sequence[float]) -> Estimate:
    """Geometric mean of one figure per invocation, with a t interval of the logarithms from five on.

    value exp(mean ln m_j), interval exp(mean +- t_{.975,k-1} s / sqrt(k)).
    Raises ValueError for no figures, or one that is not positive and finite.
    """
    k = len(figures)
    if k == 0 or not all(math.isfinite(figure) and figure > 0 for figure in figures):
        raise ValueError("invocations need positive, finite figures")
    logs = np.log(np.asarray(figures, dtype=np.float64))
    centre = float(logs.mean())
    if k < MIN_INVOCATIONS:
        return Estimate(math.exp(centre), None, None, k, f"{k} invocations; an interval needs {MIN_INVOCATIONS}")
    half = student_t(0.975, k - 1) * float(logs.std(ddof=1)) / math.sqrt(k)
    return Estimate(math.exp(centre), math.exp(centre - half), math.exp(centre + half), k)
