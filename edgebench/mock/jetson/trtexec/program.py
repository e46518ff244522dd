"""The stand-in `trtexec` from its first word to its last; see `host` for how a board runs it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edgebench.mock.jetson.host import Board, Call, Killed, Line, Program
from edgebench.mock.jetson.trtexec import building, cost, layer_info, loading, profile, report, words
from edgebench.mock.jetson.trtexec.dialects import Dialect
from edgebench.mock.jetson.trtexec.echo import device, echo, percentiles
from edgebench.mock.jetson.trtexec.engine_file import Engine
from edgebench.mock.jetson.trtexec.flags import Options, Wrong, parse, usage
from edgebench.mock.jetson.trtexec.inferring import Run
from edgebench.mock.jetson.trtexec.job import NEVER_NS, Failed, Job, Loaded, loaded, stamp
from edgebench.mock.jetson.trtexec.network import Value
from edgebench.mock.jetson.trtexec.silicon import silicon
from edgebench.mock.jetson.trtexec.voice import Voice

PATH = "/usr/src/tensorrt/bin/trtexec"
NONSENSE = "tensorrt-bench 99 (build 4711)\nengine ready; 1 profile\nthroughput_qps: 41.2; everything is fine\n"


def trtexec(call: Call, line: Line, board: Board) -> int:
    """Be the tool. Returns its exit status; raises `Gone` and `Killed`."""
    facts = board.facts
    if facts.release is None or facts.gpu is None:
        raise ValueError(f"{facts.name} has no TensorRT")
    dialect = Dialect(facts.release.tensorrt)
    voice = Voice(line.out, line.err, lambda: stamp(board.lived_s()), "--verbose" in call.argv)
    if board.faults.now("trtexec-unknown-dialect", board.lived_s()):
        line.out(NONSENSE)
        return 0
    banner = f"{dialect.banner} # {' '.join((PATH, *call.argv))}\n"
    line.out(f"&&&& RUNNING {banner}")
    options = _understood(call.argv, dialect, voice)
    if options is None:
        line.out(f"&&&& FAILED {banner}")
        return 1
    if options.has("help"):
        line.out(usage(dialect))
        return 0
    chip = silicon(facts.name, name=facts.gpu.name, sm=facts.gpu.sm, clock_mhz=max(facts.gpu.clocks_mhz),
                   dla=facts.gpu.dla, watts=facts.draw.gpu)  # fmt: skip
    job = Job(call, line, board, dialect, chip, options, voice)
    try:
        _run(job)
    except Failed as error:
        for text in error.lines:
            voice.fail(text)
        line.out(f"&&&& FAILED {banner}")
        return 1
    finally:
        board.work(line, None)
        board.hold(line, 0, of_gpu=True)
    line.out(f"&&&& PASSED {banner}")
    return 0


PROGRAM = Program(PATH, trtexec)


def _understood(argv: tuple[str, ...], dialect: Dialect, voice: Voice) -> Options | None:
    """The options, or None where the tool stops at them."""
    try:
        options = parse(argv, dialect)
    except Wrong as error:
        voice.fail(str(error))
        voice.raw(usage(dialect))
        return None
    for name, value in options.unknown:
        voice.fail(f"Unknown option: {name} {value}")
    if options.unknown:
        voice.raw(usage(dialect))
        return None
    if dialect.since(8, 4) and options.has("workspace"):
        voice.warn("--workspace flag has been deprecated by --memPoolSize flag.")
    if dialect.since(8, 2) and options.has("explicitBatch"):
        voice.warn("--explicitBatch flag has been deprecated and has no effect!")
    return options


def _run(job: Job) -> None:
    """Everything after the options. Raises `Failed`."""
    voice, dialect, options = job.voice, job.dialect, job.options
    echo(options, dialect, voice)
    device(job.chip, dialect, voice)
    job.board.hold(job.line, 250 * 1024, of_gpu=True)
    job.wait(job.chip.init_s, 1.0, "cpu")
    voice.trt("[MemUsageChange] Init CUDA: CPU +229, GPU +0, now: CPU 248, GPU 3325 (MiB)")
    if job.struck("trtexec-hangs"):
        job.line.wait_until(NEVER_NS)
    engine, data = _engine(job)
    if options.builds_only:
        _only_built(job, engine, data)
        return
    if engine is None or not options.has("loadEngine"):
        # newer releases understand what they have built as they would a file
        engine = loading.deserialize(job, data) if dialect.loads_late or engine is None else engine
    _infer(job, loading.ready(job, engine))


def _engine(job: Job) -> tuple[Engine | None, bytes]:
    """What was built or loaded, as far as this release understands it by now, and its file."""
    if not job.options.has("loadEngine"):
        engine = building.build(job).engine
        return engine, engine.to_bytes()
    data = loading.read(job)
    return None if job.dialect.loads_late else loading.deserialize(job, data), data


def _only_built(job: Job, engine: Engine | None, data: bytes) -> None:
    """No inference. A file that is not even looked at passes, whatever it holds: so does the real tool."""
    if engine is not None:
        _layer_info(job, loaded(engine, job, job.options.shapes))
    elif _asks_for_layers(job.options):
        _layers_of_unread(job, data)
    if job.dialect.since(8, 4):
        flag = "--skipInference" if job.dialect.since(8, 6) else "--buildOnly"
        job.voice.info(f"Skipped inference phase since {flag} is added.")


def _asks_for_layers(options: Options) -> bool:
    return options.has("dumpLayerInfo") or options.has("exportLayerInfo")


def _layers_of_unread(job: Job, data: bytes) -> None:
    """An engine that is only looked at: where it is refused, newer releases say so and pass all the same."""
    try:
        engine = loading.deserialize(job, data)
    except Failed as error:
        for text in error.lines[:-2]:
            job.voice.fail(text)
        return
    _layer_info(job, loaded(engine, job, job.options.shapes))


def _layer_info(job: Job, ready: Loaded) -> None:
    options, detailed = job.options, ready.engine.detailed
    if options.has("dumpLayerInfo"):
        job.voice.info("Layer Information:")
        job.voice.info(layer_info.layers_text(ready.layers, ready.bindings, detailed))
    if options.text("exportLayerInfo"):
        text = layer_info.layers_json(ready.layers, ready.bindings, job.dialect, detailed)
        _write(job, options.text("exportLayerInfo"), text)
    if _asks_for_layers(options) and not detailed:
        job.voice.trt(words.NAMES_ONLY, "W")


def _infer(job: Job, ready: Loaded) -> None:
    options, voice, dialect = job.options, job.voice, job.dialect
    if dialect.since(8, 5):
        voice.info("Setting persistentCacheLimit to 0 bytes.")
    _bind(job, ready)
    _layer_info(job, ready)
    profiles = options.has("dumpProfile") or options.has("exportProfile")
    together = profiles and not options.has("separateProfileRun")
    voice.info("Starting inference" if dialect.since(7, 2) else "Starting inference threads")
    run = Run(job, ready, profiled=together)
    trace = run.queries()
    if together:
        voice.info(words.PROFILER_1)
        voice.info(words.PROFILER_2)
    else:
        report.summarize(trace, dialect, voice, warmup_ms=run.warmup_ms, per_average=int(options.number("avgRuns", 10)),
                         percentiles=percentiles(options, dialect))  # fmt: skip
        if options.text("exportTimes"):
            _write(job, options.text("exportTimes"), report.times_json(trace, dialect, run.warmup_ms))
    _outputs(job, ready)
    if profiles:
        if not together:
            run = Run(job, ready, profiled=True)
            run.queries()
        if options.has("dumpProfile"):
            profile.print_profile(run.layers(), dialect, voice)
        if options.text("exportProfile"):
            _write(job, options.text("exportProfile"), profile.profile_json(run.layers(), dialect))


def _bind(job: Job, ready: Loaded) -> None:
    """Say what tensors there are, and read those that come from files."""
    voice, files = job.voice, _files(job.options)
    known = {value.name for value in ready.net.inputs}
    for name in files:
        if name not in known:
            raise Failed(words.NO_TENSOR.format(name=name, place="engine bindings"),
                         "Invalid tensor names found in --loadInputs flag.", "Inference set up failed")  # fmt: skip
    for value in ready.net.inputs:
        if value.name in files:
            voice.info(f"Using values loaded from {files[value.name]} for input {value.name}")
            _check_size(job, value, files[value.name])
        else:
            voice.info(f"Using random values for input {value.name}")
        voice.info(_created(job.dialect, "input", value))
    for value in ready.net.outputs:
        if not job.dialect.since(8, 6):
            voice.info(f"Using random values for output {value.name}")
        voice.info(_created(job.dialect, "output", value))


def _created(dialect: Dialect, side: str, value: Value) -> str:
    dims = "x".join(map(str, value.dims))
    if dialect.since(8, 6):
        return f"{side.capitalize()} binding for {value.name} with dimensions {dims} is created."
    return f"Created {side} binding for {value.name} with dimensions {dims}"


def _files(options: Options) -> dict[str, str]:
    pairs = (part.rpartition(":") for part in options.text("loadInputs").split(",") if part)
    return {name.replace("'", ""): path for name, _, path in pairs}


def _check_size(job: Job, value: Value, path: str) -> None:
    """A file of another size, or none, ends the process: the real tool throws and nobody catches."""
    size = value.elements * cost.element_bytes(value.dtype)
    place = job.call.place(path)
    if not place.is_file():
        what = f"Cannot open file {path}!"
    elif place.stat().st_size != size:
        what = words.FILE_SIZE.format(path=path, size=size, found=place.stat().st_size)
    else:
        return
    job.voice.death(words.THROWN.format(what=what))
    raise Killed(int(signal.SIGABRT))


def _outputs(job: Job, ready: Loaded) -> None:
    """Compute for real what the engine gives, and write it."""
    options = job.options
    if not (options.text("exportOutput") or options.has("dumpOutput")):
        return
    rows = computed(job, ready)
    if options.text("exportOutput"):
        _write(job, options.text("exportOutput"), report.outputs_json(rows))
    if options.has("dumpOutput"):
        job.voice.info("Output Tensors:")
        for name, dims, values in rows:
            job.voice.info(f"{name}: ({'x'.join(map(str, dims))})")
            job.voice.info(" ".join(f"{value:.6g}" for value in values))


def computed(job: Job, ready: Loaded) -> list[tuple[str, Sequence[int], Sequence[float]]]:
    """(name, dims, values) of all outputs, by ONNX Runtime and the rounding of the engine's precision."""
    engine, net = ready.engine, ready.net
    files = _files(job.options)
    with tempfile.TemporaryDirectory(prefix="edgebench-mock-") as folder:
        model, output = Path(folder) / "model.onnx", Path(folder) / "outputs.json"
        model.write_bytes(engine.model)
        ask = {
            "model": str(model),
            "inputs": {name: str(job.call.place(path)) for name, path in files.items()},
            "shapes": {value.name: list(value.dims) for value in net.inputs},
            "fp16": engine.fp16 and job.chip.has("fp16"),
            "int8": engine.int8 and job.chip.has("int8") and not net.explicit,
            "ranges": engine.ranges,
            "wrong": job.struck("output-wrong"),
            "output": str(output),
        }
        command = [sys.executable, "-m", "edgebench.mock.jetson.trtexec.outputs", json.dumps(ask)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode != 0:
            raise Failed(f"Error[1]: {done.stderr.strip().rpartition(chr(10))[2]}", "Error occurred during inference")
        found = json.loads(output.read_text(encoding="ascii"))
    return [(name, dims, values) for name, (dims, _, values) in found.items()]


def _write(job: Job, path: str, text: str) -> None:
    """What cannot be written is lost: the real tool does not look."""
    try:
        job.call.place(path).write_text(text, encoding="utf-8")
    except OSError:
        return
