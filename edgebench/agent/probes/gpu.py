"""The GPU of a Jetson: its load and its clock now, and the clocks it may have; and the memory controller's clock.

A devfreq node is the GPU's by the name of its device-tree node. Thor's is ``gpu-gpc-0``. Nodes may come late after a
boot, so that one that is not there yet is looked for again.
"""

import glob
import os

from . import base

NAME = "gpu"
EMC = "emc"
DEVFREQ = "/sys/class/devfreq"
NODES = ("gv11b", "gp10b", "ga10b", "gb10b", "gpu")  # names in the device tree; jetson_stats, jtop/core/gpu.py
THOR = "gpu-gpc-0"
OLD_FOLDERS = ("/sys/devices/gpu.0", "/sys/devices/platform/gpu.0", "/sys/devices/57000000.gpu")
COLUMNS = ("load.permille", "kHz", "max.kHz", "min.kHz")
LOOK_AGAIN = 10
# Hz; the first that can be read. Root only where it lies in debugfs
EMC_HZ = ("/sys/kernel/debug/bpmp/debug/clk/emc/rate", "/sys/kernel/debug/clk/override.emc/clk_rate",
          "/sys/kernel/debug/clk/emc/clk_rate", "/sys/class/devfreq/bwmgr/cur_freq")  # fmt: skip


def find(root, options=None):
    """Return the probe with COLUMNS; what this GPU does not tell is `MISSING`."""
    gpu = Gpu(root)
    if not gpu.present and not _is_tegra(root):
        return base.absent(NAME, "unsupported", "no GPU with a devfreq node in %s" % DEVFREQ)
    source = base.describe(NAME, "instantaneous", "soc", "by column", COLUMNS)
    return Late(source, gpu)


def find_emc(root, options=None):
    """Return the probe of the memory controller's clock, in kHz."""
    denied = []
    for path in EMC_HZ:
        opened, refused = base.open_ints([("kHz", base.below(root, path))])
        denied += refused
        if opened:
            source = base.describe(EMC, "instantaneous", "soc", "kHz", ["kHz"])
            return base.Probe(source, [Thousandth(opened[0][1])])
    if denied or (_is_tegra(root) and not os.access(base.below(root, "/sys/kernel/debug"), os.X_OK)):
        return base.absent(EMC, "unavailable", "the memory controller's clock is readable by root only")
    return base.absent(EMC, "unsupported", "no memory controller's clock on this machine")


def _is_tegra(root):
    return "nvidia,tegra" in base.text(base.below(root, "/proc/device-tree/compatible")).replace("\0", " ")


class Late(base.Probe):
    """Reads the GPU; looks for it again now and then while it is not there."""

    def __init__(self, source, gpu):
        base.Probe.__init__(self, source, [])
        self._gpu = gpu
        self._reads = 0

    def read(self):
        """Return load in 1/1000, present, greatest and least clock in kHz."""
        self._reads += 1
        if not self._gpu.complete and self._reads % LOOK_AGAIN == 0:
            self._gpu.search()
        return self._gpu.read()


class Gpu(object):
    """The files of the GPU."""

    def __init__(self, root):
        self._root = root
        self._readers = [None] * len(COLUMNS)
        self.search()

    @property
    def present(self):
        """Whether anything of it can be read."""
        return any(self._readers)

    @property
    def complete(self):
        """Whether its load and its clock can be read."""
        return all(self._readers[:2])

    def search(self):
        """Open the files that are there."""
        node = _node(self._root)
        folders = [os.path.join(node, "device")] if node else []
        folders += [base.below(self._root, folder) for folder in OLD_FOLDERS]
        load = [os.path.join(folder, "load") for folder in folders]
        clocks = [
            folder for old in folders for folder in sorted(glob.glob(os.path.join(glob.escape(old), "devfreq", "*")))
        ]
        clocks = ([node] if node else []) + clocks
        candidates = [load] + [
            [os.path.join(one, name) for one in clocks] for name in ("cur_freq", "max_freq", "min_freq")
        ]
        self._readers = [_first(paths) for paths in candidates]

    def read(self):
        """Return one value a column."""
        load, *clocks = [reader() if reader else base.MISSING for reader in self._readers]
        return tuple([load] + [base.MISSING if hz == base.MISSING else hz // 1000 for hz in clocks])


def _node(root):
    """Return the devfreq folder of the GPU, or None."""
    folder = base.below(root, DEVFREQ)
    for name in base.names(folder):
        of_node = base.text(os.path.join(folder, name, "device", "of_node", "name"))
        if name == THOR or of_node in NODES or (not of_node and name.partition(".")[2] in NODES):
            return os.path.join(folder, name)
    return None


def _first(paths):
    opened, _ = base.open_ints([("", path) for path in paths if os.path.isfile(path)])
    return opened[0][1] if opened else None


class Thousandth(object):
    """A reader's value divided by 1000."""

    def __init__(self, reader):
        self._reader = reader

    def __call__(self):
        """Return it, or `MISSING`."""
        value = self._reader()
        return value if value == base.MISSING else value // 1000
