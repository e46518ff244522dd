"""Loading a saved engine: read at once, understood at once or later, refused in TensorRT's own words."""

from __future__ import annotations

from edgebench.mock.jetson.trtexec import cost, words
from edgebench.mock.jetson.trtexec.engine_file import Engine, Refused, read_engine
from edgebench.mock.jetson.trtexec.flags import Shapes
from edgebench.mock.jetson.trtexec.job import Failed, Job, Loaded, loaded
from edgebench.mock.jetson.trtexec.voice import number

MIB = 1 << 20
READ_S = 0.04
DESERIALIZE_S = 0.3


def read(job: Job) -> bytes:
    """The file of `--loadEngine`. Raises `Failed`."""
    try:
        data = job.call.place(job.options.text("loadEngine")).read_bytes()
    except OSError:
        last = ("Failed to create engine from model or file.",) if job.dialect.since(8, 4) else ()
        raise Failed(f"Error opening engine file: {job.options.text('loadEngine')}", *last,
                     "Engine set up failed") from None  # fmt: skip
    job.wait(READ_S)
    if job.dialect.loads_late:
        job.voice.info(f"Engine loaded in {number(READ_S)} sec.")
    return data


def deserialize(job: Job, data: bytes) -> Engine:
    """Understand an engine. Raises `Failed`: in newer releases only when inference is set up."""
    job.voice.trt(f"Loaded engine size: {len(data) // MIB} MiB")
    try:
        engine = read_engine(data, job.dialect, job.chip.sm)
    except Refused as error:
        raise Failed(*error.lines, *_after(job, error)) from None
    job.wait(DESERIALIZE_S + len(data) / (200 * MIB), 1.0, "cpu")
    job.voice.trt(f"[MemUsageChange] TensorRT-managed allocation in engine deserialization: CPU +0, GPU "
                  f"+{len(data) // MIB}, now: CPU 0, GPU {len(data) // MIB} (MiB)")  # fmt: skip
    if job.dialect.loads_late:
        job.voice.info(f"Engine deserialized in {number(DESERIALIZE_S)} sec.")
    elif not job.options.has("onnx"):
        job.voice.info(f"Engine loaded in {number(READ_S + DESERIALIZE_S)} sec.")
    return engine


def _after(job: Job, error: Refused) -> tuple[str, ...]:
    """What the layers above the refusal say."""
    if not job.dialect.loads_late:
        return (words.DESERIALIZATION.format(line=50), "Failed to create engine from model.", "Engine set up failed")
    middle: tuple[str, ...] = ()
    if "please rebuild" in error.lines[0]:
        middle = (words.DESERIALIZE,)
    elif not job.dialect.since(10):
        middle = (words.DESERIALIZATION.format(line=66),)
    return (*middle, "Engine deserialization failed", "Got invalid engine!", "Inference set up failed")


def ready(job: Job, engine: Engine) -> Loaded:
    """An engine for the shapes of this run. Raises `Failed`."""
    shapes = _shapes(job, engine)
    result = loaded(engine, job, shapes)
    activation = cost.activation_bytes(result.layers)
    kib = round((len(engine.model) + cost.weight_bytes(result.layers) + activation) / 1024) + 300 * 1024
    job.board.hold(job.line, kib, of_gpu=True)
    job.voice.trt(f"[MemUsageChange] TensorRT-managed allocation in IExecutionContext creation: CPU +0, GPU "
                  f"+{activation // MIB}, now: CPU 0, GPU {(activation + len(engine.model)) // MIB} (MiB)")  # fmt: skip
    return result


def _shapes(job: Job, engine: Engine) -> Shapes:
    """What the open inputs are given: what was asked for, within the engine's profile."""
    plain = loaded(engine, job, {})
    asked = dict(job.options.shapes)
    known = {value.name for value in plain.net.inputs}
    for name in asked:
        if name not in known:
            raise Failed(words.NO_TENSOR.format(name=name, place="engine bindings"),
                         "Invalid tensor names found in --shapes flag.", "Inference set up failed")  # fmt: skip
    low, _, high = engine.profile
    for number_of, (name, dims) in enumerate(plain.net.dynamic.items()):
        if name not in asked:
            asked[name] = tuple(max(dim, 1) for dim in dims)
            dims_text = "x".join(map(str, asked[name]))
            job.voice.warn(words.NO_SHAPES.format(name=name, dims=dims_text))
        _within(number_of, asked[name], low.get(name), high.get(name))
    return {name: asked[name] for name in plain.net.dynamic}


def _within(binding: int, dims: tuple[int, ...], low: tuple[int, ...] | None, high: tuple[int, ...] | None) -> None:
    if low is None or high is None:
        return
    for index, (least, given, most) in enumerate(zip(low, dims, high, strict=False)):
        if not least <= given <= most:
            told = words.BEYOND_PROFILE.format(
                dims=",".join(map(str, dims)), binding=binding, index=index, most=most, least=least, given=given
            )
            raise Failed(told, "Inference set up failed")
