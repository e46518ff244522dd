"""CUDA through cuda-python: `cuda.bindings.runtime`, or `cuda.cudart` before 12.6."""

import ctypes
import importlib

from ..runtimes import has_module
from . import CudaError, NotHere

MODULES = ("cuda.bindings.runtime", "cuda.cudart")


def find_module():
    """Return the module. Raises NotHere."""
    if has_module("cuda"):
        for name in MODULES:
            try:
                return importlib.import_module(name)
            except ImportError:
                continue
    raise NotHere("no cuda-python")


def open_runtime(cudart=None):
    """Return the Runtime of GPU 0. Raises NotHere, CudaError."""
    return Runtime(find_module() if cudart is None else cudart)


class Handle(object):
    """A stream: `handle` is its address, `raw` what cuda-python takes."""

    def __init__(self, raw):
        self.raw = raw
        self.handle = int(raw)


class Runtime(object):
    """The seam over cuda-python's runtime, on GPU 0. Its calls give (error, values...)."""

    name = "cuda-python"

    def __init__(self, cudart):
        self._cudart = cudart
        self._fine = cudart.cudaError_t.cudaSuccess
        self._kinds = cudart.cudaMemcpyKind
        if not self._asked("cudaGetDeviceCount"):
            raise CudaError("cudaGetDeviceCount", None, "no GPU", "it counts none")
        self._asked("cudaSetDevice", 0)

    def _asked(self, name, *arguments):
        """Call and return its value, a tuple of several, None for none. Raises CudaError."""
        told = getattr(self._cudart, name)(*arguments)
        if told[0] != self._fine:
            self._refuse(name, told[0])
        values = told[1:]
        return values[0] if len(values) == 1 else values or None

    def _refuse(self, name, error):
        words = self._cudart.cudaGetErrorString(error)[1]
        raise CudaError(name, int(error), getattr(error, "name", "error"), words.decode("utf-8", "replace"))

    def _action(self, name, *arguments):
        call, fine, refuse = getattr(self._cudart, name), self._fine, self._refuse

        def act():
            error = call(*arguments)[0]
            if error != fine:
                refuse(name, error)

        return act

    def version(self):
        """Return CUDA's version, "12.6"."""
        number = self._asked("cudaRuntimeGetVersion")
        return "%d.%d" % (number // 1000, number % 1000 // 10)

    def gpu(self):
        """Return {"name", "sm"} of the GPU."""
        told = self._asked("cudaGetDeviceProperties", 0)
        name = bytes(told.name).split(b"\0")[0].decode("utf-8", "replace")
        return {"name": name, "sm": "%d.%d" % (told.major, told.minor)}

    def memory(self):
        """Return (free, total) bytes."""
        return self._asked("cudaMemGetInfo")

    def allocate(self, size):
        """Return the address of `size` bytes on the GPU."""
        return int(self._asked("cudaMalloc", max(1, size)))

    def free(self, address):
        """Give memory of `allocate` back."""
        self._asked("cudaFree", address)

    def pinned(self, size):
        """Return `size` bytes of page-locked host memory, kept until the process ends."""
        return (ctypes.c_ubyte * size).from_address(int(self._asked("cudaMallocHost", max(1, size))))

    def stream(self):
        """Return a new stream."""
        return Handle(self._asked("cudaStreamCreate"))

    def event(self):
        """Return a new event that keeps its time."""
        return self._asked("cudaEventCreate")

    def copy_in(self, address, array, stream):
        """Return the action that copies an array to the GPU."""
        kind = self._kinds.cudaMemcpyHostToDevice
        return self._action("cudaMemcpyAsync", address, array.ctypes.data, array.nbytes, kind, stream.raw)

    def copy_out(self, array, address, stream):
        """Return the action that copies from the GPU into an array."""
        kind = self._kinds.cudaMemcpyDeviceToHost
        return self._action("cudaMemcpyAsync", array.ctypes.data, address, array.nbytes, kind, stream.raw)

    def mark(self, event, stream):
        """Return the action that notes the stream's time in an event."""
        return self._action("cudaEventRecord", event, stream.raw)

    def wait(self, stream):
        """Return the action that blocks until the stream has done all that it was given."""
        return self._action("cudaStreamSynchronize", stream.raw)

    def elapsed_ns(self, begin, end):
        """Return the nanoseconds between two events that have passed."""
        return round(self._asked("cudaEventElapsedTime", begin, end) * 1e6)
