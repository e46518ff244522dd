"""The photographs the family is trained and judged on: those in colour which scikit-image's wheel itself ships.

Only photographs whose authors gave them to the public (CC0, public domain, no known restriction) are trained on.
The Middlebury motorcycle states no licence, so it is only measured on, never learned from; its right view shows
the same scene and is used nowhere. Nothing here is downloaded: a wheel without a photograph is an error.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import skimage
from degrade import Photo
from skimage.io import imread


@dataclass(frozen=True)
class Photograph:
    """One photograph of the wheel: its file name, sampling weight in training, and what its notes say of rights."""

    name: str
    file: str
    weight: float
    rights: str


TRAINING = (
    Photograph("astronaut", "astronaut.png", 4.0, "NASA, public domain"),
    Photograph("coffee", "coffee.png", 4.0, "Rachel Michetti, CC0"),
    Photograph("rocket", "rocket.jpg", 2.0, "SpaceX, public domain"),
    Photograph("immunohistochemistry", "ihc.png", 1.5, "CMMI, no known copyright restrictions"),
    Photograph("hubble_deep_field", "hubble_deep_field.jpg", 1.0, "NASA, public domain"),
    Photograph("retina", "retina.jpg", 0.5, "Mikael Haggstrom, CC0"),
)
HELD_OUT = (
    Photograph("chelsea", "chelsea.png", 0.0, "Stefan van der Walt, CC0"),
    Photograph("motorcycle_left", "motorcycle_left.png", 0.0, "Middlebury 2014 stereo; no licence stated"),
)


def load(photograph: Photograph) -> Photo:
    """The pixels, (H, W, 3) uint8. Raises FileNotFoundError when this wheel does not ship the photograph."""
    path = Path(skimage.__file__).parent / "data" / photograph.file
    if not path.is_file():
        raise FileNotFoundError(
            f"scikit-image {version('scikit-image')} does not ship {photograph.file}; "
            "install the version in models/requirements-train.txt"
        )
    pixels: Photo = imread(path)
    return pixels


def pixels_sha256(pixels: Photo) -> str:
    """SHA-256 of the decoded pixels, which names a photograph independently of its file's packing."""
    return hashlib.sha256(pixels.tobytes()).hexdigest()
