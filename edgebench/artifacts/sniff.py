"""What a file is: by its content first, by its name where the content does not tell."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from edgebench.artifacts.refusals import not_runnable, refuse_folder, refuse_missing, shown
from edgebench.errors import ModelError

HEAD_BYTES = 4096


class Format(StrEnum):
    """The formats that some backend runs; the values are what records and reports carry."""

    ONNX = "onnx"
    TFLITE = "tflite"
    ENGINE = "engine"
    NCNN = "ncnn"
    MNN = "mnn"
    PTE = "pte"
    OPENVINO = "openvino"
    SO = "so"


def sniff(path: Path | str) -> Format:
    """The format of a model file.

    Raises ModelError, with what to do in the hint, if there is no such file, if it is a folder or cannot be read,
    if it is a model that must be exported first (PyTorch, TensorFlow, Keras, safetensors), if it is a download that
    went wrong (HTML, an archive, a Git LFS pointer, nothing at all), or no model at all.
    """
    path = Path(path)
    head = _head(path)
    found = _by_content(head, path.suffix.lower())
    if found is not None:
        return found
    refusal = not_runnable(path, head)
    if refusal is not None:
        raise refusal
    return _by_name(path)


def _head(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise refuse_folder(path)
        if not path.is_file():
            raise refuse_missing(path)
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is not a file's name"
        raise ModelError(f"{shown(path)} cannot be read: {reason}", hint="check the path and its rights") from error


def _is_onnx(head: bytes, suffix: str) -> bool:
    """ModelProto: field 1 (IR version) as a small varint, then the tag of another field of ModelProto.

    SavedModel begins the same way (schema version, then meta graphs); its file is always called `.pb`.
    """
    if len(head) < 3 or head[0] != 0x08 or not 1 <= head[1] <= 0x40:
        return False
    producer_or_graph = head[2] in (0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72)
    return producer_or_graph and not (suffix == ".pb" and head[1:3] == b"\x01\x12")


def _is_ncnn(head: bytes, suffix: str) -> bool:
    binary = head[:4] == (7767517).to_bytes(4, "little") and suffix != ".onnx"
    return binary or re.match(rb"\s*7767517\s", head) is not None


def _is_openvino(head: bytes, suffix: str) -> bool:
    return suffix == ".xml" and b"<net" in head


_CONTENT: tuple[tuple[Format, Callable[[bytes, str], bool]], ...] = (
    (Format.TFLITE, lambda head, _: head[4:8] == b"TFL3"),
    (Format.PTE, lambda head, _: re.fullmatch(rb"ET\d\d", head[4:8]) is not None),
    (Format.ENGINE, lambda head, _: head[:4] in (b"ftrt", b"ptrt")),
    (Format.NCNN, _is_ncnn),
    (Format.OPENVINO, _is_openvino),
    (Format.SO, lambda head, _: head[:4] == b"\x7fELF"),
    (Format.ONNX, _is_onnx),
)

_NAMES = {".onnx": Format.ONNX, ".engine": Format.ENGINE, ".plan": Format.ENGINE, ".trt": Format.ENGINE}
_NAMES[".mnn"] = Format.MNN
_MARKED = {".tflite": "TFLite", ".param": "ncnn", ".pte": "ExecuTorch", ".xml": "OpenVINO", ".so": "ELF"}


def _by_content(head: bytes, suffix: str) -> Format | None:
    return next((found for found, matches in _CONTENT if matches(head, suffix)), None)


def _by_name(path: Path) -> Format:
    """Formats without a mark of their own are taken at their name's word; a format that has one is damaged."""
    suffix = path.suffix.lower()
    if suffix in _NAMES:
        return _NAMES[suffix]
    if suffix in _MARKED:
        hint = "copy or convert the file again, and compare its size with the original"
        raise ModelError(f"{shown(path)} is truncated or damaged: no {_MARKED[suffix]} header", hint=hint)
    hint = "give an .onnx file; networks of PyTorch, TensorFlow or Keras are exported to one first"
    raise ModelError(f"{shown(path)} is not a model that edgebench knows", hint=hint)
