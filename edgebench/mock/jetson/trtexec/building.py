"""Building an engine from an ONNX file: parsing, settings, the trial of kernels, and the ways it fails."""

from __future__ import annotations

from edgebench.errors import ModelError
from edgebench.mock.jetson.faults import BUILD
from edgebench.mock.jetson.trtexec import cost, words
from edgebench.mock.jetson.trtexec.engine_file import Engine
from edgebench.mock.jetson.trtexec.job import Failed, Job, Loaded
from edgebench.mock.jetson.trtexec.kinds import ON_DLA, STEMS
from edgebench.mock.jetson.trtexec.network import Network, Unparsed, network, with_external
from edgebench.mock.jetson.trtexec.parsing import announce, refusal
from edgebench.mock.jetson.trtexec.precision import Placed, Wanted, place, uncalibrated
from edgebench.mock.jetson.trtexec.voice import number

MIB = 1 << 20
BUILD_WATTS = 0.55
"""Share of what computing draws that the trial of kernels draws: it waits a lot."""
FREE_SHARE = 0.75
"""Of the board's memory, what a builder may have."""
OVERHEAD_MIB = 600
BIG_WORKSPACE_MIB = 64
MOST_NAMED = 20
FREE_MIB = 216
"""What is free when it is not enough."""


def build(job: Job) -> Loaded:
    """Parse and build; the engine is written where `--saveEngine` says. Raises `Failed`."""
    dialect, voice, options = job.dialect, job.voice, job.options
    began_ns = job.board.now_ns()
    data, net = _parse(job)
    wanted = job.wanted()
    _settings(job, net, wanted)
    _warn(job, net, wanted)
    layers = place(net, wanted, job.chip)
    _tell_units(job, layers)
    _try_kernels(job, layers)
    engine = Engine(dialect.version, job.chip.sm, job.chip.name, wanted.fp16, wanted.int8, data, wanted.dla,
                    wanted.fallback, options.text("profilingVerbosity") == "detailed",
                    None if wanted.ranges is None else dict(wanted.ranges), options.profile)  # fmt: skip
    _tell_sizes(job, net, layers)
    if options.has("saveEngine"):
        _save(job, engine)
    voice.info(f"Engine built in {number((job.board.now_ns() - began_ns) / 1e9)} sec.")
    return Loaded(engine, net, layers)


def _ended(job: Job, *lines: str) -> Failed:
    """The words that follow a build which failed, whatever the reason."""
    last = "Failed to create engine from model or file." if job.dialect.since(8, 4) else (
        "Failed to create engine from model.")  # fmt: skip
    return Failed(*lines, last, "Engine set up failed")


def _parse(job: Job) -> tuple[bytes, Network]:
    dialect, voice = job.dialect, job.voice
    path = job.call.place(job.options.text("onnx"))
    dot = "." if dialect.since(8, 6) else ""
    voice.info(f"Start parsing network model{dot}")
    finish = f"Finish{'ed' if dot else ''} parsing network model{'. Parse time: 0.1' if dot else ''}"
    try:
        data = with_external(path)
        refused = _middle(data) if job.struck("op-unsupported") else None
        net = network(data, dialect, job.options.profile[1], refused)
    except (OSError, ModelError):
        voice.death(f"Could not open file {job.options.text('onnx')}\n")
        voice.trt(f"ModelImporter.cpp:735: Failed to parse ONNX model from file: {job.options.text('onnx')}", "E")
        voice.fail("Failed to parse onnx file")
        voice.info(finish)
        raise _ended(job, "Parsing model failed") from None
    except Unparsed as error:
        refusal(error, dialect, voice)
        voice.fail("Failed to parse onnx file")
        voice.info(finish)
        raise _ended(job, "Parsing model failed") from None
    announce(net, job.options.text("onnx"), dialect, voice)
    job.wait(0.1, 1.0, "cpu")
    voice.info(finish)
    return data, net


