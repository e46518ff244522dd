"""Fits a row of TensorRT to a board: by its Python module or by trtexec, what the builder is told, for which shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebench.artifacts.reading import reader_of
from edgebench.artifacts.sniff import Format, sniff
from edgebench.backends.base import BoardGpu, DeviceRuntime, EngineStamp, OnnxStamp, get_backend
from edgebench.backends.tensorrt import computed_precision, is_quantised
from edgebench.controller.inputs import InputFiles, gather_inputs, input_shapes
from edgebench.controller.runtimes import find_runtime, python_version
from edgebench.controller.spec import EngineUse, VariantAsk
from edgebench.controller.stamps import stamp_of
from edgebench.errors import RowFailure, UsageError
from edgebench.profiles import Profile

BUILD_LIMIT_S = 3600.0
"""A Nano takes minutes for a small network, and half an hour for a detector; `--option build-limit=S` is another."""


@dataclass(frozen=True)
class Board:
    """A device as far as an engine depends on it: its name, what it tells of itself, what it is declared to be."""

    name: str
    facts: Mapping[str, Any]
    profile: Profile | None = None


def fit_engine(
    device: Board, model: Path, ask: VariantAsk, *, paced: bool = False
) -> tuple[DeviceRuntime, EngineUse, InputFiles | None, list[str]]:
    """The TensorRT of a device, how it is driven, the calibration set, and what to tell. Raises `RowFailure`."""
    way, version = _way(device, ask)
    if paced and way == "trtexec":
        hint = "leave --target-fps out, or install python3-libnvinfer there"
        raise RowFailure("bad-input", "trtexec cannot pace its inferences; TensorRT's Python module can", hint=hint)
    python = python_version(device.facts)
    runtime = DeviceRuntime(version, None, python, board_gpu(device))
    stamp = stamp_of(model)
    told = get_backend("tensorrt").preflight(stamp, runtime, ask.options, ask.precision, ask.accelerator)
    if isinstance(stamp, EngineStamp):
        if ask.calibration:
            raise RowFailure("bad-input", "an engine is built already: nothing is left to calibrate")
        return runtime, EngineUse(way=way, prebuilt=True), None, told
    assert isinstance(stamp, OnnxStamp)
    calibration = _calibration(model, ask, stamp, way)
    flags = build_flags(computed_precision(stamp, ask.precision), ask)
    build_s = float(ask.options.get("build-limit") or BUILD_LIMIT_S)
    use = EngineUse(way=way, flags=flags, profile=shape_profile(model, ask), build_s=build_s)
    return runtime, use, calibration, told


def board_gpu(device: Board) -> BoardGpu | None:
    """The GPU as the device tells of it and its profile declares it; None where neither does."""
    seen: Mapping[str, Any] = device.facts.get("gpu") or {}
    profile = device.profile
    declared = next((unit for unit in profile.compute if unit.unit == "gpu"), None) if profile else None
    if not seen and declared is None:
        return None
    board = str((device.facts.get("board") or {}).get("model") or device.name)
    return BoardGpu(
        board=board,
        name=seen.get("name"),
        sm=seen.get("sm"),
        dla=int(seen.get("dla") or 0),
        unsupported=declared.unsupported if declared else (),
    )


def _way(device: Board, ask: VariantAsk) -> tuple[str, str]:
    """How TensorRT is driven there, and its version. Raises `RowFailure` (`runtime-missing`, `tool-missing`)."""
    name, facts = device.name, device.facts
    module = find_runtime(facts, "tensorrt")
    tool = (facts.get("tools") or {}).get("trtexec")
    known = str((facts.get("software") or {}).get("tensorrt") or "")
    wanted = ask.options.get("way")
    if wanted != "trtexec" and module is not None:
        return "python", module.version
    if wanted != "python" and tool:
        return "trtexec", known or "unknown"
    hint = f"on a Jetson `sudo apt install tensorrt` brings it; `edgebench devices check {name}` says what is there"
    if wanted == "trtexec":
        raise RowFailure("tool-missing", f"{name} has no trtexec (/usr/src/tensorrt/bin/trtexec)", hint=hint)
    text = ".".join(map(str, python_version(facts)))
    without = "" if wanted == "python" else ", and no trtexec"
    raise RowFailure("runtime-missing", f"{name} has no tensorrt module for its Python {text}{without}", hint=hint)


def _calibration(model: Path, ask: VariantAsk, stamp: OnnxStamp, way: str) -> InputFiles | None:
    """The calibration set where one is needed. Raises `RowFailure` where int8 has neither scales nor a set."""
    computed = computed_precision(stamp, ask.precision)
    if not ask.calibration:
        if computed == "int8" and not is_quantised(stamp):
            raise RowFailure(
                "unsupported-precision",
                f"{stamp.name} carries no int8 scales, and without any TensorRT would make them up",
                hint="give `--calibration FOLDER`, or a file quantised with QuantizeLinear and DequantizeLinear",
            )
        return None
    if computed != "int8" or is_quantised(stamp):
        why = "has scales of its own" if is_quantised(stamp) else f"is built in {computed}"
        raise RowFailure("bad-input", f"--calibration: {stamp.name} {why}", hint="leave --calibration out")
    if way == "trtexec":
        raise RowFailure(
            "bad-input",
            "trtexec cannot calibrate with files of yours; TensorRT's Python module can",
            hint="install python3-libnvinfer there, or give a file that was quantised",
        )
    alone = _asking_for(ask, ask.calibration)
    try:
        files = gather_inputs(model, alone)
        input_shapes(model, alone)
    except UsageError as error:
        raise RowFailure("bad-input", f"--calibration: {error.message}", hint=error.hint) from error
    return files


def _asking_for(ask: VariantAsk, files: str) -> VariantAsk:
    import msgspec

    return msgspec.structs.replace(ask, input=files)


def build_flags(computed: str, ask: VariantAsk) -> dict[str, Any]:
    """What the builder is told, as `agent/protocol.py` has it. fp32 that was asked for by name excludes TF32."""
    options = ask.options
    workspace = options.get("workspace")
    return {
        "fp16": computed == "fp16" or options.get("fp16") == "on" or (computed == "int8" and _is_dla(ask)),
        "int8": computed == "int8",
        "tf32": options["tf32"] == "on" if "tf32" in options else ask.precision != "fp32",
        "workspace_mib": int(workspace) if workspace else None,
        "dla": int(ask.accelerator.removeprefix("dla")) if _is_dla(ask) else None,
    }


def _is_dla(ask: VariantAsk) -> bool:
    return ask.accelerator.startswith("dla")


def declared_inputs(model: Path) -> list[dict[str, Any]]:
    """The inputs of an .onnx as its file declares them, an open axis None: trtexec tells no types. [] of an engine."""
    if sniff(model) is not Format.ONNX:
        return []
    specs = reader_of(model).read(model).inputs
    return [
        {
            "name": spec.name,
            "dtype": spec.dtype,
            "shape": [size if isinstance(size, int) else None for size in spec.dims],
        }
        for spec in specs
        if spec.dims is not None
    ]


def shape_profile(model: Path, ask: VariantAsk) -> dict[str, dict[str, list[int]]]:
    """For inputs with free dimensions the least, the most and the first shape that a run feeds; {} where none is free.

    Several input files of several shapes span the profile; TensorRT tunes for the first of them.
    """
    if sniff(model) is not Format.ONNX:
        return {}
    inputs = reader_of(model).read(model).inputs
    free = [spec.name for spec in inputs if any(not isinstance(size, int) for size in spec.dims or ())]
    if not free:
        return {}
    seen = input_shapes(model, ask) if ask.input else []
    profile = {}
    for name in free:
        shapes = [[int(size) for size in one[name]] for one in seen if name in one] or [ask.shapes.get(name) or []]
        if not shapes[0] or len({len(shape) for shape in shapes}) > 1:
            raise RowFailure("bad-input", f"{model.name}: the shape of input {name} is not known", hint="give --shape")
        profile[name] = {
            "min": [min(axis) for axis in zip(*shapes, strict=True)],
            "opt": shapes[0],
            "max": [max(axis) for axis in zip(*shapes, strict=True)],
        }
    return profile
