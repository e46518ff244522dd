"""A board's thermal zones, each looked at once: one that fails now is no news (devices.md 1.6)."""

import glob
import os

from . import files
from .probes.thermal import IGNORED, PLAUSIBLE

ZONES = "/sys/class/thermal/thermal_zone*"


def celsius(root):
    """Return {zone's type: degC}; the hottest where several zones share a type, {} where none can be read."""
    found = {}
    for folder in sorted(glob.glob(files.under(root, ZONES))):
        name = files.read_text(os.path.join(folder, "type"))
        try:
            value = int(files.read_text(os.path.join(folder, "temp")) or "")
        except ValueError:
            continue
        if name and name not in IGNORED and PLAUSIBLE[0] <= value <= PLAUSIBLE[1]:
            found[name] = max(value / 1000.0, found.get(name, value / 1000.0))
    return found
