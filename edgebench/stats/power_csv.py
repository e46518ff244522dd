"""Bring an external meter's series onto the device's clock (measurement, section 7)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgebench.stats.arrays import Floats, Ints

NS = 1_000_000_000
NOT_ALIGNED = "not aligned"
MIN_CORRELATION = 0.7
_MIN_SAMPLES = 3
_GRID = 20001
_CHI_SQUARED_95 = 3.84


@dataclass(frozen=True)
class Alignment:
    """A meter's times on the device's monotonic clock: `t_ns` (m,), shifted by `offset_ns` from its own clock's claim.

    `error_ns` bounds the offset on either side (95 %). Where no edge was found `t_ns`, `offset_ns` and `error_ns` are
    None and `why` is "not aligned" with the reason.
    """

    t_ns: Ints | None
    offset_ns: int | None
    error_ns: int | None
    correlation: float
    why: str | None = None


def to_device_ns(t_unix_s: Floats, monotonic_ns: int, realtime_ns: int) -> Ints:
    """Unix seconds (m,) as device monotonic ns, by a recorded pair of the device's clocks."""
    # Subtract whole seconds first: a float64 of today's Unix time times 1e9 keeps 256 ns at best.
    whole_s, rest_ns = divmod(realtime_ns, NS)
    return np.rint((t_unix_s - whole_s) * NS).astype(np.int64) - rest_ns + monotonic_ns


def align(
    t_unix_s: Floats,
    watts: Floats,
    clock_pair_ns: tuple[int, int],
    burn_ns: tuple[int, int],
    search_s: float = 10.0,
) -> Alignment:
    """Align a meter's series (m,) by a CPU burn of known (start, end) on the device's monotonic clock.

    `clock_pair_ns` is the device's (monotonic, realtime). Of all shifts within +-`search_s` the one is taken at which
    power correlates best with "the burn is on", over the burn and, on both sides of it, the search range and the
    burn's length again, where the device should otherwise be idle. Found means: at least three samples within the burn
    and outside it, a correlation of .7, and a best shift away from the ends of the search.
    Raises ValueError for arrays of different lengths or a burn without length.
    """
    if t_unix_s.size != watts.size or burn_ns[1] <= burn_ns[0]:
        raise ValueError("alignment needs one value per time and a burn with a length")
    claimed = to_device_ns(t_unix_s, *clock_pair_ns)
    reach = round(search_s * NS)
    margin = reach + burn_ns[1] - burn_ns[0]
    near = (claimed >= burn_ns[0] - margin) & (claimed <= burn_ns[1] + margin)
    t_ns, power = claimed[near], watts[near]
    if t_ns.size < 4 * _MIN_SAMPLES or np.ptp(power) == 0:
        return _lost(0.0, "the meter recorded nothing around the CPU burn")
    shifts = np.linspace(-reach, reach, _GRID).astype(np.int64)
    scores = _correlations(t_ns, power, burn_ns, shifts)
    best = float(scores.max())
    if best < MIN_CORRELATION:
        return _lost(best, f"no edge like the CPU burn (correlation {best:.2f})")
    plateau = np.flatnonzero(_likely(scores, t_ns.size))
    if plateau[0] == 0 or plateau[-1] == shifts.size - 1:
        return _lost(best, f"the edge lies at the end of the +-{search_s:g} s searched")
    # A shift of the burn to later means that the meter's clock runs ahead by as much.
    offset = -int((shifts[plateau[0]] + shifts[plateau[-1]]) // 2)
    grid = 2 * reach // (_GRID - 1)
    error = (int(np.median(np.diff(t_ns))) + int(shifts[plateau[-1]] - shifts[plateau[0]])) // 2 + grid
    return Alignment(claimed + offset, offset, error, best)


def _likely(scores: Floats, n: int) -> npt.NDArray[np.bool_]:
    """Which shifts fit about as well as the best: a likelihood ratio within 3.84, the 95 % point of chi squared (1)."""
    unexplained = np.maximum(1 - np.clip(scores, 0.0, 1.0) ** 2, 1e-12)
    return np.asarray(n * np.log(unexplained / unexplained.min()) <= _CHI_SQUARED_95, dtype=np.bool_)


def _lost(correlation: float, why: str) -> Alignment:
    return Alignment(None, None, None, correlation, f"{NOT_ALIGNED}: {why}")


def _correlations(t_ns: Ints, power: Floats, burn_ns: tuple[int, int], shifts: Ints) -> Floats:
    """Correlation (S,) of power with a step that is on during the burn moved by every shift; -1 where it cannot be."""
    centred = power - power.mean()
    sums = np.concatenate([[0.0], np.cumsum(centred)])
    first = np.searchsorted(t_ns, burn_ns[0] + shifts)
    stop = np.searchsorted(t_ns, burn_ns[1] + shifts)
    inside = (stop - first).astype(np.float64)
    n = t_ns.size
    usable = (inside >= _MIN_SAMPLES) & (inside <= n - _MIN_SAMPLES)
    spread = np.sqrt(np.where(usable, inside * (n - inside) / n, 1.0)) * math.sqrt(float(np.dot(centred, centred)))
    return np.where(usable, (sums[stop] - sums[first]) / spread, -1.0)
