"""Brings a row's files to a phone: the model, the tensors it is fed, and the job for the sh agent."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from edgebench.backends.native.base import get_tool
from edgebench.controller.deploy import push_artifact
from edgebench.controller.native.fit import tool_ask, tool_on_device
from edgebench.controller.native.inputs import raw_bytes, sample
from edgebench.controller.native.job import JobAsk, job_text
from edgebench.controller.native.readiness import preparing_lines
from edgebench.controller.native.telemetry import plan_telemetry, telemetry_lines
from edgebench.controller.rows import PreparedRow
from edgebench.controller.session import DeviceSession
from edgebench.controller.spec import NativeUse, RawTensor
from edgebench.controller.view import View
from edgebench.errors import DeviceUnfit, RowFailure


def push_native(device: DeviceSession, row: PreparedRow, view: View) -> PreparedRow:
    """Push model and inputs; the row, knowing where its inputs lie. Raises `RowFailure`, `DeviceLost`."""
    use = row.context.native
    if use is None:
        raise ValueError("not a run of a native tool")
    try:
        push_artifact(device, row, view)
        placed = _push_inputs(device, row, use)
    except DeviceUnfit as unfit:
        raise RowFailure(unfit.code, unfit.message, hint=unfit.hint) from unfit
    native = msgspec.structs.replace(use, inputs=placed)
    return replace(row, context=msgspec.structs.replace(row.context, native=native))


def _push_inputs(device: DeviceSession, row: PreparedRow, use: NativeUse) -> list[RawTensor]:
    context = row.context
    placed = []
    with TemporaryDirectory(prefix="edgebench-") as folder:
        work = Path(folder)
        arrays = sample(use.inputs, context.ask, row.inputs, context.settings.seed, work, context.ask.states)
        device.client.make_folder("artifacts/inputs")
        for spec in use.inputs:
            data = raw_bytes(arrays[spec.name])
            path = f"artifacts/inputs/{hashlib.sha256(data).hexdigest()}.raw"
            (work / "raw").write_bytes(data)
            device.transport.push(work / "raw", f"{device.client.home}/{path}")
            placed.append(RawTensor(name=spec.name, dtype=spec.dtype, dims=spec.dims, path=path))
    return placed


def push_native_job(
    device: DeviceSession,
    row: PreparedRow,
    *,
    nonce: str,
    holder: str,
) -> None:
    """Write job.txt beside job.json. Raises `RowFailure` for what the tool cannot do or where no room is."""
    use = row.context.native
    if use is None:
        raise ValueError("not a run of a native tool")
    settings = row.context.settings
    telemetry, burn = telemetry_lines(plan_telemetry(device, settings), device, settings)
    prepare, mask = preparing_lines(device, row.prepare, settings)
    text = job_text(
        JobAsk(
            row.context,
            get_tool(use.tool),
            tool_on_device(use),
            tool_ask(row.context, device.client.home),
            nonce=nonce,
            holder=holder,
            root=device.entry.root,
            mask=mask,
            prepare=prepare,
            telemetry=[*telemetry, *burn],
        )
    )
    with TemporaryDirectory(prefix="edgebench-") as work:
        source = Path(work, "job.txt")
        source.write_text(text, encoding="utf-8")
        try:
            device.transport.push(source, f"{device.client.job_folder(row.context.run_id)}/job.txt")
        except DeviceUnfit as unfit:
            raise RowFailure(unfit.code, unfit.message, hint=unfit.hint) from unfit
