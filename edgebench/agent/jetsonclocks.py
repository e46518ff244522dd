"""Locked clocks of Jetson boards (jetson_clocks): stored before first use, put back from what was stored.

The order is nvpmodel, store, jetson_clocks, run, restore: another power mode resets the clocks, and what is stored
while they are locked already would lock them again (devices.md 1.5). The store lies where only root writes: whoever
may change that file and have it restored could set anything.
"""

import glob
import os
import re

from . import files, programs
from .setting import Held, NotSet

NAME = "clock setting"
STORE = "/root/.edgebench_clocks.conf"
BOOT_DELAY_S = 60.0
"""NVIDIA's own services still set the clocks in the first minute after boot."""

LOCKED = (
    "clocks-locked",
    "the clocks were locked already, by another session or by hand; they are left as they were found",
)
POLICIES = "/sys/devices/system/cpu/cpufreq/policy*"
GPUS = "/sys/class/devfreq/*"
GPU_NAME = re.compile(r"gpu|gv11b|gp10b|ga10b|gb10b")
SHOWN = re.compile(r"^(cpu\d+|GPU)\b.*?MinFreq=(\d{1,18})\s+MaxFreq=(\d{1,18})", re.M)


def find(root):
    """Return the path of jetson_clocks, None where this is no Jetson."""
    return programs.find(root, "jetson_clocks")


def locked(root):
    """Return whether every clock that could move stands still (least = greatest); None where that is not told."""
    found = _ranges(root)
    if not found:
        found = parse_show(_shown(root))
    if not found:
        return None
    return all(least == greatest for least, greatest in found)


def parse_show(text):
    """Return [(least, greatest)] of the CPUs and the GPU in what `jetson_clocks --show` printed."""
    return [(int(least), int(greatest)) for _, least, greatest in SHOWN.findall(text)]


def _ranges(root):
    """The limits of every CPU policy and GPU that has more than one clock, as sysfs tells them to anybody."""
    found = []
    for folder in sorted(glob.glob(files.under(root, POLICIES))):
        hardware = _pair(folder, "cpuinfo_min_freq", "cpuinfo_max_freq")
        limits = _pair(folder, "scaling_min_freq", "scaling_max_freq")
        if limits and not (hardware and hardware[0] == hardware[1]):
            found.append(limits)
    for folder in sorted(glob.glob(files.under(root, GPUS))):
        limits = _pair(folder, "min_freq", "max_freq")
        if limits and GPU_NAME.search(os.path.basename(folder)):
            found.append(limits)
    return found


def _pair(folder, least, greatest):
    values = [files.read_text(os.path.join(folder, name)) for name in (least, greatest)]
    try:
        return int(values[0]), int(values[1])
    except (TypeError, ValueError):
        return None


def _shown(root):
    program = find(root)
    if program is None:
        return ""
    try:
        return programs.run_as_root(root, [program, "--show"]).out
    except (OSError, programs.NeedsRoot):
        return ""


def apply(scene, value):
    """Lock the clocks ("max") or leave them to their governors ("default"); return [Held]. Raises NotSet."""
    if value not in ("max", "default"):
        raise NotSet("pin-failed", "max and default are known")
    program = find(scene.root)
    if program is None:
        raise NotSet("pin-failed", "there is no jetson_clocks on this device")
    if locked(scene.root):
        scene.warn(*LOCKED)
        if value == "default":
            return []
    elif value == "max":
        _lock(scene, program)
    return [Held("clocks", None, value, lambda: _value(scene.root, value))]


def _value(root, wanted):
    """What `--prepare clocks` is now; where that is not told it is taken to be as it was left."""
    return {True: "max", False: "default", None: wanted}[locked(root)]


def _lock(scene, program):
    _await_boot(scene)
    store = files.under(scene.root, STORE)
    if not any(entry["path"] == NAME for entry in scene.journal.entries()):
        _store(scene, program, store)
    said = scene.perform(NAME, None, "max", do=[program], undo=[program, "--restore", store], volatile=True)[1]
    if said.code != 0:
        raise NotSet("pin-failed", "jetson_clocks: %s" % _last(said))
    if locked(scene.root) is False:
        raise NotSet("pin-failed", "jetson_clocks ended well and the clocks still move")


def _store(scene, program, store):
    """Store the clocks; not while the journal still has them locked by a session that could not put them back."""
    try:
        # It asks whether to write over what an earlier session stored.
        said = programs.run_as_root(scene.root, [program, "--store", store], "y\n", 60.0)
    except programs.NeedsRoot as refused:
        raise NotSet("needs-root", str(refused))
    except OSError as error:
        raise NotSet("pin-failed", "%s: %s" % (program, error.strerror or error))
    if said.code != 0:
        raise NotSet("pin-failed", "the clocks could not be stored: %s" % _last(said))


def _await_boot(scene):
    uptime = files.read_text(files.under(scene.root, "/proc/uptime"))
    try:
        left_s = BOOT_DELAY_S - float((uptime or "").split()[0])
    except (IndexError, ValueError):
        return
    if left_s > 0:
        scene.pause(left_s, "the board has just started: its clocks are locked in %.0f s" % left_s)


def _last(said):
    lines = said.text.strip().splitlines()
    return lines[-1] if lines else "exit status %s" % said.code
