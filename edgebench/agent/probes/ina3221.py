"""INA3221 rails, as Jetson boards show them: NVIDIA's iio driver (JetPack 4) or mainline's hwmon one (5 and later).

iio:   /sys/bus/i2c/drivers/ina3221x/<bus>-<addr>/iio:device<N>/  rail_name_<c>, in_power<c>_input mW, c from 0.
hwmon: /sys/bus/i2c/drivers/ina3221/<bus>-<addr>/hwmon/hwmon*/ or /sys/class/hwmon/hwmon* named ina3221:
       in<c>_label, in<c>_input mV, curr<c>_input mA, c = 1..3 (4..7 are shunt voltages and sums, never rails); no
       power file, so P = mV x mA in uW. Thor has its whole input on a companion (INA238: power1_input uW).

Labels may be absent (no device-tree node): such rails are called ch1.. Values may be negative by an LSB.

Beside the power stand ``supply`` (mV of the rails of the total: a weak supply shows there first) and, where mainline's
driver has them, ``rail-alarms`` (the chip's own limits of current, 1 while one is exceeded).
"""

import os
import time

from . import base, totals
from .steps import CurrentStep, in_quadrature

NAME = "power:ina3221"
SUPPLY = "supply"
ALARMS = "rail-alarms"  # names that begin with "power" are sources of watts
IIO = "/sys/bus/i2c/drivers/ina3221x"
HWMON_DRIVER = "/sys/bus/i2c/drivers/ina3221"
HWMON_CLASS = "/sys/class/hwmon"
IGNORED = ("NC", "sum of shunt voltages")
LOOKS_S = (0.0, 0.02, 0.1)
"""Pauses before the looks at a chip whose files give EAGAIN: it converts at most every few ms, so this is for ever."""


class Rail(object):
    """One channel: `power()` in uW and what is needed to know its step (the current's LSB times the bus voltage)."""

    def __init__(self, label, power, milliamps, millivolts, shunt_uohm=None):
        self.label = label
        self._power = power
        self.millivolts = millivolts
        self._step = CurrentStep(milliamps, millivolts, shunt_uohm)

    def __call__(self):
        """Return the power in uW, or `MISSING`."""
        self._step.look()
        return self._power()

    def resolution_w(self):
        """Return the step in watts, or None while too few different currents were seen to tell."""
        return self._step.watts()


class InaProbe(base.Probe):
    """Rails of all chips; `resolution_w` of the total is filled in as soon as its rails know theirs.

    Until then the declared step of one rail (`lsb_mw`, a list as the profile gives it) stands for it, if there is one.
    """

    def __init__(self, source, rails, lsb_mw=None):
        base.Probe.__init__(self, source, rails)
        self._learnt = not source["total"]
        if lsb_mw and source["total"]:
            source["resolution_w"] = in_quadrature([float(lsb_mw[0]) / 1e3] * len(source["total"]))

    def read(self):
        """Return the power of every rail in uW."""
        values = base.Probe.read(self)
        if not self._learnt:
            self._learn()
        return values

    def _learn(self):
        steps = [rail.resolution_w() for rail in self._readers if rail.label in self.source["total"]]
        if all(steps):
            self._learnt = True
            self.source["resolution_w"] = in_quadrature(steps)


def find(root, options=None):
    """Return the probe of all INA3221 rails; `options`: ``total_rails``, ``total_rails_fallback``, ``ignore_rails``."""
    options = options or {}
    ignored = tuple(options.get("ignore_rails") or ()) + IGNORED
    rails, denied = [], []
    for chip, collect in _chips(root):
        collect(chip, ignored, rails, denied)
    if denied and not rails:
        return base.absent(NAME, "unavailable", base.denied_why(denied))
    if not rails:
        return base.absent(NAME, "unsupported", "no INA3221 power monitor with rails on this machine")
    for rail, label in zip(rails, base.distinct([rail.label for rail in rails])):
        rail.label = label
    columns = [rail.label for rail in rails]
    total, why, scope = totals.choose(columns, options.get("total_rails"), options.get("total_rails_fallback"))
    if denied:
        total, why = None, base.denied_why(denied)
    source = base.describe(NAME, "instantaneous", scope, "uW", columns, total=total, total_why=why, max_hz=50)
    probe = InaProbe(source, rails, options.get("lsb_mw"))
    probe.companions = _supply([rail for rail in rails if rail.label in (total or ())])
    if _is_dumb(probe):
        why = "its files open and cannot be read (%s): see the kernel's log" % ", ".join(columns)
        return base.absent(NAME, "unavailable", why)
    return probe


def _is_dumb(probe):
    """Tell whether no rail gives anything, several times in a row: one look may fall into the chip's own pause."""
    for pause_s in LOOKS_S:
        time.sleep(pause_s)
        if any(value != base.MISSING for value in probe.read()):
            return False
    return True


def _supply(rails):
    """Return the probe of the rails' voltages in a list, empty where none is told."""
    told = [(rail.label, rail.millivolts) for rail in rails if rail.millivolts is not None]
    if not told:
        return []
    source = base.describe(SUPPLY, "instantaneous", "input", "mV", [label for label, _ in told])
    return [base.Probe(source, [millivolts for _, millivolts in told])]


