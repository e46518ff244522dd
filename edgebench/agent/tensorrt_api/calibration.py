"""Scales for int8 from samples: TensorRT asks for batches on the GPU and keeps what it found in a cache.

Needs numpy: import this module only once the runtime has been imported.
"""

import os

from .. import inputs
from ..failures import Failure
from ..runners import Spec
from .tensors import DTYPES


def specs_of(network, profile):
    """Return the Specs of a network's inputs, in the shapes to calibrate with: the profile's `opt` where it is free."""
    specs = []
    for at in range(network.num_inputs):
        tensor = network.get_input(at)
        shape = [int(size) for size in tensor.shape]
        if -1 in shape:
            shape = [int(size) for size in profile[tensor.name]["opt"]]
        specs.append(Spec(tensor.name, DTYPES.get(tensor.dtype.name), shape, tensor.dtype.name))
    return specs


def read_sample(path, specs):
    """Return {name: array} of a file. Raises Failure bad-input, also where its shape is another."""
    try:
        return inputs.file_sample(path, specs, {}, set())
    except Failure as failure:
        text = "calibration file %s; every file is one batch of exactly that shape" % failure.message
        if failure.code == "shape-mismatch":
            raise Failure("bad-input", text, "input") from failure
        raise


class Batches(object):
    """Calibration files on the GPU, one after the other, in the same memory."""

    def __init__(self, cuda, files, specs):
        self._cuda = cuda
        self._next = iter(files)
        self._specs = specs
        self._stream = cuda.stream()
        self._addresses = {}
        self.served = 0

    def next(self):
        """Return {input: address} of the next file, None after the last."""
        path = next(self._next, None)
        if path is None:
            return None
        for name, array in read_sample(path, self._specs).items():
            if name not in self._addresses:
                self._addresses[name] = self._cuda.allocate(array.nbytes)
            self._cuda.copy_in(self._addresses[name], array, self._stream)()
            self._cuda.wait(self._stream)()
        self.served += 1
        return self._addresses


def make_calibrator(trt, cuda, files, specs, cache_path):
    """Return an IInt8EntropyCalibrator2 over `files` (.npz or .npy, as inputs are given).

    All files are read once here: a wrong one shows before the build. Raises Failure bad-input.
    """
    for path in files:
        read_sample(path, specs)

    class Calibrator(trt.IInt8EntropyCalibrator2):
        """Hands out one file a batch; `from_cache` tells that an earlier calibration was taken.

        What goes wrong is kept as `failure`: an exception must not reach TensorRT, which calls this.
        """

        def __init__(self):
            trt.IInt8EntropyCalibrator2.__init__(self)
            self.batches = Batches(cuda, files, specs)
            self.from_cache = False
            self.failure = None

        def get_batch_size(self):
            """Return the first dimension of the first input."""
            return specs[0].shape[0] if specs[0].shape else 1

        def get_batch(self, names):
            """Return the addresses of the next batch on the GPU, None at the end."""
            try:
                found = self.batches.next()
                return None if found is None else [found[name] for name in names]
            except (Failure, RuntimeError, OSError, LookupError) as error:
                self.failure = error
                return None

        def read_calibration_cache(self):
            """Return what an earlier calibration of the same model, set and TensorRT found, or None."""
            found = read_cache(cache_path)
            self.from_cache = found is not None
            return found

        def write_calibration_cache(self, cache):
            """Keep what was found."""
            if self.failure is None:
                write_cache(cache_path, cache)

    return Calibrator()


def read_cache(path):
    """Return a file's bytes, None where there is none that can be read."""
    try:
        with open(path, "rb") as cache:
            return cache.read()
    except OSError:
        return None


def write_cache(path, cache):
    """Keep a cache, whole or not at all; without room for it the next calibration begins anew."""
    try:
        with open(path + ".part", "wb") as file:
            file.write(cache)
        os.replace(path + ".part", path)
    except OSError:
        pass
