"""The start gate: a run begins when the phone is cool and steady, however long that takes; never after a fixed time.

It is cool where every live temperature with a limit is below it and no throttling is told, and steady where the one
nearest to its limit hardly moves. A phone far below its limits begins at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from edgebench.controller.native.facts import ask
from edgebench.phones import commands
from edgebench.phones.battery import parse_battery_dump
from edgebench.phones.thermal import STATUS, parse_thermal
from edgebench.profiles.profile import Profile
from edgebench.transports.base import Clock, Transport

TIME_LIMIT_S = 1200.0
POLL_S = (2.0, 30.0)
"""Between two looks: an eighth of what is still expected, within these."""
SLOPE_WINDOW_S = 60.0
SLOPE_SPAN_S = 10.0
STEADY_C_PER_MIN = 0.5
FAR_C = 2.0
FAILURES = 3
DEFAULT_LIMITS_C = {"skin": 35.0, "battery": 33.0}


@dataclass(frozen=True)
class Look:
    """Live temperatures by kind (degC) and the thermal status 0..6, None where it is not told."""

    celsius: Mapping[str, float]
    status: int | None = None


@dataclass(frozen=True)
class GateView:
    """What is told while it waits: the kind nearest to its limit, now and its limit (degC), degC a minute, seconds."""

    kind: str
    celsius: float
    limit_c: float
    waited_s: float
    slope_c_per_min: float | None = None
    eta_s: float | None = None
    status: int | None = None


@dataclass(frozen=True)
class GateResult:
    """How it ended; `reason`: the text of the grade's reason `gate-skipped`, None where the gate was passed."""

    state: Literal["cool", "timeout", "skipped", "unavailable"]
    waited_s: float
    last: GateView | None = None
    reason: str | None = None


def skipped() -> GateResult:
    """The gate of a run with `--prepare temperature-gate=off`."""
    return GateResult("skipped", 0.0, None, "temperature gate skipped")


def limits_of(profile: Profile) -> dict[str, float]:
    """Limits by kind: the profile's, where one figure holds for the skin."""
    found = profile.thermal.start_max_c
    if isinstance(found, Mapping):
        return dict(found)
    return DEFAULT_LIMITS_C if found is None else {"skin": float(found)}


def look_at(transport: Transport) -> Look | None:
    """One look at a phone's live temperatures, None where it tells none. Raises as `Transport.exec` does."""
    state = parse_thermal(ask(transport, commands.THERMAL_DUMP).text)
    kinds = {one.kind for one in state.temperatures}
    celsius = {kind: value for kind in kinds if (value := state.hottest(kind)) is not None}
    if "battery" not in celsius:
        battery = parse_battery_dump(ask(transport, commands.BATTERY_DUMP).text)
        celsius |= {"battery": battery.temperature_c} if battery.temperature_c is not None else {}
    return Look(celsius, state.status) if celsius else None


def await_cool(
    read: Callable[[], Look | None],
    limits_c: Mapping[str, float],
    clock: Clock,
    tell: Callable[[GateView], None],
    *,
    time_limit_s: float = TIME_LIMIT_S,
) -> GateResult:
    """Wait until `read` finds the phone cool and steady, or the time is up. `tell` hears of every look that must wait.

    Without a temperature that has a limit, three times in a row, there is no gate: its result says so.
    """
    began = clock.monotonic()
    history: dict[str, deque[tuple[float, float]]] = {kind: deque() for kind in limits_c}
    failures = 0
    view: GateView | None = None
    while True:
        look = read()
        now = clock.monotonic()
        known = {kind: look.celsius[kind] for kind in limits_c if kind in look.celsius} if look else {}
        failures = 0 if known else failures + 1
        if failures >= FAILURES:
            return GateResult("unavailable", now - began, view, "temperature gate skipped: no live temperature")
        if look and known:
            view = _seen(look, known, limits_c, history, now, now - began)
            if _passes(view):
                return GateResult("cool", now - began, view)
            tell(view)
        if now - began >= time_limit_s:
            return GateResult("timeout", now - began, view, _late(view, time_limit_s))
        clock.sleep(min(_pause(view), max(0.0, time_limit_s - (now - began))))


def _seen(
    look: Look,
    known: Mapping[str, float],
    limits_c: Mapping[str, float],
    history: Mapping[str, deque[tuple[float, float]]],
    now: float,
    waited_s: float,
) -> GateView:
    """This look, of the kind that is nearest to its limit or furthest beyond."""
    for kind, celsius in known.items():
        past = history[kind]
        past.append((now, celsius))
        while past[0][0] < now - SLOPE_WINDOW_S:
            past.popleft()
    kind = max(known, key=lambda one: known[one] - limits_c[one])
    slope = _slope(history[kind])
    above = known[kind] - limits_c[kind]
    eta_s = 60 * above / -slope if slope is not None and slope < -0.01 and above > 0 else None
    return GateView(kind, known[kind], limits_c[kind], waited_s, slope, eta_s, look.status)


def _slope(past: deque[tuple[float, float]]) -> float | None:
    """degC a minute of a straight line through the looks of the last minute; None of too short a time."""
    if len(past) < 2 or past[-1][0] - past[0][0] < SLOPE_SPAN_S:
        return None
    mean_t = sum(t for t, _ in past) / len(past)
    mean_c = sum(c for _, c in past) / len(past)
    spread = sum((t - mean_t) ** 2 for t, _ in past)
    return 60 * sum((t - mean_t) * (c - mean_c) for t, c in past) / spread


def _passes(view: GateView) -> bool:
    if view.status or view.celsius > view.limit_c:
        return False
    if view.celsius <= view.limit_c - FAR_C:
        return True
    return view.slope_c_per_min is not None and abs(view.slope_c_per_min) <= STEADY_C_PER_MIN


def _pause(view: GateView | None) -> float:
    if view is None or view.eta_s is None:
        return POLL_S[0]
    return min(max(view.eta_s / 8, POLL_S[0]), POLL_S[1])


def _late(view: GateView | None, time_limit_s: float) -> str:
    """Why the run begins all the same."""
    waited = f"after {time_limit_s / 60:.0f} min"
    if view is None:
        return f"temperature gate given up {waited}"
    if view.status:
        return f"temperature gate given up {waited}: thermal status {STATUS[view.status]}"
    return (
        f"temperature gate given up {waited}: {view.kind} {view.celsius:.1f} degC, wanted {view.limit_c:g} and steady"
    )