def _middle(data: bytes) -> int:
    """The number of a node in the middle of a model."""
    from edgebench.artifacts.proto import parse_model

    return len(parse_model(data, "the model").graph.node) // 2


def _settings(job: Job, net: Network, wanted: Wanted) -> None:
    """What cannot be configured."""
    configured = ("Network And Config setup failed", "Building engine failed")
    asked = job.options.profile[1]
    if asked and not net.dynamic:
        raise _ended(job, words.STATIC_MODEL, *configured)
    known = {value.name for value in net.inputs}
    for name in asked:
        if name not in known:
            raise _ended(job, words.NO_TENSOR.format(name=name, place="network inputs"), *configured)
    for name in net.dynamic:
        if name not in asked:
            dims = "x".join(str(dim) for value in net.inputs if value.name == name for dim in value.dims)
            job.voice.warn(words.NO_SHAPES.format(name=name, dims=dims))
    if wanted.dla is not None:
        if wanted.dla >= job.chip.dla:
            raise _ended(job, words.NO_DLA.format(core=wanted.dla), *configured)
        left = next((layer.name for layer in net.layers if layer.kind not in ON_DLA), None)
        if left is not None and not wanted.fallback:
            raise _created(job, words.NOT_ON_DLA.format(name=left))
    if net.explicit and not wanted.int8:
        raise _created(job, words.NOT_CONFIGURED)


def _created(job: Job, *lines: str) -> Failed:
    """A network that could not be made into an engine."""
    end = ("Engine could not be created from network", "Building engine failed")
    return _ended(job, *lines, *(() if job.dialect.since(10) else (words.NO_ENGINE,)), *end)


def _warn(job: Job, net: Network, wanted: Wanted) -> None:
    """What the builder warns of and then does all the same."""
    voice, chip = job.voice, job.chip
    if net.wide and not job.dialect.since(10):
        voice.trt(words.INT64, "W")
    if wanted.fp16 and not chip.has("fp16"):
        voice.trt(words.NOT_NATIVE.format(kind="Half2", precision="FP16"), "W")
    if wanted.int8 and not chip.has("int8"):
        voice.trt(words.NOT_NATIVE.format(kind="Int8", precision="Int8"), "W")
    if wanted.int8 and not net.explicit and wanted.ranges is None:
        others = "Int32 or Bool" if job.dialect.since(8, 5) else "Int32"
        voice.trt(words.NO_CALIBRATOR.format(others=others), "W")
    if net.explicit and wanted.ranges is not None:
        voice.trt(words.CALIBRATOR_UNUSED, "W")
    for name in uncalibrated(net, wanted)[:MOST_NAMED] if wanted.int8 else []:
        voice.trt(words.NO_SCALE.format(name=name), "W")


def _tell_units(job: Job, layers: list[Placed]) -> None:
    if job.dialect.since(8, 5) and job.options.dla is None:
        return
    for title, unit, word in (("DLA", "dla", "DlaLayer"), ("GPU", "gpu", "GpuLayer")):
        job.voice.trt(f"---------- Layers Running on {title} ----------")
        for layer in layers:
            if layer.unit == unit and not layer.layer.name.startswith("Reformatting"):
                job.voice.trt(f"[{word}] {layer.layer.name}")


