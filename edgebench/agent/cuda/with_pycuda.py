"""CUDA through PyCUDA, in the GPU's primary context, which TensorRT uses too."""

import atexit
import functools
import importlib

from ..runtimes import has_module
from . import CudaError, NotHere


def open_runtime(driver=None):
    """Return the Runtime of GPU 0. Raises NotHere, CudaError, ImportError (PyCUDA of another CUDA)."""
    if driver is None:
        if not has_module("pycuda"):
            raise NotHere("no PyCUDA")
        driver = importlib.import_module("pycuda.driver")
    return Runtime(driver)


class Runtime(object):
    """The seam over `pycuda.driver`, on GPU 0."""

    name = "pycuda"

    def __init__(self, driver):
        self._driver = driver
        self._held = {}
        self._device = self._asked("cuInit", lambda: driver.init() or driver.Device(0))
        primary = getattr(self._device, "retain_primary_context", None)  # PyCUDA 2020.1 and newer
        context = self._asked("cuCtxCreate", primary or self._device.make_context)
        if primary:
            context.push()
        atexit.register(context.pop)  # else PyCUDA aborts the process at its end

    def _asked(self, call, action):
        try:
            return action()
        except self._driver.Error as error:
            raise CudaError(call, None, type(error).__name__, str(error)) from error

    def version(self):
        """Return CUDA's version, "10.2"."""
        return "%d.%d" % self._driver.get_version()[:2]

    def gpu(self):
        """Return {"name", "sm"} of the GPU."""
        return {"name": self._device.name(), "sm": "%d.%d" % self._device.compute_capability()}

    def memory(self):
        """Return (free, total) bytes."""
        return self._driver.mem_get_info()

    def allocate(self, size):
        """Return the address of `size` bytes on the GPU."""
        made = self._asked("cuMemAlloc", lambda: self._driver.mem_alloc(max(1, size)))
        self._held[int(made)] = made
        return int(made)

    def free(self, address):
        """Give memory of `allocate` back."""
        self._held.pop(address).free()

    def pinned(self, size):
        """Return `size` bytes of page-locked host memory."""
        return self._asked("cuMemHostAlloc", lambda: self._driver.pagelocked_empty(size, "uint8"))

    def stream(self):
        """Return a new stream."""
        return self._driver.Stream()

    def event(self):
        """Return a new event that keeps its time."""
        return self._driver.Event()

    def copy_in(self, address, array, stream):
        """Return the action that copies an array to the GPU."""
        return functools.partial(self._driver.memcpy_htod_async, address, array, stream)

    def copy_out(self, array, address, stream):
        """Return the action that copies from the GPU into an array."""
        return functools.partial(self._driver.memcpy_dtoh_async, array, address, stream)

    def mark(self, event, stream):
        """Return the action that notes the stream's time in an event."""
        return functools.partial(event.record, stream)

    def wait(self, stream):
        """Return the action that blocks until the stream has done all that it was given."""
        return stream.synchronize

    def elapsed_ns(self, begin, end):
        """Return the nanoseconds between two events that have passed."""
        return round(end.time_since(begin) * 1e6)
