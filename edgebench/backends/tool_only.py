"""Runtimes that edgebench drives by their own benchmark tool alone: no Python face, no reference on the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.backends.base import DeviceRuntime, Stamp
from edgebench.errors import RowFailure

if TYPE_CHECKING:
    from edgebench.backends.base import Arrays


@dataclass(frozen=True)
class ToolOnlyBackend:
    """A `Backend` for devices without Python."""

    name: str
    formats: tuple[str, ...]
    accelerators: tuple[str, ...]
    default_accelerator: str = "cpu"

    def preflight(
        self,
        model: Stamp,
        runtime: DeviceRuntime,
        options: Mapping[str, str],
        precision: str | None = None,
        accelerator: str = "cpu",
    ) -> list[str]:
        """Raises `RowFailure`, always: the agent has no runner for it."""
        raise RowFailure("runtime-missing", f"{self.name} is run by its own tool, on a phone", hint="see docs/tools.md")

    def reference(self, model: Path, inputs: Arrays, work: Path, options: Mapping[str, str]) -> Arrays:
        """Raises `RowFailure`, always: its tool feeds the model with numbers of its own."""
        raise RowFailure("runtime-missing", f"there is no reference for {self.name} on this host")