def _try_kernels(job: Job, layers: list[Placed]) -> None:
    """The long part: every layer's kernels in every precision that is allowed."""
    voice, dialect, chip, wanted = job.voice, job.dialect, job.chip, job.wanted()
    if not dialect.since(8, 6):
        voice.trt("[MemUsageChange] Init cuBLAS/cuBLASLt: CPU +158, GPU +147, now: CPU 606, GPU 3701 (MiB)")
        voice.trt("[MemUsageChange] Init cuDNN: CPU +241, GPU +183, now: CPU 847, GPU 3884 (MiB)")
    voice.trt("Local timing cache in use. Profiling results in this builder pass will not be stored.")
    needed_mib = OVERHEAD_MIB + (3 * cost.weight_bytes(layers) + 2 * cost.activation_bytes(layers)) / MIB
    job.board.hold(job.line, round(needed_mib * 1024), of_gpu=True)
    tuned = [layer for layer in layers if layer.layer.kind in STEMS or layer.unit == "dla"]
    rounds = 1 + (wanted.fp16 and chip.has("fp16")) + (wanted.int8 and chip.has("int8"))
    for index, layer in enumerate(tuned or layers[:1]):
        if index == len(tuned) // 2:
            _halfway(job, layer, needed_mib)
        job.wait(chip.tune_s * rounds, BUILD_WATTS * chip.watts)


def _halfway(job: Job, layer: Placed, needed_mib: float) -> None:
    job.board.moment(BUILD)
    if job.struck("build-oom") or needed_mib > FREE_SHARE * job.chip.memory_mib:
        raise _created(job, *_out_of_memory(job, layer, needed_mib))
    workspace = job.options.number("workspace", 16)
    if not job.dialect.since(8, 4) and workspace < BIG_WORKSPACE_MIB:
        job.voice.trt(words.LITTLE_WORKSPACE)


def _out_of_memory(job: Job, layer: Placed, needed_mib: float) -> tuple[str, ...]:
    """Warnings of tactics first, then the errors that end it."""
    voice, dialect = job.voice, job.dialect
    asked = max(round(needed_mib), 1024)
    setter = "setMemoryPoolLimit" if dialect.since(8, 4) else "setMaxWorkspaceSize"
    skipped = words.TACTIC_SKIPPED.format(mib=asked, setter=setter)
    voice.trt(words.TACTIC_TOO_LARGE.format(mib=asked, free=FREE_MIB), "W")
    voice.trt(f"UNSUPPORTED_STATE: {skipped}" if dialect.since(10) else skipped, "W")
    voice.trt(words.NOT_ALLOCATED.format(size=asked * MIB), "W")
    where = "IBuilder::buildSerializedNetwork:" if dialect.since(10) else "[optimizer.cpp::computeCosts::2011]"
    last = words.NO_IMPLEMENTATION.format(where=where, name=layer.layer.name)
    if dialect.since(10):
        return (words.OUT_OF_MEMORY_10.format(size=asked * MIB), last)
    return (*words.OUT_OF_MEMORY_8, last)


def _tell_sizes(job: Job, net: Network, layers: list[Placed]) -> None:
    voice, unit = job.voice, " bytes" if job.dialect.since(10) else ""
    activation, weights = cost.activation_bytes(layers), cost.weight_bytes(layers)
    voice.trt(f"Detected {len(net.inputs)} inputs and {len(net.outputs)} output network tensors.")
    voice.trt(f"Total Host Persistent Memory: {1120 * len(layers)}{unit}")
    voice.trt(f"Total Device Persistent Memory: {weights if not job.dialect.since(8, 5) else 0}{unit}")
    voice.trt(f"{'Max' if job.dialect.since(10) else 'Total'} Scratch Memory: 0{unit}")
    if job.dialect.since(8, 2):
        voice.trt(f"[MemUsageStats] Peak memory usage of TRT CPU/GPU memory allocators: CPU {weights // MIB} MiB, "
                  f"GPU {(activation + weights) // MIB} MiB")  # fmt: skip
        voice.trt(f"Total Activation Memory: {activation}{unit}")
    if job.dialect.since(8, 6):
        voice.trt(f"Total Weights Memory: {weights}{unit}")


def _save(job: Job, engine: Engine) -> None:
    path = job.call.place(job.options.text("saveEngine"))
    try:
        path.write_bytes(engine.to_bytes())
    except OSError:
        raise Failed(f"Error opening engine file: {job.options.text('saveEngine')}", "Saving engine to file failed.",
                     "Engine set up failed") from None  # fmt: skip
