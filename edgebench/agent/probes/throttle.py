"""Evidence of throttling: cooling devices that slow something down, and counters of the processor and the supply.

``throttle``: states of cooling devices; above 0 the machine is held back. A ``hot-surface-alert`` or a fan is not
throttling. ``throttle-counts`` and ``overcurrent``: counters since boot; what happened is their difference over a run.
"""

import os
import re

from . import base

COOLING = "/sys/class/thermal"
# mainline names: cpufreq-cpu0, thermal-cpufreq-0, devfreq-<device>, thermal-devfreq-0; ACPI: Processor
HOLDS_BACK = re.compile(r"(.*-throttle-alert|(thermal-)?(cpufreq|devfreq)-.*|Processor)\Z")
CPUS = "/sys/devices/system/cpu"
HWMON = "/sys/class/hwmon"


def find(root, options=None):
    """Return the probe of cooling devices; `options` may hold ``ignore_cdevs`` (list of types)."""
    ignored = tuple((options or {}).get("ignore_cdevs") or ())
    folder = base.below(root, COOLING)
    devices = [(base.text(os.path.join(folder, name, "type")), name) for name in base.names(folder, "cooling_device.*")]
    kept = [(kind, name) for kind, name in devices if HOLDS_BACK.match(kind) and kind not in ignored]
    labels = base.distinct([kind for kind, _ in kept])
    paths = [(label, os.path.join(folder, name, "cur_state")) for label, (_, name) in zip(labels, kept)]
    files, denied = base.open_ints(paths)
    if not files:
        if denied:
            return base.absent("throttle", "unavailable", base.denied_why(denied))
        return base.absent("throttle", "unsupported", "no cooling device that throttles in %s" % COOLING)
    source = base.describe("throttle", "instantaneous", "soc", "state", [label for label, _ in files])
    return base.Probe(source, [reader for _, reader in files])


def find_counts(root, options=None):
    """Return the probe of Intel's thermal throttle counters: ``core`` summed over CPUs, ``package`` over packages."""
    folder = base.below(root, CPUS)
    cores, packages = [], {}
    for cpu in base.names(folder, "cpu[0-9]+"):
        path = os.path.join(folder, cpu)
        cores.append((cpu, os.path.join(path, "thermal_throttle", "core_throttle_count")))
        package = base.text(os.path.join(path, "topology", "physical_package_id")) or "0"
        packages.setdefault(package, (package, os.path.join(path, "thermal_throttle", "package_throttle_count")))
    groups = [("core", base.open_ints(cores)[0]), ("package", base.open_ints(sorted(packages.values()))[0])]
    groups = [(name, [reader for _, reader in files]) for name, files in groups if files]
    if not groups:
        return base.absent("throttle-counts", "unsupported", "no thermal_throttle counters in %s" % CPUS)
    source = base.describe("throttle-counts", "accumulating", "soc", "events", [name for name, _ in groups])
    return base.Probe(source, [Sum(readers) for _, readers in groups])


def find_overcurrent(root, options=None):
    """Return the probe of a Jetson's over-current counters (oc1 under-voltage, oc2 average, oc3 instant)."""
    folder = base.below(root, HWMON)
    paths = []
    for device in base.names(folder, "hwmon[0-9]+"):
        chip = os.path.join(folder, device)
        if base.text(os.path.join(chip, "name")) == "soctherm_oc":
            counters = base.names(chip, "oc[0-9]+_event_cnt")
            paths += [(name.split("_")[0], os.path.join(chip, name)) for name in counters]
    files, _ = base.open_ints(paths)
    if not files:
        return base.absent("overcurrent", "unsupported", "no over-current counters in %s" % HWMON)
    source = base.describe("overcurrent", "accumulating", "input", "events", [name for name, _ in files])
    return base.Probe(source, [reader for _, reader in files])


class Sum(object):
    """The sum of several counters; `MISSING` if any of them is."""

    def __init__(self, readers):
        self._readers = readers

    def __call__(self):
        """Return the sum."""
        values = [reader() for reader in self._readers]
        return base.MISSING if base.MISSING in values else sum(values)
