"""Inputs the user gives: one `.npz`, or a folder whose files are cycled through, each sample named by its file.

Photographs are decoded and scaled on the host, before anything is timed; the device gets `.npz` files only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgebench.controller.spec import VariantAsk
from edgebench.errors import UsageError

PHOTOS = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"}
ARRAYS = {".npz", ".npy"}


@dataclass(frozen=True)
class InputFiles:
    """What to push: files in order, the name of each as the user knows it; a folder is cycled through."""

    files: list[Path] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    cycled: bool = False
    convert: dict[str, Any] | None = None

    def written_to(self, work: Path) -> list[Path]:
        """The files as `.npz`, converted into `work` where they are none yet."""
        return [self._as_npz(source, work / f"input-{at}.npz") for at, source in enumerate(self.files)]

    def _as_npz(self, source: Path, target: Path) -> Path:
        if source.suffix.lower() == ".npz":
            return source
        if self.convert is None:
            raise UsageError(f"{source.name}: this model's inputs need an .npz with one array for each input")
        if source.suffix.lower() == ".npy":
            array = np.load(source, allow_pickle=False)
        else:
            array = photo_array(source, **{key: self.convert[key] for key in ("dims", "dtype", "span")})
        np.savez(target, **{self.convert["name"]: array})
        return target


def gather_inputs(model: Path, ask: VariantAsk) -> InputFiles:
    """The user's input files. Raises `UsageError` for what is not there or cannot be an input."""
    if not ask.input:
        return InputFiles()
    path = Path(ask.input)
    if path.is_file() and path.suffix.lower() in ARRAYS | PHOTOS:
        files = [path]
    elif path.is_dir():
        files = sorted(p for p in path.iterdir() if p.suffix.lower() in ARRAYS | PHOTOS)
        if not files:
            raise UsageError(f"{path}: no input files in it", hint="it takes .npz, .npy, .png, .jpg ... files")
    else:
        raise UsageError(f"{path}: no such input", hint="`--input` takes an .npz file or a folder of inputs")
    return InputFiles(files, [p.name for p in files], path.is_dir(), _conversion(model, ask))


def _conversion(model: Path, ask: VariantAsk) -> dict[str, Any] | None:
    from edgebench.artifacts.onnx_model import read_onnx

    free = [spec for spec in read_onnx(model).inputs if spec.name not in ask.states.values()]
    if len(free) != 1:
        return None
    spec = free[0]
    dims = tuple(ask.shapes.get(spec.name) or spec.dims or ())
    return {"name": spec.name, "dims": dims, "dtype": spec.dtype, "span": ask.input_range}


def photo_array(
    source: Path, *, dims: tuple[int | str | None, ...], dtype: str, span: tuple[float, float] | None
) -> NDArray[np.generic]:
    """A photograph as one input array, batch 1, in the layout that `dims` shows (NCHW or NHWC).

    uint8 inputs take 0..255; float inputs are scaled to `span` (default 0..1). Fixed height and width are met by
    bicubic resizing. Raises `UsageError` when the input does not look like an image.
    """
    from PIL import Image

    if len(dims) != 4 or not {dims[1], dims[3]} & {1, 3}:
        raise UsageError(f"{source.name}: an input of shape {dims} takes no photographs", hint="give .npz files")
    first = dims[1] in (1, 3)
    channels = dims[1] if first else dims[3]
    with Image.open(source) as opened:
        picture = opened.convert("L" if channels == 1 else "RGB")
    height, width = (dims[2], dims[3]) if first else (dims[1], dims[2])
    if isinstance(height, int) and isinstance(width, int) and picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    pixels = np.asarray(picture)
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    pixels = (pixels.transpose(2, 0, 1) if first else pixels)[None]
    if dtype == "uint8":
        return pixels
    lo, hi = span or (0.0, 1.0)
    scaled: NDArray[np.generic] = (pixels / 255.0 * (hi - lo) + lo).astype(dtype)
    return scaled
