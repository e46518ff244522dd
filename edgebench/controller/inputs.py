"""Inputs the user gives: one `.npz`, or a folder whose files are cycled through, each sample named by its file.

What does not fit the model is refused here, before a device is touched. Photographs are decoded and scaled on the
host, before anything is timed; the device gets `.npz` files only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from edgebench.artifacts.reading import read_info
from edgebench.artifacts.shapes import shape_text
from edgebench.artifacts.tensor_spec import Dim, TensorSpec
from edgebench.controller.spec import VariantAsk
from edgebench.errors import ModelError, UsageError, nearest_hint

if TYPE_CHECKING:
    from PIL.Image import Image

PHOTOS = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"}
ARRAYS = {".npz", ".npy"}
Shapes = dict[str, tuple[int, ...]]
Arrays = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class InputFiles:
    """What to push: files in order, the name of each as the user knows it; a folder is cycled through."""

    files: list[Path] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    cycled: bool = False
    convert: dict[str, Any] | None = None

    def written_to(self, work: Path) -> list[Path]:
        """The files as `.npz`, converted into `work` where they are none yet. Raises `UsageError` for a damaged one."""
        return [self._as_npz(source, work / f"input-{at}.npz") for at, source in enumerate(self.files)]

    def _as_npz(self, source: Path, target: Path) -> Path:
        if source.suffix.lower() == ".npz":
            return source
        if self.convert is None:
            raise UsageError(f"{source.name}: this model's inputs need an .npz with one array for each input")
        if source.suffix.lower() == ".npy":
            array = _read_arrays(source, self.convert["name"])[self.convert["name"]]
        else:
            array = photo_array(source, **{key: self.convert[key] for key in ("dims", "dtype", "span")})
        arrays: dict[str, Any] = {self.convert["name"]: array}
        np.savez(target, **arrays)
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
    elif path.exists():
        raise UsageError(
            f"{path} is no input file", hint="it takes .npz, .npy, .png, .jpg ... files, or a folder of them"
        )
    else:
        near = nearest_hint(path.name, [p.name for p in path.parent.iterdir()]) if path.parent.is_dir() else None
        raise UsageError(f"{path}: no such input", hint=near or "`--input` takes an .npz file or a folder of inputs")
    return InputFiles(files, [p.name for p in files], path.is_dir(), _conversion(model, ask))


def input_shapes(model: Path, ask: VariantAsk) -> list[Shapes]:
    """The shapes that each input file gives, by input name; none without `--input`.

    Raises `UsageError` for files that are missing, unreadable or do not fit the model: names, dtypes, shapes.
    """
    inputs = gather_inputs(model, ask)
    specs = {spec.name: spec for spec in read_info(model).inputs} if inputs.files else {}
    found = []
    for source in inputs.files:
        if source.suffix.lower() in PHOTOS:
            shapes = _photo_shapes(source, inputs.convert)
        else:
            shapes = _array_shapes(source, specs, ask, inputs.convert)
        for name, shape in shapes.items():
            _check_shape(source, specs[name], shape, ask.shapes.get(name))
        found.append(shapes)
    return found


def _photo_shapes(source: Path, convert: dict[str, Any] | None) -> Shapes:
    if convert is None:
        raise UsageError(f"{source.name}: a model of several inputs takes no photographs", hint=ONE_ARRAY_EACH)
    layout = Layout.of(source, convert["dims"], convert["dtype"], convert["span"])
    with _opened(source) as picture:
        height, width = layout.size(picture)
    return {convert["name"]: layout.shape(height, width)}


def _array_shapes(
    source: Path, specs: Mapping[str, TensorSpec], ask: VariantAsk, convert: dict[str, Any] | None
) -> Shapes:
    arrays = _read_arrays(source, convert["name"] if convert else None)
    wanted = [name for name in specs if name not in ask.states.values()]
    unknown = [name for name in arrays if name not in specs]
    missing = [name for name in wanted if name not in arrays]
    if unknown or missing:
        seen = ", ".join(arrays) or "nothing"
        near = nearest_hint(unknown[0], missing) if unknown and missing else None
        raise UsageError(f"{source.name} has {seen}; the model takes {', '.join(wanted)}", hint=near or ONE_ARRAY_EACH)
    for name, array in arrays.items():
        _check_dtype(source, specs[name], array.dtype)
    return {name: array.shape for name, array in arrays.items()}


ONE_ARRAY_EACH = "give .npz files with one array for each input, by its name"


def _read_arrays(source: Path, only: str | None) -> Arrays:
    """The arrays of an .npz, or of an .npy for the `only` input that there is. Raises `UsageError`."""
    try:
        loaded = np.load(source, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            if only is None:
                raise UsageError(f"{source.name} has one array; the model has several inputs", hint=ONE_ARRAY_EACH)
            return {only: loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        hint = "write it with numpy.savez(FILE, NAME=array), arrays of numbers only"
        raise UsageError(f"{source.name} cannot be read as arrays", hint=hint) from error


def _check_dtype(source: Path, spec: TensorSpec, dtype: np.dtype[Any]) -> None:
    """Types that lose nothing; floats for a quantised input are real values, and the device quantises them."""
    if spec.scale is not None and dtype.kind == "f":
        return
    try:
        fits = np.can_cast(dtype, np.dtype(spec.dtype), "safe")
    except TypeError:
        return  # a type that numpy lacks: the device will say
    if not fits:
        hint = f"convert it: array.astype('{spec.dtype}')"
        raise UsageError(f"{source.name}: {spec.name} is {dtype}, the model takes {spec.dtype}", hint=hint)


def _check_shape(source: Path, spec: TensorSpec, shape: tuple[int, ...], asked: list[int] | None) -> None:
    dims = spec.dims if spec.dims is not None else tuple(None for _ in shape)
    if len(dims) != len(shape) or any(isinstance(d, int) and d != size for d, size in zip(dims, shape, strict=True)):
        text = f"{source.name}: {spec.name} is {shape_text(shape)}, which the model does not take"
        raise ModelError(text, hint=f"the model has {spec}")
    if asked is not None and tuple(asked) != shape:
        text = f"{source.name}: {spec.name} is {shape_text(shape)}, not the {shape_text(tuple(asked))} of --shape"
        raise UsageError(text, hint="leave out --shape: the file's own counts")


def _conversion(model: Path, ask: VariantAsk) -> dict[str, Any] | None:
    free = [spec for spec in read_info(model).inputs if spec.name not in ask.states.values()]
    if len(free) != 1:
        return None
    spec = free[0]
    dims = tuple(ask.shapes.get(spec.name) or spec.dims or ())
    # of a quantised input the range is of real values: those are written, and the device quantises them
    dtype = "float32" if spec.scale is not None and ask.input_range is not None else spec.dtype
    return {"name": spec.name, "dims": dims, "dtype": dtype, "span": ask.input_range}


@dataclass(frozen=True)
class Layout:
    """How an input takes an image: channels first (NCHW) or last, how many, and its height and width where fixed."""

    channels_first: bool
    channels: int
    height: int | None
    width: int | None

    @classmethod
    def of(cls, source: Path, dims: tuple[Dim, ...], dtype: str, span: tuple[float, float] | None) -> Layout:
        """The layout that an input's dims show. Raises `UsageError` where it does not look like an image's."""
        if len(dims) != 4 or not {dims[1], dims[3]} & {1, 3}:
            text = f"{source.name}: an input of shape {list(dims)} takes no photographs"
            raise UsageError(text, hint="give .npz files")
        if span is None and dtype != "uint8" and not dtype.startswith("float"):
            text = f"{source.name}: how a photograph becomes {dtype} is not known"
            raise UsageError(text, hint="say its values with --input-range LOW,HIGH, or give .npz files")
        first = dims[1] in (1, 3)
        channels = dims[1] if first else dims[3]
        height, width = (dims[2], dims[3]) if first else (dims[1], dims[2])
        return cls(
            first,
            int(channels or 3),
            height if isinstance(height, int) else None,
            width if isinstance(width, int) else None,
        )

    def size(self, picture: Image) -> tuple[int, int]:
        """Height and width of the input made of this picture: the model's where it fixes them, else the picture's."""
        return self.height or picture.height, self.width or picture.width

    def shape(self, height: int, width: int) -> tuple[int, ...]:
        """The input's shape, batch 1."""
        return (1, self.channels, height, width) if self.channels_first else (1, height, width, self.channels)


