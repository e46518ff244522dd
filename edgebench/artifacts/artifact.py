"""One artifact: every file of a model, and the hash it is known by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from edgebench.artifacts.proto import read_model, tensors
from edgebench.artifacts.sniff import Format, sniff
from edgebench.errors import ModelError

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class ArtifactFile:
    """One file of an artifact: its name relative to the model's folder (with `/`), SHA-256 and bytes."""

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Artifact:
    """A model file with what belongs to it.

    `files` begins with `path` itself; `bytes` is their sum. `sha256` is that of the file; where there are several, of
    the lines `name NUL sha256 LF` of all files, sorted by name.
    """

    path: Path
    format: Format
    sha256: str
    bytes: int
    files: tuple[ArtifactFile, ...]


def load_artifact(path: Path | str) -> Artifact:
    """Sniff and hash a model and all files that belong to it (external data, `.bin`), in chunks of 1 MiB.

    Raises ModelError as `sniff` does, if an ONNX model is damaged, and if a file that belongs to it is missing,
    shorter than the model says, or lies outside the model's folder.
    """
    path = Path(path)
    found = sniff(path)
    names = [path.name, *_companions(path, found)]
    files = tuple(_hashed(path.parent, name) for name in names)
    return Artifact(path, found, _digest(files), sum(file.bytes for file in files), files)


def _digest(files: tuple[ArtifactFile, ...]) -> str:
    if len(files) == 1:
        return files[0].sha256
    lines = sorted((file.name, file.sha256) for file in files)
    text = "".join(f"{name}\0{digest}\n" for name, digest in lines)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _hashed(folder: Path, name: str) -> ArtifactFile:
    digest = hashlib.sha256()
    size = 0
    try:
        with (folder / name).open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise ModelError(f"{name!r} cannot be read: {error.strerror}", hint="check the file's rights") from error
    return ArtifactFile(name, digest.hexdigest(), size)


def _companions(path: Path, found: Format) -> list[str]:
    if found is Format.ONNX:
        return external_files(read_model(path), path.parent)
    if found in (Format.NCNN, Format.OPENVINO):
        return [_weights_beside(path)]
    return []


def _weights_beside(path: Path) -> str:
    """The `.bin` of an ncnn or OpenVINO model: `x.param` -> `x.bin`, `x.param.bin` and `x.xml` -> `x.bin`."""
    stem = path.name.removesuffix(".bin") if path.name.endswith(".param.bin") else path.name
    name = PurePosixPath(stem).with_suffix(".bin").name
    if not (path.parent / name).is_file():
        hint = f"put {name} beside it: the two files are one model"
        raise ModelError(f"{path.name} has no weights: {name} is missing", hint=hint)
    return name


def external_files(model: ModelProto, folder: Path) -> list[str]:
    """The external data files of a model, sorted, each checked to exist in `folder` and to be long enough.

    Raises ModelError for a location that is absolute or leaves the folder, that is missing, or that is too short.
    """
    found = set()
    for tensor in tensors(model):
        if tensor.data_location == tensor.EXTERNAL:
            found.add(_location(tensor, folder))
    return sorted(found)


def _location(tensor: TensorProto, folder: Path) -> str:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = str(entries.get("location", ""))
    windows = PureWindowsPath(location)
    leaves = windows.drive or windows.root or location.startswith("/") or ".." in windows.parts
    if leaves or not location.isprintable() or not windows.parts:
        hint = "save the model again with its external data beside it"
        raise ModelError(f"external data at {location!r} is outside the model's folder", hint=hint)
    _check_length(entries, location, folder)
    return PurePosixPath(location).as_posix()


def _check_length(entries: dict[str, str], location: str, folder: Path) -> None:
    try:
        size = (folder / location).stat().st_size
        end = int(entries.get("offset") or 0) + int(entries.get("length") or 0)
    except OSError as error:
        hint = f"put {location} in {folder}: the model's weights are in it"
        raise ModelError(f"external data file {location!r} is missing", hint=hint) from error
    except ValueError as error:
        hint = "save the model again with its external data"
        raise ModelError(f"external data of {location!r} has no readable place", hint=hint) from error
    if end > size:
        hint = "copy the file again, and compare its size with the original"
        raise ModelError(f"external data file {location!r} is truncated: {size} of {end} bytes", hint=hint)
