"""Files that are no runnable model: how to tell, and what their owner does next."""

from __future__ import annotations

import zipfile
from pathlib import Path

from edgebench.errors import ModelError, nearest_hint

MODEL_SUFFIXES = (".onnx", ".tflite", ".engine", ".plan", ".param", ".mnn", ".pte", ".xml", ".so")

_FROM_TORCH = "export it: torch.onnx.export(model.eval(), torch.rand(1, 3, 180, 320), 'model.onnx')"
_FROM_KERAS = (
    "export it: tf.lite.TFLiteConverter.from_keras_model(tf.keras.models.load_model('MODEL')).convert(), "
    "or python -m tf2onnx.convert --keras MODEL --output model.onnx"
)
_FROM_SAVED_MODEL = (
    "export it: tf.lite.TFLiteConverter.from_saved_model('FOLDER').convert(), "
    "or python -m tf2onnx.convert --saved-model FOLDER --output model.onnx"
)
_FROM_FROZEN = (
    "export it: python -m tf2onnx.convert --graphdef FILE.pb --inputs NAME:0 --outputs NAME:0 --output model.onnx, "
    "or tf.compat.v1.lite.TFLiteConverter.from_frozen_graph(...)"
)
_FROM_SAFETENSORS = (
    "it holds weights without a network: load them into the PyTorch model, then "
    "torch.onnx.export(model.eval(), torch.rand(1, 3, 180, 320), 'model.onnx')"
)
_DOWNLOAD = "download the file itself; on a web page of a repository, use its `raw` or `download` link"


def shown(path: Path) -> str:
    """A path as one printable line."""
    text = str(path)
    return text if text.isprintable() else ascii(text)


def refuse_missing(path: Path) -> ModelError:
    """The error for a path that leads to no file; names the nearest one beside it."""
    models = [shown(path.parent / name) for name in _names_in(path.parent) if name.lower().endswith(MODEL_SUFFIXES)]
    hint = nearest_hint(shown(path), models) or f"there is no model in {shown(path.parent)}"
    return ModelError(f"no such file: {shown(path)}", hint=hint)


def refuse_folder(path: Path) -> ModelError:
    """The error for a folder: a SavedModel, or what models lie in it."""
    if (path / "saved_model.pb").is_file():
        hint = _FROM_SAVED_MODEL.replace("FOLDER", shown(path))
        return ModelError(f"{shown(path)} is a TensorFlow SavedModel, which no backend runs as it is", hint=hint)
    models = [name for name in _names_in(path) if name.lower().endswith(MODEL_SUFFIXES)]
    hint = "name a file in it: " + ", ".join(models[:5]) if models else "name a model file"
    return ModelError(f"{shown(path)} is a folder, not a model file", hint=hint)


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir() if entry.name.isprintable())
    except OSError:
        return []


def not_runnable(path: Path, head: bytes) -> ModelError | None:
    """The error for a file that no backend runs as it is, by its first bytes; None if it is none of those."""
    reason = _failed_download(head) or _archive(path, head) or _other_framework(path, head)
    if reason is None:
        return None
    what, hint = reason
    return ModelError(f"{shown(path)} is {what}", hint=hint)


def _failed_download(head: bytes) -> tuple[str, str] | None:
    if not head:
        return "empty", _DOWNLOAD
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        return "a Git LFS pointer, not the file it stands for", "run: git lfs pull"
    start = head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page, not a model", _DOWNLOAD
    if head.startswith(b"\x1f\x8b"):
        return "a gzip archive", "unpack it first: gunzip FILE or tar xzf FILE"
    return None


def _archive(path: Path, head: bytes) -> tuple[str, str] | None:
    if not head.startswith(b"PK\x03\x04"):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return "a zip archive that is truncated or damaged", _DOWNLOAD
    if any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
        return "a PyTorch checkpoint, which no backend runs as it is", _FROM_TORCH
    if "config.json" in names or path.suffix.lower() == ".keras":
        return "a Keras model, which no backend runs as it is", _FROM_KERAS
    if path.suffix.lower() == ".pt2":
        return "a PyTorch exported program, which no backend runs as it is", _FROM_TORCH
    return "a zip archive", "unpack it and name the model file in it"


def _other_framework(path: Path, head: bytes) -> tuple[str, str] | None:
    suffix = path.suffix.lower()
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return "a Keras .h5 model (HDF5), which no backend runs as it is", _FROM_KERAS
    if _is_safetensors(head):
        return "a safetensors file, which no backend runs as it is", _FROM_SAFETENSORS
    if head[:1] == b"\x80" and 2 <= head[1:2][0] <= 5 if len(head) > 1 else False:
        return "a Python pickle (an old PyTorch checkpoint?), which no backend runs", _FROM_TORCH
    if path.name == "saved_model.pb":
        hint = _FROM_SAVED_MODEL.replace("FOLDER", shown(path.parent))
        return "part of a TensorFlow SavedModel, which no backend runs as it is", hint
    if suffix == ".pb":
        return "a frozen TensorFlow graph, which no backend runs as it is", _FROM_FROZEN
    if suffix == ".bin":
        return "the weights of a model, not the model", "name the .param or .xml file that belongs to it"
    return None


def _is_safetensors(head: bytes) -> bool:
    """Eight bytes of header length, then the header, a JSON object."""
    return head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") < 100_000_000