def find_alarms(root, options=None):
    """Return the probe of the chips' current alarms, columns ``<rail>.max`` and ``<rail>.crit``."""
    paths = []
    for folder, _ in _chips(root):
        for channel in (1, 2, 3):
            label = base.text(os.path.join(folder, "in%d_label" % channel)) or "ch%d" % channel
            for limit in ("max", "crit"):
                path = os.path.join(folder, "curr%d_%s_alarm" % (channel, limit))
                if label not in IGNORED and os.path.exists(path):
                    paths.append(("%s.%s" % (label, limit), path))
    files, _ = base.open_ints(list(zip(base.distinct([name for name, _ in paths]), [path for _, path in paths])))
    if not files:
        return base.absent(ALARMS, "unsupported", "no power monitor with alarms on this machine")
    source = base.describe(ALARMS, "instantaneous", "input", "state", [name for name, _ in files])
    return base.Probe(source, [reader for _, reader in files])


def _chips(root):
    """Return (folder, collecting function) of every chip in the order of bus and address, each once."""
    found = []
    iio = base.below(root, IIO)
    for address in base.names(iio, "[0-9]+-[0-9a-f]+"):
        for device in base.names(os.path.join(iio, address), "iio:device[0-9]+"):
            found.append((os.path.join(iio, address, device), address, _collect_iio))
    driver = base.below(root, HWMON_DRIVER)
    for address in base.names(driver, "[0-9]+-[0-9a-f]+"):
        for device in base.names(os.path.join(driver, address, "hwmon"), "hwmon[0-9]+"):
            found.append((os.path.join(driver, address, "hwmon", device), address, _collect_hwmon))
    general = base.below(root, HWMON_CLASS)
    for device in base.names(general, "hwmon[0-9]+"):
        folder = os.path.join(general, device)
        chip = base.text(os.path.join(folder, "name"))
        address = os.path.basename(os.path.realpath(os.path.join(folder, "device")))
        if chip == "ina3221":
            found.append((folder, address, _collect_hwmon))
        elif chip.startswith("ina"):
            found.append((folder, address, _collect_companion))
    if all(collect is _collect_companion for _, _, collect in found):
        return []  # without an INA3221 they are plain hwmon sensors
    unique = {}
    for folder, address, collect in found:
        unique.setdefault(os.path.realpath(folder), (address, folder, collect))
    ordered = sorted(unique.values(), key=lambda chip: (base.natural(chip[0]), chip[1]))
    return [(folder, collect) for _, folder, collect in ordered]


def _open(path, denied, scale=1):
    """Return an IntFile; None where there is none; a file forbidden to us goes to `denied`."""
    opened, refused = base.open_ints([("", path)], scale)
    denied.extend(refused)
    return opened[0][1] if opened else None


def _collect_iio(folder, ignored, rails, denied):
    for channel in range(3):
        label = base.text(os.path.join(folder, "rail_name_%d" % channel)) or "ch%d" % (channel + 1)
        power_path = os.path.join(folder, "in_power%d_input" % channel)
        if label in ignored or not os.path.exists(power_path):
            continue
        power = _open(power_path, denied, scale=1000)
        if power is None:
            continue
        current = _open(os.path.join(folder, "in_current%d_input" % channel), [])
        voltage = _open(os.path.join(folder, "in_voltage%d_input" % channel), [])
        rails.append(Rail(label, power, current, voltage))


def _collect_hwmon(folder, ignored, rails, denied):
    for channel in (1, 2, 3):
        label = base.text(os.path.join(folder, "in%d_label" % channel)) or "ch%d" % channel
        off = base.text(os.path.join(folder, "in%d_enable" % channel)) == "0"
        if label in ignored or off:
            continue
        voltage = _open(os.path.join(folder, "in%d_input" % channel), denied)
        current = _open(os.path.join(folder, "curr%d_input" % channel), denied)
        if voltage is None or current is None:
            continue
        shunt = base.parse_int(base.text(os.path.join(folder, "shunt%d_resistor" % channel)).encode("utf-8"))
        rails.append(Rail(label, Product(voltage, current), current, voltage, shunt if shunt > 0 else None))


def _collect_companion(folder, ignored, rails, denied):
    label = base.text(os.path.join(folder, "label")) or base.text(os.path.join(folder, "name"))
    power = _open(os.path.join(folder, "power1_input"), denied)
    if label not in ignored and power is not None:
        current = _open(os.path.join(folder, "curr1_input"), [])
        rails.append(Rail(label, power, current, _open(os.path.join(folder, "in1_input"), [])))


class Product(object):
    """mV x mA = uW of two files; `MISSING` if either is."""

    def __init__(self, millivolts, milliamps):
        self._millivolts = millivolts
        self._milliamps = milliamps

    def __call__(self):
        """Return the product."""
        volts, amps = self._millivolts(), self._milliamps()
        if base.MISSING in (volts, amps):
            return base.MISSING
        power = volts * amps
        return power if -base.LIMIT < power < base.LIMIT else base.MISSING
