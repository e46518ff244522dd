"""Preparing the device: the frequency governor (journalled), the children's CPUs; and checking that it held."""

import glob
import os

from . import files

POLICIES = "/sys/devices/system/cpu/cpufreq/policy*/scaling_governor"


def governors(root):
    """Return {policy: governor} of every cpufreq policy, {} where there are none."""
    found = {}
    for path in sorted(glob.glob(files.under(root, POLICIES))):
        found[os.path.basename(os.path.dirname(path))] = files.read_text(path)
    return found


def parse_cpus(text):
    """Return the set of CPUs of a list as "0-3,6". Raises ValueError."""
    cpus = set()
    for part in str(text).split(","):
        first, dash, last = part.strip().partition("-")
        cpus.update(range(int(first), int(last if dash else first) + 1))
    if not cpus:
        raise ValueError("no CPU in %r" % text)
    return cpus


class Preparation(object):
    """What a job asked to be set. `warn(code, text)` hears of what could not be; nothing of it ends the job."""

    def __init__(self, job, root, asked, journal, warn):
        self._job = job
        self._root = root
        self._asked = asked
        self._journal = journal
        self._warn = warn
        self.done = []
        self.cpus = None

    def apply(self, now_ns):
        """Set everything asked; `done` lists what was set: [{key, path, old, new}]."""
        for key, value in sorted(self._asked.items()):
            if key == "governor":
                self._set_governors(str(value), now_ns)
            elif key == "affinity":
                self._set_affinity(value)
            else:
                self._warn("pin-failed", "%s=%s: the agent cannot set it" % (key, value))

    def _set_governors(self, value, now_ns):
        paths = sorted(glob.glob(files.under(self._root, POLICIES)))
        if not paths:
            self._warn("pin-failed", "governor=%s: this machine has no cpufreq policy" % value)
        for path in paths:
            old = files.read_text(path)
            if old is None or old == value:
                continue
            try:
                self._journal.set(self._job, path, old, value, now_ns)
            except OSError as error:
                self._warn("pin-failed", "governor=%s: %s: %s" % (value, path, error.strerror or error))
            else:
                self.done.append({"key": "governor", "path": path, "old": old, "new": value})

    def _set_affinity(self, value):
        try:
            cpus = parse_cpus(value)
            allowed = os.sched_getaffinity(0)
            if not cpus <= allowed:
                raise ValueError("CPUs %s are not there" % sorted(cpus - allowed))
        except ValueError as error:
            self._warn("pin-failed", "affinity=%s: %s" % (value, error))
            return
        self.cpus = cpus
        self.done.append({"key": "affinity", "path": None, "old": None, "new": sorted(cpus)})

    def pins(self):
        """Return what can be pinned, as it is now: {governor: {policy: name}, affinity: [cpu...] or null}."""
        return {"governor": governors(self._root), "affinity": sorted(self.cpus) if self.cpus else None}

    def lost(self):
        """Return the settings of `done` that no longer hold: [{key, path, wanted, found}]."""
        gone = []
        for one in self.done:
            found = files.read_text(one["path"]) if one["path"] else one["new"]
            if found != one["new"]:
                gone.append({"key": one["key"], "path": one["path"], "wanted": one["new"], "found": found})
        return gone
