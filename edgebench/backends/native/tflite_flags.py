"""The arguments of TFLite's `benchmark_model`: pass, accelerator, threads, shapes, files, and the user's options."""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Mapping

from edgebench.backends.native.base import ToolAsk, ToolOnDevice, ToolRun
from edgebench.errors import RowFailure, nearest_hint

DELEGATE = "delegate."
"""Options of this prefix go to the vendor's delegate library."""

_OURS = """
    graph num_runs min_secs max_secs warmup_runs warmup_min_secs run_delay run_frequency num_threads use_gpu
    use_nnapi use_hexagon external_delegate_path external_delegate_options input_layer input_layer_shape
    input_layer_value_files output_filepath report_peak_memory_footprint enable_op_profiling dry_run verbose help
"""
OURS = frozenset(_OURS.split())
"""Flags that edgebench sets itself, or that would make the figures mean something else."""

_OTHERS = """
    use_xnnpack xnnpack_force_fp16 gpu_precision_loss_allowed gpu_experimental_enable_quant gpu_backend
    gpu_wait_type gpu_inference_for_sustained_speed gpu_invoke_loop_times nnapi_accelerator_name
    nnapi_execution_preference nnapi_execution_priority disable_nnapi_cpu nnapi_allow_fp16
    nnapi_allow_dynamic_dimensions nnapi_use_burst_mode hexagon_profiling hexagon_lib_path max_delegated_partitions
    min_nodes_per_partition delegate_serialize_dir delegate_serialize_token input_layer_value_range allow_fp16
    require_full_delegation use_caching use_legacy_nnapi release_dynamic_tensors optimize_memory_for_large_tensors
    disable_delegate_clustering signature_to_run_for enable_builtin_cast_constant_cache max_profiling_buffer_entries
    allow_dynamic_profiling_buffer_increase profiling_output_csv_file op_profiling_output_mode
    op_profiling_output_file memory_footprint_check_interval_ms stable_delegate_settings_file
    nnapi_support_library_path use_cpu use_npu dispatch_library_path compiler_plugin_library_path benchmark_name
    output_prefix print_preinvoke_state print_postinvoke_state
"""
KNOWN = OURS | frozenset(_OTHERS.split())
"""Flags of any release (TFLite's and LiteRT's READMEs and sources), for a tool whose help could not be read."""

SWITCH = {"gpu": "use_gpu", "nnapi": "use_nnapi", "hexagon": "use_hexagon"}
EXTERNAL = ("qnn", "neuron", "external")
EXTERNAL_DEFAULTS: Mapping[str, Mapping[str, str]] = {"qnn": {"backend_type": "htp"}}
FLOATS = ("fp16", "fp32")
PRECISION_SWITCH = {
    "gpu": ("gpu_precision_loss_allowed", {}),
    "nnapi": ("nnapi_allow_fp16", {}),
    "cpu": ("xnnpack_force_fp16", {"use_xnnpack": "true"}),
}
"""The flag that allows fp16 instead of fp32 in each, and what must be set beside it."""

FP16_BY_DEFAULT = ("gpu",)
WARMUP_S = 0.5
UNTIL_S = 150.0
_HELP = re.compile(r"^\s*--([a-z][a-z0-9_]{1,60})(?:=|\s|$)", re.M)


def help_flags(text: str) -> frozenset[str]:
    """Names of the flags that `--help` lists, one a line as `--name=default`."""
    return frozenset(_HELP.findall(text[: 1 << 20]))


def build(ask: ToolAsk, run: ToolRun, tool: ToolOnDevice) -> list[str]:
    """The argument list. Raises `RowFailure` for what this tool cannot do, or an option it does not know."""
    flags = {"graph": ask.model, **_pace(run, tool), **_accelerator(ask, tool), **_precision(ask, tool)}
    if ask.threads is not None:
        flags["num_threads"] = str(ask.threads)
    if run.pass_ == "memory" and _has(tool, "report_peak_memory_footprint", certain=True):
        flags["report_peak_memory_footprint"] = "true"
    if run.profile:
        flags["enable_op_profiling"] = "true"
    flags |= _layers(ask, run, tool) | _options(ask, tool)
    return [f"--{name}={value}" for name, value in flags.items()]


def _has(tool: ToolOnDevice, flag: str, *, certain: bool = False) -> bool:
    """Whether the tool has a flag; of a tool without help: whether some release has it, `certain`: no."""
    return flag in tool.flags if tool.flags else not certain and flag in KNOWN


def _pace(run: ToolRun, tool: ToolOnDevice) -> dict[str, str]:
    """How often and how long. Warm-up beyond one run only where its end must be steady: invocations and paced runs."""
    settles = run.pass_ in ("invocation", "paced")
    flags = {
        "num_runs": str(run.iterations),
        "min_secs": f"{run.seconds:g}",
        "warmup_runs": "1",
        "warmup_min_secs": f"{WARMUP_S if settles else 0:g}",
    }
    if run.fps is not None:
        if not _has(tool, "run_frequency", certain=True):
            raise RowFailure("bad-input", f"{tool.name} cannot be paced: its help lists no --run_frequency")
        flags |= {"run_frequency": f"{run.fps:g}", "num_runs": str(max(1, math.ceil(run.fps * run.seconds)))}
    if _has(tool, "max_secs", certain=True):
        flags["max_secs"] = f"{run.limit_s or max(UNTIL_S, 2 * run.seconds):g}"
    return flags


