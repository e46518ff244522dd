"""From the options of `run` to rows: files examined, comma lists multiplied, labels made unique."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgebench.artifacts.artifact import load_artifact
from edgebench.artifacts.reading import READERS, read_info
from edgebench.artifacts.sniff import sniff
from edgebench.backends.base import backend_for, get_backend
from edgebench.controller.meter import read_meter
from edgebench.controller.rows import RowRequest, examine
from edgebench.controller.spec import Settings, VariantAsk
from edgebench.errors import ModelError, UnknownName, UsageError, nearest_hint

PRECISIONS = ("fp32", "fp16", "int8", "int16", "bf16")
REFERENCE_FORMATS = ("onnx", "tflite")
PREPARE_KEYS = ("power-mode", "clocks", "fan", "governor", "affinity", "airplane", "temperature-gate")
PHONE_POWER = ("odpm-iio", "powerstats-hal", "sysfs-fuel-gauge", "dumpsys-battery")
BOARD_POWER = ("ina3221", "tegrastats", "rpi5-pmic", "rapl", "nvml", "hwmon")
POWER_SOURCES = ("auto", "off", *BOARD_POWER, *PHONE_POWER)


@dataclass(frozen=True)
class RunOptions:
    """What a user asked of `run`; the five lists multiply the variants."""

    settings: Settings
    backends: Sequence[str] = ()
    accelerators: Sequence[str] = ()
    precisions: Sequence[str | None] = (None,)
    threads: Sequence[int | None] = (None,)
    batches: Sequence[int | None] = (None,)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    input: str | None = None
    input_range: tuple[float, float] | None = None
    options: dict[str, str] = field(default_factory=dict)
    frames_per_inference: int = 1
    name: str | None = None
    label: str | None = None
    note: str | None = None
    parent: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    quality: dict[str, float] = field(default_factory=dict)
    reference: str | None = None
    min_psnr: float = 30.0
    require_delegated: float | None = None
    power_csv: str | None = None
    prepare: dict[str, str] = field(default_factory=dict)
    calibration: str | None = None


def build_requests(models: Sequence[Path], options: RunOptions) -> list[RowRequest]:
    """Every row asked for, examined on the host. Raises `UsageError` before any device is touched."""
    _check(models, options)
    if len(models) == 1:
        options = replace(options, label=options.label or options.name)
    requests = []
    for path in models:
        for ask in _variants(path, options):
            requests.append(_request(path, ask, options))
        if options.reference:
            _check_reference(Path(options.reference), path)
    return _unique_labels(requests, options)


def _check(models: Sequence[Path], options: RunOptions) -> None:
    for key in options.prepare:
        if key not in PREPARE_KEYS:
            raise UnknownName("--prepare key", key, PREPARE_KEYS)
    for precision in options.precisions:
        if precision is not None and precision not in PRECISIONS:
            raise UnknownName("precision", precision, PRECISIONS)
    _check_affinity(options.prepare.get("affinity"))
    _check_prepared(options.prepare)
    library = options.options.get("custom_op_library")
    if library and not Path(library).is_file():
        raise UsageError(f"custom_op_library: no such file: {library}", hint="give a path on this host")
    if options.settings.power not in POWER_SOURCES:
        raise UnknownName("power source", options.settings.power, POWER_SOURCES)
    _check_calibration(options)
    if options.power_csv:
        read_meter(Path(options.power_csv))
    if options.label and len(models) > 1:
        raise UsageError("--label names one row; several models were given", hint="use --tag, or one run a model")


def _check_calibration(options: RunOptions) -> None:
    if options.calibration and "tensorrt" not in options.backends:
        raise UsageError("--calibration is TensorRT's; other runtimes take a quantised file", hint="--backend tensorrt")
    if options.calibration and not Path(options.calibration).exists():
        raise UsageError(f"--calibration {options.calibration}: no such file or folder")


def _check_affinity(cpus: str | None) -> None:
    if cpus is not None and not re.fullmatch(r"[a-z]+|\d+(-\d+)?(,\d+(-\d+)?)*", cpus):
        hint = "for example affinity=0-3,6 (phones: affinity=big)"
        raise UsageError(f"--prepare affinity takes CPU numbers, not {cpus!r}", hint=hint)


PREPARED = {
    "clocks": (r"max|default", "max (jetson_clocks) or default"),
    "fan": (r"max|auto|100|[1-9]?\d", "max, auto or a share of 0 to 100"),
    "temperature-gate": (r"on|off", "on or off"),
}
"""What these keys take, as a pattern and in words; a power mode's names are the device's own."""


def _check_prepared(prepare: Mapping[str, str]) -> None:
    for key, (pattern, words) in PREPARED.items():
        value = prepare.get(key)
        if value is not None and not re.fullmatch(pattern, value):
            raise UsageError(f"--prepare {key} takes {words}, not {value!r}")


def _check_reference(reference: Path, model: Path) -> None:
    """The reference is fed what the model is fed. Raises `ModelError`, and `UsageError` for other inputs."""
    if load_artifact(reference).format not in REFERENCE_FORMATS:
        hint = "the reference runs on this host's CPU: an .onnx file on ONNX Runtime, a .tflite file on LiteRT"
        raise ModelError(f"--reference {reference.name} is no .onnx or .tflite file", hint=hint)
    if sniff(model) not in READERS:
        return  # an engine's inputs are known to its runtime only
    wanted, has = ({spec.name for spec in read_info(path).inputs} for path in (model, reference))
    if wanted != has:
        theirs, ours = ", ".join(sorted(has)), ", ".join(sorted(wanted))
        text = f"--reference {reference.name} takes {theirs}; {model.name} takes {ours}"
        raise UsageError(text, hint="a reference is the same network, in full precision")


def _one_line(name: str) -> str:
    """A file's name as records and tables can show it."""
    return name if name.isprintable() else ascii(name)[1:-1]


