"""What a quantiser is calibrated on: patches of the training photographs, the same for every format."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from degrade import Photo, crop_to_multiple, resize
from photographs import TRAINING, load

SCALE = 2
PATCH = 96  # low-resolution pixels
PATCHES_PER_PHOTOGRAPH = 6
SEED = 20261121


def training_patches() -> Iterator[Photo]:
    """Random low-resolution patches, (96, 96, 3) uint8, six a photograph, always the same ones."""
    rng = np.random.default_rng(SEED)
    for photograph in TRAINING:
        low = resize(crop_to_multiple(load(photograph), SCALE), 1 / SCALE)
        for _ in range(PATCHES_PER_PHOTOGRAPH):
            top = rng.integers(0, low.shape[0] - PATCH + 1)
            left = rng.integers(0, low.shape[1] - PATCH + 1)
            yield low[top : top + PATCH, left : left + PATCH]