def _opened(source: Path) -> Image:
    from PIL import Image

    try:
        return Image.open(source)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise UsageError(f"{source.name} is no image that can be read", hint="export it again as .png") from error


def photo_array(
    source: Path, *, dims: tuple[Dim, ...], dtype: str, span: tuple[float, float] | None
) -> NDArray[np.generic]:
    """A photograph as one input array, batch 1, in the layout that `dims` shows (NCHW or NHWC).

    uint8 inputs take 0..255; others are scaled to `span` (floats: 0..1 unless given). Fixed height and width are met by
    bicubic resizing. Raises `UsageError` when the input does not look like an image, or the photograph is damaged.
    """
    layout = Layout.of(source, dims, dtype, span)
    with _opened(source) as opened:
        try:
            picture = opened.convert("L" if layout.channels == 1 else "RGB")
        except (OSError, ValueError) as error:
            raise UsageError(f"{source.name} is damaged: {error}", hint="export it again as .png") from error
    height, width = layout.size(picture)
    if picture.size != (width, height):
        picture = picture.resize((width, height), BICUBIC)
    pixels = np.asarray(picture).reshape(height, width, layout.channels)
    pixels = pixels.transpose(2, 0, 1)[None] if layout.channels_first else pixels[None]
    if dtype == "uint8" and span is None:
        return pixels
    lo, hi = span or (0.0, 1.0)
    scaled: NDArray[np.generic] = (pixels / 255.0 * (hi - lo) + lo).astype(dtype)
    return scaled


BICUBIC = 3
"""Pillow's number of the bicubic filter; Pillow itself is imported only where a photograph is read."""
