"""What board this is, told by its device tree: the chip, the module on it, the vendor's release.

Source of tables and traps: jetson_stats, `jtop/core/jetson_variables.py`; releases: NVIDIA's JetPack archive. The
model's name is for people only: a TX2 calls itself `quill`, an early AGX Orin `NVIDIA Orin Jetson-Small Developer Kit`.
So is the word after ``BOARD:`` in the release file: `t210ref` is TX1 and Nano, `t186ref` TX2 and Xavier, `generic` all
since r38.
"""

import glob
import hashlib
import os
import re

from . import files

TREE = "/proc/device-tree/"
GPUS = {
    "tegra210": ("GM20B", "5.3"),
    "tegra186": ("GP10B", "6.2"),
    "tegra194": ("GV11B", "7.2"),
    "tegra234": ("GA10B", "8.7"),
    "tegra264": ("GB10B", "11.0"),
}
"""Chip -> (its GPU, CUDA compute capability)."""

MODULE_SERIES = ("p2180", "p2888", "p3310", "p3448", "p3489", "p3636", "p3668", "p3701", "p3767", "p3834")
"""Modules; the other part numbers in a device tree are those of carrier boards (p3449, p3509, p3768, p4071...)."""

DLAS = {"p2888": 2, "p3668": 2, "p3701": 2, "p3767-0000": 2, "p3767-0001": 1, "p3767": 0}
"""Deep-learning accelerators of a module or, where all agree, of its series; Orin Nano has none (data sheets)."""

CHIPS_WITHOUT_DLA = ("tegra210", "tegra186", "tegra264")

JETPACKS = {
    "32.1": "4.2", "32.2": "4.2.1", "32.2.1": "4.2.2", "32.2.3": "4.2.3", "32.3.1": "4.3", "32.4.2": "4.4 DP",
    "32.4.3": "4.4", "32.4.4": "4.4.1", "32.5": "4.5", "32.5.1": "4.5.1", "32.5.2": "4.5.1", "32.6.1": "4.6",
    "32.7.1": "4.6.1", "32.7.2": "4.6.2", "32.7.3": "4.6.3", "32.7.4": "4.6.4", "32.7.5": "4.6.5", "32.7.6": "4.6.6",
    "34.1": "5.0 DP", "34.1.1": "5.0.1 DP", "35.1": "5.0.2", "35.2.1": "5.1", "35.3.1": "5.1.1", "35.4.1": "5.1.2",
    "35.5": "5.1.3", "35.6": "5.1.4", "35.6.1": "5.1.5", "35.6.4": "5.1.6", "36.2": "6.0 DP", "36.3": "6.0",
    "36.4": "6.1", "36.4.3": "6.2", "36.4.4": "6.2.1", "36.4.7": "6.2.1", "36.5": "6.2.2", "38.2": "7.0",
    "38.4": "7.1", "39.2": "7.2",
}  # fmt: skip
"""L4T release without its last zeros -> JetPack. r39 is JetPack 7 on Orin as well as on Thor."""

JETPACK_MAJORS = {"32": "4", "34": "5", "35": "5", "36": "6", "38": "7", "39": "7"}
KERNELS = (((6, 8), "7"), ((5, 15), "6"), ((5, 10), "5"), ((4, 9), "4"))
"""The least kernel of each JetPack's own (`...-tegra`): all that is known where neither file nor package says more."""

PART = re.compile(r"p\d{4}-\d{4}")
EEPROM_PART = re.compile(rb"699-\d(\d{4})-(\d{4})")
EEPROMS = "/sys/bus/i2c/devices/[0127]-0050/eeprom"
RELEASE = re.compile(r"\bR(\d+)\s*\(release\),\s*REVISION:\s*(\d+(?:\.\d+)*)")
PACKAGE_RELEASE = re.compile(r"\d+(?:\.\d+)+")


def describe(root, packages):
    """Return {model, vendor, compatible, l4t, jetpack, soc, module, serial_hash, kernel_tegra}; unknown is null.

    `packages`: {name: version} of what dpkg has installed; it knows the release where the file is missing, as in
    containers. `module` is a part number ("p3448-0000"), `soc` a chip ("tegra210", "bcm2712").
    """
    compatible = [part for part in (_read(root, TREE + "compatible") or "").split("\0") if part]
    kernel = _read(root, "/proc/sys/kernel/osrelease") or ""
    soc = soc_of(compatible)
    release = l4t(_read(root, "/etc/nv_tegra_release")) or package_l4t(packages.get("nvidia-l4t-core"))
    return {
        "model": _read(root, TREE + "model") or _read(root, "/sys/class/dmi/id/product_name"),
        "vendor": _read(root, "/sys/class/dmi/id/sys_vendor"),
        "compatible": compatible,
        "l4t": release,
        "jetpack": jetpack(release) or kernel_jetpack(kernel),
        "soc": soc,
        "module": module(root, compatible) if soc is None or soc in GPUS else None,
        "serial_hash": serial_hash(_read(root, TREE + "serial-number")),
        "kernel_tegra": is_tegra(kernel),
    }


def _read(root, path):
    return files.read_text(files.under(root, path))


def soc_of(compatible):
    """Return the chip: the last entry of the device tree's list, without its vendor; None where there is no list."""
    return compatible[-1].rpartition(",")[2] if compatible else None


