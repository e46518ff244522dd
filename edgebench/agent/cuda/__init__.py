"""Memory, copies, streams and events of a CUDA GPU: one seam, three ways to reach it.

`open_cuda` gives the first of PyCUDA, cuda-python and libcudart (through ctypes) that works here. Whichever it is::

    name                              "pycuda" | "cuda-python" | "ctypes"
    version()                         CUDA's version as this library has it, "10.2"
    gpu()                             {"name", "sm"}: "NVIDIA Tegra X1", "5.3"
    memory()                          (free, total) bytes of the GPU's memory; on a Jetson that is the board's
    allocate(size), free(address)     memory on the GPU; an address is a whole number
    pinned(size)                      page-locked host memory, an object with a writable buffer
    stream()                          an object whose `handle` is a whole number
    event()                           a point in a stream's time
    copy_in(address, array, stream)   \\
    copy_out(array, address, stream)   | give an action without arguments, prepared once and cheap to call:
    mark(event, stream)                | copy an array to or from the GPU, note the time, wait for the stream
    wait(stream)                      /
    elapsed_ns(begin, end)            between two events that have passed; CUDA tells about half a microsecond

Arrays are numpy's, contiguous, and must live as long as the actions that use them. What CUDA refuses is a `CudaError`,
raised where it was asked for or, as CUDA does, by a later call.
"""

import importlib

from ..failures import Failure, first_line

KINDS = (("pycuda", "with_pycuda"), ("cuda-python", "with_cuda_python"), ("ctypes", "libcudart"))
"""Name and module, in the order in which they are tried."""


class CudaError(RuntimeError):
    """What CUDA refused: `call`, `code` (cudaError_t, None where only words are known) and its own words."""

    def __init__(self, call, code, name, words):
        RuntimeError.__init__(self, "%s: %s%s: %s" % (call, name, "" if code is None else " (%d)" % code, words))
        self.call = call
        self.code = code


class NotHere(Exception):
    """This way to CUDA is not installed; the message says what was looked for."""


def open_cuda(kinds=KINDS):
    """Return the first way to CUDA that works here, its GPU chosen.

    Raises Failure runtime-missing where nothing of CUDA is installed, delegate-failed where it is and finds no GPU.
    """
    absent, refused = [], []
    for name, module in kinds:
        try:
            return importlib.import_module("." + module, __name__).open_runtime()
        except NotHere as error:
            absent.append(str(error))
        except (RuntimeError, OSError, ImportError) as error:
            refused.append("%s says %s" % (name, first_line(error)))
    if refused:
        raise Failure("delegate-failed", "CUDA finds no GPU here: %s" % "; ".join(refused), "load")
    raise Failure("runtime-missing", "nothing here reaches CUDA: %s" % "; ".join(absent), "import")
