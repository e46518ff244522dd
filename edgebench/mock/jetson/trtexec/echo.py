"""What `trtexec` repeats of its options before it does anything, and what it says of the GPU."""

from __future__ import annotations

from edgebench.mock.jetson.trtexec import words
from edgebench.mock.jetson.trtexec.dialects import Dialect
from edgebench.mock.jetson.trtexec.flags import Options, Shapes
from edgebench.mock.jetson.trtexec.silicon import Silicon
from edgebench.mock.jetson.trtexec.voice import Voice, number


def echo(options: Options, dialect: Dialect, voice: Voice) -> None:
    """All four blocks of options."""
    rows = [*_model(options, dialect), *_build(options, dialect), *_system(options), *_inference(options, dialect),
            *_reporting(options, dialect), ""]  # fmt: skip
    for row in rows:
        voice.info(row)


def _model(options: Options, dialect: Dialect) -> list[str]:
    rows = ["=== Model Options ===", f"Format: {'ONNX' if options.has('onnx') else '*'}",
            f"Model: {options.text('onnx')}", "Output:"]  # fmt: skip
    if dialect.since(10) and not options.has("noTF32"):
        rows.insert(0, words.TF32)
    return rows


def _build(options: Options, dialect: Dialect) -> list[str]:
    precision = "FP32" + ("+FP16" if options.fp16 else "") + ("+INT8" if options.int8 else "")
    calibration = options.text("calib") or ("Dynamic" if options.int8 else "")
    rows = ["=== Build Options ==="]
    if not dialect.since(10):
        word = "explicit" if not dialect.since(8) else "explicit batch"
        rows.append(f"Max batch: {word if options.has('onnx') else 1}")
    rows += [_pools(options, dialect), *([] if dialect.since(10) else ["minTiming: 1"]), "avgTiming: 8",
             f"Precision: {precision}", *(["LayerPrecisions: "] if dialect.since(8, 4) else []),
             f"Calibration: {calibration}", "Refit: Disabled"]  # fmt: skip
    if dialect.since(8):
        rows += ["Sparsity: Disabled", "Safe mode: Disabled", "DirectIO mode: Disabled", "Restricted mode: Disabled"]
    if dialect.since(8, 4):
        skipping = "Skip inference" if dialect.since(8, 6) else "Build only"
        rows.append(f"{skipping}: {_on(options.builds_only)}")
    rows += [f"Save engine: {options.text('saveEngine')}", f"Load engine: {options.text('loadEngine')}"]
    if dialect.since(8, 2):
        verbosity = {"none": 1, "detailed": 2}.get(options.text("profilingVerbosity"), 0)
        rows += [f"Profiling verbosity: {verbosity}", "Tactic sources: Using default tactic sources",
                 "timingCacheMode: local", "timingCacheFile: "]  # fmt: skip
    rows += ["Input(s)s format: fp32:CHW", "Output(s)s format: fp32:CHW"]
    low, best, high = options.profile
    rows += [f"Input build shape: {name}={'+'.join(_dims(part[name]) for part in (low, best, high) if name in part)}"
             for name in best] or ["Input build shapes: model"]  # fmt: skip
    return [*rows, "Input calibration shapes: model"]


def _pools(options: Options, dialect: Dialect) -> str:
    if not dialect.since(8, 4):
        return f"Workspace: {options.text('workspace') or 16} {'MiB' if dialect.since(8) else 'MB'}"
    asked = options.text("workspace") or options.text("memPoolSize").rpartition("workspace:")[2].partition(",")[0]
    shared = ", tacticSharedMem: default" if dialect.since(10) else ""
    workspace = f"{asked} MiB" if asked else "default"
    return (f"Memory Pools: workspace: {workspace}, dlaSRAM: default, dlaLocalDRAM: default, dlaGlobalDRAM: "
            f"default{shared}")  # fmt: skip


def _system(options: Options) -> list[str]:
    fallback = "(With GPU fallback)" if options.dla is not None and options.has("allowGPUFallback") else ""
    return ["=== System Options ===", "Device: 0", f"DLACore: {options.text('useDLACore')}{fallback}", "Plugins:"]


