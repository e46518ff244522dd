"""How fine a rail's readings are: from the shunt resistor where the kernel tells it, else from the steps observed."""

from . import base

SHUNT_LSB_UV = 40.0  # INA3221, one step of the shunt voltage
MIN_DISTINCT = 4  # fewer different currents do not tell a step from a coincidence
MAX_LOOKS = 256
MIN_JUMPS = 20


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


class JumpStep(object):
    """The step of rails of which only the power is known: declared (`lsb_mw`), else estimated from how they jump.

    A rail jumps by whole steps of its current, and a little by those of its voltage: the lower quartile of the jumps
    of the coarsest rail is a step, near enough to say how far a reading can be trusted.
    """

    def __init__(self, lsb_mw=None):
        self._declared_mw = float(lsb_mw[0]) if lsb_mw else None
        self._before = None
        self._jumps = {}

    def learn(self, milliwatts):
        """Take one reading of all rails of the total (mW or None); return its step in W, None while unknown."""
        if self._declared_mw is not None:
            return in_quadrature([self._declared_mw / 1e3] * len(milliwatts))
        for rail, (now, before) in enumerate(zip(milliwatts, self._before or [])):
            if now is not None and before is not None and now != before:
                self._jumps.setdefault(rail, []).append(abs(now - before))
        self._before = list(milliwatts)
        enough = [sorted(jumps) for jumps in self._jumps.values() if len(jumps) >= MIN_JUMPS]
        if not enough:
            return None
        coarsest = max(jumps[len(jumps) // 4] for jumps in enough)
        return in_quadrature([coarsest / 1e3] * len(milliwatts))


def in_quadrature(steps):
    """Return the step of a sum of rails: independent rounding errors add up in quadrature."""
    return round(sum(step * step for step in steps) ** 0.5, 6)


def _gcd(one, other):
    while other:
        one, other = other, one % other
    return one
