"""Putting a device back in order after a session that could not."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from edgebench.controller.session import DeviceSession
from edgebench.errors import DeviceLost

TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Restored:
    """Journal entries put back, those that could not be (with `why`), and how a live job was ended, if one was."""

    entries: tuple[dict[str, Any], ...]
    failed: tuple[dict[str, Any], ...]
    stopped: dict[str, Any] | None

    def document(self) -> dict[str, Any]:
        """As JSON gives it."""
        return {"restored": list(self.entries), "failed": list(self.failed), "stopped": self.stopped}

    def lines(self) -> list[str]:
        """What happened, for people."""
        lines = [f"job {self.stopped.get('job')} ended ({self.stopped.get('how')})"] if self.stopped else []
        lines += [_put_back(one) for one in self.entries]
        return [*lines, *self.failures()] or ["nothing to restore"]

    def failures(self) -> list[str]:
        """What could not be put back, and why."""
        return [_still_set(one) for one in self.failed]


def _put_back(entry: dict[str, Any]) -> str:
    """An entry whose undoing is no value (a setting that was not there, a pair of commands) has no `old`."""
    path, old = entry.get("path"), entry.get("old")
    return f"{path} is {old} again" if old is not None else f"{path} is as before again"


def _still_set(entry: dict[str, Any]) -> str:
    """A failure, and for a pair of commands what would undo it by hand."""
    text = f"{entry.get('path')} could not be put back: {entry.get('why')}"
    undo = entry.get("undo")
    if not isinstance(undo, list):
        return text
    return f"{text}; by hand: `{'sudo ' if entry.get('as_root') else ''}{shlex.join(map(str, undo))}`"


def restore_device(session: DeviceSession, *, force: bool, allow_reboot: bool = False) -> Restored:
    """Put back what the journal says. Raises `DeviceLocked` under a live lease, unless `force` ends it first.

    With `allow_reboot` a board goes down where its power mode takes that; `reboot.put_back` waits for it.
    """
    options = [*(["--force"] if force else []), *(["--allow-reboot"] if allow_reboot else [])]
    events = session.client.home_call("restore", *options, timeout_s=TIMEOUT_S)
    said = next((event for event in events if event["ev"] == "restored"), None)
    if said is None:
        raise DeviceLost(session.entry.name, "the agent did not say what it put back")
    stopped = next((event for event in events if event["ev"] == "stopped"), None)
    name = session.entry.name
    failed = [
        {**one, "why": str(one.get("why")).replace("restore NAME ", f"restore {name} ")}
        for one in said.get("failed") or ()
    ]
    return Restored(
        tuple(said.get("entries") or ()),
        tuple(failed),
        {key: stopped.get(key) for key in ("job", "how")} if stopped else None,
    )
