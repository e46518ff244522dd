"""From a request to a row ready to run: the model examined on the host, the variant fitted to the device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from edgebench.artifacts.artifact import Artifact, load_artifact
from edgebench.artifacts.shapes import BATCH_NAMES, resolve_shapes
from edgebench.backends.base import DeviceRuntime, get_backend
from edgebench.controller.gates import board_gate, is_skipped
from edgebench.controller.inputs import InputFiles, gather_inputs, input_shapes
from edgebench.controller.meter import meter_rate_hz
from edgebench.controller.owner import this_controller
from edgebench.controller.planning import extend_for_power
from edgebench.controller.reboot import check_power_mode
from edgebench.controller.recipes import how_to_bring
from edgebench.controller.runtimes import python_version, runtime_for
from edgebench.controller.session import DeviceSession, new_id, now_text
from edgebench.controller.spec import EngineUse, ModelFacts, NativeUse, RunContext, Settings, VariantAsk
from edgebench.controller.stamps import stamp_of
from edgebench.controller.view import View
from edgebench.errors import ModelError, RowFailure, UsageError
from edgebench.records import PrecisionParts, Session

if TYPE_CHECKING:
    from edgebench.artifacts.shapes import Face


@dataclass(frozen=True)
class RowRequest:
    """One row asked for: a model file, its variant, settings and the user's notes."""

    model_path: Path
    model: str
    label: str
    ask: VariantAsk
    settings: Settings
    facts: ModelFacts
    files: tuple[Path, ...] = ()
    note: str | None = None
    parent: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    quality: dict[str, float] = field(default_factory=dict)
    reference: str | None = None
    min_psnr: float = 30.0
    require_delegated: float | None = None
    power_csv: str | None = None
    prepare: dict[str, str] = field(default_factory=dict)
    told: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class PreparedRow:
    """A row that the device can be asked to run."""

    request: RowRequest
    context: RunContext
    runtime: DeviceRuntime
    inputs: InputFiles
    prepare: dict[str, str]
    calibration: InputFiles | None = None
    gate: dict[str, Any] | None = None


def examine(path: Path, ask: VariantAsk, batch: int | None = None) -> tuple[Artifact, ModelFacts, VariantAsk]:
    """Read a model on the host: hash, counts, shapes resolved (`batch` None: not given). Raises `UsageError`s.

    Inside a format that nothing reads is not looked: its row has the file's size, and no counts.
    """
    from edgebench.artifacts.reading import READERS, reader_of

    artifact = load_artifact(path)
    backend = get_backend(ask.backend)
    if artifact.format not in backend.formats:
        known = ", ".join(f".{name}" for name in backend.formats)
        raise ModelError(f"{path}: {ask.backend} does not run {artifact.format} files", hint=f"it runs {known}")
    if artifact.format not in READERS:
        return artifact, ModelFacts(sha256=artifact.sha256, bytes=artifact.bytes, format=artifact.format), ask
    reader = reader_of(path)
    info = reader.read(path)
    given = {name: tuple(dims) for name, dims in ask.shapes.items()}
    states = ask.states or {pair.output: pair.input for pair in info.state_pairs}
    ask = msgspec.structs.replace(ask, states=states)
    seen = input_shapes(path, ask)
    given |= seen[0] if seen else {}
    axes = reader.axes(info, given, batch)
    resolved = resolve_shapes(axes, given, batch)
    _refuse_other_batch(ask, seen, resolved)
    # files of several shapes: no count holds for all of them
    shapes = resolved if all(one == seen[0] for one in seen) else {}
    counts = reader.count(path, shapes) if shapes else None
    peak = reader.peak(path, shapes) if shapes else None
    facts = ModelFacts(
        sha256=artifact.sha256,
        bytes=artifact.bytes,
        format=artifact.format,
        params=counts.params if counts else None,
        params_nonzero=counts.params_nonzero if counts else None,
        macs=counts.macs if counts and counts.complete else None,
        flops=counts.flops if counts and counts.complete else None,
        activations=counts.activations if counts and counts.complete else None,
        convs=counts.convs if counts else None,
        estimated_peak_bytes=peak.total if peak and not peak.unknown else None,
        precision=PrecisionParts(
            weights=info.precision.weights,
            activations=info.precision.activations,
            io=info.precision.io,
            compute=info.precision.compute,
        ),
        uncounted=list(counts.uncounted) if counts else [],
    )
    kept = {name: list(dims) for name, dims in resolved.items() if shapes or name in states.values()}
    return artifact, facts, msgspec.structs.replace(ask, shapes=kept, batch=batch or _batch_of(axes, resolved))


