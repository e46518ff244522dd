"""A board's thermal zones, each looked at once: one that fails now is no news (devices.md 1.6)."""

import glob
import os

from . import files

ZONES = "/sys/class/thermal/thermal_zone*"
DEAD_C = -100.0
"""Below this no board lives: a part without power reads -256 degC."""

PLACEHOLDERS = ("PMIC-Die",)
"""Zones that always say the same (50 or 100 degC)."""


def celsius(root):
    """Return {zone's type: degC}; the hottest where several zones share a type, {} where none can be read."""
    found = {}
    for folder in sorted(glob.glob(files.under(root, ZONES))):
        name = files.read_text(os.path.join(folder, "type"))
        try:
            value = int(files.read_text(os.path.join(folder, "temp")) or "") / 1000.0
        except ValueError:
            continue
        if name and name not in PLACEHOLDERS and value > DEAD_C:
            found[name] = max(value, found.get(name, value))
    return found
