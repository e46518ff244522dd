"""What `devices check` says of a phone: its Android, its tools, and the state it is in."""

from __future__ import annotations

from collections.abc import Iterator

from edgebench.backends.native.base import TOOLS
from edgebench.controller.finding import Finding
from edgebench.controller.native.tools import find_tool
from edgebench.controller.session import DeviceSession
from edgebench.errors import RowFailure

LOW_PERCENT = 20
FIRST_TOOL = "benchmark_model"


def android(session: DeviceSession) -> Iterator[Finding]:
    """Release, processor and rights."""
    facts = session.facts
    release = (facts.get("os") or {}).get("name") or "Android"
    abis = ", ".join(facts.get("abis") or []) or "no ABI told"
    yield Finding("android", "ok", f"{release} (API {facts.get('sdk') or '?'}), {abis}")
    if facts.get("root"):
        yield Finding("root", "ok", "su answers: governors and all sensors can be used")
    else:
        yield Finding("root", "unknown", "no root: governors stay as they are, and rows say so", "none is needed")


def tools(session: DeviceSession) -> Iterator[Finding]:
    """Every native tool: one that runs models is needed, the others are told."""
    found = [_tool(session, name) for name in TOOLS]
    works = any(one.state == "ok" for one in found)
    for one in found:
        if one.state == "ok" or one.name == FIRST_TOOL:
            needed = one.state == "ok" or not works
            yield Finding(one.name, one.state, one.text, one.todo, needed=needed)


def _tool(session: DeviceSession, name: str) -> Finding:
    try:
        found = find_tool(session.facts, name, session.entry.name)
    except RowFailure as failure:
        return Finding(name, "missing", failure.message, failure.hint or "")
    where = "from your tools" if found.host else f"lies at {found.path}"
    return Finding(name, "ok", f"{where}, {found.sha256[:12]}")


def phone_state(session: DeviceSession) -> Iterator[Finding]:
    """Battery, cable, screen and heat: each spoils figures rather than runs."""
    facts = session.facts
    battery, screen, thermal = (facts.get(name) or {} for name in ("battery", "screen", "thermal"))
    level, plugged = battery.get("level"), battery.get("plugged")
    if level is None:
        yield Finding("battery", "unknown", str(battery.get("why") or "its charge was not told"))
    elif level < LOW_PERCENT:
        yield Finding("battery", "missing", f"{level:g} %: phones lower their clocks then", "charge it first")
    else:
        yield Finding("battery", "ok", f"{level:g} %")
    if plugged:
        todo = "power by its gauge: `run --unplugged`, or over Wi-Fi"
        yield Finding("cable", "unknown", f"plugged in ({', '.join(plugged)})", todo)
    if screen.get("locked"):
        yield Finding("screen", "missing", "locked", "unlock it: a dark phone lowers its clocks")
    elif screen.get("on") is False:
        yield Finding("screen", "unknown", "off", "a run keeps it awake once it is on")
    status = thermal.get("status")
    if status:
        yield Finding("thermal", "missing", f"it holds itself back (status {status})", "let it cool")
    elif thermal.get("why"):
        yield Finding("thermal", "unknown", str(thermal["why"]))
