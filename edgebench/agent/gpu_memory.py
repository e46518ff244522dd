"""What a process holds of the GPU's memory, which its resident set does not show on a board with one pool for both.

nvmap (JetPack 4 to 6, for root only): a table of who holds how much, sizes in K.
NVML (JetPack 7's Thor, GPUs with memory of their own): the driver's table of processes.
"""

import ctypes
import os

from .probes import nvml

CLIENTS = ("/sys/kernel/debug/nvmap/iovmm/clients", "/sys/kernel/debug/nvmap/iovmm/maps")
LARGEST_KIB = 1 << 40
MOST_PROCESSES = 1024
TABLES = ("nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2")
NOT_AVAILABLE = 2**64 - 1


def of_process(root, pid):
    """Return {"nvmap": KiB, "NVML": KiB} of process `pid`, of those that list it; NVML serves the machine itself."""
    found = {"nvmap": nvmap_kib(root, pid), "NVML": nvml_kib(pid) if root == "/" else None}
    return {name: kib for name, kib in found.items() if kib is not None}


def nvmap_kib(root, pid):
    """Return the KiB that nvmap lists for process `pid`, None where it cannot be read or does not list it."""
    for path in CLIENTS:
        try:
            with open(os.path.join(root, path.lstrip("/")), encoding="ascii", errors="replace") as table:
                sizes = [size for size in (_size_kib(line, pid) for line in table) if size is not None]
        except OSError:
            continue
        if sizes:
            return sum(sizes)
    return None


def _size_kib(line, pid):
    """Return the size of a row ``user process pid sizeK`` of that process, else None."""
    words = line.split()
    if len(words) < 4 or words[-2] != str(pid) or words[-1][-1:] != "K" or not words[-1][:-1].isdigit():
        return None
    size = int(words[-1][:-1])
    return size if size < LARGEST_KIB else None


class _Process(ctypes.Structure):
    """nvmlProcessInfo_t, of versions 2 and 3 of the call."""

    _fields_ = [("pid", ctypes.c_uint), ("used", ctypes.c_ulonglong),
                ("instance", ctypes.c_uint), ("compute", ctypes.c_uint)]  # fmt: skip


def nvml_kib(pid, load=ctypes.CDLL):
    """Return the KiB that NVML lists for process `pid` on all GPUs, None where there is no NVML or it does not."""
    try:
        library = load(nvml.LIBRARY)
        tables = [_table(library, device) for device in nvml.devices(library)]
    except (OSError, AttributeError, nvml.NvmlError):
        return None
    sizes = [one.used for table in tables for one in table if one.pid == pid and one.used != NOT_AVAILABLE]
    return sum(sizes) // 1024 if sizes else None


def _table(library, device):
    """Return the processes that compute on a GPU, [] where it does not tell."""
    call = next((getattr(library, name) for name in TABLES if hasattr(library, name)), None)
    count = ctypes.c_uint(MOST_PROCESSES)
    rows = (_Process * MOST_PROCESSES)()
    if call is None or call(device, ctypes.byref(count), rows) != 0:
        return []
    return rows[: min(count.value, MOST_PROCESSES)]