def module(root, compatible):
    """Return the module's part number: of `compatible`, else of older trees' own notes, else of its EEPROM (root's)."""
    texts = [" ".join(compatible), _read(root, TREE + "nvidia,dtsfilename") or ""]
    texts.append("p" + (_read(root, TREE + "nvidia,boardids") or "").replace(":", "-"))
    for text in texts:
        found = [part for part in PART.findall(text) if part[:5] in MODULE_SERIES]
        if found:
            return found[0]
    return eeprom_module(root)


def eeprom_module(root):
    """Return the part number in the module's EEPROM (bytes 20 to 48: "699-13448-0000-400 ..."), None if unreadable."""
    for path in sorted(glob.glob(files.under(root, EEPROMS))):
        try:
            with open(path, "rb") as source:
                found = EEPROM_PART.match(source.read(49)[20:])
        except OSError:
            continue
        if found:
            return "p%s-%s" % (found.group(1).decode(), found.group(2).decode())
    return None


def l4t(text):
    """Return the L4T release ("32.7.1") that /etc/nv_tegra_release says, None where it says none."""
    found = RELEASE.search(text or "")
    return "%s.%s" % found.groups() if found else None


def package_l4t(version):
    """Return the L4T release of the package's version ("35.4.1-20230801124926"), None of None."""
    found = PACKAGE_RELEASE.match(version or "")
    return found.group() if found else None


def jetpack(release):
    """Return the JetPack of an L4T release; only its first number where the release is not a known one.

    >>> jetpack("38.2.0"), jetpack("36.9.1"), jetpack("21.5")
    ('7.0', '6', None)
    """
    if release is None:
        return None
    short = release
    while short.endswith(".0"):
        short = short[:-2]
    return JETPACKS.get(short) or JETPACK_MAJORS.get(release.partition(".")[0])


def is_tegra(kernel):
    """Tell whether this is the vendor's kernel."""
    return "tegra" in kernel


def kernel_jetpack(kernel):
    """Return the first number of JetPack that a kernel release as "6.8.12-tegra" goes with, None for other kernels."""
    numbers = re.match(r"(\d+)\.(\d+)", kernel)
    if numbers is None or not is_tegra(kernel):
        return None
    version = (int(numbers.group(1)), int(numbers.group(2)))
    return next((name for least, name in KERNELS if version >= least), None)


def serial_hash(serial):
    """Return a hash of the serial number, which never leaves the device; None of None."""
    return hashlib.sha256(("edgebench serial " + serial).encode("utf-8")).hexdigest()[:16] if serial else None


def gpu(root, found):
    """Return {"name", "sm", "dla"} of the board that `describe` found; null where there is no GPU for CUDA.

    `dla` is null where the module is not known. A card's compute capability stands in no file: null.
    """
    if found["soc"] in GPUS:
        name, sm = GPUS[found["soc"]]
        return {"name": name, "sm": sm, "dla": dlas(found["soc"], found["module"])}
    for path in sorted(glob.glob(files.under(root, "/proc/driver/nvidia/gpus/*/information"))):
        for line in (files.read_text(path) or "").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "Model" and value.strip():
                return {"name": value.strip(), "sm": None, "dla": 0}
    return None


def dlas(soc, part):
    """Return how many deep-learning accelerators a module has, None where that is not known."""
    if soc in CHIPS_WITHOUT_DLA:
        return 0
    return DLAS.get(part or "", DLAS.get((part or "")[:5]))


CLOCK_FOLDERS = (
    "/sys/class/devfreq/57000000.gpu", "/sys/devices/gpu.0/devfreq/57000000.gpu", "/sys/class/devfreq/17000000.*",
    "/sys/devices/gpu.0/devfreq/17000000.*", "/sys/class/devfreq/gpu-gpc-0",
)  # fmt: skip
EMC_FILES = (
    "/sys/kernel/debug/bpmp/debug/clk/emc/max_rate",
    "/sys/class/devfreq/bwmgr/max_freq",
    "/sys/kernel/debug/tegra_bwmgr/emc_max_rate",
)
"""Highest clocks, Hz (jetson_stats, jtop/core/memory.py); Nano's override.emc/clk_rate is the present one."""

EMC_CAP = "/sys/kernel/nvpmodel_emc_cap/emc_iso_cap"


def clocks(root):
    """Return {"gpu_max_mhz", "emc_max_mhz"}: the highest that the present power mode allows; null if unreadable.

    The memory's clock is mostly root's to read; a cap that the power mode sets is not.
    """
    limits = [_mhz(path) for pattern in CLOCK_FOLDERS for path in _paths(root, pattern + "/max_freq")]
    memory = [_mhz(path) for pattern in EMC_FILES for path in _paths(root, pattern)]
    known = [mhz for mhz in memory + [_mhz(files.under(root, EMC_CAP))] if mhz]
    return {"gpu_max_mhz": next((mhz for mhz in limits if mhz), None), "emc_max_mhz": min(known) if known else None}


def _paths(root, pattern):
    return [path for path in sorted(glob.glob(files.under(root, pattern))) if os.path.isfile(path)]


def _mhz(path):
    """Return a file's Hz in MHz, None where it cannot be read or says nothing (0: no cap)."""
    try:
        return int(files.read_text(path) or 0) / 1e6 or None
    except ValueError:
        return None
