"""Memory of this process and of the system, stage by stage."""

import os
import resource
import threading

DEFINITIONS = {
    "VmHWM": "peak resident set since the process started, pages shared with others counted whole",
    "VmRSS": "resident set now, pages shared with others counted whole",
    "Pss": "resident set now, pages shared with others counted in proportion",
    "Swap": "what of the process lies in swap now",
    "ru_maxrss": "peak resident set as getrusage tells it, which may include what ran before exec",
    "MemAvailable": "what the system could still give without swapping",
}
STATUS = ("VmHWM", "VmRSS")
ROLLUP = ("Pss", "Swap")
WATCH_S = 0.02


def read_kib(path, names):
    """Return {name: KiB} of the lines `Name: N kB` of a /proc file; empty where there is no such file."""
    found = {}
    if not os.path.exists(path):
        return found
    with open(path) as lines:
        for line in lines:
            name, _, rest = line.partition(":")
            words = rest.split()
            if name in names and len(words) == 2 and words[1] == "kB":
                found[name] = int(words[0])
    return found


def process_kib(root="/", pid="self"):
    """Return what the kernel tells of a process's memory, in KiB, by the names in DEFINITIONS."""
    folder = os.path.join(root, "proc", str(pid))
    found = read_kib(os.path.join(folder, "status"), STATUS)
    found.update(read_kib(os.path.join(folder, "smaps_rollup"), ROLLUP))
    if "VmHWM" not in found and pid == "self":
        found["ru_maxrss"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found


def available_kib(root="/"):
    """Return MemAvailable in KiB, or None where the kernel does not tell it."""
    return read_kib(os.path.join(root, "proc", "meminfo"), ("MemAvailable",)).get("MemAvailable")


class Meter(object):
    """Emits one `memory` event a stage and follows the system's MemAvailable from the start to `finish`.

    The system's minimum is read every 20 ms by a thread of its own: this pass times nothing.
    """

    def __init__(self, emitter, root="/"):
        self._emitter = emitter
        self._root = root
        self._before = self._least = available_kib(root)
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._follow, daemon=True)
        if self._before is not None:
            self._watch.start()

    def _follow(self):
        while not self._over.wait(WATCH_S):
            self._look()

    def _look(self):
        self._least = min(self._least, available_kib(self._root))

    def mark(self, stage):
        """Emit what the process holds at `stage`."""
        kib = process_kib(self._root)
        definitions = {name: DEFINITIONS[name] for name in kib}
        self._emitter.emit("memory", stage=stage, kib=kib, definitions=definitions)

    def finish(self):
        """Stop following the system and emit its dip: MemAvailable before anything was loaded and at its least."""
        if self._before is None:
            return
        self._over.set()
        self._watch.join()
        self._look()
        self._emitter.emit(
            "memory",
            stage="system",
            kib={"before": self._before, "min": self._least},
            definitions={"before": DEFINITIONS["MemAvailable"], "min": DEFINITIONS["MemAvailable"]},
        )
