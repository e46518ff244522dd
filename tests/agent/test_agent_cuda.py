"""The seam to CUDA: ctypes over a libcudart of C without a GPU, PyCUDA and cuda-python over stand-ins."""

import enum
import os
import shutil
import tempfile
import types
import unittest

from child_harness import have, module

if not have("numpy"):
    raise unittest.SkipTest("numpy is not installed here")

import numpy
from fake_cuda import COMPILER, compiled

cuda = module("cuda")
libcudart = module("cuda.libcudart")
with_pycuda = module("cuda.with_pycuda")
with_cuda_python = module("cuda.with_cuda_python")
Failure = module("failures").Failure
classify = module("failures").classify


def through(runtime):
    """Return (what came back of an array through the GPU's memory, ns between the marks)."""
    stream, begin, end = runtime.stream(), runtime.event(), runtime.event()
    source = numpy.frombuffer(runtime.pinned(16), "uint8").view("float32")
    source[:] = [1, 2, 3, 4]
    back = numpy.zeros(4, "float32")
    address = runtime.allocate(source.nbytes)
    steps = [runtime.mark(begin, stream), runtime.copy_in(address, source, stream),
             runtime.copy_out(back, address, stream), runtime.mark(end, stream), runtime.wait(stream)]  # fmt: skip
    for step in steps:
        step()
    runtime.free(address)
    return back.tolist(), runtime.elapsed_ns(begin, end)


@unittest.skipUnless(COMPILER, "no C compiler here: `tools/system_packages.sh PYTHON cc` names the package")
class CtypesTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="edgebench-cuda-")
        self.addCleanup(shutil.rmtree, self.folder)

    def opened(self):
        return libcudart.open_runtime([compiled(self.folder)])

    def test_what_it_is(self):
        runtime = self.opened()
        self.assertEqual((runtime.name, runtime.version()), ("ctypes", "10.2"))
        self.assertEqual(runtime.gpu(), {"name": "NVIDIA Tegra X1", "sm": "5.3"})
        self.assertEqual(runtime.memory(), (1 << 30, 4 << 30))
        self.assertEqual(runtime.path, os.path.join(self.folder, "libcudart.so.10.2"))

    def test_data_goes_through_and_time_is_told(self):
        back, ns = through(self.opened())
        self.assertEqual(back, [1.0, 2.0, 3.0, 4.0])
        self.assertGreater(ns, 0)

    def test_addresses_keep_all_their_bits(self):
        runtime = self.opened()
        address = runtime.allocate(64)
        self.assertIsInstance(address, int)
        self.assertGreater(address, 1 << 32)
        runtime.free(address)

    def test_what_is_refused_says_why(self):
        runtime = self.opened()
        with self.assertRaises(cuda.CudaError) as caught:
            runtime.allocate(2 << 30)
        self.assertEqual(caught.exception.code, 2)
        self.assertEqual(str(caught.exception), "cudaMalloc: cudaErrorMemoryAllocation (2): out of memory")
        self.assertEqual(classify(caught.exception, "load"), "oom")

    def test_an_action_fails_when_it_is_called(self):
        runtime = self.opened()
        act = runtime.copy_in(1, numpy.zeros(1, "uint8"), libcudart.Handle(None))
        with self.assertRaises(cuda.CudaError):
            act()

    def test_a_driver_that_is_too_old(self):
        path = compiled(self.folder, "libcudart.so.12", "-DNO_GPU")
        with self.assertRaises(cuda.CudaError) as caught:
            libcudart.open_runtime([path])
        self.assertEqual(caught.exception.code, 35)

    def test_no_library(self):
        with self.assertRaises(cuda.NotHere):
            libcudart.open_runtime([os.path.join(self.folder, "libcudart.so.10.2")])

    def test_wheels_are_found_below_the_search_path(self):
        for below, name in (("nvidia/cuda_runtime/lib", "libcudart.so.11.0"), ("nvidia/cu13/lib", "libcudart.so.13")):
            folder = os.path.join(self.folder, below)
            os.makedirs(folder)
            path = compiled(folder, name)
            self.assertIn(path, libcudart.candidates([self.folder]))

    def test_the_library_that_is_loaded_already_comes_first(self):
        maps = os.path.join(self.folder, "maps")
        with open(maps, "w") as file:
            file.write("7f00-7f01 r-xp 00000000 08:01 1    /usr/lib/libc.so.6\n7f02-7f03 rw-p 00000000 00:00 0 \n"
                       "7f04-7f05 r-xp 00000000 08:01 2    /opt/cuda 10/libcudart.so.10.2\n")  # fmt: skip
        self.assertEqual(libcudart.loaded_already(maps), "/opt/cuda 10/libcudart.so.10.2")
        self.assertIsNone(libcudart.loaded_already(os.path.join(self.folder, "absent")))

    def test_names_of_every_generation_are_looked_for(self):
        for name in ("libcudart.so.10.2", "libcudart.so.11.0", "libcudart.so.12", "libcudart.so.13"):
            self.assertIn(name, libcudart.candidates([]))


