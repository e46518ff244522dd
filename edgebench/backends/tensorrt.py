"""TensorRT as the host sees it: precisions that a GPU lacks, DLA cores that a board has not, engines from elsewhere.

Networks are built on the device, by TensorRT itself; which of their operators it takes its parser says there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.backends.base import BoardGpu, DeviceRuntime, EngineStamp, OnnxStamp, Stamp, own_stamp
from edgebench.backends.onnxruntime import OWN_DOMAINS
from edgebench.backends.onnxruntime import backend as onnxruntime
from edgebench.errors import RowFailure

if TYPE_CHECKING:
    from edgebench.backends.base import Arrays

NO_INT8 = frozenset({"5.0", "5.2", "5.3", "6.0", "6.2"})
"""Compute capabilities without INT8 (TensorRT's support matrix, "Hardware and Precision"); 5.3 is a Jetson Nano."""
NO_FP16 = frozenset({"5.0", "5.2", "6.1"})
"""Compute capabilities without fast FP16, by the same table."""
CHOSEN = ("fp32", "fp16", "int8")
"""Precisions that the builder can be told to use; the layers' own are told after the build."""
OPTIONS = ("way", "workspace", "tf32", "fp16", "build-limit")
"""What `--option` takes: way=python|trtexec, workspace=MiB, tf32=on|off, fp16=on|off beside int8, build-limit=S."""
WHOLE = {"workspace": ("MiB", 512), "build-limit": ("seconds", 7200)}


class TensorRtBackend:
    """Files, accelerators and checks of TensorRT."""

    name = "tensorrt"
    formats: tuple[str, ...] = ("onnx", "engine")
    accelerators: tuple[str, ...] = ("cuda", "dla0", "dla1")
    default_accelerator = "cuda"

    def preflight(
        self,
        model: Stamp,
        runtime: DeviceRuntime,
        options: Mapping[str, str],
        precision: str | None = None,
        accelerator: str = "cuda",
    ) -> list[str]:
        """Refuse precisions and accelerators that the board has not; see `Backend.preflight`."""
        _check_options(options)
        _check_dla(runtime.gpu, accelerator)
        if isinstance(model, EngineStamp):
            _check_engine_precision(model, precision)
            return []
        stamp = own_stamp(model, OnnxStamp, self.name)
        computed = computed_precision(stamp, precision)
        _check_precision(stamp, computed, runtime.gpu)
        if accelerator.startswith("dla") and computed == "fp32":
            raise RowFailure(
                "unsupported-precision", "a DLA computes in fp16 and int8 only", hint="give `--precision fp16`"
            )
        custom = [domain for domain in stamp.custom_domains if domain not in OWN_DOMAINS]
        return [f"operators of {', '.join(custom)} run only where TensorRT has a plugin of them"] if custom else []

    def reference(self, model: Path, inputs: Arrays, work: Path, options: Mapping[str, str]) -> Arrays:
        """Run an .onnx file on ONNX Runtime's CPU; see `Backend.reference`. An engine runs nowhere but on its GPU."""
        if model.suffix != ".onnx":
            raise RowFailure("load-failed", "an engine runs on its own GPU only", hint="give `--reference MODEL.onnx`")
        return onnxruntime.reference(model, inputs, work, {})


def computed_precision(stamp: OnnxStamp, precision: str | None) -> str:
    """What the builder is told to compute in: the one asked for, else the file's own (`int8` for a QDQ file)."""
    if precision is not None:
        return precision
    return next((name for name in stamp.precisions if name in CHOSEN), "fp32")


def is_quantised(stamp: OnnxStamp) -> bool:
    """Whether the file carries its own scales (QuantizeLinear, DequantizeLinear): no calibration is needed."""
    return "int8" in stamp.precisions


def _check_options(options: Mapping[str, str]) -> None:
    for key, value in options.items():
        if key not in OPTIONS:
            raise RowFailure("bad-input", f"tensorrt has no option {key!r}", hint=f"it has {', '.join(OPTIONS)}")
        if key == "way" and value not in ("python", "trtexec"):
            raise RowFailure("bad-input", f"way={value}: TensorRT is driven by python or trtexec")
        if key in ("tf32", "fp16") and value not in ("on", "off"):
            raise RowFailure("bad-input", f"{key} is on or off, not {value!r}")
        if key in WHOLE and not re.fullmatch(r"[1-9]\d{0,6}", value):
            unit, example = WHOLE[key]
            raise RowFailure("bad-input", f"{key}={value}: it takes whole {unit}", hint=f"for example {key}={example}")


def _check_dla(gpu: BoardGpu | None, accelerator: str) -> None:
    if not accelerator.startswith("dla") or gpu is None:
        return
    core = int(accelerator.removeprefix("dla"))
    if core >= gpu.dla:
        has = f"has {gpu.dla} DLA core{'s' if gpu.dla > 1 else ''}" if gpu.dla else "has no DLA"
        raise RowFailure("delegate-failed", f"{gpu.board} {has}", hint="`--accelerator cuda` is its GPU")


def _check_engine_precision(model: EngineStamp, precision: str | None) -> None:
    if precision is not None:
        raise RowFailure(
            "unsupported-precision",
            f"{model.name} is built already, in precisions of its own",
            hint="give the .onnx file with --precision, or leave it out",
        )


def _check_precision(stamp: OnnxStamp, computed: str, gpu: BoardGpu | None) -> None:
    if computed not in CHOSEN:
        raise RowFailure(
            "unsupported-precision", f"TensorRT is not asked for {computed}", hint=f"it takes {', '.join(CHOSEN)}"
        )
    if is_quantised(stamp) and computed != "int8":
        raise RowFailure(
            "unsupported-precision",
            f"{stamp.name} carries int8 scales of its own; TensorRT cannot run it in {computed}",
            hint="give the file before it was quantised, or leave --precision out",
        )
    if gpu is None:
        return
    lacking = {"int8": NO_INT8, "fp16": NO_FP16}.get(computed, frozenset())
    if gpu.sm in lacking or computed in gpu.unsupported:
        capability = f"sm_{gpu.sm.replace('.', '')}" if gpu.sm else "its GPU"
        raise RowFailure(
            "unsupported-precision",
            f"{gpu.board} ({gpu.name or 'GPU'}, {capability}) has no {computed}: TensorRT would run it in another "
            "precision without a word",
            hint="give an fp32 file, with `--precision fp16` where half precision will do",
        )


backend = TensorRtBackend()
