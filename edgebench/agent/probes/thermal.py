"""Temperatures of the thermal zones, in m degC."""

import os

from . import base

NAME = "thermal"
FOLDER = "/sys/class/thermal"
PLAUSIBLE = (-55000, 200000)  # a dead sensor shows -256000
IGNORED = ("PMIC-Die",)  # a constant, not a measurement


def find(root, options=None):
    """Return the probe of all zones by type; `options` may hold ``ignore_zones`` (list of types)."""
    ignored = tuple((options or {}).get("ignore_zones") or ()) + IGNORED
    folder = base.below(root, FOLDER)
    zones = [
        (base.text(os.path.join(folder, zone, "type")) or zone, zone) for zone in base.names(folder, "thermal_zone.*")
    ]
    kept = [(label, zone) for label, zone in zones if label not in ignored]
    labels = base.distinct([label for label, _ in kept])
    paths = [(label, os.path.join(folder, zone, "temp")) for label, (_, zone) in zip(labels, kept)]
    files, denied = base.open_ints(paths)
    if not files:
        if denied:
            return base.absent(NAME, "unavailable", base.denied_why(denied))
        return base.absent(NAME, "unsupported", "no thermal zones in %s" % FOLDER)
    source = base.describe(NAME, "instantaneous", "soc", "mC", [label for label, _ in files])
    return base.Probe(source, [Zone(reader) for _, reader in files])


class Zone(object):
    """A zone's temperature; placeholders of dead sensors are `MISSING`."""

    def __init__(self, reader):
        self._reader = reader

    def __call__(self):
        """Return the temperature in m degC."""
        value = self._reader()
        return value if PLAUSIBLE[0] <= value <= PLAUSIBLE[1] else base.MISSING
