"""What the real `tensorrt` module offers, of all that edgebench uses: the fakes in tests/agent are held against it.

``python tests/real_tensorrt/signatures.py`` prints it as JSON, in a Python that has the module (or, with
``--module tensorrt_bindings``, the bindings alone). pybind11 writes each method's signature into its docstring.
"""

import argparse
import importlib
import json
import re

CLASSES = {
    "ILogger": ["log"],
    "Builder": ["build_serialized_network", "create_builder_config", "create_network", "create_optimization_profile",
                "num_DLA_cores", "platform_has_fast_fp16", "platform_has_fast_int8"],
    "IBuilderConfig": ["DLA_core", "add_optimization_profile", "clear_flag", "default_device_type", "int8_calibrator",
                       "max_workspace_size", "profiling_verbosity", "progress_monitor", "set_calibration_profile",
                       "set_flag", "set_memory_pool_limit"],
    "INetworkDefinition": ["get_input", "get_layer", "num_inputs", "num_layers"],
    "ILayer": ["type"],
    "ITensor": ["dtype", "name", "shape"],
    "IOptimizationProfile": ["set_shape"],
    "OnnxParser": ["get_error", "num_errors", "parse_from_file"],
    "ParserError": ["code", "desc", "node", "node_name", "node_operator"],
    "Runtime": ["DLA_core", "deserialize_cuda_engine"],
    "ICudaEngine": ["binding_is_input", "create_engine_inspector", "create_execution_context", "device_memory_size",
                    "device_memory_size_v2", "get_binding_dtype", "get_binding_format", "get_binding_name",
                    "get_binding_shape", "get_profile_shape", "get_tensor_dtype", "get_tensor_format",
                    "get_tensor_location", "get_tensor_mode", "get_tensor_name", "get_tensor_profile_shape",
                    "get_tensor_shape", "has_implicit_batch_dimension", "is_shape_binding", "max_batch_size",
                    "num_bindings", "num_io_tensors", "num_optimization_profiles"],
    "IExecutionContext": ["execute_async", "execute_async_v2", "execute_async_v3", "get_binding_shape",
                          "get_tensor_shape", "profiler", "set_binding_shape", "set_input_shape",
                          "set_tensor_address"],
    "EngineInspector": ["execution_context", "get_engine_information"],
    "IProfiler": ["report_layer_time"],
    "IProgressMonitor": ["phase_finish", "phase_start", "step_complete"],
    "IInt8EntropyCalibrator2": ["get_batch", "get_batch_size", "read_calibration_cache", "write_calibration_cache"],
}  # fmt: skip
ENUMS = {
    "BuilderFlag": ["FP16", "GPU_FALLBACK", "INT8", "TF32"],
    "DataType": ["BOOL", "FLOAT", "HALF", "INT32", "INT64", "INT8", "UINT8"],
    "DeviceType": ["DLA", "GPU"],
    "LayerInformationFormat": ["JSON"],
    "LayerType": ["CONVOLUTION", "DEQUANTIZE", "QUANTIZE"],
    "MemoryPoolType": ["WORKSPACE"],
    "NetworkDefinitionCreationFlag": ["EXPLICIT_BATCH"],
    "ProfilingVerbosity": ["DETAILED"],
    "TensorFormat": ["CHW4", "LINEAR"],
    "TensorIOMode": ["INPUT", "OUTPUT"],
    "TensorLocation": ["DEVICE", "HOST"],
    "ErrorCode": ["INVALID_NODE", "MEM_ALLOC_FAILED", "MODEL_DESERIALIZE_FAILED", "UNSUPPORTED_NODE",
                  "UNSUPPORTED_NODE_DATATYPE"],
}  # fmt: skip
FUNCTIONS = ["init_libnvinfer_plugins"]


def parameters(member):
    """Return the parameters' names of each overload of a method ("name=" has a default), None for what is no method."""
    text = getattr(member, "__doc__", None) or ""
    if not callable(member):
        return None
    found = []
    for line in text.splitlines():
        signature = re.match(r"(?:\d+\. )?\w+\((self: .*|\w+: .*)\) ->", line.strip())
        if signature:
            parts = re.split(r", (?=\w+: )", signature.group(1))
            named = [part.split(":")[0] + ("=" if " = " in part else "") for part in parts]
            found.append([name for name in named if name != "self"])
    return found


def dump(trt):
    """Return {"version", "classes": {name: {member: parameters}}, "enums": {name: [members]}, "functions"}."""
    classes = {}
    for name, members in CLASSES.items():
        kind = getattr(trt, name, None)
        if kind is not None:
            classes[name] = {one: parameters(getattr(kind, one)) for one in members if hasattr(kind, one)}
    enums = {}
    for name, members in ENUMS.items():
        kind = getattr(trt, name, None)
        if kind is not None:
            enums[name] = [one for one in members if hasattr(kind, one)]
    functions = {name: parameters(getattr(trt, name)) for name in FUNCTIONS if hasattr(trt, name)}
    return {"version": trt.__version__, "classes": classes, "enums": enums, "functions": functions}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--module", default="tensorrt")
    print(json.dumps(dump(importlib.import_module(parser.parse_args().module)), sort_keys=True))