class Refused(Exception):
    """What pycuda.driver.Error is."""


class Pointer(object):
    """What mem_alloc gives."""

    def __init__(self, size):
        self.memory = numpy.zeros(size, "uint8")
        self.freed = False

    def __int__(self):
        return self.memory.ctypes.data

    def free(self):
        self.freed = True


class PycudaStream(object):
    handle = 77

    def synchronize(self):
        self.waited = True


class PycudaEvent(object):
    def record(self, stream):
        self.at = 2.5 if stream.handle == 77 else None

    def time_since(self, other):
        return self.at - other.at + 1.25


class Context(object):
    pushed = popped = 0

    def push(self):
        self.pushed += 1

    def pop(self):
        self.popped += 1


class Device(object):
    def __init__(self, number):
        self.context = Context()

    def retain_primary_context(self):
        return self.context

    def name(self):
        return "Orin"

    def compute_capability(self):
        return (8, 7)


class OldDevice(Device):
    """PyCUDA before 2020.1: a context of its own, current as soon as it is made."""

    retain_primary_context = None

    def make_context(self):
        self.context.push()
        return self.context


def at(address, size):
    """Return the bytes at an address as an array."""
    import ctypes

    return numpy.frombuffer((ctypes.c_ubyte * size).from_address(address), "uint8")


def pycuda_driver(device=Device):
    """Return a stand-in for pycuda.driver."""

    def htod(dest, src, stream=None):
        at(dest, src.nbytes)[:] = src.view("uint8")

    def dtoh(dest, src, stream=None):
        dest.view("uint8")[:] = at(src, dest.nbytes)

    def alloc(size):
        if size > 1 << 30:
            raise Refused("cuMemAlloc failed: out of memory")
        return Pointer(size)

    return types.SimpleNamespace(
        Error=Refused, init=lambda: None, Device=device, get_version=lambda: (11, 4, 0), mem_alloc=alloc,
        mem_get_info=lambda: (5, 9), pagelocked_empty=lambda shape, dtype: numpy.empty(shape, dtype),
        Stream=PycudaStream, Event=PycudaEvent, memcpy_htod_async=htod, memcpy_dtoh_async=dtoh,
    )  # fmt: skip


class PycudaTest(unittest.TestCase):
    def test_what_it_is(self):
        for device in (Device, OldDevice):
            runtime = with_pycuda.open_runtime(pycuda_driver(device))
            self.assertEqual((runtime.name, runtime.version(), runtime.memory()), ("pycuda", "11.4", (5, 9)))
            self.assertEqual(runtime.gpu(), {"name": "Orin", "sm": "8.7"})
            self.assertEqual(runtime._device.context.pushed, 1)
            self.assertEqual(runtime.stream().handle, 77)

    def test_data_goes_through_and_time_is_told(self):
        back, ns = through(with_pycuda.open_runtime(pycuda_driver()))
        self.assertEqual((back, ns), ([1.0, 2.0, 3.0, 4.0], 1250000))

    def test_what_is_refused_says_why(self):
        with self.assertRaises(cuda.CudaError) as caught:
            with_pycuda.open_runtime(pycuda_driver()).allocate(2 << 30)
        self.assertEqual(classify(caught.exception, "load"), "oom")

    def test_absent(self):
        if have("pycuda"):
            raise unittest.SkipTest("PyCUDA is installed here")
        with self.assertRaises(cuda.NotHere):
            with_pycuda.open_runtime()


