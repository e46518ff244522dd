"""What the builder is told: precisions, workspace, shapes, DLA. What a GPU has not is refused, never passed over."""

from ..failures import Failure
from . import release_of, version_of

MIB = 1 << 20
QUANTISING = ("QUANTIZE", "DEQUANTIZE")


def is_quantised(trt, network):
    """Tell whether a network carries scales of its own (QuantizeLinear, DequantizeLinear)."""
    kinds = [getattr(trt.LayerType, name) for name in QUANTISING]
    return any(network.get_layer(at).type in kinds for at in range(network.num_layers))


def check_precisions(trt, builder, wanted, gpu):
    """Raise Failure unsupported-precision where the GPU or this TensorRT has not what is `wanted` ("int8", "fp16").

    TensorRT itself would build another precision without a word.
    """
    sm = "sm_%s" % (gpu.get("sm") or "?").replace(".", "")
    for name in wanted:
        if not hasattr(trt.BuilderFlag, name.upper()):
            text = "TensorRT %s builds no %s on demand: it takes the precisions of the file" % (version_of(trt), name)
            raise Failure("unsupported-precision", text, "build")
        if not getattr(builder, "platform_has_fast_%s" % name, True):
            text = "%s (compute capability %s, %s) has no fast %s: TensorRT would build another precision" % (
                gpu.get("name") or "this GPU", gpu.get("sm") or "unknown", sm, name)  # fmt: skip
            raise Failure("unsupported-precision", text, "build")


def set_precisions(trt, config, wanted, tf32):
    """Allow the `wanted` precisions; `tf32` False forbids TensorFloat-32, which is allowed by default."""
    for name in wanted:
        config.set_flag(getattr(trt.BuilderFlag, name.upper()))
    if not tf32 and hasattr(trt.BuilderFlag, "TF32"):
        config.clear_flag(trt.BuilderFlag.TF32)


def set_workspace(trt, config, mib, total_bytes):
    """Bound the builder's scratch memory; return the bound in MiB, None for none.

    From 8.4 on TensorRT's own default is all there is. Before, it is 0, with which few layers can be built: there a
    quarter of the memory is given where nothing is asked for.
    """
    if hasattr(config, "set_memory_pool_limit"):
        if mib:
            config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, mib * MIB)
        return mib or None
    mib = mib or max(16, total_bytes // 4 // MIB)
    config.max_workspace_size = mib * MIB
    return mib


def set_dla(trt, builder, config, core):
    """Run on a DLA what it takes, the rest on the GPU. Raises Failure delegate-failed where there is no such core."""
    if core is None:
        return
    count = builder.num_DLA_cores
    if core >= count:
        has = "has no DLA" if not count else "has %d DLA core%s" % (count, "s" if count > 1 else "")
        raise Failure("delegate-failed", "dla%d was asked for, this board %s" % (core, has), "build")
    config.default_device_type = trt.DeviceType.DLA
    config.DLA_core = core
    config.set_flag(trt.BuilderFlag.GPU_FALLBACK)


def add_profile(trt, builder, network, config, wanted):
    """Add the optimisation profile of free dimensions and return it, None where none is free.

    `wanted`: {input: {"min", "opt", "max"}}. Raises Failure shape-mismatch for one that is missing or does not fit.
    """
    tensors = [network.get_input(at) for at in range(network.num_inputs)]
    free = [tensor for tensor in tensors if -1 in [int(size) for size in tensor.shape]]
    if not free:
        return None
    profile = builder.create_optimization_profile()
    for tensor in free:
        shapes = wanted.get(tensor.name)
        declared = "x".join("?" if size < 0 else str(size) for size in map(int, tensor.shape))
        if not shapes:
            text = "input %s is %s: give its shape, TensorRT builds for shapes" % (tensor.name, declared)
            raise Failure("shape-mismatch", text, "build")
        least, best, most = (tuple(shapes[which]) for which in ("min", "opt", "max"))
        try:
            profile.set_shape(tensor.name, least, best, most)
        except (ValueError, RuntimeError) as error:
            text = "input %s is %s, not %s: %s" % (tensor.name, declared, "x".join(map(str, best)), error)
            raise Failure("shape-mismatch", text, "build") from error
    if config.add_optimization_profile(profile) < 0:
        shapes = ", ".join("%s %s" % (name, wanted[name]["opt"]) for name in sorted(wanted))
        raise Failure("shape-mismatch", "TensorRT takes no such shapes: %s" % shapes, "build")
    return profile


def set_detail(trt, config):
    """Ask for an engine that can tell of its layers: 8.2 and newer."""
    if release_of(trt) >= (8, 2):
        config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
