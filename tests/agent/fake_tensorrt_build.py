"""What builds an engine, of the fake `tensorrt`: see fake_tensorrt. `_trt` is the module that a class belongs to."""

import ctypes
import enum
import json


class Severity(enum.IntEnum):
    """ILogger.Severity."""

    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2
    INFO = 3
    VERBOSE = 4


class ILogger(object):
    def log(self, severity, msg):
        raise NotImplementedError


class IProfiler(object):
    def report_layer_time(self, layer_name, ms):
        raise NotImplementedError


class IProgressMonitor(object):
    def phase_start(self, phase_name, parent_phase, num_steps):
        raise NotImplementedError

    def step_complete(self, phase_name, step):
        raise NotImplementedError

    def phase_finish(self, phase_name):
        raise NotImplementedError


class IInt8EntropyCalibrator2(object):
    def get_batch_size(self):
        raise NotImplementedError

    def get_batch(self, names):
        raise NotImplementedError

    def read_calibration_cache(self):
        raise NotImplementedError

    def write_calibration_cache(self, cache):
        raise NotImplementedError


BASES = ("ILogger", "IProfiler", "IProgressMonitor", "IInt8EntropyCalibrator2")
"""Classes to be derived from."""


def start(logger, trt):
    """Fail as a Builder or Runtime does without a GPU (seen of the real 8.5.3.1)."""
    if trt.board is None:
        logger.log(Severity.WARNING, "CUDA initialization failure with error: 35. Please check your CUDA installation")
        raise TypeError("pybind11::init(): factory function returned nullptr")


class ITensor(object):
    def __init__(self, told, trt):
        self.name, self.dtype, self.shape = told[0], trt.DataType[told[1]], tuple(told[2])


class ILayer(object):
    def __init__(self, kind, trt):
        self.type = trt.LayerType[kind if kind in trt.LayerType.__members__ else "CONVOLUTION"]


class INetworkDefinition(object):
    _told = None

    @property
    def num_inputs(self):
        return len(self._told["inputs"])

    @property
    def num_layers(self):
        return len(self._told["layers"])

    def get_input(self, index):
        return self._trt.ITensor(self._told["inputs"][index], self._trt)

    def get_layer(self, index):
        return self._trt.ILayer(self._told["layers"][index].get("kind", ""), self._trt)


class ParserError(object):
    def __init__(self, told):
        self._told = told

    def code(self):
        return self._trt.ErrorCode[self._told["code"]]

    def desc(self):
        return self._told["desc"]

    def node(self):
        return self._told.get("node", -1)

    def node_name(self):
        return self._told.get("name", "")

    def node_operator(self):
        return self._told.get("operator", "")


class OnnxParser(object):
    def __init__(self, network, logger):
        self._network = network
        self._logger = logger
        self._errors = []

    @property
    def num_errors(self):
        return len(self._errors)

    def parse_from_file(self, model):
        with open(model) as source:
            told = json.load(source)
        self._errors = [self._trt.ParserError(one) for one in told.get("parser", [])]
        for line in told.get("log", []):
            self._logger.log(Severity.ERROR, line)
        self._network._told = told
        return not self._errors

    def get_error(self, index):
        return self._errors[index]


class IOptimizationProfile(object):
    def __init__(self):
        self._shapes = {}

    def set_shape(self, input, min, opt, max):
        if not all(min[at] <= opt[at] <= max[at] for at in range(len(opt))):
            raise ValueError("Shape provided for min is inconsistent with other shapes")
        self._shapes[input] = [list(min), list(opt), list(max)]


class IBuilderConfig(object):
    def __init__(self):
        self._flags = {"TF32"}
        self._profiles = []
        self._calibration_profile = None
        self._pools = {}

    def set_flag(self, flag):
        self._flags.add(flag.name)

    def clear_flag(self, flag):
        self._flags.discard(flag.name)

    def add_optimization_profile(self, profile):
        self._profiles.append(profile._shapes)
        return len(self._profiles) - 1

    def set_calibration_profile(self, profile):
        self._calibration_profile = profile._shapes
        return True

    def set_memory_pool_limit(self, pool, pool_size):
        self._pools[pool.name] = pool_size

    default_device_type = DLA_core = int8_calibrator = profiling_verbosity = progress_monitor = None
    max_workspace_size = 0


class Builder(object):
    def __init__(self, logger):
        start(logger, self._trt)
        self._logger = logger

    @property
    def num_DLA_cores(self):  # noqa: N802
        return self._trt.board.get("dla", 0)

    @property
    def platform_has_fast_int8(self):
        return self._trt.board.get("int8", False)

    @property
    def platform_has_fast_fp16(self):
        return self._trt.board.get("fp16", True)

    def create_network(self, flags=0):
        assert flags & 1 or not self._trt.__version__.startswith("8."), "an ONNX network has an explicit batch"
        return self._trt.INetworkDefinition()

    def create_builder_config(self):
        return self._trt.IBuilderConfig()

    def create_optimization_profile(self):
        return self._trt.IOptimizationProfile()

    def build_serialized_network(self, network, config):
        trt, told = self._trt, network._told
        how = told.get("build", {})
        self._logger.log(Severity.INFO, "[MemUsageChange] Init CUDA: CPU +1, GPU +0")
        watch(getattr(config, "progress_monitor", None))
        if getattr(config, "int8_calibrator", None) is not None:
            trt.calibrated = calibrate(config.int8_calibrator, told)
        for severity, line in how.get("log", []):
            self._logger.log(Severity[severity], line)
        if how.get("fails"):
            return None
        trt.built.append(config)
        profile = (config._profiles or [{}])[0]
        return plan(dict(told, profile=profile, version=trt.__version__, sm=trt.cuda.device["sm"]))


def plan(told):
    """Return an engine's bytes: the head of a real plan, then JSON."""
    numbers = [int(part) for part in (told["version"] + ".0.0.0").split(".")[:4]]
    head = b"ftrt" + b"\0" * 20 + bytes(numbers) if not told.get("old_words") else b"ftrt" + b"\xcd" * 24
    return head + json.dumps(told).encode("utf-8")


def watch(monitor):
    """Tell a monitor of two phases, one inside the other."""
    if monitor is None:
        return
    monitor.phase_start("Building the engine", None, 2)
    monitor.step_complete("Building the engine", 0)
    monitor.phase_start("Tactics", "Building the engine", 4)
    monitor.step_complete("Tactics", 1)
    monitor.phase_finish("Tactics")
    monitor.phase_finish("Building the engine")


def calibrate(calibrator, told):
    """Calibrate as TensorRT does: the cache, or batch after batch; return what was read from the GPU."""
    cache = calibrator.read_calibration_cache()
    if cache is not None:
        return bytes(cache)
    names, seen = [one[0] for one in told["inputs"]], []
    while True:
        addresses = calibrator.get_batch(names)
        if addresses is None:
            break
        seen.append(ctypes.c_float.from_address(addresses[0]).value)
    calibrator.write_calibration_cache(json.dumps(seen).encode("utf-8"))
    return seen
