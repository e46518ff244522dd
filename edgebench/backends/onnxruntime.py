"""ONNX Runtime as the host sees it: which files which version takes, and the reference on the host's CPU."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.backends.base import DeviceRuntime, OnnxStamp, Stamp, own_stamp
from edgebench.backends.reference import run_reference
from edgebench.errors import RowFailure

if TYPE_CHECKING:
    from edgebench.backends.base import Arrays

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

    def preflight(
        self,
        model: Stamp,
        runtime: DeviceRuntime,
        options: Mapping[str, str],
        precision: str | None = None,
        accelerator: str = "cpu",
    ) -> list[str]:
        """Compare IR and opsets of the file with what the device's release takes; see `Backend.preflight`."""
        model = own_stamp(model, OnnxStamp, self.name)
        _check_precision(model, precision)
        limits = RELEASES.get(_release(runtime.version))
        if limits is not None:  # newer than this table: the runtime itself will say
            _check_stamps(model, limits, f"the device's ONNX Runtime {runtime.version}")
        custom = [domain for domain in model.custom_domains if domain not in OWN_DOMAINS]
        if custom and "custom_op_library" not in options:
            return [
                f"custom operators of {', '.join(custom)}: give their library with `--option custom_op_library=PATH`"
            ]
        return []

    def reference(self, model: Path, inputs: Arrays, work: Path, options: Mapping[str, str]) -> Arrays:
        """Run the model once on the host's CPU in a process of its own; see `Backend.reference`.

        Of `options` it takes `custom_op_library`.
        """
        library = options.get("custom_op_library", "")
        return run_reference("edgebench.backends.onnxruntime_reference", model, inputs, work, [library])


def _check_precision(model: OnnxStamp, precision: str | None) -> None:
    if precision is not None and model.precisions and precision not in model.precisions:
        raise RowFailure(
            "unsupported-precision",
            f"{model.name} is {model.precisions[0]}, and ONNX Runtime runs a file in its own precision",
            hint=f"give a file exported or quantised as {precision}, or leave --precision out",
        )


def _check_stamps(model: OnnxStamp, limits: tuple[int, int, int], device: str) -> None:
    """Refuse stamps that are too new: those that a restamp cures with the command, the others with what else helps."""
    too_new = [
        (domain, model.opsets.get(domain, 0), limit)
        for domain, limit in (("", limits[1]), ("ai.onnx.ml", limits[2]))
        if model.opsets.get(domain, 0) > limit
    ]
    for domain, stamped, limit in too_new:
        if domain not in model.unused:
            raise RowFailure(
                "load-failed",
                f"{model.name} has {domain or 'ai.onnx'} opset {stamped}; {device} takes up to {limit}",
                hint=f"export again with opset_version={limit}, or install a newer runtime on the device",
            )
    texts = [
        f"{domain or 'ai.onnx'} opset {stamped} ({limit}), which no node uses" for domain, stamped, limit in too_new
    ]
    if model.ir_version > limits[0]:
        texts.insert(0, f"IR version {model.ir_version} ({limits[0]})")
    if texts:
        message = f"{model.name} is stamped newer than {device} takes (limit): {', '.join(texts)}"
        raise RowFailure("load-failed", message, hint=restamp_hint(model, limits[0]))


OWN_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc", "ai.onnx.training"}
"""Domains whose operators come with the runtime."""


def restamp_hint(model: OnnxStamp, ir_limit: int) -> str:
    """The cure as a command that can be typed as it stands: lower the stamps, save beside; the graph stays."""
    if model.lowest_ir > ir_limit:
        return f"it needs IR version {model.lowest_ir}: export it for an older runtime, or install a newer one there"
    changes = []
    if model.ir_version > ir_limit:
        changes.append(f"m.ir_version = {ir_limit}")
    if model.unused:
        changes.append(f"k = [o for o in m.opset_import if o.domain not in {model.unused!r}]")
        changes.append("del m.opset_import[:]; m.opset_import.extend(k)")
    source, target = str(model.path), str(model.path.with_name(f"{model.path.stem}-restamped.onnx"))
    script = "; ".join(["import onnx", f"m = onnx.load({source!r})", *changes, f"onnx.save(m, {target!r})"])
    return f"restamp it: python -c {shlex.quote(script)}"


def _release(version: str) -> tuple[int, int]:
    parts = version.split(".")
    try:
        return int(parts[0]), int(parts[1])
    except (ValueError, IndexError):
        return (0, 0)


backend = OnnxRuntimeBackend()
