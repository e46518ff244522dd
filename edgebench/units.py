"""Numbers as people read them, and the few unit conversions that are shared."""

from __future__ import annotations

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
MIB = 1024 * 1024


def bytes_text(count: float) -> str:
    """Bytes with a binary unit.

    >>> bytes_text(1536)
    '1.5 KiB'
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024 or unit == "GiB":
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError("unreachable")


def seconds_text(seconds: float) -> str:
    """A span of time, coarse enough to read at a glance.

    >>> seconds_text(95)
    '1 min 35 s'
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def count_text(count: float) -> str:
    """A count with a metric suffix.

    >>> count_text(43_618)
    '43.6 k'
    """
    for limit, suffix in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(count) >= limit:
            return f"{count / limit:.3g}{suffix}"
    return f"{count:g}"


def significant(value: float, digits: int = 3) -> str:
    """A figure with `digits` significant digits and no exponent.

    >>> significant(0.012345), significant(48.513), significant(2694.0)
    ('0.0123', '48.5', '2694')
    """
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    if "e" in text:
        text = f"{value:.0f}" if abs(value) >= 1 else f"{value:.6f}"
    if abs(value) >= 10**digits:
        text = f"{value:.0f}"
    return text
