"""A phone's readings.txt as the `source` and `reading` events of any other job, by the layout of `sources.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgebench.controller.events import MISSING
from edgebench.controller.native.announce import Event, Rows, reading_event, source_event
from edgebench.controller.native.lines import RawReadings, take_apart
from edgebench.controller.native.power import power_events
from edgebench.phones.gauge import Gauge
from edgebench.phones.numbers import integer
from edgebench.phones.thermal import PLAUSIBLE_C, ThermalState, parse_thermal

HOLDS_BACK = ("cpufreq", "devfreq", "throttle")
"""Words in the names of cooling devices that slow something down; a battery's or a modem's do not count."""


@dataclass(frozen=True)
class PhoneReadings:
    """The events, and the gauge as it was understood (None where the power source is no gauge)."""

    events: list[Event]
    gauge: Gauge | None


def read_phone(
    lines: Iterable[str], layout: Mapping[str, Any], job: Sequence[Mapping[str, Any]], gauge: Gauge | None = None
) -> PhoneReadings:
    """Turn a record into events. `job`: the job's own (steps, phases, tools); `gauge`: known from an earlier run.

    Power is in uW or uJ, temperatures in m degC, clocks in kHz, as from the Python agent. Never raises for what a
    device wrote; lines that are none are told by a `readings-damaged` warning.
    """
    raw = take_apart(lines)
    columns = layout.get("columns") or {}
    found = power_events(raw, layout, job, gauge)
    events = [*found.events, *_thermal(raw, columns), *_clocks(raw, columns), *_throttle(raw, columns)]
    events += [*_load(raw), *_process(raw, columns)]
    if raw.damaged:
        text = f"{raw.damaged} lines of readings.txt could not be read"
        events.append({"ev": "warning", "code": "readings-damaged", "text": text})
    return PhoneReadings(events, found.gauge)


def _table(raw: RawReadings, name: str, columns: Sequence[str]) -> list[tuple[int, list[int]]]:
    """Integers of a source's rows; `MISSING` for what is none. Rows of another width are left out."""
    rows = [(t_ns, words) for t_ns, words in raw.rows.get(name, ()) if len(words) == len(columns)]
    return [(t_ns, [MISSING if (value := integer(word)) is None else value for word in words]) for t_ns, words in rows]


def _thermal(raw: RawReadings, columns: Mapping[str, Sequence[str]]) -> list[Event]:
    """Zones where they can be read, else the thermal service's live temperatures, as the source `thermal`."""
    names = columns.get("thermal") or ()
    rows: Rows = [(t_ns, [_milli(value) for value in values]) for t_ns, values in _table(raw, "thermal", names)]
    if not rows:
        states = _service(raw)
        names = sorted({one.name for _, state in states for one in state.temperatures})
        rows = [(t_ns, _celsius(state, names)) for t_ns, state in states]
    if not rows or not names:
        why = "neither thermal zones nor dumpsys thermalservice told a temperature"
        return [{**source_event("thermal", None, None, None, ()), "state": "unavailable", "why": why}]
    source = source_event("thermal", "instantaneous", "soc", "mC", names)
    return [source, *reading_event("thermal", names, rows)]


def _milli(value: int) -> int:
    """Placeholders of dead sensors are no temperatures: 0, -99.9 degC, 8900 degC."""
    return value if value != 0 and PLAUSIBLE_C[0] * 1000 <= value <= PLAUSIBLE_C[1] * 1000 else MISSING


def _service(raw: RawReadings) -> list[tuple[int, ThermalState]]:
    blocks = raw.blocks.get("thermal-service", ())
    return [(t_ns, parse_thermal("\n".join(lines))) for t_ns, lines in blocks]


def _celsius(state: ThermalState, names: Sequence[str]) -> list[int]:
    by_name = {one.name: round(one.celsius * 1000) for one in state.temperatures}
    return [by_name.get(name, MISSING) for name in names]


def _clocks(raw: RawReadings, columns: Mapping[str, Sequence[str]]) -> list[Event]:
    names = columns.get("cpufreq") or ()
    rows = _table(raw, "cpufreq", names)
    if not rows:
        why = "the clocks cannot be read on this phone"
        return [{**source_event("cpufreq", None, None, None, ()), "state": "unavailable", "why": why}]
    return [source_event("cpufreq", "instantaneous", "soc", "kHz", names), *reading_event("cpufreq", names, rows)]


def _throttle(raw: RawReadings, columns: Mapping[str, Sequence[str]]) -> list[Event]:
    """Cooling devices that hold something back, and the thermal service's status: above 0 the phone is held back."""
    events: list[Event] = []
    names = columns.get("cooling") or ()
    kept = [at for at, name in enumerate(names) if any(word in name.lower() for word in HOLDS_BACK)]
    rows = [(t_ns, [values[at] for at in kept]) for t_ns, values in _table(raw, "cooling", names)]
    if kept and rows:
        shown = [names[at] for at in kept]
        events += [source_event("throttle", "instantaneous", "soc", "state", shown)]
        return [*events, *reading_event("throttle", shown, rows)]
    states = [(t_ns, [state.status]) for t_ns, state in _service(raw) if state.status is not None]
    if states:
        events += [source_event("throttle", "instantaneous", "phone", "state", ["thermal-status"])]
        return [*events, *reading_event("throttle", ["thermal-status"], states)]
    return events


def _load(raw: RawReadings) -> list[Event]:
    """The whole phone's CPU time in ticks; which part of it is the job's own nobody tells, so `own` is missing."""
    columns = ["busy", "total", "steal", "own"]
    rows = [row for t_ns, lines in raw.blocks.get("load", ()) if (row := _ticks(t_ns, lines))]
    if not rows:
        return []
    source = source_event("load", "accumulating", "machine", "ticks", columns)
    return [source, *reading_event("load", columns, rows)]


def _ticks(t_ns: int, lines: Sequence[str]) -> tuple[int, list[int]] | None:
    """Busy, total and stolen ticks of `cpu user nice system idle iowait irq softirq steal ...`."""
    words = lines[0].split() if lines else []
    ticks = [value for word in words[1:9] if (value := integer(word)) is not None]
    if words[:1] != ["cpu"] or len(ticks) < 8:
        return None
    user, nice, system, idle, iowait, irq, softirq, steal = ticks
    busy = user + nice + system + irq + softirq
    return t_ns, [busy, busy + idle + iowait + steal, steal, MISSING]


def _process(raw: RawReadings, columns: Mapping[str, Sequence[str]]) -> list[Event]:
    names = columns.get("process") or ()
    rows = _table(raw, "process", names)
    if not rows:
        return []
    return [source_event("process", "instantaneous", "process", "kB", names), *reading_event("process", names, rows)]
