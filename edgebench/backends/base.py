"""What the host must know of a runtime: one page that every backend fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from edgebench.errors import RowFailure, UnknownName

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class BoardGpu:
    """A board's GPU: its compute capability ("5.3"), DLA cores beside it, precisions that the profile rules out."""

    board: str
    name: str | None = None
    sm: str | None = None
    dla: int = 0
    unsupported: tuple[str, ...] = ()


@dataclass(frozen=True)
class DeviceRuntime:
    """The runtime that a device has: its version, where it was found, the device's Python, and its GPU where known."""

    version: str
    path: str | None
    python: tuple[int, ...]
    gpu: BoardGpu | None = None


@dataclass(frozen=True)
class OnnxStamp:
    """What an ONNX file says that a runtime needs at least: IR version and opset of every domain it imports.

    `lowest_ir`: the IR version that the file could be stamped with; `precisions`: what it may be called (`fp32`...).
    """

    path: Path
    ir_version: int
    opsets: Mapping[str, int]
    unused: tuple[str, ...] = ()
    custom_domains: tuple[str, ...] = ()
    lowest_ir: int = 3
    precisions: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        return self.path.name


@dataclass(frozen=True)
class TfliteStamp:
    """What a TFLite file says that a runtime needs at least: the version of each builtin operator, and what is none.

    `flex`: operators of TensorFlow, which the Flex delegate runs; `custom`: operators of somebody's own;
    `precisions`: what the file may be called (`fp32`...), the first its own.
    """

    path: Path
    versions: Mapping[str, int]
    flex: tuple[str, ...] = ()
    custom: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        return self.path.name


@dataclass(frozen=True)
class EngineStamp:
    """A built engine: only the TensorRT that it was built by can say what is in it."""

    path: Path

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        return self.path.name


Stamp = OnnxStamp | TfliteStamp | EngineStamp
"""What a model file asks of a runtime, by its format."""
OneStamp = TypeVar("OneStamp", OnnxStamp, TfliteStamp)


def own_stamp(model: Stamp, kind: type[OneStamp], backend: str) -> OneStamp:
    """The stamp as the one kind that a backend reads. Raises `RowFailure` (`load-failed`) for a file of another."""
    if not isinstance(model, kind):
        raise RowFailure("load-failed", f"{backend} does not run {model.path.suffix or 'such'} files")
    return model


class Backend(Protocol):
    """A runtime as the host sees it."""

    name: str
    formats: tuple[str, ...]
    accelerators: tuple[str, ...]
    default_accelerator: str

    def preflight(
        self,
        model: Stamp,
        runtime: DeviceRuntime,
        options: Mapping[str, str],
        precision: str | None = None,
        accelerator: str = "cpu",
    ) -> list[str]:
        """Refuse what the device's runtime is known to refuse; return warnings, one line each.

        `precision` is the one asked for, None for the file's own.
        Raises `RowFailure` (`load-failed`, `unsupported-op`, `unsupported-precision`...) with the cure as its hint.
        """
        ...

    def reference(self, model: Path, inputs: Arrays, work: Path, options: Mapping[str, str]) -> Arrays:
        """Outputs of `model` for `inputs` on the host's CPU, by name, from a process of its own.

        `work` is a folder for its files; of the variant's `options` it takes those that the outputs depend on, with
        paths of this host. Raises `RowFailure` when the host cannot run it.
        """
        ...


BACKENDS = {name: f"edgebench.backends.{name}" for name in ("onnxruntime", "tensorrt", "tflite", "ncnn", "mnn")}
"""Where each backend lives; each module has a `backend`."""


def get_backend(name: str) -> Backend:
    """The backend of that name. Raises `UnknownName` with the nearest one."""
    from importlib import import_module

    if name not in BACKENDS:
        raise UnknownName("backend", name, BACKENDS)
    backend: Backend = import_module(BACKENDS[name]).backend
    return backend


def backend_for(format_name: str) -> str:
    """The backend that runs files of a format when none was named. Raises `UnknownName`."""
    by_format = {"onnx": "onnxruntime", "tflite": "tflite", "ncnn": "ncnn", "mnn": "mnn", "engine": "tensorrt"}
    if format_name not in by_format:
        hint = "this version runs .onnx, .tflite and TensorRT's .engine files; ncnn's and MNN's on phones"
        raise UnknownName("model format", str(format_name), by_format, hint=hint)
    return by_format[format_name]
