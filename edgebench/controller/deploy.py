"""Brings a row's files to the device: the model by its hash (once), its inputs, its job.

Names on the device are made of hashes and numbers: no file name of the user's ever gets there.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edgebench.artifacts.artifact import load_artifact
from edgebench.controller.engines import declared_inputs
from edgebench.controller.inputs import InputFiles
from edgebench.controller.rows import PreparedRow
from edgebench.controller.runtimes import runtime_environment
from edgebench.controller.session import DeviceSession
from edgebench.controller.view import View
from edgebench.errors import DeviceUnfit, RowFailure, UsageError


def push_model(device: DeviceSession, row: PreparedRow, view: View) -> dict[str, Any]:
    """Push model, inputs and libraries; return the variant as job.json wants it. Raises `RowFailure`, `DeviceLost`."""
    try:
        model = push_artifact(device, row, view)
        inputs = _push_inputs(device, row.inputs, view)
        engine = _engine(device, row, view)
        options = _push_libraries(device, row, view)
    except (DeviceUnfit, UsageError) as unfit:
        raise RowFailure(unfit.code, unfit.message, hint=unfit.hint) from unfit
    ask = row.context.ask
    variant = {
        "backend": ask.backend,
        "model": model,
        "accelerator": ask.accelerator,
        "precision": ask.precision,
        "threads": ask.threads,
        "batch": ask.batch,
        "frames_per_inference": ask.frames_per_inference,
        "shapes": ask.shapes,
        "input": {
            "seed": row.context.settings.seed,
            "range": list(ask.input_range) if ask.input_range else None,
            "files": inputs,
            "cycled": row.inputs.cycled,
        },
        "states": ask.states,
        "options": options,
        "runtime_path": row.runtime.path,
        "env": runtime_environment(device.facts),
    }
    return variant | ({"engine": engine} if engine else {})


def _engine(device: DeviceSession, row: PreparedRow, view: View) -> dict[str, Any] | None:
    """How TensorRT's engine is made there (agent/protocol.py); its calibration set is pushed."""
    use = row.context.engine
    if use is None:
        return None
    calibration = None
    if row.calibration is not None:
        pushed = _push_inputs(device, row.calibration, view)
        digest = hashlib.sha256("\n".join(pushed).encode()).hexdigest()  # each is named by its content
        calibration = {"files": pushed, "sha256": digest}
    return {
        "way": use.way,
        "artifact": row.context.facts.sha256,
        "prebuilt": use.prebuilt,
        "flags": use.flags,
        "profile": use.profile,
        "inputs": declared_inputs(row.request.model_path) if use.way == "trtexec" else [],
        "calibration": calibration,
    }


def push_artifact(device: DeviceSession, row: PreparedRow, view: View) -> str:
    """Push the model's files; return the model's path below home. Raises `RowFailure`, `DeviceUnfit`, `DeviceLost`."""
    artifact = load_artifact(row.request.model_path)
    if artifact.sha256 != row.context.facts.sha256:
        raise RowFailure("bad-input", f"{row.request.model_path.name} changed after it was examined", hint="run again")
    folder = f"artifacts/{artifact.sha256}"
    device.client.make_folder(folder)
    model = f"{folder}/model.{artifact.format}"
    for at, file in enumerate(artifact.files):
        # external weights keep the name that the model refers to; the model itself has a name of ours
        target = model if at == 0 else f"{folder}/{file.name}"
        if at > 0:
            device.client.make_folder(str(Path(target).parent))
        _push(device, row.request.model_path.parent / file.name, target, view)
    return model


def push_job(device: DeviceSession, job: dict[str, Any]) -> None:
    """Write job.json into the job's folder on the device. Raises `RowFailure` where there is no room, `DeviceLost`."""
    with TemporaryDirectory(prefix="edgebench-") as work:
        source = Path(work, "job.json")
        source.write_text(json.dumps(job), encoding="utf-8")
        try:
            device.client.make_folder(f"jobs/{job['job']}")
            device.transport.push(source, f"{device.client.job_folder(job['job'])}/job.json")
        except DeviceUnfit as unfit:
            raise RowFailure(unfit.code, unfit.message, hint=unfit.hint) from unfit


def _push_inputs(device: DeviceSession, inputs: InputFiles, view: View) -> list[str]:
    targets = []
    with TemporaryDirectory(prefix="edgebench-") as work:
        for source in inputs.written_to(Path(work)):
            digest = hashlib.sha256(source.read_bytes()).hexdigest()
            device.client.make_folder("artifacts/inputs")
            targets.append(f"artifacts/inputs/{digest}.npz")
            _push(device, source, targets[-1], view)
    return targets


def _push_libraries(device: DeviceSession, row: PreparedRow, view: View) -> dict[str, str]:
    """Files named by an option (a custom-op library) travel too, and the option names them as they are there."""
    options = dict(row.context.ask.options)
    library = options.get("custom_op_library")
    if library:
        source = Path(library)
        if not source.is_file():
            raise RowFailure(
                "bad-input", f"custom_op_library: no such file: {library}", hint="give a path on this host"
            )
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        device.client.make_folder("artifacts/libraries")
        options["custom_op_library"] = f"artifacts/libraries/{digest}.so"
        _push(device, source, options["custom_op_library"], view)
    return options


def _push(device: DeviceSession, source: Path, target: str, view: View) -> None:
    name = device.entry.name

    def progress(done: int, total: int) -> None:
        view.transfer(name, source.name, done, total)

    device.transport.push(source, f"{device.client.home}/{target}", progress=progress)
