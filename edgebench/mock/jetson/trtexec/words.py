"""Longer sentences of TensorRT and its `trtexec`, by what they are about.

From its sources and from logs that users published; of NOT_ON_DLA, NOT_CONFIGURED, CALIBRATOR_UNUSED, BEYOND_PROFILE
and the sizes in OUT_OF_MEMORY_10 no log was at hand.
"""

from __future__ import annotations

CLOCKS = "Note: The application clock rates do not reflect the actual clock rates that the GPU is currently running at."
TF32 = "TF32 is enabled by default. Add --noTF32 flag to further improve accuracy with some performance cost."
INT64 = (
    "onnx2trt_utils.cpp:366: Your ONNX model has been generated with INT64 weights, while TensorRT does not natively "
    "support INT64. Attempting to cast down to INT32."
)
NOT_NATIVE = (
    "{kind} support requested on hardware without native {precision} support, performance will be negatively affected."
)
NO_CALIBRATOR = "Calibrator is not being used. Users must provide dynamic range for all tensors that are not {others}."
CALIBRATOR_UNUSED = (
    "Calibrator won't be used in explicit precision mode. Use quantization aware training to generate network with "
    "Quantize/Dequantize nodes."
)
NO_SCALE = (
    "Missing scale and zero-point for tensor {name}, expect fall back to non-int8 implementation for any layer "
    "consuming or producing given tensor"
)
STATIC_MODEL = (
    "Static model does not take explicit shapes since the shape of inference tensors will be determined by the model "
    "itself"
)
NO_SHAPES = (
    "Dynamic dimensions required for input: {name}, but no shapes were provided. Automatically overriding shape to: "
    "{dims}"
)
NO_TENSOR = (
    'Cannot find input tensor with name "{name}" in the {place}! Please make sure the input tensor names are correct.'
)
NO_DLA = "Cannot create DLA engine, {core} not available"
NOT_ON_DLA = (
    "Error[4]: [network.cpp::validate::2871] Error Code 4: Internal Error (Layer {name} is not supported on DLA and "
    "GPU fallback is not enabled)"
)
NOT_CONFIGURED = (
    "Error[4]: [network.cpp::validate::2871] Error Code 4: Internal Error (Int8 precision has been set for a layer or "
    "layer output, but int8 is not configured in the builder)"
)
NO_ENGINE = (
    "Error[2]: [builder.cpp::buildSerializedNetwork::609] Error Code 2: Internal Error (Assertion engine != nullptr "
    "failed. )"
)
LITTLE_WORKSPACE = (
    "Some tactics do not have sufficient workspace memory to run. Increasing workspace size may increase performance, "
    "please check verbose output."
)
TACTIC_TOO_LARGE = "Tactic Device request: {mib}MB Available: {free}MB. Device memory is insufficient to use tactic."
TACTIC_SKIPPED = (
    "Skipping tactic 3 due to insufficient memory on requested size of {mib} detected for tactic 4.\n"
    "Try decreasing the workspace size with IBuilderConfig::{setter}()."
)
NOT_ALLOCATED = (
    "Requested amount of GPU memory ({size} bytes) could not be allocated. There may not be enough free memory for "
    "allocation to succeed."
)
OUT_OF_MEMORY_8 = (
    "Error[1]: [defaultAllocator.cpp::allocate::20] Error Code 1: Cuda Runtime (out of memory)",
    "Error[2]: [virtualMemoryBuffer.cpp::resizePhysical::161] Error Code 2: OutOfMemory (no further information)",
)
OUT_OF_MEMORY_10 = (
    "Error[2]: [virtualMemoryBuffer.cpp::resizePhysical::154] Error Code 2: OutOfMemory (Requested size was {size} "
    "bytes.)"
)
NO_IMPLEMENTATION = (
    "Error[10]: {where} Error Code 10: Internal Error (Could not find any implementation for node {name}.)"
)
NAMES_ONLY = (
    "The profiling verbosity was set to ProfilingVerbosity::kLAYER_NAMES_ONLY when the engine was built, so only the "
    "layer names will be returned. Rebuild the engine with ProfilingVerbosity::kDETAILED to get more verbose layer "
    "information."
)
FILE_SIZE = (
    "Unexpected file size for input file: {path}. Note: Input binding size is: {size} bytes but the file size is "
    "{found} bytes. Double check the size and datatype of the provided data."
)
THROWN = "terminate called after throwing an instance of 'std::invalid_argument'\n  what():  {what}\n"
BEYOND_PROFILE = (
    "Error[3]: [executionContext.cpp::setBindingDimensions::944] Error Code 3: API Usage Error (Supplied binding "
    "dimension [{dims}] for bindings[{binding}] exceed min ~ max range at index {index}, maximum dimension in profile "
    "is {most}, minimum dimension in profile is {least}, but supplied dimension is {given}.)"
)
DESERIALIZATION = (
    "Error[4]: [runtime.cpp::deserializeCudaEngine::{line}] Error Code 4: Internal Error (Engine deserialization "
    "failed.)"
)
DESERIALIZE = (
    "Error[2]: [engine.cpp::deserializeEngine::951] Error Code 2: Internal Error (Assertion engine->deserialize(start, "
    "size, allocator, runtime) failed. )"
)
PLAN_TAG = (
    "Error[1]: [runtime.cpp::parsePlan::455] Error Code 1: Serialization (Serialization assertion "
    "plan->header.magicTag == rt::kPLAN_MAGIC_TAG failed.Trying to load an engine created with incompatible "
    "serialization version. Check that the engine was not created using safety runtime, same OS was used and version "
    "compatibility parameters were set accordingly.)"
)
MAGIC_TAG = (
    "Error[1]: [stdArchiveReader.cpp::StdArchiveReader::35] Error Code 1: Serialization (Serialization assertion "
    "magicTagRead == kMAGIC_TAG failed.Magic tag does not match)"
)
VERSION_TAG = "Version tag does not match. Note: Current Version: {ours}, Serialized Engine Version: {theirs}"
OTHER_VERSION = (
    "The engine plan file is not compatible with this version of TensorRT, expecting library version {ours} got "
    "{theirs}, please rebuild."
)
OTHER_DEVICE = (
    "The engine plan file is generated on an incompatible device, expecting compute {ours} got compute {theirs}, "
    "please rebuild."
)
SERIALIZATION_10 = (
    "Error[1]: IRuntime::deserializeCudaEngine: Error Code 1: Serialization (Serialization assertion stdVersionRead == "
    "kSERIALIZATION_VERSION failed.{words})"
)
SERIALIZATION_8 = (
    "Error[1]: [stdArchiveReader.cpp::StdArchiveReader::{line}] Error Code 1: Serialization (Serialization assertion "
    "stdVersionRead == serializationVersion failed.{words})"
)
PROFILER_1 = (
    "The e2e network timing is not reported since it is inaccurate due to the extra synchronizations when the "
    "profiler is enabled."
)
PROFILER_2 = (
    "To show e2e network timing report, add --separateProfileRun to profile layer timing in a separate run or remove "
    "--dumpProfile to disable the profiler."
)
