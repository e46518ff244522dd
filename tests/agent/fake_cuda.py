"""A GPU that is not there, behind the seam of `agent/cuda`: own memory, streams that do nothing until waited for.

What is put into a stream happens at `wait`, in order, and takes simulated time: who reads results without waiting for
them, or copies in the wrong order, gets wrong numbers.
"""

import ctypes
import os
import shutil
import subprocess

COPY_NS = 10000
MIB = 1 << 20
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
COMPILER = shutil.which("cc")


def compiled(folder, name="libcudart.so.10.2", *flags):
    """Compile the library of data/cudart.c and return its path."""
    path = os.path.join(folder, name)
    source = os.path.join(DATA, "cudart.c")
    subprocess.check_call([COMPILER, "-shared", "-fPIC", "-O1", "-o", path, source] + list(flags))
    return path


class Stream(object):
    """A queue of actions (function, ns)."""

    def __init__(self, handle):
        self.handle = handle
        self.queue = []
        self.now = 0

    def put(self, action, ns=0):
        self.queue.append((action, ns))

    def drain(self):
        while self.queue:
            action, ns = self.queue.pop(0)
            self.now += ns
            action()


class Event(object):
    """The time of a stream when it came to this event."""

    at = None


class HostCuda(object):
    """The seam over host memory. `device` says which GPU it is; `free_mib` shrinks with what is allocated."""

    name = "fake"

    def __init__(self, name="NVIDIA Tegra X1", sm="5.3", free_mib=2048):
        self.device = {"name": name, "sm": sm}
        self.free_bytes = free_mib * MIB
        self.streams = {}
        self.memories = {}
        self.freed = []

    def version(self):
        return "10.2"

    def gpu(self):
        return self.device

    def memory(self):
        return self.free_bytes - sum(len(one) for one in self.memories.values()), 4096 * MIB

    def allocate(self, size):
        memory = ctypes.create_string_buffer(b"\xa5" * max(1, size), max(1, size))
        self.memories[ctypes.addressof(memory)] = memory
        return ctypes.addressof(memory)

    def free(self, address):
        self.freed.append(address)
        del self.memories[address]

    def pinned(self, size):
        return (ctypes.c_ubyte * size)()

    def stream(self):
        made = Stream(1000 + len(self.streams))
        self.streams[made.handle] = made
        return made

    def event(self):
        return Event()

    def _copy(self, to, source, size, address, stream):
        assert address in self.memories and size <= len(self.memories[address]), "not the GPU's memory"
        return lambda: stream.put(lambda: ctypes.memmove(to, source, size), COPY_NS)

    def copy_in(self, address, array, stream):
        return self._copy(address, array.ctypes.data, array.nbytes, address, stream)

    def copy_out(self, array, address, stream):
        return self._copy(array.ctypes.data, address, array.nbytes, address, stream)

    def mark(self, event, stream):
        return lambda: stream.put(lambda: setattr(event, "at", stream.now))

    def wait(self, stream):
        return stream.drain

    def elapsed_ns(self, begin, end):
        return end.at - begin.at
