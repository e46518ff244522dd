"""Boards that are known to measure no power at all, so that they say so instead of being searched in vain."""

from .. import files

EXTERNAL = "use an external meter (--power-csv)"
# no INA3221 on the 2 GB module; no current sensing before the Raspberry Pi 5
MODULES = {"p3448-0003": "a Jetson Nano 2GB has no power monitor: " + EXTERNAL}
MODELS = (("Raspberry Pi 4", "a Raspberry Pi 4 measures no current: " + EXTERNAL),
          ("Raspberry Pi 3", "a Raspberry Pi 3 measures no current: " + EXTERNAL),
          ("Raspberry Pi Zero", "a Raspberry Pi Zero measures no current: " + EXTERNAL))  # fmt: skip


def why(root, options=None):
    """Return why this board has no power sensor of its own, None where that is not known.

    `options` may hold ``external_required`` (the name of the profile that says so).
    """
    compatible = files.read_text(files.under(root, "/proc/device-tree/compatible")) or ""
    for module, reason in MODULES.items():
        if module in compatible:
            return reason
    model = files.read_text(files.under(root, "/proc/device-tree/model")) or ""
    for prefix, reason in MODELS:
        if model.startswith(prefix):
            return reason
    declared = (options or {}).get("external_required")
    return "by its profile (%s) this board has no power sensor: %s" % (declared[0], EXTERNAL) if declared else None
