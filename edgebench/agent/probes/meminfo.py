"""Memory of the whole machine, in kB: for what a run takes where no process accounts for it (GPU buffers)."""

from . import base

NAME = "meminfo"
PATH = "/proc/meminfo"
FIELDS = ("MemAvailable", "SwapFree")


def find(root, options=None):
    """Return the probe with columns MemAvailable and SwapFree."""
    try:
        raw = base.RawFile(base.below(root, PATH), 8192)
    except OSError as error:
        return base.absent(NAME, "unsupported", "cannot read %s: %s" % (PATH, error.strerror))
    return Memory(base.describe(NAME, "instantaneous", "machine", "kB", FIELDS), raw)


class Memory(base.Probe):
    """Takes the wanted lines out of /proc/meminfo."""

    def __init__(self, source, raw):
        base.Probe.__init__(self, source, [])
        self._raw = raw

    def read(self):
        """Return the fields in kB."""
        found = {}
        for line in self._raw.read().split(b"\n"):
            words = line.split()
            if len(words) >= 2:
                found[words[0]] = words[1]
        return tuple([base.parse_int(found.get(name.encode("ascii") + b":", b"")) for name in FIELDS])
