"""Which probes a machine has: one power source chosen, and all the slow ones."""

from . import base, cpufreq, hwmon, ina3221, load, meminfo, nvml, rapl, thermal, throttle

# in the order of trust for "auto": a module's input rail, the processor's counter, the GPU's, any other chip
POWER = (("ina3221", ina3221.find), ("rapl", rapl.find), ("nvml", nvml.find), ("hwmon", hwmon.find))
SLOW = (thermal.find, cpufreq.find, throttle.find, throttle.find_counts, throttle.find_overcurrent,
        load.find, load.find_loadavg, meminfo.find)  # fmt: skip


def find_power(root, wanted="auto", options=None):
    """Return the probes to announce for power, the chosen one first; only a first one that is `ok` is read.

    `wanted` is ``auto``, ``off`` (or None) or a source's name. After the chosen one stand those that "auto" would have
    preferred but could not have (state ``unavailable``), so that nobody wonders why. Nothing found: one absent probe.
    """
    if wanted in (None, "off"):
        return [base.absent("power", "unavailable", "power was switched off for this run")]
    if wanted == "auto":
        return _automatic(root, options)
    finders = dict(POWER)
    if wanted not in finders:
        why = "no power source is called %s; there are %s" % (wanted, ", ".join(name for name, _ in POWER))
        return [base.absent("power:%s" % wanted, "unavailable", why)]
    probe = finders[wanted](root, options)
    if probe.source["state"] == "unsupported":
        why = "asked for, but not there: %s" % probe.source["why"]
        return [base.absent(probe.source["name"], "unavailable", why)]
    return [probe]


def _automatic(root, options):
    refused = []
    for _, find in POWER:
        probe = find(root, options)
        if probe.ok:
            return [probe] + refused
        if probe.source["state"] == "unavailable":
            refused.append(probe)
    return refused or [base.absent("power", "unsupported", "no INA3221, RAPL, NVML or hwmon power sensor found")]


def find_slow(root, options=None):
    """Return the probes of everything but power, absent ones included."""
    return [find(root, options) for find in SLOW]
