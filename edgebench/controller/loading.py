"""Which releases of a runtime load a file: the newest that each JetPack's Python gets, asked what they refuse."""

from __future__ import annotations

from pathlib import Path

import msgspec

from edgebench.artifacts import Format
from edgebench.backends.base import DeviceRuntime, Stamp, get_backend
from edgebench.controller.stamps import stamp_of
from edgebench.errors import RowFailure

RUNTIMES = {
    Format.ONNX: (
        ("ONNX Runtime", "1.10.0", (3, 6), "JetPack 4"),
        ("ONNX Runtime", "1.19.2", (3, 8), "JetPack 5"),
        ("ONNX Runtime", "1.23.0", (3, 10), "JetPack 6"),
    ),
    Format.TFLITE: (
        ("tflite-runtime", "2.13.0", (3, 8), "JetPack 5"),
        ("LiteRT", "2.3.0", (3, 10), "JetPack 6"),
    ),
}
"""The newest runtime for each JetPack's Python: name, release, Python, where it is found."""
NONE = {Format.TFLITE: (("TFLite", (3, 6), "JetPack 4"),)}
"""Where there is no runtime to ask."""
BACKENDS = {Format.ONNX: "onnxruntime", Format.TFLITE: "tflite"}


class RuntimeCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a release loads the file, by what the file says of itself."""

    name: str
    found_in: str
    loads: bool
    why: str | None = None
    hint: str | None = None


def check_runtimes(path: Path, found: Format) -> list[RuntimeCheck]:
    """What each of them says to the file, by its stamps and operators. Raises `ModelError`."""
    stamp = stamp_of(path)
    missing = [
        RuntimeCheck(name=name, found_in=_place(where, python), loads=False, why="there is none for this Python")
        for name, python, where in NONE.get(found, ())
    ]
    return [*missing, *(_check(stamp, BACKENDS[found], *runtime) for runtime in RUNTIMES[found])]


def _place(found_in: str, python: tuple[int, ...]) -> str:
    return f"{found_in} (Python {'.'.join(map(str, python))})"


def _check(
    stamp: Stamp, backend: str, runtime: str, version: str, python: tuple[int, ...], found_in: str
) -> RuntimeCheck:
    name = f"{runtime} {version.rpartition('.')[0]}"
    where = _place(found_in, python)
    try:
        get_backend(backend).preflight(stamp, DeviceRuntime(version, None, python), {})
    except RowFailure as failure:
        return RuntimeCheck(name=name, found_in=where, loads=False, why=failure.message, hint=failure.hint)
    return RuntimeCheck(name=name, found_in=where, loads=True)
