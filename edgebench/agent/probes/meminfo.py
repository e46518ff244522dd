"""Memory of the whole machine, in kB: for what a run takes where no process accounts for it (GPU buffers)."""

from . import base

NAME = "meminfo"
PATH = "/proc/meminfo"
FIELDS = ("MemAvailable", "SwapFree")
ZRAM = "/sys/block"


def find(root, options=None):
    """Return the probe with columns MemAvailable and SwapFree."""
    try:
        raw = base.RawFile(base.below(root, PATH), 8192)
    except OSError as error:
        return base.absent(NAME, "unsupported", "cannot read %s: %s" % (PATH, error.strerror))
    return Memory(base.describe(NAME, "instantaneous", "machine", "kB", FIELDS), raw)


def find_zram(root, options=None):
    """Return the probe of swap kept compressed in memory: columns ``held`` and ``taken``, kB before and after that.

    mm_stat of every zram device: orig_data_size compr_data_size mem_used_total ... in bytes (kernel, zram.rst).
    """
    folder = base.below(root, ZRAM)
    stats = []
    for name in base.names(folder, "zram[0-9]+"):
        try:
            stats.append(base.RawFile(base.below(folder, name, "mm_stat"), 256))
        except OSError:
            continue
    if not stats:
        return base.absent("zram", "unsupported", "no compressed swap (zram) on this machine")
    return Zram(base.describe("zram", "instantaneous", "machine", "kB", ["held", "taken"]), stats)


class Zram(base.Probe):
    """Adds the zram devices up."""

    def __init__(self, source, stats):
        base.Probe.__init__(self, source, [])
        self._stats = stats

    def read(self):
        """Return what lies in them and what memory that takes, kB."""
        held = taken = 0
        for stat in self._stats:
            words = stat.read().split()
            sizes = [base.parse_int(word) for word in words[:3]]
            if len(sizes) < 3 or base.MISSING in sizes:
                return base.MISSING, base.MISSING
            held += sizes[0] // 1024
            taken += sizes[2] // 1024
        return held, taken


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
