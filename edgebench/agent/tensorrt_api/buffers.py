"""Where an engine's tensors lie: a page-locked array on the host and memory on the GPU for each.

Needs numpy: import this module only once the runtime has been imported.
"""

import numpy


class Buffers(object):
    """Memory by tensor name, kept where it is large enough for the next shape."""

    def __init__(self, cuda):
        self._cuda = cuda
        self._held = {}

    def place(self, name, shape, dtype):
        """Return (address on the GPU, host array) for a tensor of a shape."""
        dtype = numpy.dtype(dtype)
        size = int(numpy.prod(shape, dtype="int64")) * dtype.itemsize
        room, address, raw = self._held.get(name, (-1, None, None))
        if size > room:
            if address is not None:
                self._cuda.free(address)
            address, raw = self._cuda.allocate(size), self._cuda.pinned(max(1, size))
            self._held[name] = (size, address, raw)
        array = numpy.frombuffer(raw, "uint8")[:size].view(dtype).reshape(shape)
        return address, array

    def free(self):
        """Give the GPU's memory back."""
        for _, address, _ in self._held.values():
            self._cuda.free(address)
        self._held = {}
