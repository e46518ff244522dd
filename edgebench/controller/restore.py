"""Putting a device back in order after a session that could not."""

from __future__ import annotations

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
        lines += [f"{one.get('path')} could not be put back: {one.get('why')}" for one in self.failed]
        return lines or ["nothing to restore"]


def _put_back(entry: dict[str, Any]) -> str:
    """An entry whose undoing is no value (a setting that was not there, a pair of commands) has no `old`."""
    path, old = entry.get("path"), entry.get("old")
    return f"{path} is {old} again" if old is not None else f"{path} is as before again"


def restore_device(session: DeviceSession, *, force: bool) -> Restored:
    """Put back what the journal says. Raises `DeviceLocked` under a live lease, unless `force` ends it first."""
    events = session.client.home_call("restore", *(["--force"] if force else []), timeout_s=TIMEOUT_S)
    said = next((event for event in events if event["ev"] == "restored"), None)
    if said is None:
        raise DeviceLost(session.entry.name, "the agent did not say what it put back")
    stopped = next((event for event in events if event["ev"] == "stopped"), None)
    return Restored(
        tuple(said.get("entries") or ()),
        tuple(said.get("failed") or ()),
        {key: stopped.get(key) for key in ("job", "how")} if stopped else None,
    )
