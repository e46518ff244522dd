"""What runs an engine, of the fake `tensorrt`: see fake_tensorrt. `_trt` is the module that a class belongs to."""

import ctypes
import json

import numpy
from fake_tensorrt_build import Severity, start

EXECUTE_NS = 5000000
NUMPY = {"FLOAT": "float32", "HALF": "float16", "INT8": "int8", "INT32": "int32", "INT64": "int64", "BOOL": "bool"}


class EngineInspector(object):
    execution_context = None

    def __init__(self, told):
        self._told = told

    def get_engine_information(self, format):
        return self._told.get("information") or json.dumps({"Layers": self._told["layers"], "Bindings": []})


class IExecutionContext(object):
    profiler = None

    def __init__(self, told):
        self._told = told
        self._tensors = told["inputs"] + told["outputs"]
        self._shapes = {one[0]: list(one[2]) for one in self._tensors}
        self._addresses = {}

    def set_input_shape(self, name, shape):
        least, _, most = self._told["profile"].get(name) or [self._told_shape(name)] * 3
        if len(shape) != len(least) or not all(least[at] <= shape[at] <= most[at] for at in range(len(shape))):
            return False
        self._shapes[name] = list(shape)
        return True

    def _told_shape(self, name):
        return next(one[2] for one in self._tensors if one[0] == name)

    def get_tensor_shape(self, name):
        """An output with a free dimension has its input's shape, as doubling leaves it."""
        if name in [one[0] for one in self._told["outputs"]] and not self._told.get("by_data"):
            declared = self._told_shape(name)
            return tuple(self._shapes[self._told["inputs"][0][0]] if -1 in declared else declared)
        return tuple(self._shapes[name])

    def set_tensor_address(self, name, memory):
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle):
        return self._enqueue(stream_handle, 1)

    def set_binding_shape(self, binding, shape):
        return IExecutionContext.set_input_shape(self, self._tensors[binding][0], shape)

    def get_binding_shape(self, binding):
        return IExecutionContext.get_tensor_shape(self, self._tensors[binding][0])

    def execute_async_v2(self, bindings, stream_handle, input_consumed=None):
        assert not self._told.get("implicit"), "its batch is implicit"
        return self._numbered(bindings, stream_handle, 1)

    def execute_async(self, batch_size, bindings, stream_handle, input_consumed=None):
        assert self._told.get("implicit"), "its batch is explicit"
        return self._numbered(bindings, stream_handle, batch_size)

    def _numbered(self, bindings, handle, batch):
        self._addresses = {one[0]: bindings[at] for at, one in enumerate(self._tensors)}
        return self._enqueue(handle, batch)

    def _enqueue(self, handle, batch):
        if self._told.get("refuses"):
            return False
        if self.profiler is not None:
            for layer, ms in self._told.get("times", []):
                self.profiler.report_layer_time(layer, ms)
        self._trt.cuda.streams[handle].put(lambda: self._double(batch), EXECUTE_NS)
        return True

    def _double(self, batch):
        name, dtype, _ = self._told["inputs"][0]
        kind = numpy.dtype(NUMPY[dtype])
        size = int(numpy.prod(self._shapes[name])) * batch * kind.itemsize
        source = numpy.frombuffer(ctypes.string_at(self._addresses[name], size), kind)
        for output, written, _ in self._told["outputs"]:
            doubled = (source * 2).astype(NUMPY[written])
            ctypes.memmove(self._addresses[output], doubled.tobytes(), doubled.nbytes)


