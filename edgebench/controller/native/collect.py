"""Brings the record of a sh agent's job home and turns it into the events of any other job."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgebench.backends.native.base import get_tool
from edgebench.controller.events import CollectedJob, sort_events
from edgebench.controller.native.fit import tool_ask
from edgebench.controller.native.inputs import from_raw
from edgebench.controller.native.job import OUTPUT
from edgebench.controller.native.pins import merged
from edgebench.controller.native.readings import read_phone
from edgebench.controller.native.telemetry import BURN_STEP
from edgebench.controller.native.translate import translate
from edgebench.controller.session import DeviceSession
from edgebench.controller.spec import NativeUse, RawTensor, RunContext
from edgebench.phones.gauge import Gauge
from edgebench.transports.base import FileMissing

Event = dict[str, Any]


def collect_native(
    device: DeviceSession, context: RunContext, work: Path, events: Sequence[Event], damaged: int
) -> CollectedJob:
    """Pull what a phone's job left beside its `events`, of which `damaged` could not be read.

    Raises `DeviceLost` when the link breaks.
    """
    use = context.native
    if use is None:
        raise ValueError("not a run of a native tool")
    base = device.client.job_folder(context.run_id)
    outputs = _pulled(device, f"{base}/outputs.txt", work / "outputs.txt")
    readings = _pulled(device, f"{base}/readings.txt", work / "readings.txt")
    known = Gauge(**use.gauge) if use.gauge else None
    read = read_phone(readings.decode("utf-8", "replace").splitlines(), use.layout, events, known)
    device.gauge = read.gauge or device.gauge
    told = translate(
        merged(event for event in events if event.get("step") != BURN_STEP),
        outputs,
        tool_ask(context, device.client.home),
        get_tool(use.tool),
        readings=readings,
        fps=context.settings.target_fps,
        version=use.version,
        least_iterations=context.settings.min_iterations,
    )
    told += [{"ev": "facts", "t": 0, "facts": context.session.device.facts}, *read.events]
    saved = _fidelity(device, use, base, events, work)
    if saved is not None:
        told = [_named(event, use) if event.get("ev") == "outputs" else event for event in told]
    job = sort_events(told, damaged=damaged)
    return CollectedJob(job, work, saved)


def _pulled(device: DeviceSession, source: str, target: Path) -> bytes:
    """A file of the job, empty where it never came to be."""
    try:
        device.transport.pull(source, target)
    except FileMissing:
        return b""
    return target.read_bytes()


def _named(event: Event, use: NativeUse) -> Event:
    return event | {"inputs": [one.name for one in use.inputs], "outputs": [one.name for one in use.outputs]}


def _fidelity(device: DeviceSession, use: NativeUse, base: str, events: Sequence[Event], work: Path) -> Path | None:
    """Inputs and outputs of the fidelity pass as the `.npz` that any other device gives; None where there are none."""
    told = next((event for event in events if event.get("ev") == "outputs"), None)
    if told is None or not use.outputs or not all(one.path for one in use.inputs):
        return None
    data = _pulled(device, f"{base}/{OUTPUT}", work / OUTPUT)
    if hashlib.sha256(data).hexdigest() != told.get("sha256"):
        return None
    found = split_outputs(use.outputs, data)
    if found is None:
        return None
    arrays = {f"out{at}": array for at, array in enumerate(found)}
    for at, spec in enumerate(use.inputs):
        raw = _pulled(device, f"{device.client.home}/{spec.path}", work / f"in{at}.raw")
        arrays[f"in{at}"] = from_raw(spec, raw)
    np.savez(work / "outputs.npz", **arrays)  # type: ignore[arg-type]
    return work / "outputs.npz"


def split_outputs(specs: Sequence[RawTensor], data: bytes) -> list[np.ndarray] | None:
    """A tool writes its outputs one after the other; None where their sizes do not add up to the file's."""
    arrays, at = [], 0
    for spec in specs:
        size = int(np.prod(spec.dims, dtype=np.int64)) * np.dtype(spec.dtype).itemsize
        if at + size > len(data):
            return None
        arrays.append(from_raw(spec, data[at : at + size]))
        at += size
    return arrays if at == len(data) else None
