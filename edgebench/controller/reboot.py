"""A board's power mode that takes a reboot: set before its rows are measured, and put back when they are.

Only with `--allow-reboot`. The agent answers nvpmodel's question, the board goes down, and the host waits until the
same board answers again with another boot id; then it looks whether the mode is the one that was asked for.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from edgebench.controller.restore import Restored, restore_device
from edgebench.controller.session import DeviceSession, read_facts
from edgebench.errors import DeviceError, DeviceLost, DeviceUnfit, RowFailure, UsageError
from edgebench.transports.base import Clock

SET_TIMEOUT_S = 240.0
"""nvpmodel is asked up to four times, a minute each at most."""

UP_AGAIN_S = 600.0
GOES_DOWN_S = 120.0
"""A board that said it would restart, and after so long still answers as before, has not."""

POLL_S = 3.0
RESTARTS = "the device restarts now"
"""How the agent's journal says that undoing an entry takes the board down at this moment."""


@dataclass(frozen=True)
class ModeChange:
    """The mode before and the one asked for ({"id", "name"} each, None: not told).

    `rebooted`: it is set now, by a restart; else it can be set live, which is left to the jobs, or `refused` says why
    it cannot.
    """

    before: dict[str, Any] | None
    mode: dict[str, Any] | None
    rebooted: bool = False
    refused: str | None = None


def check_power_mode(device: DeviceSession, wanted: str) -> None:
    """A mode that the board does not list is a slip: minutes in another one would be in vain. Raises `RowFailure`.

    A board that lists none (no nvpmodel, or one that asks for a password) is left to the job, which says so.
    """
    events = device.client.call("modes", "--root", device.client.root)
    modes: list[dict[str, Any]] = next((event["modes"] for event in events if event["ev"] == "modes"), [])
    if modes and not any(_is_mode(mode, None, wanted.strip()) for mode in modes):
        known = ", ".join(f"{mode['name']} ({mode['id']})" for mode in modes)
        raise RowFailure("bad-input", f"there is no power mode {wanted!r}", hint=f"{device.entry.name} has {known}")


def set_power_mode(device: DeviceSession, wanted: str, *, clock: Clock = time) -> ModeChange:
    """Set a power mode that takes a restart of the board; `device.facts` are new after it.

    One that can be set live is left to the jobs.

    What sudo or nvpmodel refuses is `refused`, as preparing a job would tell it. Raises `DeviceLost` where the board
    stays away, `DeviceUnfit` where it does not restart or comes up in another mode.
    """
    if wanted.startswith("-"):
        raise UsageError(f"there is no power mode {wanted!r}")
    options = ["--home", device.client.home, "--root", device.client.root, "--allow-reboot"]
    try:
        events = device.client.call("set-mode", wanted, *options, timeout_s=SET_TIMEOUT_S)
    except DeviceLost:
        events = [{"ev": "rebooting"}]  # its farewell may be lost with the link; its boot id tells whether it was one
    said = next((event for event in events if event["ev"] == "mode"), {})
    going = next((event for event in events if event["ev"] == "rebooting"), None)
    before = said.get("before") or device.facts.get("power_mode")
    if going is None:
        refused = said.get("refused")
        return ModeChange(before, said.get("mode"), refused=str(refused.get("message")) if refused else None)
    await_reboot(device, f"power mode {wanted}", clock=clock)
    now = device.facts.get("power_mode")
    aimed = going.get("mode") or {}
    if not _is_mode(now, aimed.get("id"), wanted):
        name = now.get("name") if isinstance(now, dict) else "none that it tells"
        raise DeviceUnfit(device.entry.name, f"restarted for power mode {wanted} and is in {name}", code="needs-reboot")
    return ModeChange(before, now, rebooted=True)


def _is_mode(now: Any, aimed: int | None, wanted: str) -> bool:
    if not isinstance(now, dict):
        return False
    if aimed is not None:
        return bool(now.get("id") == aimed)
    return wanted.lower() in (str(now.get("name")).lower(), str(now.get("id")))


def put_back(device: DeviceSession, *, force: bool = False, clock: Clock = time) -> Restored:
    """Put back all that the journal says, restarting the board for a power mode if that takes it.

    Raises as `restore_device` and `await_reboot` do.
    """
    noted = [entry for event in device.client.status() if event["ev"] == "journal" for entry in event["entries"]]
    going = next((entry for entry in noted if entry.get("reboot")), None)
    try:
        done = restore_device(device, force=force, allow_reboot=going is not None)
        if not any(one.get("reboot") and RESTARTS in str(one.get("why")) for one in done.failed):
            return done  # or sudo refused it: no restart is coming
    except DeviceLost:
        if going is None:
            raise
        done = Restored((), (), None)  # its words went down with the board
    await_reboot(device, f"power mode {going.get('old') if going else '?'}", clock=clock)
    after = restore_device(device, force=False)
    return Restored((*done.entries, *after.entries), after.failed, done.stopped)


def await_reboot(
    device: DeviceSession,
    why: str,
    *,
    clock: Clock = time,
    up_again_s: float = UP_AGAIN_S,
    goes_down_s: float = GOES_DOWN_S,
) -> None:
    """Return once the board answers with another boot id, connected and its facts read anew.

    Raises `DeviceLost` when it stays away for `up_again_s`, `DeviceUnfit` when it never went down.
    """
    name, boot = device.entry.name, device.facts.get("boot_id")
    began = clock.monotonic()
    device.view.tell(f"{name}: it restarts ({why}); waiting up to {up_again_s / 60:.0f} min until it answers again")
    reached = False
    while True:
        waited = clock.monotonic() - began
        try:
            device.view.phase(name, "reboot", f"{why}: {waited:.0f} s")
            device.reconnect()
            facts = read_facts(device.client)
            if facts.get("boot_id") != boot:
                device.facts = facts
                device.view.tell(f"{name}: up again after {clock.monotonic() - began:.0f} s")
                return
            reached, last = True, "it answers, and has not restarted"
        except DeviceError as error:
            reached, last = False, error.message
        if reached and waited >= goes_down_s:
            hint = f"restart it by hand, then `edgebench devices check {name}`"
            raise DeviceUnfit(name, f"did not restart within {waited:.0f} s ({why})", code="needs-reboot", hint=hint)
        if waited >= up_again_s:
            hint = f"look at the board; once it is up: `edgebench devices restore {name} --allow-reboot`"
            raise DeviceLost(name, f"not up again {waited:.0f} s after its restart ({why}): {last}", hint=hint)
        clock.sleep(POLL_S)
