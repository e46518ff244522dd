"""`--accelerator auto`: rungs tried in fresh processes, best first; the first that runs and is right is measured."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from edgebench.backends.ladders import ladder
from edgebench.controller.probe import probe_row
from edgebench.controller.rows import RowRequest
from edgebench.controller.session import DeviceSession
from edgebench.controller.view import View
from edgebench.errors import RowFailure
from edgebench.records import Session

AUTO = "auto"


def settle_accelerator(device: DeviceSession, session: Session, request: RowRequest, view: View) -> RowRequest:
    """The request with `auto` replaced by the first rung that works, what the others said among its warnings.

    A request that names its accelerator comes back as it is. Raises `RowFailure` where no rung works, `DeviceError`.
    """
    if request.ask.accelerator != AUTO:
        return request
    refused: list[tuple[str, str, str]] = []
    runs = []
    for rung in ladder(request.ask.backend):
        view.phase(device.entry.name, "auto", f"{request.label}: {rung}")
        ask = msgspec.structs.replace(request.ask, accelerator=rung, accelerator_asked=AUTO)
        tried = replace(request, ask=ask)
        run = probe_row(device, session, tried)
        runs.append(run)
        share = run.placement.share if run.placement else None
        if run.outcome.status in ("ok", "unstable"):
            whole = "" if share is None or share == 1 else f", {share:.0%} of the model"
            view.tell(f"{device.entry.name}: {request.label}: auto takes {rung}{whole}")
            return replace(tried, told=(*request.told, *refused))
        text = f"auto: {rung}: {run.outcome.code}: {run.outcome.message}"
        view.tell(f"{device.entry.name}: {request.label}: {text}")
        refused.append(("auto", text, f"`--accelerator {rung}` alone gives its row"))
    first = runs[0].outcome
    if first.code and {(run.outcome.code, run.outcome.message) for run in runs} == {(first.code, first.message)}:
        raise RowFailure(first.code, first.message or first.code)  # the same for all: no accelerator is to blame
    raise RowFailure("delegate-failed", "; ".join(text for _, text, _ in refused))