Errors = enum.IntEnum(
    "cudaError_t",
    [("cudaSuccess", 0), ("cudaErrorMemoryAllocation", 2), ("cudaErrorInsufficientDriver", 35)],
)


def cuda_python(devices=1, error=Errors.cudaSuccess):
    """Return a stand-in for cuda.bindings.runtime: every call gives (error, values...)."""
    kept = {}

    def malloc(size):
        if size > 1 << 30:
            return Errors.cudaErrorMemoryAllocation, 0
        memory = numpy.zeros(size, "uint8")
        kept[memory.ctypes.data] = memory
        return Errors.cudaSuccess, memory.ctypes.data

    def copy(to, source, size, kind, stream):
        if stream != 5:
            return (Errors.cudaErrorInsufficientDriver,)
        at(to, size)[:] = at(source, size)
        return (Errors.cudaSuccess,)

    fine = Errors.cudaSuccess
    kinds = types.SimpleNamespace(cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2)
    properties = types.SimpleNamespace(name=b"Thor\0\0", major=11, minor=0)
    words = {Errors.cudaErrorMemoryAllocation: b"out of memory", Errors.cudaErrorInsufficientDriver: b"driver too old"}
    return types.SimpleNamespace(
        cudaError_t=Errors, cudaMemcpyKind=kinds, cudaGetDeviceCount=lambda: (error, devices),
        cudaSetDevice=lambda device: (fine,), cudaGetErrorString=lambda code: (fine, words[code]),
        cudaRuntimeGetVersion=lambda: (fine, 13000), cudaGetDeviceProperties=lambda device: (fine, properties),
        cudaMemGetInfo=lambda: (fine, 5, 9), cudaMalloc=malloc, cudaMallocHost=malloc,
        cudaFree=lambda address: (kept.pop(address) is None and fine or fine,), cudaStreamCreate=lambda: (fine, 5),
        cudaEventCreate=lambda: (fine, object()), cudaMemcpyAsync=copy, cudaEventRecord=lambda event, stream: (fine,),
        cudaStreamSynchronize=lambda stream: (fine,), cudaEventElapsedTime=lambda begin, end: (fine, 0.5),
    )  # fmt: skip


class CudaPythonTest(unittest.TestCase):
    def test_what_it_is(self):
        runtime = with_cuda_python.open_runtime(cuda_python())
        self.assertEqual((runtime.name, runtime.version(), runtime.memory()), ("cuda-python", "13.0", (5, 9)))
        self.assertEqual(runtime.gpu(), {"name": "Thor", "sm": "11.0"})
        self.assertEqual(runtime.stream().handle, 5)

    def test_data_goes_through_and_time_is_told(self):
        back, ns = through(with_cuda_python.open_runtime(cuda_python()))
        self.assertEqual((back, ns), ([1.0, 2.0, 3.0, 4.0], 500000))

    def test_what_is_refused_says_why(self):
        runtime = with_cuda_python.open_runtime(cuda_python())
        with self.assertRaises(cuda.CudaError) as caught:
            runtime.allocate(2 << 30)
        self.assertEqual(str(caught.exception), "cudaMalloc: cudaErrorMemoryAllocation (2): out of memory")
        act = runtime.copy_in(1, numpy.zeros(1, "uint8"), with_cuda_python.Handle(6))
        self.assertRaises(cuda.CudaError, act)

    def test_no_driver_and_no_gpu(self):
        for module_ in (cuda_python(error=Errors.cudaErrorInsufficientDriver), cuda_python(devices=0)):
            self.assertRaises(cuda.CudaError, with_cuda_python.open_runtime, module_)


class ChoiceTest(unittest.TestCase):
    def test_nothing_of_cuda(self):
        with self.assertRaises(Failure) as caught:
            cuda.open_cuda([kind for kind in cuda.KINDS if kind[0] == "pycuda" and not have("pycuda")])
        self.assertEqual(caught.exception.code, "runtime-missing")

    def test_the_order_is_the_documented_one(self):
        self.assertEqual([name for name, _ in cuda.KINDS], ["pycuda", "cuda-python", "ctypes"])


if __name__ == "__main__":
    unittest.main()
