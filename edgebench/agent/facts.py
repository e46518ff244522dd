"""The machine as it can be seen from user space, below a root: nothing is imported or changed.

What cannot be read is null: the reader knows then that nobody looked, not that there is nothing.
"""

import glob
import hashlib
import os
import platform
import sys
import time

from . import board, files, powermode, programs, runtimes, software
from .prepare import governors

TOOLS = ("trtexec", "nvpmodel", "jetson_clocks", "tegrastats", "vcgencmd", "sudo")
VIRTUAL_WORDS = ("kvm", "qemu", "vmware", "virtualbox", "xen", "bochs", "amazon ec2", "google compute", "hyper-v")


def collect(root, home, runtime_paths):
    """Return the facts. `runtime_paths` are folders of runtimes beside those on sys.path and in ``HOME/runtimes``."""
    cpuinfo = read(root, "/proc/cpuinfo") or ""
    installed = software.packages(root)
    found = board.describe(root, installed)
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "kernel": read(root, "/proc/sys/kernel/osrelease") or platform.release(),
        "os": os_release(root),
        "cpu": cpu(root, cpuinfo),
        "memory_kib": meminfo(root),
        "board": found,
        "gpu": board.gpu(root, found),
        "clocks": board.clocks(root),
        "software": software.versions(root, installed),
        "power_mode": powermode.current(root),
        "tools": {name: programs.find(root, name) for name in TOOLS},
        "machine_id": machine_id(root),
        "boot_id": hashed(read(root, "/proc/sys/kernel/random/boot_id")),
        "loadavg": loadavg(root),
        "uptime_s": uptime_s(root),
        "disk_free_bytes": disk_free(home),
        "is_virtual": is_virtual(root, cpuinfo),
        "python": python(),
        "runtimes": runtimes.find(search_path(home, runtime_paths)),
        "timezone_s": -time.timezone,
    }


def read(root, path):
    """Return the text of a file of the device, or None."""
    return files.read_text(files.under(root, path))


def hashed(text):
    """Return a short hash that says "the same" without saying what; None of None."""
    return hashlib.sha256(("edgebench " + text).encode("utf-8")).hexdigest()[:16] if text else None


def machine_id(root):
    """Return the machine id's hash; the id itself never leaves the device."""
    return hashed(read(root, "/etc/machine-id") or read(root, "/var/lib/dbus/machine-id"))


def os_release(root):
    """Return {id, version, name} of /etc/os-release, None where there is none."""
    text = read(root, "/etc/os-release") or read(root, "/usr/lib/os-release")
    if text is None:
        return None
    values = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            values[key.strip()] = value.strip().strip("\"'")
    return {"id": values.get("ID"), "version": values.get("VERSION_ID"), "name": values.get("PRETTY_NAME")}


def cpu(root, cpuinfo):
    """Return what the CPU is and how its clocks are governed."""
    return {
        "model": cpu_model(cpuinfo),
        "parts": sorted(set(values_of(cpuinfo, "CPU part"))),
        "cores": os.cpu_count(),
        "usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "governors": governors(root),
        "max_khz": {name: number(read_of(path)) for name, path in policy_files(root, "cpuinfo_max_freq")},
        "turbo": turbo(root),
        "smt": {"0": False, "1": True}.get(read(root, "/sys/devices/system/cpu/smt/active")),
    }


def cpu_model(cpuinfo):
    """Return the CPU's name as /proc/cpuinfo gives it (x86 names it so; ARM boards, if at all, otherwise)."""
    for key in ("model name", "Hardware", "cpu model", "Processor"):
        for value in values_of(cpuinfo, key):
            return value
    return None


def values_of(cpuinfo, key):
    """Return the values of all lines `key : value`, in order."""
    pairs = (line.partition(":") for line in cpuinfo.splitlines())
    return [value.strip() for name, _, value in pairs if name.strip() == key and value.strip()]


def policy_files(root, name):
    """Return [(policy, path)] of a cpufreq file."""
    paths = sorted(glob.glob(files.under(root, "/sys/devices/system/cpu/cpufreq/policy*/" + name)))
    return [(os.path.basename(os.path.dirname(path)), path) for path in paths]


def read_of(path):
    """Return the text of a path that has its root already."""
    return files.read_text(path)


def number(text):
    """Return an integer, or None where the text is none."""
    try:
        return int(text)
    except (TypeError, ValueError):
        return None


def turbo(root):
    """Return whether the CPU may boost, None where the kernel does not say."""
    no_turbo = read(root, "/sys/devices/system/cpu/intel_pstate/no_turbo")
    if no_turbo is not None:
        return no_turbo == "0"
    boost = read(root, "/sys/devices/system/cpu/cpufreq/boost")
    return None if boost is None else boost == "1"


def meminfo(root):
    """Return {total, available, swap} in KiB."""
    text = read(root, "/proc/meminfo") or ""
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        found[name] = number((value.split() or [None])[0])
    return {"total": found.get("MemTotal"), "available": found.get("MemAvailable"), "swap": found.get("SwapTotal")}


def loadavg(root):
    """Return the three load averages, None where they cannot be read."""
    words = (read(root, "/proc/loadavg") or "").split()[:3]
    try:
        return [float(word) for word in words] or None
    except ValueError:
        return None


def uptime_s(root):
    """Return seconds since boot, None where they cannot be read."""
    try:
        return float((read(root, "/proc/uptime") or "").split()[0])
    except (IndexError, ValueError):
        return None


def disk_free(home):
    """Return the bytes that we may still write below `home` or the nearest folder above it that exists."""
    folder = os.path.abspath(home)
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def is_virtual(root, cpuinfo):
    """Return {hints} of a virtual machine, with `likely`: whether there are any."""
    hints = []
    if any("hypervisor" in flags.split() for flags in values_of(cpuinfo, "flags")):
        hints.append("cpu flag hypervisor")
    for path in ("/sys/class/dmi/id/sys_vendor", "/sys/class/dmi/id/product_name", "/sys/hypervisor/type"):
        text = (read(root, path) or "").lower()
        if any(word in text for word in VIRTUAL_WORDS):
            hints.append("%s: %s" % (os.path.basename(path), text))
    if os.path.exists(files.under(root, "/.dockerenv")) or os.path.exists(files.under(root, "/run/.containerenv")):
        hints.append("container")
    return {"likely": bool(hints), "hints": hints}


def python():
    """Return what chooses a wheel for this interpreter."""
    libc, libc_version = libc_of()
    return {
        "version": list(sys.version_info[:3]),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "byteorder": sys.byteorder,
        "libc": libc,
        "libc_version": libc_version,
        "has_pip": runtimes.has_module("pip"),
    }


def libc_of():
    """Return (name, version) of the C library, as ("glibc", "2.27"); the name alone where it is musl; or nulls."""
    try:
        name, version = os.confstr("CS_GNU_LIBC_VERSION").split()
        return name, version
    except (AttributeError, OSError, ValueError):
        pass  # no glibc
    return ("musl", None) if glob.glob("/lib/ld-musl-*") else (None, None)


def search_path(home, runtime_paths):
    """Return the folders to look for runtimes in: [(where, folder)], `where` null for sys.path."""
    found = [
        (os.path.basename(path.rstrip("/")), path) for path in sorted(glob.glob(os.path.join(home, "runtimes", "*")))
    ]
    known = {path.rstrip("/") for _, path in found}
    found += [(os.path.basename(path.rstrip("/")), path) for path in runtime_paths if path.rstrip("/") not in known]
    return found + [(None, path) for path in sys.path if os.path.isdir(path)]
