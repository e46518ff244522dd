"""A variant's options as ONNX Runtime takes them: session options, session config entries, provider options."""

import os

from ..failures import Failure

# accelerator -> providers, the one asked for first; what they refuse falls to the CPU provider
PROVIDERS = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"],
    "tensorrt": ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"],
    "openvino": ["OpenVINOExecutionProvider", "CPUExecutionProvider"],
    "xnnpack": ["XnnpackExecutionProvider", "CPUExecutionProvider"],
    "qnn": ["QNNExecutionProvider", "CPUExecutionProvider"],
    "coreml": ["CoreMLExecutionProvider", "CPUExecutionProvider"],
    "nnapi": ["NnapiExecutionProvider", "CPUExecutionProvider"],
}
COPYING = ("cuda", "tensorrt")
LEVELS = {
    "disable": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}
CONFIG_PREFIXES = ("session.", "optimization.", "mlas.", "ep.")
OWN = ("optimization", "custom_op_library")


def providers_of(accelerator):
    """Return the providers of an accelerator, in order. Raises Failure delegate-failed for one we do not know."""
    if accelerator not in PROVIDERS:
        known = ", ".join(sorted(PROVIDERS))
        raise Failure("delegate-failed", "onnxruntime has no accelerator %s; known: %s" % (accelerator, known), "load")
    return PROVIDERS[accelerator]


def accelerator_of(providers):
    """Return the accelerator whose provider comes first in `providers` as the session has them."""
    for accelerator, asked in PROVIDERS.items():
        if providers and asked[0] == providers[0]:
            return accelerator
    return providers[0] if providers else "cpu"


def provider_options(variant):
    """Return the options that belong to the asked provider: all but ours and the session's.

    The CPU provider takes none: Raises Failure load-failed naming them.
    """
    options = variant.get("options") or {}
    rest = {k: str(v) for k, v in options.items() if k not in OWN and not k.startswith(CONFIG_PREFIXES)}
    if rest and (variant.get("accelerator") or "cpu") == "cpu":
        raise Failure(
            "load-failed",
            "unknown option %s for onnxruntime on cpu; known: %s, or a key that begins with %s"
            % (", ".join(sorted(rest)), ", ".join(OWN), " ".join(CONFIG_PREFIXES)),
            "load",
        )
    return rest


def session_options(ort, variant, home):
    """Return the SessionOptions of a variant. Raises Failure load-failed for an unknown optimisation level."""
    options = variant.get("options") or {}
    made = ort.SessionOptions()
    made.inter_op_num_threads = 1
    if variant.get("threads"):
        made.intra_op_num_threads = int(variant["threads"])
    level = options.get("optimization", "all")
    if level not in LEVELS:
        known = ", ".join(sorted(LEVELS))
        raise Failure("load-failed", "optimization=%s is not known; known: %s" % (level, known), "load")
    made.graph_optimization_level = getattr(ort.GraphOptimizationLevel, LEVELS[level])
    for key, value in sorted(options.items()):
        if key.startswith(CONFIG_PREFIXES):
            made.add_session_config_entry(key, str(value))
    if options.get("custom_op_library"):
        made.register_custom_ops_library(os.path.join(home, options["custom_op_library"]))
    return made
