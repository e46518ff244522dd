"""Raspberry Pi's firmware, asked through `vcgencmd`: power of the Pi 5's regulators, throttling, a temperature.

`vcgencmd` ends with 0 even for what it does not know: ``error=1 error_msg="Command not registered"``. It needs
/dev/vcio (group ``video``). One call takes 1 to 10 ms, and the firmware renews its figures slowly.
"""

import re
import subprocess

from .. import programs
from . import base, thermal

POWER = "power:rpi5-pmic"
THROTTLE = "throttle-rpi"
MAX_HZ = 2  # each reading starts a program, 2 ms of CPU time on a PC and more on a Pi: 5 Hz would take 2 % of a core
LIMIT_S = 2.0
EXCLUDED = "the current of the 5 V input is not measured: USB devices, HATs, the fan and conversion losses are missing"
NO_METER = "not a Raspberry Pi 5: no current is measured on this board; use an external meter (--power-csv)"
# "VDD_CORE_A current(7)=1.42880000A": a rail a line, or several on one
READING = re.compile(
    r"([A-Za-z0-9_]{1,32})_([AV])\s{1,64}(?:current|volt)\(\d{1,4}\)=(-?\d{1,6}\.\d{1,12})[AV]", re.ASCII
)
THROTTLED = re.compile(r"throttled=0x([0-9a-fA-F]{1,8})\b")
DEGREES = re.compile(r"temp=(-?\d{1,4}(?:\.\d{1,4})?)'C")
# bits 0 to 3 are now, 16 to 19 since boot (Raspberry Pi documentation, vcgencmd get_throttled)
BITS = ("under-voltage", "frequency-capped", "throttled", "soft-temperature-limit")
SINCE = 16


class Firmware(object):
    """What `vcgencmd ARGUMENT` prints; each question is a process of its own."""

    def __init__(self, root):
        self.program = programs.find(root, "vcgencmd")

    def ask(self, argument):
        """Return (its output or None, why not)."""
        if self.program is None:
            return None, "no vcgencmd on this machine"
        try:
            said = programs.run([self.program, argument], limit_s=LIMIT_S)
        except (OSError, subprocess.SubprocessError) as error:
            return None, "cannot run vcgencmd: %s" % error
        if said.code != 0 or "error=" in said.text:
            return None, "vcgencmd %s: %s" % (argument, ascii(said.text.strip()[:120]))
        return said.out, None


def find_power(root, options=None):
    """Return the probe of the PMIC: a column a rail that has both a current and a voltage, all of them the total."""
    firmware = Firmware(root)
    text, why = firmware.ask("pmic_read_adc")
    if text is None:
        # what is not registered is not there; whatever else it was may pass
        known = firmware.program is None or "not registered" in why
        return base.absent(POWER, "unsupported" if known else "unavailable", NO_METER if known else why)
    columns = sorted(rails_uw(text))
    if not columns:
        return base.absent(POWER, "unavailable", "vcgencmd pmic_read_adc printed no rail: %s" % ascii(text[:80]))
    # rate_hz: so that a soak is planned long enough; the sampler says what it came to
    known = {"total": columns, "max_hz": MAX_HZ, "rate_hz": float(MAX_HZ), "excluded": EXCLUDED}
    probe = Asked(base.describe(POWER, "instantaneous", "rails", "uW", columns, **known), firmware, "pmic_read_adc")
    probe.pick = lambda said: _in_order(rails_uw(said), columns)
    if supply_mv(text) is not None:
        source = base.describe("supply", "instantaneous", "input", "mV", ["EXT5V"])
        probe.companions = [base.Probe(source, [probe.supply])]
    return probe


class Asked(base.Probe):
    """A probe whose columns `pick(output)` takes from one answer of the firmware."""

    def __init__(self, source, firmware, argument):
        base.Probe.__init__(self, source, [])
        self._firmware = firmware
        self._argument = argument
        self._last = ""
        self.pick = None

    def read(self):
        """Return the columns, all `MISSING` where the firmware did not answer."""
        self._last = self._firmware.ask(self._argument)[0] or ""
        return tuple(self.pick(self._last))

    def supply(self):
        """Return the input voltage in mV of the answer that was read last."""
        millivolts = supply_mv(self._last)
        return base.MISSING if millivolts is None else millivolts


def _in_order(rails, columns):
    return [rails.get(name, base.MISSING) for name in columns]


def rails_uw(text):
    """Return {rail: uW} of the rails of `pmic_read_adc` that have a current and a voltage."""
    amps, volts = _readings(text)
    return {name: round(amps[name] * volts[name] * 1e6) for name in amps if name in volts}


def supply_mv(text):
    """Return the input voltage in mV, None where it is not told."""
    volts = _readings(text)[1].get("EXT5V")
    return None if volts is None else round(volts * 1000)


def _readings(text):
    found = {"A": {}, "V": {}}
    for name, kind, value in READING.findall(text):
        found[kind][name] = float(value)
    return found["A"], found["V"]


def find_throttle(root, options=None):
    """Return the probe of `get_throttled`: each condition now, and ``<condition>.since`` whether ever since boot."""
    firmware = Firmware(root)
    text, why = firmware.ask("get_throttled")
    if text is None or conditions(text)[0] == base.MISSING:
        why = why or "vcgencmd get_throttled printed %s" % ascii(text[:80])
        return base.absent(THROTTLE, "unsupported" if firmware.program is None else "unavailable", why)
    columns = list(BITS) + ["%s.since" % name for name in BITS]
    probe = Asked(base.describe(THROTTLE, "instantaneous", "soc", "state", columns), firmware, "get_throttled")
    probe.pick = conditions
    return probe


def conditions(text):
    """Return the bits of `get_throttled`, those of now and those since boot."""
    found = THROTTLED.search(text)
    if found is None:
        return [base.MISSING] * (2 * len(BITS))
    bits = int(found.group(1), 16)
    return [bits >> place & 1 for start in (0, SINCE) for place in range(start, start + len(BITS))]


def find_temperature(root, options=None):
    """Return the probe of the thermal zones or, where there are none, of the SoC's temperature under the same name."""
    zones = thermal.find(root, options)
    firmware = Firmware(root)
    if zones.ok or firmware.program is None:
        return zones
    text, why = firmware.ask("measure_temp")
    if text is None or DEGREES.search(text) is None:
        why = why or "vcgencmd measure_temp printed %s" % ascii(text[:80])
        return base.absent(thermal.NAME, "unavailable", why)
    probe = Asked(base.describe(thermal.NAME, "instantaneous", "soc", "mC", ["soc"]), firmware, "measure_temp")
    probe.pick = lambda said: [_millidegrees(said)]
    return probe


def _millidegrees(text):
    found = DEGREES.search(text)
    return base.MISSING if found is None else round(float(found.group(1)) * 1000)
