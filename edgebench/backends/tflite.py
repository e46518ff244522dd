"""TFLite as the host sees it: operators that a runtime lacks, precisions, and the reference on the host's CPU."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.backends.base import DeviceRuntime, Stamp, TfliteStamp, own_stamp
from edgebench.backends.reference import run_reference
from edgebench.errors import RowFailure

if TYPE_CHECKING:
    from edgebench.backends.base import Arrays

ACCELERATORS = ("cpu", "gpu", "nnapi", "hexagon", "qnn", "neuron", "edgetpu", "external")
"""In Python all but the CPU are reached through a delegate library (`--option delegate=PATH`); `external` is any."""
CHOOSES_FP16 = ("gpu", "nnapi")
"""Accelerators that may compute an fp32 file in fp16: a choice of the runtime, not of the file."""
OWN_CUSTOM = frozenset({"TFLite_Detection_PostProcess", "Mfcc", "AudioSpectrogram", "NumericVerify"})
"""Custom operators that the Python runtimes bring along (tensorflow/lite/core/kernels/register.cc)."""


class TfliteBackend:
    """Files, accelerators and checks of TFLite."""

    name = "tflite"
    formats: tuple[str, ...] = ("tflite",)
    accelerators: tuple[str, ...] = ACCELERATORS
    default_accelerator = "cpu"

    def preflight(
        self,
        model: Stamp,
        runtime: DeviceRuntime,
        options: Mapping[str, str],
        precision: str | None = None,
        accelerator: str = "cpu",
    ) -> list[str]:
        """Refuse operators that the Python runtimes lack, and precisions that nobody can give; see `Backend`."""
        stamp = own_stamp(model, TfliteStamp, self.name)
        _check_precision(stamp, precision, accelerator)
        if stamp.flex:
            raise RowFailure(
                "unsupported-op",
                f"{model.name} needs operators of TensorFlow ({', '.join(stamp.flex)}); {self.name} has none of them",
                hint="convert it without SELECT_TF_OPS, or run it with a benchmark_model that has the Flex delegate",
            )
        custom = ", ".join(kind for kind in stamp.custom if kind not in OWN_CUSTOM)
        if custom and accelerator == "cpu":
            raise RowFailure(
                "unsupported-op",
                f"{model.name} needs custom operators ({custom}), which TFLite on the CPU has not",
                hint="name the accelerator that they are for, and its library: `--option delegate=PATH`",
            )
        return [f"custom operators ({custom}) run only where {accelerator}'s library takes them"] if custom else []

    def reference(self, model: Path, inputs: Arrays, work: Path, options: Mapping[str, str]) -> Arrays:
        """Run the model once on this host's LiteRT, plain kernels, in a process of its own; see `Backend.reference`."""
        return run_reference("edgebench.backends.tflite_reference", model, inputs, work)


def _check_precision(stamp: TfliteStamp, precision: str | None, accelerator: str) -> None:
    if precision is None or not stamp.precisions or precision in stamp.precisions:
        return
    if precision == "fp16" and "fp32" in stamp.precisions and accelerator in CHOOSES_FP16:
        return
    raise RowFailure(
        "unsupported-precision",
        f"{stamp.name} is {stamp.precisions[0]}, and TFLite on {accelerator} runs a file in its own precision",
        hint=f"give a file converted to {precision}, or leave --precision out",
    )


backend = TfliteBackend()
