"""One variant tried on a device in the shortest way that still tells whether it runs and is right; nothing stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from edgebench.controller.assembly import failed_run
from edgebench.controller.assembly.latency import outcome_code
from edgebench.controller.events import Ints
from edgebench.controller.measure import RowInHand, persist
from edgebench.controller.rows import RowRequest, prepare_row
from edgebench.controller.session import DeviceSession
from edgebench.controller.spec import Settings
from edgebench.controller.view import SilentView
from edgebench.errors import RowFailure, UnknownName
from edgebench.records import Run, Session
from edgebench.store.answers import SampleKey

SILENCE_S = 180.0


class NoStore:
    """Keeps nothing: every run is unknown to it."""

    def run(self, name: str) -> Run:
        """Raises `UnknownName`, always."""
        raise UnknownName("run", name, ())

    def session(self, name: str) -> Session:
        """Raises `UnknownName`, always."""
        raise UnknownName("session", name, ())

    def add_session(self, session: Session) -> None:
        """Nothing."""

    def add_run(self, run: Run, samples: Mapping[SampleKey, Ints]) -> None:
        """Nothing."""

    def replace_run(self, run: Run, samples: Mapping[SampleKey, Ints]) -> None:
        """Nothing."""


def probe_settings(settings: Settings) -> Settings:
    """The fidelity pass and one short invocation, without power, memory or soak."""
    return msgspec.structs.replace(
        settings,
        invocations=1,
        min_time_s=0.05,
        min_iterations=3,
        soak_s=0.0,
        soak_given=True,
        target_fps=None,
        power="off",
        memory=False,
        unplugged=False,
    )


def probe_row(device: DeviceSession, session: Session, request: RowRequest) -> Run:
    """Try a request on an open device; what is wrong with it stands in the run's outcome. Raises `DeviceError`."""
    view = SilentView()
    prepare = request.prepare | {"temperature-gate": "off"}
    request = replace(request, settings=probe_settings(request.settings), power_csv=None, prepare=prepare)
    try:
        row = persist(device, view, lambda: prepare_row(device, session, request, view))
    except RowFailure as failure:
        code = outcome_code(failure.code, "internal")
        message = f"{failure.message} ({failure.hint})" if failure.hint else failure.message
        return failed_run(session, device.ref, request, code, message)
    return RowInHand(NoStore(), view, device, row, SILENCE_S).measure()
