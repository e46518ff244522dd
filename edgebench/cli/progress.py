"""The live view of a run: phases, transfers, and a sparkline of latency; redrawn only when an event comes.

Nothing here runs on a timer: on the local machine a redraw would take the CPU from what is being measured,
so block events (which come between measured blocks) are drawn for remote devices only.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edgebench.cli.output import err
from edgebench.controller.planning import reduced_text
from edgebench.controller.view import SilentView
from edgebench.records import Run
from edgebench.report.cells import grade_cell, latency_cell, status_cell
from edgebench.report.sparkline import sparkline
from edgebench.units import NS_PER_MS, bytes_text, seconds_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

PASS_WORDS = {
    "build": "build engine",
    "fidelity": "check outputs",
    "invocation": "measure",
    "memory": "memory",
    "soak": "soak",
    "paced": "paced",
}
TRANSFER_STEP_S = 0.2
FIRST_INVOCATION = f"{PASS_WORDS['invocation']} 1"


class LiveView:
    """Progress for a terminal, on stderr."""

    def __init__(self, *, local_devices: set[str], console: Console | None = None) -> None:
        self._console = console or err()
        self._local = local_devices
        self._status: Status | None = None
        self._medians: list[float] = []
        self._steps = 0
        self._at = ""
        self._ends: float | None = None
        self._last_transfer = 0.0

    def phase(self, device: str, name: str, detail: str = "") -> None:
        """Show the phase."""
        self._medians = []
        self._show(f"{device}: {name}" + (f" ({detail})" if detail else ""))

    def transfer(self, device: str, what: str, done: int, total: int) -> None:
        """Show a transfer, at most a few times a second."""
        now = time.monotonic()
        if done < total and now - self._last_transfer < TRANSFER_STEP_S:
            return
        self._last_transfer = now
        share = f"{done / total:.0%}" if total else ""
        self._show(f"{device}: push {what} {bytes_text(done)} of {bytes_text(total)} {share}")

    def event(self, device: str, label: str, event: Mapping[str, Any]) -> None:
        """Show where the job is."""
        name = event.get("ev")
        if name == "plan":
            self._plan(f"{device}: {label}", event)
        elif name == "step":
            self._at = self._step_text(event)
        elif name == "block":
            self._medians.append(float(event.get("median_ns") or 0) / NS_PER_MS)
            if device in self._local:
                return
        elif name == "waiting":
            self._show(f"{device}: {label}: {event.get('text', '')}")
            return
        elif name == "progress":
            self._show(f"{device}: {label}: {self._at} {_progress_text(event)}")
            return
        elif name == "done":
            self._provisional(f"{device}: {label}", event)
        elif not (name == "phase" and str(event.get("name")).startswith("idle")):
            return
        phase = f" {event['name']}" if name == "phase" else ""
        self._show(f"{device}: {label}: {self._at}{phase}{self._eta()} {self._latency()}")

    def tell(self, text: str) -> None:
        """Print a line above the progress."""
        self._console.print(text, markup=False)

    def row(self, run: Run) -> None:
        """Print a finished row's line above the progress."""
        good = run.outcome.status in ("ok", "unstable")
        shown = f"{_latency_words(run)}, grade {grade_cell(run)}" if good else (run.outcome.message or "")
        self._console.print(f"{run.device.name}: {run.variant.label}: {status_cell(run)} {shown}", markup=False)

    def close(self) -> None:
        """Take the progress line away."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _plan(self, label: str, event: Mapping[str, Any]) -> None:
        eta = event.get("eta_s")
        if isinstance(eta, int | float):
            self._ends = time.monotonic() + eta
            reduced = event.get("reduced")
            cut = f"; --max-time leaves {reduced_text(reduced)}" if reduced else ""
            self.tell(f"{label}: about {seconds_text(eta)} to go{cut}")

    def _provisional(self, label: str, event: Mapping[str, Any]) -> None:
        """A first figure after the first invocation, hours before the row of a slow model."""
        if self._at == FIRST_INVOCATION and self._medians and event.get("outcome") == "ok":
            self.tell(f"{label}: provisionally {self._medians[-1]:.3g} ms (one invocation, no interval)")

    def _step_text(self, event: Mapping[str, Any]) -> str:
        word = PASS_WORDS.get(str(event.get("pass")), str(event.get("pass")))
        return f"{word} {event['round']}" if event.get("round") else word

    def _eta(self) -> str:
        if self._ends is None:
            return ""
        left = self._ends - time.monotonic()
        return f", {seconds_text(left)} left" if left > 0 else ""

    def _latency(self) -> str:
        if not self._medians:
            return ""
        return f"{self._medians[-1]:.3g} ms {sparkline(self._medians, 30)}"

    def _show(self, text: str) -> None:
        if self._status is None:
            from rich.status import Status

            # one refresh a week: rich's own redraw thread must not tick beside a measured loop
            self._status = Status("", console=self._console, spinner="simpleDots", refresh_per_second=1e-6)
            self._status.start()
        self._status.update(_escaped(text))
        self._status._live.refresh()  # Status has no public refresh


class PlainView(SilentView):
    """For pipes and logs: no progress, only what must be told; the table comes at the end."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def event(self, device: str, label: str, event: Mapping[str, Any]) -> None:
        """Say once of a row that it waits, and that its engine is being built: both take minutes."""
        name = str(event.get("ev"))
        if (label, name) in self._told:
            return
        if name == "waiting":
            self.tell(f"{device}: {label}: {event.get('text', '')}")
        elif name == "progress":  # of a build, and of none where the engine is there already
            self.tell(f"{device}: {label}: building the engine, minutes on a small board")
        else:
            return
        self._told.add((label, name))

    def tell(self, text: str) -> None:
        """Print the line."""
        err().print(text, markup=False)

    def close(self) -> None:
        """Nothing."""


def make_view(local_devices: set[str], *, progress: bool) -> LiveView | PlainView:
    """The live view on a terminal, the plain one elsewhere."""
    return LiveView(local_devices=local_devices) if progress and err().is_terminal else PlainView()


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _progress_text(event: Mapping[str, Any]) -> str:
    """`12 % (text)`: how far a build is, where its tool says so, and its own words."""
    done, text = event.get("done"), str(event.get("text") or "")
    return f"{done:.0%} ({text})" if isinstance(done, int | float) else text


def _latency_words(run: Run) -> str:
    """`p50 12.5 [12.4, 12.6] ms`, and of a tool that gives aggregates only `mean 4.9 [4.8, 5] ms`."""
    shown = latency_cell(run)
    return f"{shown} ms" if shown.startswith("mean") else f"p50 {shown} ms"
