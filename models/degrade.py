"""Antialiased bicubic resizing and the PSNR it is judged by, in plain numpy.

Definition (R. Keys, "Cubic convolution interpolation for digital image processing", 1981, a = -0.5): an output
sample at index i lies at u = (i + 0.5) / scale - 0.5 of the input; its value is the sum of the input samples
weighted by k(u - j), weights divided by their sum. When shrinking, the kernel is widened to k(scale * x), which is
the antialiasing; when growing it is left alone. Borders repeat the edge sample mirrored (half-sample symmetric).
Results are rounded half to even and clipped to 0..255.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio

Photo = NDArray[np.uint8]
"""An RGB photograph, shape (H, W, 3)."""

KEYS_A = -0.5
HALF_SUPPORT = 2.0


def keys_kernel(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic convolution kernel with a = -0.5, elementwise; zero from |x| = 2 on."""
    d = np.abs(x)
    near = (KEYS_A + 2) * d**3 - (KEYS_A + 3) * d**2 + 1
    far = KEYS_A * (d**3 - 5 * d**2 + 8 * d - 4)
    return np.where(d <= 1, near, np.where(d < HALF_SUPPORT, far, 0.0))


def resize_matrix(size: int, out_size: int, scale: float) -> NDArray[np.float64]:
    """The (out_size, size) matrix which resizes one axis by ``scale`` (> 1 grows, < 1 shrinks)."""
    widening = min(scale, 1.0)
    reach = int(np.ceil(HALF_SUPPORT / widening)) + 1
    centres = (np.arange(out_size) + 0.5) / scale - 0.5
    taps = np.floor(centres)[:, None] + np.arange(-reach, reach + 1)[None, :]
    weights = keys_kernel(widening * (centres[:, None] - taps))
    weights /= weights.sum(axis=1, keepdims=True)
    folded = np.mod(taps.astype(np.int64), 2 * size)
    folded = np.where(folded >= size, 2 * size - 1 - folded, folded)
    matrix = np.zeros((out_size, size))
    np.add.at(matrix, (np.arange(out_size)[:, None], folded), weights)
    return matrix


def resize(photo: Photo, scale: float) -> Photo:
    """``photo`` resized by ``scale`` on both axes, antialiased when shrinking; sizes round to the nearest."""
    height, width = round(photo.shape[0] * scale), round(photo.shape[1] * scale)
    rows = resize_matrix(photo.shape[0], height, scale)
    columns = resize_matrix(photo.shape[1], width, scale)
    samples = photo.astype(np.float64)
    resized: NDArray[np.float64] = np.einsum("hi,ijc,wj->hwc", rows, samples, columns, optimize=True)
    return to_uint8(resized)


def to_uint8(values: NDArray[np.floating]) -> Photo:
    """``values`` rounded half to even and clipped to 0..255."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def crop_to_multiple(photo: Photo, multiple: int) -> Photo:
    """``photo`` without the last rows and columns beyond a multiple of ``multiple``."""
    height, width = photo.shape[:2]
    return photo[: height - height % multiple, : width - width % multiple]


def psnr_db(truth: Photo, estimate: Photo, border: int) -> float:
    """PSNR in dB over RGB, data range 255, ``border`` pixels cut from every side of both."""
    inner = (slice(border, -border), slice(border, -border))
    return float(peak_signal_noise_ratio(truth[inner], estimate[inner], data_range=255))
