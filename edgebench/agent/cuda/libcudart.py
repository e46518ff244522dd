"""CUDA's runtime library through ctypes: nothing needs to be installed beside CUDA itself.

Names and argument types are those of CUDA's `cuda_runtime_api.h`; they did not change from 10.2 to 13.
"""

import ctypes
import functools
import glob
import os
import sys

from . import CudaError, NotHere

NAMES = ("libcudart.so.13", "libcudart.so.12", "libcudart.so.11.0", "libcudart.so.10.2", "libcudart.so")
FOLDERS = ("/usr/local/cuda/lib64", "/usr/local/cuda/targets/*/lib")
WHEELS = ("nvidia/cuda_runtime/lib", "nvidia/cu*/lib")
"""Below a folder of packages, where the wheels of NVIDIA have it."""
MAPS = "/proc/self/maps"

TO_DEVICE, TO_HOST = 1, 2  # cudaMemcpyKind
MAJOR, MINOR = 75, 76  # cudaDevAttrComputeCapabilityMajor, ...Minor
PROPERTIES_BYTES = 1 << 16
"""More than cudaDeviceProp has in any version (some 1 KiB); it begins with `char name[256]` in all of them."""

POINTER, SIZE, INT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
CALLS = {
    "cudaRuntimeGetVersion": [POINTER],
    "cudaGetDeviceCount": [POINTER],
    "cudaSetDevice": [INT],
    "cudaDeviceGetAttribute": [POINTER, INT, INT],
    "cudaGetDeviceProperties": [POINTER, INT],
    "cudaMemGetInfo": [POINTER, POINTER],
    "cudaMalloc": [POINTER, SIZE],
    "cudaFree": [POINTER],
    "cudaMallocHost": [POINTER, SIZE],
    "cudaMemcpyAsync": [POINTER, POINTER, SIZE, INT, POINTER],
    "cudaStreamCreate": [POINTER],
    "cudaStreamSynchronize": [POINTER],
    "cudaEventCreate": [POINTER],
    "cudaEventRecord": [POINTER, POINTER],
    "cudaEventElapsedTime": [POINTER, POINTER, POINTER],
}


def loaded_already(maps=MAPS):
    """Return the path of the libcudart that this process has loaded (TensorRT's own), or None."""
    if not os.path.exists(maps):
        return None
    with open(maps, errors="replace") as lines:
        for line in lines:
            path = line.split(None, 5)[-1].strip()
            if os.path.basename(path).startswith("libcudart.so"):
                return path
    return None


def candidates(search=None):
    """Return names and paths to load, best first; `search` stands for sys.path."""
    found = [loaded_already()]
    found.extend(NAMES)
    patterns = list(FOLDERS)
    patterns.extend(os.path.join(folder, wheel) for folder in (sys.path if search is None else search)
                    for wheel in WHEELS)  # fmt: skip
    for pattern in patterns:
        found.extend(sorted(glob.glob(os.path.join(pattern, "libcudart.so*")), reverse=True))
    return [name for name in found if name]


def open_library(names):
    """Return (the first library of `names` that can be loaded, its name). Raises NotHere."""
    for name in names:
        try:
            return ctypes.CDLL(name), name
        except OSError:
            continue
    raise NotHere("no libcudart (looked for %s)" % ", ".join(NAMES))


def open_runtime(names=None):
    """Return the Runtime of GPU 0. Raises NotHere, CudaError."""
    library, name = open_library(candidates() if names is None else names)
    return Runtime(library, name)


class Handle(object):
    """A stream or an event: `handle` is its address."""

    def __init__(self, handle):
        self.handle = handle


class Runtime(object):
    """The seam over libcudart, on GPU 0."""

    name = "ctypes"

    def __init__(self, library, path):
        self.path = path
        self._words = library.cudaGetErrorString
        self._words.argtypes, self._words.restype = [INT], ctypes.c_char_p
        self._names = library.cudaGetErrorName
        self._names.argtypes, self._names.restype = [INT], ctypes.c_char_p
        self._calls = {}
        for name, arguments in CALLS.items():
            call = getattr(library, name)
            call.argtypes, call.restype = arguments, INT
            call.errcheck = functools.partial(self._check, name)
            self._calls[name] = call
        count = INT()
        self._call("cudaGetDeviceCount", ctypes.byref(count))
        if not count.value:
            raise CudaError("cudaGetDeviceCount", None, "no GPU", "it counts none")
        self._call("cudaSetDevice", 0)

    def _check(self, name, code, _function, _arguments):
        if code:
            raise CudaError(name, code, self._names(code).decode(), self._words(code).decode())
        return code

    def _call(self, name, *arguments):
        self._calls[name](*arguments)

    def _made(self, name, kind, *arguments):
        made = kind()
        self._call(name, ctypes.byref(made), *arguments)
        return made.value

    def version(self):
        """Return CUDA's version, "10.2"."""
        number = self._made("cudaRuntimeGetVersion", INT)
        return "%d.%d" % (number // 1000, number % 1000 // 10)

    def gpu(self):
        """Return {"name", "sm"} of the GPU."""
        properties = ctypes.create_string_buffer(PROPERTIES_BYTES)
        self._call("cudaGetDeviceProperties", properties, 0)
        major, minor = (self._made("cudaDeviceGetAttribute", INT, which, 0) for which in (MAJOR, MINOR))
        return {"name": properties.value.decode("utf-8", "replace"), "sm": "%d.%d" % (major, minor)}

    def memory(self):
        """Return (free, total) bytes."""
        free, total = SIZE(), SIZE()
        self._call("cudaMemGetInfo", ctypes.byref(free), ctypes.byref(total))
        return free.value, total.value

    def allocate(self, size):
        """Return the address of `size` bytes on the GPU."""
        return self._made("cudaMalloc", POINTER, max(1, size))

    def free(self, address):
        """Give memory of `allocate` back."""
        self._call("cudaFree", address)

    def pinned(self, size):
        """Return `size` bytes of page-locked host memory, kept until the process ends."""
        return (ctypes.c_ubyte * size).from_address(self._made("cudaMallocHost", POINTER, max(1, size)))

    def stream(self):
        """Return a new stream."""
        return Handle(self._made("cudaStreamCreate", POINTER))

    def event(self):
        """Return a new event that keeps its time."""
        return Handle(self._made("cudaEventCreate", POINTER))

    def _action(self, name, *arguments):
        call = self._calls[name]
        made = [kind(value) for kind, value in zip(CALLS[name], arguments)]
        return functools.partial(call, *made)

    def copy_in(self, address, array, stream):
        """Return the action that copies an array to the GPU."""
        return self._action("cudaMemcpyAsync", address, array.ctypes.data, array.nbytes, TO_DEVICE, stream.handle)

    def copy_out(self, array, address, stream):
        """Return the action that copies from the GPU into an array."""
        return self._action("cudaMemcpyAsync", array.ctypes.data, address, array.nbytes, TO_HOST, stream.handle)

    def mark(self, event, stream):
        """Return the action that notes the stream's time in an event."""
        return self._action("cudaEventRecord", event.handle, stream.handle)

    def wait(self, stream):
        """Return the action that blocks until the stream has done all that it was given."""
        return self._action("cudaStreamSynchronize", stream.handle)

    def elapsed_ns(self, begin, end):
        """Return the nanoseconds between two events that have passed."""
        ms = self._made("cudaEventElapsedTime", ctypes.c_float, begin.handle, end.handle)
        return round(ms * 1e6)
