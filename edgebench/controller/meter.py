"""An external power meter's file: `t_unix_s,watts`, one line a sample, perhaps still growing."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgebench.errors import UsageError

Floats = NDArray[np.float64]

COLUMNS = ("t_unix_s", "watts")
POLL_S = 0.25
FORMAT_HINT = "lines of `t_unix_s,watts`, such as `1790000000.25,3.141`, in the order of time"


@dataclass(frozen=True)
class Meter:
    """A meter's samples: Unix seconds by its own clock, ascending, and watts; both of shape (m,)."""

    name: str
    t_unix_s: Floats
    watts: Floats

    @property
    def rate_hz(self) -> float | None:
        """Samples a second, None from fewer than two."""
        return 1.0 / float(np.median(np.diff(self.t_unix_s))) if self.t_unix_s.size > 1 else None

    @property
    def resolution_w(self) -> float:
        """The smallest step between its figures, W; 0 where all are equal."""
        steps = np.diff(np.unique(self.watts))
        return round(float(steps.min()), 9) if steps.size else 0.0


def read_meter(path: Path) -> Meter:
    """Read a meter's file; a last line without its end is still being written, and is left out.

    Raises `UsageError` naming the line that is not `t_unix_s,watts`, that is not a number, or goes back in time.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint="give the meter's CSV file") from error
    whole = text[: text.rfind("\n") + 1]
    samples = list(_samples(path.name, whole.splitlines()))
    times = np.asarray([t for t, _ in samples], np.float64)
    backwards = np.flatnonzero(np.diff(times) <= 0)
    if backwards.size:
        at = times[backwards[0] + 1]
        raise UsageError(f"{path.name}: time does not go on at {at:.3f}", hint=FORMAT_HINT)
    return Meter(path.name, times, np.asarray([w for _, w in samples], np.float64))


def follow_meter(path: Path, until_unix_s: float, patience_s: float = 10.0) -> Meter:
    """Read a meter's file once it reaches a moment, or as it is when `patience_s` have passed.

    Raises as `read_meter` does.
    """
    give_up = time.monotonic() + patience_s
    meter = read_meter(path)
    while (meter.t_unix_s.size == 0 or meter.t_unix_s[-1] < until_unix_s) and time.monotonic() < give_up:
        time.sleep(POLL_S)
        meter = read_meter(path)
    return meter


def meter_rate_hz(path: Path) -> float | None:
    """Samples a second of a meter's file so far, for planning soak and idles; None if it has too few.

    Raises as `read_meter` does.
    """
    return read_meter(path).rate_hz


def _samples(name: str, lines: list[str]) -> Iterator[tuple[float, float]]:
    at = (0, 1)
    for number, row in enumerate(csv.reader(lines), start=1):
        if not row or row[0].lstrip().startswith("#"):
            continue
        if number == 1 and not _is_number(row[0]):
            at = _header(name, row)
            continue
        values = [_number(row[column]) if column < len(row) else None for column in at]
        if values[0] is None or values[1] is None:
            raise UsageError(f"{name}, line {number}: {','.join(row)!r} is no sample", hint=FORMAT_HINT)
        yield values[0], values[1]


def _header(name: str, row: list[str]) -> tuple[int, int]:
    names = [cell.strip() for cell in row]
    missing = [column for column in COLUMNS if column not in names]
    if missing:
        raise UsageError(f"{name} has no column {missing[0]!r}: {', '.join(names)}", hint=FORMAT_HINT)
    return names.index(COLUMNS[0]), names.index(COLUMNS[1])


def _is_number(text: str) -> bool:
    return _number(text) is not None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