def _variants(path: Path, options: RunOptions) -> list[VariantAsk]:
    found = []
    formats = options.backends or [_default_backend(path)]
    for name in formats:
        backend = get_backend(name)
        accelerators = options.accelerators or [backend.default_accelerator]
        for accelerator in accelerators:
            if accelerator not in (*backend.accelerators, "auto"):
                raise UsageError(
                    f"{name} has no accelerator {accelerator!r}", hint=nearest_hint(accelerator, backend.accelerators)
                )
        found += [
            VariantAsk(
                backend=name,
                accelerator=accelerator,
                precision=precision,
                threads=threads,
                batch=batch or 1,
                shapes={key: list(dims) for key, dims in options.shapes.items()},
                options=options.options,
                input=options.input,
                input_range=options.input_range,
                frames_per_inference=options.frames_per_inference,
                calibration=options.calibration if name == "tensorrt" else None,
            )
            for accelerator, precision, threads, batch in itertools.product(
                accelerators, options.precisions, options.threads, options.batches
            )
        ]
    return found


def _default_backend(path: Path) -> str:
    return backend_for(sniff(path))


def _request(path: Path, ask: VariantAsk, options: RunOptions) -> RowRequest:
    _, facts, ask = examine(path, ask, ask.batch if options.batches != (None,) else None)
    stem = _one_line(path.stem)
    return RowRequest(
        model_path=path,
        model=options.name or stem,
        label=options.label or stem,
        ask=ask,
        settings=options.settings,
        facts=facts,
        note=options.note,
        parent=options.parent,
        tags=options.tags,
        quality=options.quality,
        reference=options.reference,
        min_psnr=options.min_psnr,
        require_delegated=options.require_delegated,
        power_csv=options.power_csv,
        prepare=options.prepare,
    )


def _unique_labels(requests: list[RowRequest], options: RunOptions) -> list[RowRequest]:
    """Rows that differ only in a multiplied option say so in their label."""
    lists = {
        "backend": options.backends,
        "accelerator": options.accelerators,
        "precision": options.precisions,
        "threads": options.threads,
        "batch": options.batches,
    }
    varied = [key for key, values in lists.items() if len(values) > 1]
    if not varied:
        return requests
    return [
        replace(one, label=" ".join([one.label, *(f"{key}={getattr(one.ask, key)}" for key in varied)]))
        for one in requests
    ]
