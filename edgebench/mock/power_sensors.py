"""Power sensors of simulated boards, in the units and steps of the real drivers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edgebench.mock.body import Body
from edgebench.mock.cells import Tree

BUS_STEP_MV = 8
SHUNT_STEP_UV = 40


@dataclass(frozen=True)
class Rail:
    """A supply rail: `share` of the board's true power runs through it, at `volts`, over a shunt of `shunt_mohm`.

    `offset_steps` are added to what it reads: an amplifier's offset makes an idle rail negative.
    """

    label: str
    share: float
    volts: float = 5.0
    shunt_mohm: int = 5
    offset_steps: int = 0

    @property
    def step_ma(self) -> float:
        """The current's LSB in mA."""
        return SHUNT_STEP_UV / self.shunt_mohm


class Sensor(Protocol):
    """Something that shows the body's state in files."""

    def show(self, body: Body) -> None:
        """Write the present readings."""


class Converter:
    """The analogue side of one rail: volts and amperes in the chip's steps, with its noise of one step at times.

    `sag_v`: by how much the supply has sagged.
    """

    def __init__(self, rail: Rail, rng: np.random.Generator) -> None:
        self._rail = rail
        self._rng = rng
        self.sag_v = 0.0

    def read(self, watts: float) -> tuple[int, int]:
        """Return (mV, mA) for the board's true power. A rail without load may read one step below zero."""
        rail = self._rail
        amps = watts * rail.share / rail.volts
        volts = rail.volts - 0.02 * amps - self.sag_v
        steps = round(watts * rail.share / volts * 1000 / rail.step_ma)
        chance = self._rng.random()
        steps += (-1 if chance < 0.1 else 0 if chance < 0.9 else 1) + rail.offset_steps
        return round(volts * 1000 / BUS_STEP_MV) * BUS_STEP_MV, round(steps * rail.step_ma)


class IioIna3221:
    """JetPack 4's driver: channels from 0, mV, mA and mW."""

    def __init__(
        self, tree: Tree, address: str, device: int, rails: tuple[Rail, ...], rng: np.random.Generator
    ) -> None:
        folder = f"sys/bus/i2c/drivers/ina3221x/{address}/iio:device{device}"
        tree.fixed(f"{folder}/name", "ina3221x")
        self.folder = folder
        self._channels = []
        for index, rail in enumerate(rails):
            tree.fixed(f"{folder}/rail_name_{index}", rail.label)
            names = (f"in_voltage{index}_input", f"in_current{index}_input", f"in_power{index}_input")
            self._channels.append((Converter(rail, rng), [tree.cell(f"{folder}/{name}", 0) for name in names]))

    @property
    def converters(self) -> list[Converter]:
        """Of its channels, in order."""
        return [converter for converter, _ in self._channels]

    def show(self, body: Body) -> None:
        """Write mV, mA and mW of each channel."""
        for converter, (voltage, current, power) in self._channels:
            millivolts, milliamps = converter.read(body.watts)
            voltage.set(millivolts)
            current.set(milliamps)
            power.set(round(millivolts * milliamps / 1000))


class HwmonIna3221:
    """The mainline driver: channels from 1, mV and mA, no power; channels 4 to 7 are shunt voltages and sums."""

    def __init__(
        self,
        tree: Tree,
        address: str,
        number: int,
        rails: tuple[Rail, ...],
        rng: np.random.Generator,
        labels: bool = True,
    ) -> None:
        folder = f"sys/bus/i2c/drivers/ina3221/{address}/hwmon/hwmon{number}"
        tree.fixed(f"{folder}/name", "ina3221")
        self.folder = folder
        self._channels = []
        for index, rail in enumerate(rails, start=1):
            if labels:
                tree.fixed(f"{folder}/in{index}_label", rail.label)
                tree.fixed(f"{folder}/shunt{index}_resistor", rail.shunt_mohm * 1000)
            tree.fixed(f"{folder}/in{index + 3}_input", 40)
            cells = (tree.cell(f"{folder}/in{index}_input", 0), tree.cell(f"{folder}/curr{index}_input", 0))
            self._channels.append((Converter(rail, rng), cells))
        if labels:
            tree.fixed(f"{folder}/in7_label", "sum of shunt voltages")
        tree.fixed(f"{folder}/in7_input", 120)
        tree.fixed(f"{folder}/curr4_input", 9999)

    @property
    def converters(self) -> list[Converter]:
        """Of its channels, in order."""
        return [converter for converter, _ in self._channels]

    def show(self, body: Body) -> None:
        """Write mV and mA of each channel."""
        for converter, (voltage, current) in self._channels:
            millivolts, milliamps = converter.read(body.watts)
            voltage.set(millivolts)
            current.set(milliamps)


class HwmonPower:
    """A hwmon chip with power1_input in uW and a label of its own (Thor's INA238, or any power chip)."""

    def __init__(self, tree: Tree, chip: str, number: int, rail: Rail, rng: np.random.Generator) -> None:
        folder = f"sys/class/hwmon/hwmon{number}"
        tree.fixed(f"{folder}/name", chip)
        tree.fixed(f"{folder}/label", rail.label)
        self.folder = folder
        self._converter = Converter(rail, rng)
        self._power = tree.cell(f"{folder}/power1_input", 0)

    @property
    def converters(self) -> list[Converter]:
        """Of its one channel."""
        return [self._converter]

    def show(self, body: Body) -> None:
        """Write the power."""
        millivolts, milliamps = self._converter.read(body.watts)
        self._power.set(millivolts * milliamps)


class Rapl:
    """A package counter that will wrap soon after the start, its core part, and psys."""

    RANGE_UJ = 262_143_328_850
    BEFORE_WRAP_UJ = 20_000_000

    def __init__(self, tree: Tree) -> None:
        self._cells = []
        shares = (("intel-rapl:0", "package-0", 1.0), ("intel-rapl:0:0", "core", 0.7), ("intel-rapl:1", "psys", 1.6))
        for domain, name, share in shares:
            folder = f"sys/class/powercap/{domain}"
            tree.fixed(f"{folder}/name", name)
            tree.fixed(f"{folder}/max_energy_range_uj", self.RANGE_UJ)
            self._cells.append((share, tree.cell(f"{folder}/energy_uj", 0)))

    def show(self, body: Body) -> None:
        """Write the counters."""
        start = self.RANGE_UJ - self.BEFORE_WRAP_UJ
        for share, cell in self._cells:
            cell.set((start + int(body.joules * share * 1e6)) % (self.RANGE_UJ + 1))
