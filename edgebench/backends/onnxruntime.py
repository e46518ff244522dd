"""ONNX Runtime as the host sees it: which files which version takes, and the reference on the host's CPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.backends.base import DeviceRuntime, Stamp
from edgebench.errors import RowFailure

if TYPE_CHECKING:
    from edgebench.backends.base import Arrays

REFERENCE_TIMEOUT_S = 600.0

RELEASES: dict[tuple[int, int], tuple[int, int, int]] = {
    (1, 8): (7, 14, 2), (1, 9): (8, 15, 2), (1, 10): (8, 15, 2), (1, 11): (8, 16, 3), (1, 12): (8, 17, 3),
    (1, 13): (8, 17, 3), (1, 14): (8, 18, 3), (1, 15): (9, 19, 3), (1, 16): (9, 19, 3), (1, 17): (9, 20, 4),
    (1, 18): (10, 21, 5), (1, 19): (10, 21, 5), (1, 20): (10, 21, 5), (1, 21): (10, 22, 5), (1, 22): (10, 22, 5),
    (1, 23): (11, 23, 5),
}  # fmt: skip
"""Newest IR version, ai.onnx opset and ai.onnx.ml opset that each release loads.

Measured with one-node files on the last patch release of each (x86-64 wheels, CPython 3.8 and 3.11). A newer
stamp is refused even where no node uses that domain; a domain the release does not know is not.
"""


class OnnxRuntimeBackend:
    """Files, accelerators and checks of ONNX Runtime."""

    name = "onnxruntime"
    formats: tuple[str, ...] = ("onnx",)
    accelerators: tuple[str, ...] = ("cpu", "cuda", "tensorrt", "openvino", "xnnpack", "qnn", "nnapi", "coreml", "dml")
    default_accelerator = "cpu"

    def preflight(self, model: Stamp, runtime: DeviceRuntime, options: dict[str, str]) -> list[str]:
        """Compare IR and opsets of the file with what the device's release takes; see `Backend.preflight`."""
        release = _release(runtime.version)
        limits = RELEASES.get(release)
        if limits is None:
            return []  # newer than this table: the runtime itself will say
        device = f"the device's ONNX Runtime {runtime.version}"
        _check_ir(model, limits[0], device)
        for domain, limit in (("", limits[1]), ("ai.onnx.ml", limits[2])):
            stamped = model.opsets.get(domain, 0)
            if stamped > limit:
                _refuse_opset(model, domain, stamped, limit, device, unused=domain in model.unused)
        custom = [domain for domain in model.custom_domains if domain not in OWN_DOMAINS]
        if custom and "custom_op_library" not in options:
            return [
                f"custom operators of {', '.join(custom)}: give their library with `--option custom_op_library=PATH`"
            ]
        return []

    def reference(self, model: Path, inputs: Arrays, work: Path) -> Arrays:
        """Run the model once on the host's CPU in a process of its own; see `Backend.reference`."""
        import numpy as np

        names = list(inputs)
        arrays: dict[str, Any] = {f"in{at}": inputs[name] for at, name in enumerate(names)}
        np.savez(work / "reference-in.npz", **arrays)
        script = [sys.executable, "-m", "edgebench.backends.onnxruntime_reference", str(model), str(work), *names]
        try:
            done = subprocess.run(script, capture_output=True, timeout=REFERENCE_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise RowFailure("timeout", f"the reference took over {REFERENCE_TIMEOUT_S:.0f} s on this host") from error
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise RowFailure("load-failed", said[-1] if said else f"the reference ended with {done.returncode}")
        with np.load(work / "reference-out.npz", allow_pickle=False) as found:
            outputs = [str(name) for name in found["names"]]
            return {name: found[f"out{at}"] for at, name in enumerate(outputs)}


def _check_ir(model: Stamp, limit: int, device: str) -> None:
    if model.ir_version > limit:
        raise RowFailure(
            "load-failed",
            f"{model.name} has IR version {model.ir_version}; {device} takes up to {limit}",
            hint=restamp_hint(model, f"m.ir_version = {limit}"),
        )


def _refuse_opset(model: Stamp, domain: str, stamped: int, limit: int, device: str, *, unused: bool) -> None:
    name = domain or "ai.onnx"
    if unused:
        cure = "k = [o for o in m.opset_import if o.domain in {n.domain for n in m.graph.node}]; "
        raise RowFailure(
            "load-failed",
            f"{model.name} is stamped {name} opset {stamped}, which no node uses; {device} takes up to {limit}",
            hint=restamp_hint(model, cure + "del m.opset_import[:]; m.opset_import.extend(k)"),
        )
    raise RowFailure(
        "load-failed",
        f"{model.name} has {name} opset {stamped}; {device} takes up to {limit}",
        hint=f"export again with opset_version={limit}, or install a newer runtime on the device",
    )


OWN_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc", "ai.onnx.training"}
"""Domains whose operators come with the runtime."""


def restamp_hint(model: Stamp, change: str) -> str:
    """The cure as a command: load, change the stamp, save beside."""
    out = f"{Path(model.name).stem}-restamped.onnx"
    return f'restamp it: python -c "import onnx; m = onnx.load({model.name!r}); {change}; onnx.save(m, {out!r})"'


def _release(version: str) -> tuple[int, int]:
    parts = version.split(".")
    try:
        return int(parts[0]), int(parts[1])
    except (ValueError, IndexError):
        return (0, 0)


backend = OnnxRuntimeBackend()