def _batch_of(info: Face, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """The batch that given shapes or input files imply: the size of an axis that is called one; else 1."""
    for spec in info.inputs:
        first = spec.dims[0] if spec.dims else 1
        if not isinstance(first, int) and (first or "").lower() in BATCH_NAMES:
            return shapes[spec.name][0]
    return 1


def _refuse_other_batch(
    ask: VariantAsk, seen: Sequence[Mapping[str, tuple[int, ...]]], resolved: Mapping[str, tuple[int, ...]]
) -> None:
    """A file's arrays are taken as they are: `--batch` cannot change their first axis."""
    for name, shape in seen[0].items() if seen else ():
        if resolved[name][:1] != shape[:1]:  # a scalar has no first axis
            text = f"{ask.input}: {name} has a batch of {shape[0]}, not the {resolved[name][0]} asked for"
            raise UsageError(text, hint=f"leave out --batch, or give files with {resolved[name][0]} items each")


def prepare_row(device: DeviceSession, session: Session, request: RowRequest, view: View) -> PreparedRow:
    """Fit a request to a device. Raises `RowFailure` where the device cannot run it."""
    view.phase(device.entry.name, "preflight", request.label)
    fitted = _fit(device, request, view)
    _check_power(device, request.settings)
    if request.prepare.get("power-mode") and not device.client.is_shell:
        check_power_mode(device, request.prepare["power-mode"])
    rate_hz, unsure_s = _power_pace(device, request)
    settings, extensions = extend_for_power(request.settings, rate_hz, unsure_s=unsure_s)
    if fitted.engine is not None:
        settings = msgspec.structs.replace(settings, build_s=fitted.engine.build_s)
    gate = None if fitted.native else board_gate(device.profile, request.prepare)
    if gate is not None:
        settings = msgspec.structs.replace(settings, gate_s=float(gate["limit_s"]))
    for line in extensions:
        view.tell(f"{device.entry.name}: {line}")
    try:
        inputs = gather_inputs(request.model_path, request.ask)
    except UsageError as error:  # they were there when the command began
        raise RowFailure("bad-input", error.message, hint=error.hint) from error
    context = RunContext(
        run_id=new_id(),
        session=session,
        started_at=now_text(),
        device=device.ref,
        model_path=str(request.model_path.absolute()),
        model=request.model,
        label=request.label,
        ask=request.ask,
        facts=request.facts,
        settings=settings,
        inputs=inputs.names,
        note=request.note,
        parent=request.parent,
        tags=request.tags,
        quality=request.quality,
        reference=request.reference,
        min_psnr=request.min_psnr,
        require_delegated=request.require_delegated,
        power_csv=request.power_csv,
        probes=device.probe_options,
        controller=this_controller(),
        native=fitted.native,
        engine=fitted.engine,
        gate_skipped=fitted.native is None and is_skipped(request.prepare),
        warnings=[*request.told, *(("preflight", line, "") for line in fitted.told)],
    )
    return PreparedRow(request, context, fitted.runtime, inputs, request.prepare, fitted.calibration, gate)


@dataclass(frozen=True)
class Fitted:
    """What runs a row on a device: a runtime of its Python, the runtime's own tool, or TensorRT; and what to tell."""

    runtime: DeviceRuntime
    told: list[str]
    native: NativeUse | None = None
    engine: EngineUse | None = None
    calibration: InputFiles | None = None


def _fit(device: DeviceSession, request: RowRequest, view: View) -> Fitted:
    """Find what runs the row there. Raises `RowFailure` where nothing does."""
    ask = request.ask
    if device.client.is_shell:
        from edgebench.controller.native.fit import fit_native

        runtime, native, told = fit_native(device, request, view)
        return Fitted(runtime, told, native=native)
    if ask.backend == "tensorrt":
        from edgebench.controller.engines import Board, fit_engine

        board = Board(device.entry.name, device.facts, device.profile)
        paced = request.settings.target_fps is not None
        runtime, engine, calibration, told = fit_engine(board, request.model_path, ask, paced=paced)
        return Fitted(runtime, told, engine=engine, calibration=calibration)
    runtime = device_runtime(device.facts, ask.backend, device.entry.name, ask.accelerator)
    told = get_backend(ask.backend).preflight(
        stamp_of(request.model_path), runtime, ask.options, ask.precision, ask.accelerator
    )
    return Fitted(runtime, told)


def device_runtime(facts: dict[str, Any], backend: str, device: str, accelerator: str = "cpu") -> DeviceRuntime:
    """The runtime that the device has. Raises `RowFailure` (`runtime-missing`) with the command that installs it."""
    found = runtime_for(facts, backend, accelerator)
    python = python_version(facts)
    if found is None:
        text = ".".join(map(str, python))
        todo, _ = how_to_bring(backend, python, device)
        hint = f"{todo}; `edgebench devices check {device}` says more"
        raise RowFailure("runtime-missing", f"{device} has no {backend} for its Python {text}", hint=hint)
    return DeviceRuntime(found.version, found.path, python)


def _check_power(device: DeviceSession, settings: Settings) -> None:
    """A power source that was named must be there: minutes of measuring without it would be in vain."""
    if settings.power in ("auto", "off"):
        return
    sources = [s for s in device.sources(settings) if str(s.get("name", "")).startswith("power")]
    if not any(source.get("state") == "ok" for source in sources):
        why = next((str(source["why"]) for source in sources if source.get("why")), "there is no such source")
        hint = "`--power auto` takes what is there, `--power off` none"
        raise RowFailure("bad-input", f"{device.entry.name}: --power {settings.power}: {why}", hint=hint)


METER_HZ = 1.0
"""Rate assumed of an external meter whose file does not show it yet."""


def _power_pace(device: DeviceSession, request: RowRequest) -> tuple[float | None, float]:
    """Samples a second of the power source, None where there is none; and by how much (s) their times are unsure."""
    settings = request.settings
    if request.power_csv:
        return meter_rate_hz(Path(request.power_csv)) or METER_HZ, 0.0
    if settings.power == "off":
        return None, 0.0
    for source in device.sources(settings):
        if str(source.get("name", "")).startswith("power") and source.get("state") == "ok":
            rate_hz = min(settings.power_hz, float(source.get("rate_hz") or settings.power_hz))
            return rate_hz, float(source.get("unsure_s") or 0.0)
    return None, 0.0
