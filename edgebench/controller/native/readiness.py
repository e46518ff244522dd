"""Before a phone's run: cool enough, and what will be set on it."""

from __future__ import annotations

import time
from functools import partial

from edgebench.controller.native.gate import TIME_LIMIT_S, GateView, await_cool, limits_of, look_at, skipped
from edgebench.controller.native.job import Line
from edgebench.controller.native.prepare import Preparation, prepare_phone
from edgebench.controller.native.telemetry import profile_for
from edgebench.controller.planning import UNPLUG_S
from edgebench.controller.rows import RowRequest
from edgebench.controller.session import DeviceSession
from edgebench.controller.spec import Settings
from edgebench.controller.view import View
from edgebench.errors import RowFailure, UsageError
from edgebench.transports.base import Clock


def preparation(device: DeviceSession, asked: dict[str, str]) -> Preparation:
    """What will be set on an open phone. Raises `RowFailure` (`bad-input`) for what it has not."""
    over_wifi = ":" in (device.entry.serial or "")
    try:
        return prepare_phone(device.facts, profile_for(device), asked, over_wifi=over_wifi)
    except UsageError as error:
        raise RowFailure("bad-input", f"{device.entry.name}: {error.message}", hint=error.hint) from error


def preparing_lines(device: DeviceSession, asked: dict[str, str], settings: Settings) -> tuple[list[Line], str | None]:
    """Lines of job.txt that set the phone up, the wait for its cable among them; and the tool's CPU mask."""
    found = preparation(device, asked)
    waiting: list[Line] = [("await-unplugged", str(UNPLUG_S))] if settings.unplugged else []
    return [*found.lines, *waiting], found.mask


def pass_gate(device: DeviceSession, request: RowRequest, view: View, clock: Clock = time) -> str | None:
    """Wait until the phone is cool and steady; what the grade says where it was not waited for."""
    if request.prepare.get("temperature-gate") == "off":
        return skipped().reason
    limit_s = request.settings.max_time_s
    result = await_cool(
        partial(look_at, device.transport),
        limits_of(profile_for(device)),
        clock,
        partial(_tell, device.entry.name, view),
        time_limit_s=TIME_LIMIT_S if limit_s is None else min(TIME_LIMIT_S, limit_s),
    )
    return result.reason


def _tell(name: str, view: View, seen: GateView) -> None:
    slope = "" if seen.slope_c_per_min is None else f", {seen.slope_c_per_min:+.1f} degC/min"
    left = "" if seen.eta_s is None else f", about {seen.eta_s:.0f} s"
    text = f"{seen.kind} {seen.celsius:.1f} degC, wanted {seen.limit_c:g} and steady{slope}{left}"
    if seen.waited_s == 0:
        view.tell(f"{name}: too warm to begin: {text} (`--prepare temperature-gate=off` goes on without)")
    view.phase(name, "cool", text)
