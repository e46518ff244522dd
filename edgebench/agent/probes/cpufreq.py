"""The processor's clocks, in kHz: each policy's present frequency and its ceiling."""

import os

from . import base

NAME = "cpufreq"
FOLDER = "/sys/devices/system/cpu/cpufreq"
PER_CPU = "/sys/devices/system/cpu"  # kernels before 4.3


def find(root, options=None):
    """Return the probe with columns ``policyN`` and ``policyN.max`` (scaling_max_freq, lowered by some throttles)."""
    folder = base.below(root, FOLDER)
    policies = [(name, os.path.join(folder, name)) for name in base.names(folder, "policy[0-9]+")]
    if not policies:
        cpus = base.below(root, PER_CPU)
        policies = [(name, os.path.join(cpus, name, "cpufreq")) for name in base.names(cpus, "cpu[0-9]+")]
    paths = [(name, os.path.join(path, "scaling_cur_freq")) for name, path in policies]
    paths += [(name + ".max", os.path.join(path, "scaling_max_freq")) for name, path in policies]
    files, denied = base.open_ints(paths)
    if not files:
        if denied:
            return base.absent(NAME, "unavailable", base.denied_why(denied))
        return base.absent(NAME, "unsupported", "no cpufreq on this machine")
    source = base.describe(NAME, "instantaneous", "soc", "kHz", [name for name, _ in files])
    return base.Probe(source, [reader for _, reader in files])
