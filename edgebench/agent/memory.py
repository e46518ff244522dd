"""Memory of this process and of the system, stage by stage."""

import os
import resource
import threading

from . import gpu_memory

DEFINITIONS = {
    "VmHWM": "peak resident set since the process started, pages shared with others counted whole",
    "VmRSS": "resident set now, pages shared with others counted whole",
    "Pss": "resident set now, pages shared with others counted in proportion",
    "Swap": "what of the process lies in swap now",
    "ru_maxrss": "peak resident set as getrusage tells it, which may include what ran before exec",
    "MemAvailable": "what the system could still give without swapping",
    "SwapUsed": "what of all processes lies in swap",
    "NvMapMemUsed": "GPU memory of all processes, as nvmap tells it in /proc/meminfo",
    "nvmap": "GPU memory of the process, as nvmap's table of clients lists it",
    "NVML": "GPU memory of the process, as NVML's table of processes lists it",
    "EngineDevice": "GPU memory that one execution of the engine takes for activations and scratch, by the runtime",
    "DeviceTaken": "GPU memory that was free before the model was loaded and is not now, whoever took it",
}
STATUS = ("VmHWM", "VmRSS")
ROLLUP = ("Pss", "Swap")
MEMINFO = ("MemAvailable", "SwapTotal", "SwapFree", "NvMapMemUsed")
WATCH_S = 0.02


def read_kib(path, names):
    """Return {name: KiB} of the lines `Name: N kB` of a /proc file; empty where there is none, or its process ends."""
    found = {}
    try:
        with open(path) as lines:
            for line in lines:
                name, _, rest = line.partition(":")
                words = rest.split()
                if name in names and len(words) == 2 and words[1] == "kB":
                    found[name] = int(words[0])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def process_kib(root="/", pid="self"):
    """Return what the kernel tells of a process's memory, in KiB, by the names in DEFINITIONS."""
    folder = os.path.join(root, "proc", str(pid))
    found = read_kib(os.path.join(folder, "status"), STATUS)
    found.update(read_kib(os.path.join(folder, "smaps_rollup"), ROLLUP))
    if "VmHWM" not in found and pid == "self":
        found["ru_maxrss"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found


def system_kib(root="/"):
    """Return what of MemAvailable, SwapUsed and NvMapMemUsed the kernel tells, in KiB."""
    found = read_kib(os.path.join(root, "proc", "meminfo"), MEMINFO)
    total, free = found.pop("SwapTotal", None), found.pop("SwapFree", None)
    if total is not None and free is not None:
        found["SwapUsed"] = total - free
    return found


class Meter(object):
    """Emits one `memory` event a stage and follows the system from the start to `finish`.

    The system is read every 20 ms by a thread of its own: this pass times nothing. `more()` gives further figures of
    the process, {name in DEFINITIONS: KiB}; `nvml_kib(pid)` what NVML lists for it.
    """

    def __init__(self, emitter, root="/", more=dict, nvml_kib=gpu_memory.nvml_kib):
        self._emitter = emitter
        self._root = root
        self._more = more
        self._nvml_kib = nvml_kib
        self._before = system_kib(root)
        self._least, self._most = dict(self._before), dict(self._before)
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._follow, daemon=True)
        if "MemAvailable" in self._before:
            self._watch.start()

    def _follow(self):
        while not self._over.wait(WATCH_S):
            self._look()

    def _look(self):
        for name, now in system_kib(self._root).items():
            self._least[name] = min(self._least.get(name, now), now)
            self._most[name] = max(self._most.get(name, now), now)

    def mark(self, stage):
        """Emit what the process holds at `stage`; the GPU's share of the last, too.

        NVML is asked after the process's own peak was read: its library would be a part of that.
        """
        kib = dict(process_kib(self._root), **self._more())
        gpu = {"nvmap": gpu_memory.nvmap_kib(self._root, os.getpid())}
        if stage == "peak" and self._root == "/":
            gpu["NVML"] = self._nvml_kib(os.getpid())
        kib.update((name, size) for name, size in gpu.items() if size is not None)
        self._emit(stage, kib, {name: name for name in kib})

    def finish(self):
        """Stop following the system and emit how far it went: before anything was loaded and at its extreme."""
        if "MemAvailable" not in self._before:
            return
        self._over.set()
        self._watch.join()
        self._look()
        kib = {"before": self._before["MemAvailable"], "min": self._least["MemAvailable"]}
        means = {"before": "MemAvailable", "min": "MemAvailable"}
        for name in ("SwapUsed", "NvMapMemUsed"):
            if name in self._before:
                kib.update({name + ".before": self._before[name], name + ".max": self._most[name]})
                means.update({name + ".before": name, name + ".max": name})
        self._emit("system", kib, means)

    def _emit(self, stage, kib, means):
        definitions = {key: DEFINITIONS[name] for key, name in means.items()}
        self._emitter.emit("memory", stage=stage, kib=kib, definitions=definitions)
