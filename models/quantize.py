"""Quantise sr-x2-w28 to int8: ``python models/quantize.py``. Static QDQ, calibrated on the training photographs.

Every convolution's input is uint8 per tensor and its weights are int8 per output channel. The ReLUs vanish: the
range of a uint8 tensor whose zero point is 0 ends at 0 anyway. Weights use half the int8 range: processors
without VNNI add pairs of products in 16 bits, which the full range overflows, and then the PSNR would depend on
the machine. The tail (anchor Add, DepthToSpace, Clip) stays in float, so that the exact input is added to the
quantised residual.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from patches import training_patches
from sizes import HEIGHT, WIDTH, with_size

HERE = Path(__file__).parent


class TrainingPatches(CalibrationDataReader):
    """Random low-resolution patches of the training photographs, (1, 3, 96, 96) float32 in 0..255."""

    def __init__(self) -> None:
        self.patches = self.cut()

    def cut(self) -> Iterator[dict[str, np.ndarray]]:
        """Yield the feeds."""
        for patch in training_patches():
            yield {"input": patch.transpose(2, 0, 1)[None].astype(np.float32)}

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next feed, or None at the end, as the quantiser's protocol has it."""
        return next(self.patches, None)


def strip_unused_opsets(path: Path) -> None:
    """Drop the opset imports no node uses; the quantiser stamps some that older runtimes refuse."""
    model = onnx.load(path)
    used = {node.domain for node in model.graph.node}
    kept = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(with_size(model, HEIGHT, WIDTH), path)


def main() -> None:
    """Write sr-x2-w28-int8.onnx."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, default=HERE / "sr-x2-w28.onnx")
    parser.add_argument("--target", type=Path, default=HERE / "sr-x2-w28-int8.onnx")
    args = parser.parse_args()
    free = args.target.with_suffix(".free.onnx")
    onnx.save(with_size(onnx.load(args.source), None, None), free)  # calibration patches have a size of their own
    quantize_static(
        free,
        args.target,
        TrainingPatches(),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv", "Relu"],
        per_channel=True,
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
    )
    free.unlink()
    strip_unused_opsets(args.target)


if __name__ == "__main__":
    main()
