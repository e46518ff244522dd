"""How a member of the family is judged: PSNR on the held-out photographs, parameters and MACs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from degrade import Photo, crop_to_multiple, psnr_db, resize, to_uint8
from lite import lite_enlarger
from photographs import HELD_OUT, load
from sizes import with_size

SCALE = 2
Upscaler = Callable[[Photo], Photo]
"""Takes (H, W, 3) uint8, gives (2H, 2W, 3) uint8."""


def bicubic(low: Photo) -> Photo:
    """The baseline: the bicubic kernel of degrade.py."""
    return resize(low, SCALE)


def model_upscaler(path: Path) -> Upscaler:
    """The model at ``path`` for photographs of any size."""
    enlarge = enlarger(path)
    return lambda low: to_uint8(enlarge(low))


def enlarger(path: Path) -> Callable[[Photo], np.ndarray]:
    """The `.onnx` or `.tflite` file at ``path`` on one CPU thread: (H, W, 3) uint8 to (2H, 2W, 3) in 0..255."""
    return lite_enlarger(path) if path.suffix == ".tflite" else onnx_enlarger(path)


def onnx_enlarger(path: Path) -> Callable[[Photo], np.ndarray]:
    """The ONNX file at ``path``, its size freed, run by onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model = with_size(onnx.load(path), None, None).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def enlarge(low: Photo) -> np.ndarray:
        planes = session.run(None, {"input": to_planes(low)})[0]
        return planes[0].transpose(1, 2, 0)

    return enlarge


def to_planes(photo: Photo) -> np.ndarray:
    """(H, W, 3) uint8 as (1, 3, H, W) float32 in 0..255."""
    return np.ascontiguousarray(photo.transpose(2, 0, 1)[None], np.float32)


def from_planes(planes: np.ndarray) -> Photo:
    """(1, 3, H, W) float32 in 0..255 as (H, W, 3) uint8."""
    return to_uint8(planes[0].transpose(1, 2, 0))


def held_out_pair(name: str) -> tuple[Photo, Photo]:
    """The low-resolution and the true pixels of the held-out photograph ``name``."""
    photograph = next(each for each in HELD_OUT if each.name == name)
    truth = crop_to_multiple(load(photograph), SCALE)
    return resize(truth, 1 / SCALE), truth


def judge(upscale: Upscaler) -> dict[str, float]:
    """PSNR in dB per held-out photograph, and ``mean``; border crop = scale."""
    scores: dict[str, float] = {}
    for photograph in HELD_OUT:
        low, truth = held_out_pair(photograph.name)
        scores[photograph.name] = psnr_db(truth, upscale(low), SCALE)
    scores["mean"] = sum(scores.values()) / len(scores)
    return scores


def parity(path: Path, original: Path) -> dict[str, float]:
    """How near ``path``'s unrounded output is to ``original``'s: PSNR in dB per held-out photograph, data range 255."""
    scores: dict[str, float] = {}
    for photograph in HELD_OUT:
        low, _ = held_out_pair(photograph.name)
        difference = enlarger(path)(low).astype(np.float64) - enlarger(original)(low)
        scores[photograph.name] = float(10 * np.log10(255**2 / np.mean(difference**2)))
    return scores


def count(model: onnx.ModelProto, height: int, width: int) -> tuple[int, int]:
    """Parameters (all stored weights: kernels, biases, Clip's two bounds) and MACs for a height x width input.

    Every convolution keeps the size (3x3, padding 1), so each kernel element is used once per pixel. In a QDQ
    file kernels and biases stand behind a DequantizeLinear; scales and zero points are not parameters.
    """
    sizes = {tensor.name: int(np.prod(tensor.dims)) for tensor in model.graph.initializer}
    stored_as = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    parameters, macs = 2, 0
    for node in model.graph.node:
        if node.op_type != "Conv":
            continue
        kernel, bias = (sizes[stored_as.get(name, name)] for name in node.input[1:3])
        parameters += kernel + bias
        macs += kernel * height * width
    return parameters, macs
