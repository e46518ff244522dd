"""Numbers as devices print them: an absurd one is no number, and none of these ever raises."""

from __future__ import annotations

import math

LIMIT = 2**61
"""Beyond it a number is garbage, and would not fit the packed integers of a record."""


def integer(text: str | None) -> int | None:
    """The integer that `text` is, None where it is none.

    >>> integer(" -326171 "), integer("1_000"), integer("4.2"), integer(None)
    (-326171, None, None, None)
    """
    word = (text or "").strip()
    digits = word.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        return None
    value = int(word)
    return value if abs(value) < LIMIT else None


def decimal(text: str | None) -> float | None:
    """The finite decimal number that `text` is, None where it is none.

    >>> decimal("24.83324"), decimal("nan"), decimal("1e999")
    (24.83324, None, None)
    """
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) < LIMIT else None
