"""What could not be set on a phone, one warning a reason instead of one a setting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Event = dict[str, Any]
CODE = "pin-failed"


def merged(events: Iterable[Mapping[str, Any]]) -> list[Event]:
    """The events with the agent's `pin-failed` warnings ("SETTING: why") of one reason put together at the first.

    >>> [e["text"] for e in merged([{"ev": "warning", "code": "pin-failed", "text": f"{x}: no"} for x in "ab"])]
    ['no: a, b']
    """
    told: list[Event] = []
    by_reason: dict[str, Event] = {}
    for event in events:
        setting, colon, why = str(event.get("text")).partition(": ")
        if event.get("ev") != "warning" or event.get("code") != CODE or not colon:
            told.append(dict(event))
        elif why in by_reason:
            by_reason[why]["text"] += f", {setting}"
        else:
            by_reason[why] = dict(event) | {"text": f"{why}: {setting}"}
            told.append(by_reason[why])
    return told
