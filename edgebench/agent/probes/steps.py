"""How fine a rail's readings are: from the shunt resistor where the kernel tells it, else from the steps observed."""

from . import base

SHUNT_LSB_UV = 40.0  # INA3221, one step of the shunt voltage
MIN_DISTINCT = 4  # fewer different currents do not tell a step from a coincidence
MAX_LOOKS = 256


class CurrentStep(object):
    """The step of one rail's current: 40 uV / R, or the common divisor of the currents seen; times the bus voltage.

    `milliamps` and `millivolts` are readers (IntFile) or None; `shunt_uohm` the resistor in micro-ohm or None.
    """

    def __init__(self, milliamps, millivolts, shunt_uohm=None):
        self._milliamps = milliamps
        self._millivolts = millivolts
        self._shunt_uohm = shunt_uohm
        self._divisor = 0
        self._seen = set()
        self._looks = 0

    def look(self):
        """Take one more current into account, while the step is still to be learnt."""
        if self._shunt_uohm or self._milliamps is None or self._looks >= MAX_LOOKS:
            return
        self._looks += 1
        value = self._milliamps()
        if value != base.MISSING and value != 0 and value not in self._seen:
            self._seen.add(value)
            self._divisor = _gcd(self._divisor, abs(value))

    def watts(self):
        """Return the step in watts at the present bus voltage, None while unknown."""
        if self._millivolts is None:
            return None
        millivolts = self._millivolts()
        if millivolts == base.MISSING or millivolts <= 0:
            return None
        if self._shunt_uohm:
            return SHUNT_LSB_UV / self._shunt_uohm * millivolts / 1e3
        if len(self._seen) < MIN_DISTINCT:
            return None
        return self._divisor * millivolts / 1e6


def _gcd(one, other):
    while other:
        one, other = other, one % other
    return one
