"""The boards that can be simulated: which sensors each has, in the driver's form."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgebench.mock import machine
from edgebench.mock.cells import Tree
from edgebench.mock.power_sensors import HwmonIna3221, HwmonPower, IioIna3221, Rail, Rapl, Sensor

ZONES_R32 = ("CPU-therm", "GPU-therm", "PMIC-Die")
ZONES_R36 = ("cpu-thermal", "tj-thermal", "cv0-thermal")

# (rewritten with every millisecond, rewritten now and then)
Sensors = tuple[list[Sensor], list[Sensor]]
Form = Callable[[Tree, np.random.Generator], Sensors]


def _jetson(tree: Tree, zones: tuple[str, ...], gated: tuple[str, ...] = ()) -> list[Sensor]:
    return [machine.Zones(tree, zones, gated), machine.Throttle(tree), machine.Clocks(tree), machine.Proc(tree)]


def _numbers(rng: np.random.Generator) -> list[int]:
    """Hwmon numbers as a boot hands them out."""
    return [int(number) for number in rng.permutation(6)]


def _iio(tree: Tree, rng: np.random.Generator) -> Sensors:
    """Jetson Nano 4GB, JetPack 4."""
    machine.identity(
        tree, "NVIDIA Jetson Nano Developer Kit", ("nvidia,p3450-0000", "nvidia,jetson-nano", "nvidia,tegra210")
    )
    rails = (Rail("POM_5V_IN", 1.0, 5.28), Rail("POM_5V_GPU", 0.4, 5.28), Rail("POM_5V_CPU", 0.3, 5.28))
    return [IioIna3221(tree, "6-0040", 0, rails, rng)], _jetson(tree, ZONES_R32)


def _hwmon(tree: Tree, rng: np.random.Generator) -> Sensors:
    """Jetson Orin Nano, JetPack 6."""
    machine.identity(tree, "NVIDIA Jetson Orin Nano Developer Kit", ("nvidia,p3768-0000+p3767-0005", "nvidia,tegra234"))
    rails = (Rail("VDD_IN", 1.0), Rail("VDD_CPU_GPU_CV", 0.5), Rail("VDD_SOC", 0.2))
    return [HwmonIna3221(tree, "1-0040", _numbers(rng)[0], rails, rng)], _jetson(tree, ZONES_R36)


def _hwmon_bare(tree: Tree, rng: np.random.Generator) -> Sensors:
    """An unknown arm64 board with an INA3221 but no device-tree node for it: no labels, no shunt values."""
    machine.identity(tree, "Unlisted Board", ("vendor,unlisted", "vendor,soc"))
    rails = (Rail("", 1.0), Rail("", 0.5), Rail("", 0.2))
    return [HwmonIna3221(tree, "1-0040", _numbers(rng)[0], rails, rng, labels=False)], _jetson(tree, ZONES_R36)


def _agx_orin(tree: Tree, rng: np.random.Generator) -> Sensors:
    """Jetson AGX Orin: two chips at about 20 V, unconnected channels, a rail that is a part of another."""
    machine.identity(tree, "Jetson AGX Orin Developer Kit", ("nvidia,p3737-0000+p3701-0005", "nvidia,tegra234"))
    numbers = _numbers(rng)
    first = (Rail("VDD_GPU_SOC", 0.5, 19.6, 2), Rail("VDD_CPU_CV", 0.3, 19.6, 2), Rail("VIN_SYS_5V0", 0.2, 5.0, 2))
    second = (Rail("NC", 0.0, 19.6, 2), Rail("VDDQ_VDD2_1V8AO", 0.1, 5.0, 2), Rail("NC", 0.0, 19.6, 2))
    chips: list[Sensor] = [HwmonIna3221(tree, "1-0040", numbers[0], first, rng),
                           HwmonIna3221(tree, "1-0041", numbers[1], second, rng)]  # fmt: skip
    return chips, _jetson(tree, ZONES_R36)


def _thor(tree: Tree, rng: np.random.Generator) -> Sensors:
    """Jetson Thor: the whole input on an INA238 in uW, coarse rails, a gated GPU rail (-392 mW), an unreadable zone."""
    machine.identity(tree, "NVIDIA Jetson AGX Thor Developer Kit", ("nvidia,p3971-0089+p3834-0008", "nvidia,tegra264"))
    numbers = _numbers(rng)
    rails = (Rail("VDD_GPU", 0.0, 19.6, 2), Rail("VDD_CPU_SOC_MSS", 0.5, 19.6, 2), Rail("VIN_SYS_5V0", 0.3, 5.0, 2))
    chips: list[Sensor] = [HwmonIna3221(tree, "2-0040", numbers[0], rails, rng),
                           HwmonPower(tree, "ina238", numbers[1], Rail("VIN", 1.0, 19.6, 5), rng)]  # fmt: skip
    return chips, _jetson(tree, ("cpu-thermal", "tj-thermal"), gated=("gpu-thermal",))


def _rapl(tree: Tree, rng: np.random.Generator) -> Sensors:
    """A PC with Intel's counters."""
    slow: list[Sensor] = [machine.Zones(tree, ("x86_pkg_temp",)), machine.IntelThrottle(tree), machine.Clocks(tree),
                          machine.Proc(tree)]  # fmt: skip
    return [Rapl(tree)], slow


def _power(tree: Tree, rng: np.random.Generator) -> Sensors:
    """A machine with some hwmon chip that shows its power in uW."""
    slow: list[Sensor] = [machine.Zones(tree, ("acpitz",)), machine.Clocks(tree), machine.Proc(tree)]
    return [HwmonPower(tree, "acme_power", _numbers(rng)[0], Rail("input", 1.0, 12.0), rng)], slow


def _none(tree: Tree, rng: np.random.Generator) -> Sensors:
    """A virtual machine: no sensor at all."""
    return [], [machine.Proc(tree)]


FORMS: dict[str, Form] = {
    "iio": _iio,
    "hwmon": _hwmon,
    "hwmon-bare": _hwmon_bare,
    "agx-orin": _agx_orin,
    "thor": _thor,
    "rapl": _rapl,
    "power": _power,
    "none": _none,
}