class ICudaEngine(object):
    num_optimization_profiles = 1
    device_memory_size = device_memory_size_v2 = 3 << 20

    def __init__(self, told):
        self._told = told
        self._inputs = [one[0] for one in told["inputs"]]
        self._tensors = told["inputs"] + told["outputs"]
        self._named = {one[0]: one for one in self._tensors}

    def create_execution_context(self):
        made = self._trt.IExecutionContext(self._told)
        self._trt.contexts.append(made)
        return made

    def create_engine_inspector(self):
        return self._trt.EngineInspector(self._told)

    @property
    def num_io_tensors(self):
        return len(self._tensors)

    def get_tensor_name(self, index):
        return self._tensors[index][0]

    def get_tensor_mode(self, name):
        return self._trt.TensorIOMode.INPUT if name in self._inputs else self._trt.TensorIOMode.OUTPUT

    def get_tensor_dtype(self, name):
        return self._trt.DataType[self._named[name][1]]

    def get_tensor_shape(self, name):
        return tuple(self._named[name][2])

    def get_tensor_format(self, name):
        return self._trt.TensorFormat[self._told.get("format", "LINEAR")]

    def get_tensor_location(self, name):
        return self._trt.TensorLocation[self._told.get("location", "DEVICE")]

    def get_tensor_profile_shape(self, name, profile_index):
        return [tuple(shape) for shape in self._told["profile"].get(name) or [self._named[name][2]] * 3]

    @property
    def num_bindings(self):
        return len(self._tensors)

    @property
    def has_implicit_batch_dimension(self):
        return bool(self._told.get("implicit"))

    @property
    def max_batch_size(self):
        return self._told.get("implicit") or 1

    def get_binding_name(self, index):
        return self._tensors[index][0]

    def get_binding_shape(self, index):
        return tuple(self._tensors[index][2])

    def get_binding_dtype(self, index):
        return self._trt.DataType[self._tensors[index][1]]

    def get_binding_format(self, index):
        return self._trt.TensorFormat[self._told.get("format", "LINEAR")]

    def binding_is_input(self, index):
        return self._tensors[index][0] in self._inputs

    def is_shape_binding(self, binding):
        return self._told.get("location") == "HOST"

    def get_profile_shape(self, profile_index, binding):
        name, _, shape = self._tensors[binding]
        return [tuple(one) for one in self._told["profile"].get(name) or [shape] * 3]


class Runtime(object):
    DLA_core = -1

    def __init__(self, logger):
        start(logger, self._trt)
        self._logger = logger

    def deserialize_cuda_engine(self, serialized_engine):
        refusal = refusal_of(serialized_engine, self._trt)
        if refusal is None:
            return self._trt.ICudaEngine(json.loads(serialized_engine[28:].decode("utf-8")))
        self._logger.log(Severity.ERROR, refusal)
        self._logger.log(Severity.ERROR, FAILED)
        return None


FAILED = "4: [runtime.cpp::deserializeCudaEngine::50] Error Code 4: Internal Error (Engine deserialization failed.)"
TAG = ("1: [stdArchiveReader.cpp::StdArchiveReader::30] Error Code 1: Serialization (Serialization assertion "
       "magicTagRead == kMAGIC_TAG failed.Magic tag does not match)")  # fmt: skip
NUMBERS = ("1: [stdArchiveReader.cpp::StdArchiveReader::40] Error Code 1: Serialization (Serialization assertion "
           "stdVersionRead == serializationVersion failed.Version tag does not match. Note: Current Version: 213, "
           "Serialized Engine Version: 205)")  # fmt: skip
VERSIONS = ("6: The engine plan file is not compatible with this version of TensorRT, expecting library version %s "
            "got %s, please rebuild.")  # fmt: skip
GPUS = ("IRuntime::deserializeCudaEngine: Error Code 6: API Usage Error (The engine plan file is generated on an "
        "incompatible device, expecting compute %s got compute %s, please rebuild.)")  # fmt: skip


def refusal_of(data, trt):
    """Return what TensorRT logs of an engine that it does not take (lines of public issues), None for a good one."""
    if data[:4] != b"ftrt":
        return TAG
    told = json.loads(data[28:].decode("utf-8"))
    if told["version"] != trt.__version__:
        return NUMBERS if told.get("old_words") else VERSIONS % (trt.__version__, told["version"])
    if told["sm"] != trt.cuda.device["sm"]:
        return GPUS % (trt.cuda.device["sm"], told["sm"])
    return None