def _accelerator(ask: ToolAsk, tool: ToolOnDevice) -> dict[str, str]:
    name = ask.accelerator
    if name == "cpu":
        return {}
    switch = SWITCH.get(name, "external_delegate_path")
    if not _has(tool, switch):
        raise RowFailure(
            "delegate-failed",
            f"this {tool.name} has no --{switch}: it was built without that delegate",
            hint=f"`edgebench tools add {tool.name} PATH` takes one that has it",
        )
    if name in SWITCH:
        beside = {"hexagon_lib_path": posixpath.dirname(ask.delegate)} if name == "hexagon" and ask.delegate else {}
        return {switch: "true", **beside}
    if name not in EXTERNAL:
        raise RowFailure("bad-input", f"no accelerator {name!r} in {tool.name}", hint=nearest_hint(name, ACCELERATORS))
    if ask.delegate is None:
        raise RowFailure(
            "tool-missing",
            f"accelerator {name} needs its vendor's delegate library",
            hint="`edgebench tools add libNAME.so PATH --kind delegate --with FOLDER` takes it",
        )
    given = {key.removeprefix(DELEGATE): value for key, value in ask.options.items() if key.startswith(DELEGATE)}
    options = {**EXTERNAL_DEFAULTS.get(name, {}), **given}
    for key, value in options.items():
        if re.search(r"[;:\s]", key) or ";" in value:
            raise RowFailure("bad-input", f"--option {DELEGATE}{key}={value}: a `;` would begin another option")
    joined = ";".join(f"{key}:{value}" for key, value in options.items())
    return {switch: ask.delegate} | ({"external_delegate_options": joined} if joined else {})


ACCELERATORS = ("cpu", *SWITCH, *EXTERNAL)


def _precision(ask: ToolAsk, tool: ToolOnDevice) -> dict[str, str]:
    """The flag that makes an accelerator compute in the precision asked for, where that is its to choose."""
    wanted = ask.precision
    if wanted is None:
        return {}
    flag, beside = PRECISION_SWITCH.get(ask.accelerator, ("", {}))
    natural = wanted in ask.own and (ask.accelerator == "cpu" or wanted not in FLOATS)
    if natural or (ask.accelerator == "cpu" and wanted == "fp32" and not ask.own):
        return {}
    if wanted not in FLOATS or not flag or (ask.accelerator == "cpu" and wanted == "fp32"):
        raise RowFailure(
            "unsupported-precision",
            f"{tool.name} cannot run this file in {wanted} on {ask.accelerator}",
            hint=f"give a file exported or quantised as {wanted}, or leave --precision out",
        )
    if not _has(tool, flag):
        raise RowFailure("unsupported-precision", f"{tool.name} has no --{flag}, which {wanted} would need")
    return {flag: "true" if wanted == "fp16" else "false"} | beside


def computes_in(ask: ToolAsk) -> str | None:
    """The precision that the flags let the accelerator compute in; None where the file or the vendor decides.

    The GPU delegate runs a float file in fp16 unless it is told not to (TFLite's README of delegates).
    """
    if ask.precision in FLOATS and ask.accelerator in PRECISION_SWITCH:
        return ask.precision
    flag = PRECISION_SWITCH.get(ask.accelerator, ("", {}))[0]
    if ask.options.get(flag):
        return "fp16" if ask.options[flag].lower() in ("true", "1") else "fp32"
    return "fp16" if ask.accelerator in FP16_BY_DEFAULT else None


def _layers(ask: ToolAsk, run: ToolRun, tool: ToolOnDevice) -> dict[str, str]:
    """Shapes and files by name; the tool takes them by their order, so they get names that need no escaping."""
    files = ask.inputs if run.pass_ == "fidelity" or ask.inputs else {}
    if files and not ask.shapes:
        raise RowFailure("bad-input", f"{tool.name} takes input files only with the shapes of all inputs")
    flags: dict[str, str] = {}
    if ask.shapes:
        names = [f"in{at}" for at in range(len(ask.shapes))]
        flags["input_layer"] = ",".join(names)
        flags["input_layer_shape"] = ":".join(",".join(map(str, dims)) for dims in ask.shapes.values())
        known = [f"{alias}:{files[name]}" for alias, name in zip(names, ask.shapes, strict=True) if name in files]
        if known:
            flags["input_layer_value_files"] = ",".join(known)
    if run.pass_ == "fidelity" and ask.outputs is not None:
        if not writes_outputs(tool):
            raise RowFailure("bad-input", f"{tool.name} writes no outputs: its help lists no --output_filepath")
        flags["output_filepath"] = ask.outputs
    return flags


def writes_outputs(tool: ToolOnDevice) -> bool:
    """Whether the help lists both flags that the fidelity pass needs."""
    return {"output_filepath", "input_layer_value_files"} <= tool.flags


def _options(ask: ToolAsk, tool: ToolOnDevice) -> dict[str, str]:
    flags = {}
    known = tool.flags or KNOWN
    for key, value in ask.options.items():
        if key.startswith(DELEGATE):
            if ask.accelerator not in EXTERNAL:
                raise RowFailure("bad-input", f"--option {key}: {ask.accelerator} has no delegate library of its own")
            continue
        if key in OURS:
            raise RowFailure("bad-input", f"--option {key}: edgebench sets this flag itself")
        if key not in known:
            hint = nearest_hint(key, sorted(known - OURS))
            if ask.accelerator in EXTERNAL:
                hint = f"options of the delegate library are `--option {DELEGATE}{key}={value}`"
            raise RowFailure("bad-input", f"{tool.name} has no flag --{key}", hint=hint)
        flags[key] = value
    return flags
