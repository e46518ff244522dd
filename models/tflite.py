"""Write sr-x2-w28 as TFLite, from the weights in sr-x2-w28.onnx: ``python models/tflite.py``.

It needs requirements-tflite.txt, in an environment of its own. The graph is written down again rather than
translated: onnx2tf turned a network of this plan, without a word, into one with another output shape.
tests/models/test_models_tflite.py holds every file against the ONNX one.

TFLite has the channels last: NHWC in and out, kernels as (out, height, width, in). Its DEPTH_TO_SPACE orders channels
as ONNX's mode DCR does, which is the mode that the network was trained with.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import tensorflow as tf
from onnx import numpy_helper
from patches import training_patches
from sizes import HEIGHT, WIDTH

HERE = Path(__file__).parent
SCALE = 2
HIGHEST = 255.0


def layers_of(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Kernels, as (height, width, in, out), and biases of an AnchorNet's convolutions, in order."""
    model = onnx.load(path)
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    return [(stored[node.input[1]].transpose(2, 3, 1, 0), stored[node.input[2]]) for node in convolutions]


def network(layers: list[tuple[np.ndarray, np.ndarray]]) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """The AnchorNet for 1 x 180 x 320 x 3 in 0..255, its weights frozen into it."""

    @tf.function(input_signature=[tf.TensorSpec((1, HEIGHT, WIDTH, 3), tf.float32, name="input")])
    def enlarge(input: tf.Tensor) -> dict[str, tf.Tensor]:  # it becomes the input's name in the file
        features = input
        for at, (kernel, bias) in enumerate(layers):
            features = tf.nn.conv2d(features, kernel, 1, "SAME", name=f"conv{at}") + bias
            if at < len(layers) - 1:
                features = tf.nn.relu(features)
        anchor = tf.concat([input] * SCALE**2, axis=3, name="anchor")
        enlarged = tf.nn.depth_to_space(features + anchor, SCALE)
        return {"output": tf.minimum(tf.nn.relu(enlarged), HIGHEST)}

    return enlarge


def calibration() -> Iterator[list[np.ndarray]]:
    """The feeds that the converter finds its ranges with."""
    for patch in training_patches():
        yield [patch[None].astype(np.float32)]


def convert(network: Callable[[tf.Tensor], dict[str, tf.Tensor]], precision: str) -> bytes:
    """The `.tflite` file: fp32, fp16 (weights stored in 16 bits), or int8 (weights, activations, input and output)."""
    converter = tf.lite.TFLiteConverter.from_concrete_functions([network.get_concrete_function()], network)
    if precision != "fp32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    if precision == "int8":
        converter.representative_dataset = calibration
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def main() -> None:
    """Write the three files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, default=HERE / "sr-x2-w28.onnx")
    parser.add_argument("--into", type=Path, default=HERE)
    args = parser.parse_args()
    enlarge = network(layers_of(args.source))
    for precision in ("fp32", "fp16", "int8"):
        target = args.into / f"{args.source.stem}-{precision}.tflite"
        target.write_bytes(convert(enlarge, precision))
        print(f"{target.name}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
