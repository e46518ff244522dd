"""Moments as people type them: a date, a time, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from edgebench.errors import UsageError

_AGO = re.compile(r"(\d{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_moment(text: str, option: str) -> str:
    """`7d` ago or an ISO 8601 moment (UTC where it names no zone), as ISO 8601. Raises `UsageError`."""
    ago = _AGO.fullmatch(text)
    try:
        if ago is not None:
            return (datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).isoformat()
        return datetime.fromisoformat(text).isoformat()
    except (ValueError, OverflowError):
        hint = "give it as in 2026-11-01, 2026-11-01T14:00 (UTC), 7d, 12h or 2w"
        raise UsageError(f"{option} {text!r} is not a time", hint=hint) from None
