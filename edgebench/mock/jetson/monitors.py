"""The power monitors of a simulated board, and what can be wrong with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from edgebench.mock.body import Body
from edgebench.mock.cells import Tree
from edgebench.mock.jetson.access import Access
from edgebench.mock.jetson.facts import BoardFacts, Chip
from edgebench.mock.jetson.faults import Faults
from edgebench.mock.power_sensors import HwmonIna3221, HwmonPower, IioIna3221, Rail

SAG_SHARE = 0.12
"""A supply that browns out: a Nano's 5.2 V went down to 4.5 V (jetson_stats #131)."""
Monitor = IioIna3221 | HwmonIna3221 | HwmonPower


class Monitors:
    """The chips of `facts`; `sensors` are to be shown with every step."""

    def __init__(
        self, tree: Tree, facts: BoardFacts, faults: Faults, numbers: list[int], rng: np.random.Generator
    ) -> None:
        self._tree, self._facts, self._faults = tree, facts, faults
        self._chips = [_with_faults(chip, faults) for chip in facts.chips]
        self._monitors = [_monitor(tree, chip, number, rng) for chip, number in zip(self._chips, numbers, strict=False)]
        self._rng = np.random.default_rng(0)
        self.watts = 0.0
        self.has_sagged = False
        for monitor in self._monitors:
            _surround(tree, monitor)
        if faults.has("rails-eagain"):
            for path in self._readings():
                path.unlink()
                path.mkdir()

    @property
    def sensors(self) -> list[Monitors]:
        """Itself: it sags before they are shown."""
        return [self]

    def protect(self, access: Access) -> None:
        """Hide the readings where they are root's."""
        roots = self._facts.rails_are_roots and not self._faults.has("rails-readable")
        if (roots or self._faults.has("rails-unreadable")) and not self._faults.has("rails-eagain"):
            for path in self._readings():
                access.hide(path)

    def sags(self, seconds: float, watts: float) -> bool:
        """Whether its input is too low: under load, from the fault's time on."""
        return self._faults.now("brown-out", seconds) and watts > 1.3 * self._facts.draw.idle

    def milliwatts(self) -> list[tuple[str, int]]:
        """What each channel shows now, with unconnected ones."""
        shown = []
        for monitor, chip in zip(self._monitors, self._chips, strict=True):
            for converter, rail in zip(monitor.converters, chip.rails, strict=True):
                millivolts, milliamps = converter.read(self.watts)
                shown.append((rail.label, 0 if rail.label == "NC" else round(millivolts * milliamps / 1000)))
        return shown

    def show(self, body: Body) -> None:
        """Sag, or not, and write the readings."""
        self.watts = body.watts
        sagging = self.sags(body.now_ms / 1000, body.watts)
        self.has_sagged = self.has_sagged or sagging
        for monitor, chip in zip(self._monitors, self._chips, strict=True):
            for converter, rail in zip(monitor.converters, chip.rails, strict=True):
                converter.sag_v = SAG_SHARE * rail.volts if sagging and rail.share >= 0.2 else 0.0
            monitor.show(body)

    def move(self) -> None:
        """The hwmon numbers of another boot."""
        for monitor in self._monitors:
            if isinstance(monitor, HwmonIna3221):
                old = self._tree.folder / monitor.folder
                new = old.with_name(f"hwmon{int(old.name.removeprefix('hwmon')) + 20}")
                listed = self._tree.folder / "sys/class/hwmon" / old.name
                listed.unlink()
                old.rename(new)
                monitor.folder = str(new.relative_to(self._tree.folder))
                _list(self._tree, monitor)

    def _readings(self) -> list[Path]:
        """The files that are read again and again."""
        patterns = ("in_*_input", "in[1-3]_input", "curr[1-3]_input", "power1_input")
        folders = [self._tree.folder / monitor.folder for monitor in self._monitors]
        return sorted({path for folder in folders for pattern in patterns for path in folder.glob(pattern)})


def _with_faults(chip: Chip, faults: Faults) -> Chip:
    if not faults.has("rails-negative"):
        return chip
    return replace(chip, rails=tuple(_below_zero(rail) for rail in chip.rails))


def _below_zero(rail: Rail) -> Rail:
    """The GPU's rail as one that carries nothing, an offset of two steps below."""
    return replace(rail, share=0.0, offset_steps=-2) if "GPU" in rail.label else rail


def _monitor(tree: Tree, chip: Chip, number: int, rng: np.random.Generator) -> Monitor:
    if chip.form == "iio":
        return IioIna3221(tree, chip.address, 0, chip.rails, rng)
    if chip.form == "hwmon":
        return HwmonIna3221(tree, chip.address, number, chip.rails, rng)
    return HwmonPower(tree, chip.form, number, chip.rails[0], rng)


def _surround(tree: Tree, monitor: Monitor) -> None:
    """The files beside the readings: limits, delays, alarms."""
    if isinstance(monitor, IioIna3221):
        for channel in range(3):
            for name in ("warn_current_limit", "crit_current_limit", "polling_delay"):
                tree.fixed(f"{monitor.folder}/{name}_{channel}", 0 if name == "polling_delay" else 32760)
    elif isinstance(monitor, HwmonIna3221):
        tree.fixed(f"{monitor.folder}/update_interval", 2)
        tree.fixed(f"{monitor.folder}/samples", 4)
        for channel in (1, 2, 3):
            for name in ("max", "crit"):
                tree.fixed(f"{monitor.folder}/curr{channel}_{name}", 32760)
                tree.fixed(f"{monitor.folder}/curr{channel}_{name}_alarm", 0)
        (tree.folder / monitor.folder / "device").symlink_to("../..")
        _list(tree, monitor)


def _list(tree: Tree, monitor: HwmonIna3221) -> None:
    listed = tree.folder / "sys/class/hwmon"
    listed.mkdir(parents=True, exist_ok=True)
    (listed / Path(monitor.folder).name).symlink_to(Path("../../..") / monitor.folder)
