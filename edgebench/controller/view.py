"""What a session tells whoever watches: one seam, drawn by `cli/`, silent by default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from edgebench.records import Run


class View(Protocol):
    """Told of progress; must return quickly and never raise."""

    def phase(self, device: str, name: str, detail: str = "") -> None:
        """A phase begins: connect, deploy, load, warm-up, measure, soak, idle, collect..."""

    def transfer(self, device: str, what: str, done: int, total: int) -> None:
        """Bytes travelled so far."""

    def event(self, device: str, label: str, event: Mapping[str, Any]) -> None:
        """An event of the running job."""

    def tell(self, text: str) -> None:
        """A line that the user should see now."""

    def row(self, run: Run) -> None:
        """A row is finished and stored."""


class SilentView:
    """Shows nothing."""

    def phase(self, device: str, name: str, detail: str = "") -> None:
        """Nothing."""

    def transfer(self, device: str, what: str, done: int, total: int) -> None:
        """Nothing."""

    def event(self, device: str, label: str, event: Mapping[str, Any]) -> None:
        """Nothing."""

    def tell(self, text: str) -> None:
        """Nothing."""

    def row(self, run: Run) -> None:
        """Nothing."""