def _inference(options: Options, dialect: Dialect) -> list[str]:
    shapes: Shapes = options.shapes
    rows = ["=== Inference Options ===", f"Batch: {'Explicit' if options.has('onnx') or shapes else 1}"]
    rows += [f"Input inference shape: {name}={_dims(dims)}" for name, dims in shapes.items()] or [
        "Input inference shapes: model"
    ]
    streams = "Inference Streams" if dialect.since(10) else "Streams"
    warmup = number(options.number("warmUp", 200))
    rows += [f"Iterations: {int(options.number('iterations', 10))}",
             f"Duration: {number(options.number('duration', 3))}s (+ {warmup}ms warm up)",
             "Sleep time: 0ms", *(["Idle time: 0ms"] if dialect.since(8, 2) else []), f"{streams}: 1",
             f"ExposeDMA: {_on(options.has('exposeDMA'))}"]  # fmt: skip
    if dialect.since(7, 2):
        rows.append(f"Data transfers: {_on(not options.has('noDataTransfers'))}")
    rows += [f"Spin-wait: {_on(options.has('useSpinWait'))}", "Multithreading: Disabled",
             f"CUDA Graph: {_on(options.has('useCudaGraph'))}"]  # fmt: skip
    if dialect.since(8):
        rows.append(f"Separate profiling: {_on(options.has('separateProfileRun'))}")
    if not dialect.since(8, 4):
        rows.append(f"Skip inference: {_on(options.builds_only)}")
    inputs = [part.rpartition(":") for part in options.text("loadInputs").split(",") if part]
    return [*rows, "Inputs:", *(f"{name}<-{path}" for name, _, path in inputs)]


def _reporting(options: Options, dialect: Dialect) -> list[str]:
    shown = ",".join(map(number, percentiles(options, dialect)))
    many = "Percentiles" if dialect.since(8, 5) else "Percentile"
    return ["=== Reporting Options ===", f"Verbose: {_on(options.has('verbose'))}",
            f"Averages: {int(options.number('avgRuns', 10))} inferences", f"{many}: {shown}",
            f"Dump output: {_on(options.has('dumpOutput'))}", f"Profile: {_on(options.has('dumpProfile'))}",
            f"Export timing to JSON file: {options.text('exportTimes')}",
            f"Export output to JSON file: {options.text('exportOutput')}",
            f"Export profile to JSON file: {options.text('exportProfile')}"]  # fmt: skip


def percentiles(options: Options, dialect: Dialect) -> tuple[float, ...]:
    """Those asked for, or the release's own."""
    text = options.text("percentile")
    return tuple(float(part) for part in text.split(",")) if text else dialect.percentiles


def _on(flag: bool) -> str:
    return "Enabled" if flag else "Disabled"


def _dims(dims: tuple[int, ...]) -> str:
    return "x".join(map(str, dims))


def device(chip: Silicon, dialect: Dialect, voice: Voice) -> None:
    """The GPU, and the version of the library."""
    clock = "Application Compute Clock Rate" if dialect.since(10) else "Compute Clock Rate"
    rows = ["=== Device Information ==="]
    if dialect.since(10):
        rows += ["Available Devices: ", f'  Device 0: "{chip.name}"']
    rows += [f"Selected Device: {chip.name}", f"Compute Capability: {chip.sm}", f"SMs: {chip.sms}"]
    rates = [f"{clock}: {number(chip.clock_mhz / 1000)} GHz"]
    rows += [*([] if dialect.since(10) else rates), f"Device Global Memory: {round(chip.memory_mib)} MiB",
             f"Shared Memory per SM: {chip.shared_kib} KiB",
             f"Memory Bus Width: {chip.bus_bits} bits (ECC disabled)",
             *(rates if dialect.since(10) else []), ""]  # fmt: skip
    if dialect.since(10):
        rows += [words.CLOCKS, ""]
    if dialect.since(8):
        rows.append(f"TensorRT version: {dialect.short}")
    for row in rows:
        voice.info(row)
