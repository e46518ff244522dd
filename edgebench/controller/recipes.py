"""Which wheels bring a runtime to a device's Python, and where there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgebench.errors import DeviceUnfit

Python = tuple[int, int]


@dataclass(frozen=True)
class Wheels:
    """What to ask pip for, enough to import `module`; `package` is the first part of the wheel's name."""

    package: str
    module: str
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class Recipe:
    """A runtime's wheels: `pins` for Pythons whose last good versions are known, `newest` from `oldest` on.

    `instead`: what to do on a Python for which there is nothing.
    """

    backend: str
    newest: Wheels
    oldest: Python
    pins: Mapping[Python, Wheels] = field(default_factory=dict)
    instead: str = ""

    def wheels(self, python: Python, device: str) -> Wheels:
        """What to ask pip for on that Python. Raises `DeviceUnfit` (`runtime-missing`) where there is nothing."""
        if python in self.pins:
            return self.pins[python]
        if python < self.oldest:
            text = f"there is no {self.backend} for Python {python[0]}.{python[1]}"
            raise DeviceUnfit(device, text, code="runtime-missing", hint=self.instead or None)
        return self.newest

    def packages(self) -> dict[str, str]:
        """Package -> the module that proves that it works, of all wheels."""
        return {one.package: one.module for one in (*self.pins.values(), self.newest)}


def _onnxruntime(*requirements: str) -> Wheels:
    return Wheels("onnxruntime", "onnxruntime", requirements)


def _tflite(*requirements: str) -> Wheels:
    """The interpreter is a module of its own: importing the package alone would prove nothing."""
    return Wheels("tflite_runtime", "tflite_runtime.interpreter", requirements)


RECIPES = {
    "onnxruntime": Recipe(
        "onnxruntime",
        _onnxruntime("onnxruntime", "numpy"),
        (3, 6),
        {
            (3, 6): _onnxruntime("onnxruntime==1.10.0", "numpy==1.19.5"),
            (3, 8): _onnxruntime("onnxruntime==1.19.2", "numpy==1.24.4"),
        },
    ),
    "tflite": Recipe(
        "tflite",
        Wheels("ai_edge_litert", "ai_edge_litert.interpreter", ("ai-edge-litert", "numpy")),
        (3, 10),
        {
            (3, 8): _tflite("tflite-runtime==2.13.0", "numpy==1.24.4"),
            (3, 9): _tflite("tflite-runtime==2.13.0", "numpy==1.26.4"),
        },
        instead="TFLite's wheels begin with Python 3.8; run the .onnx file there (`--runtime onnxruntime`)",
    ),
}
"""Measured with pip for each Python and glibc: LiteRT has wheels from 3.10 on; tflite-runtime, its predecessor, was
built against numpy 1, and its 2.14 needs glibc 2.34, which JetPack 5 has not."""

GPU_RECIPES = {
    "onnxruntime-gpu": Recipe(
        "onnxruntime-gpu",
        Wheels("onnxruntime_gpu", "onnxruntime", ("onnxruntime-gpu", "numpy")),
        (3, 6),
        {
            (3, 6): Wheels("onnxruntime_gpu", "onnxruntime", ("onnxruntime-gpu", "numpy==1.19.5")),
            (3, 8): Wheels("onnxruntime_gpu", "onnxruntime", ("onnxruntime-gpu", "numpy==1.24.4")),
        },
    ),
}
"""ONNX Runtime with CUDA. Only where a user asks for it: it needs the CUDA and cuDNN that it was built for."""


@dataclass(frozen=True)
class JetpackWheels:
    """Which ONNX Runtime fits a JetPack: what pip finds for its Python, and whether PyPI has one for the GPU."""

    jetpack: str
    python: str
    newest: str
    gpu: str | None = None

    @property
    def text(self) -> str:
        """In words."""
        if self.gpu:
            return f"JetPack {self.jetpack} ({self.python}): PyPI has onnxruntime-gpu {self.gpu}"
        return f"JetPack {self.jetpack} ({self.python}): PyPI's onnxruntime {self.newest} is for the CPU only"

    def todo(self, device: str) -> str:
        """How to get the GPU's."""
        command = f"edgebench devices setup {device} --runtime onnxruntime-gpu"
        if self.gpu:
            return f"`{command}`"
        return (
            f"GPU wheels for it come from the board vendor's own index only: take one for {self.python} and aarch64, "
            f"then `PIP_FIND_LINKS=FOLDER {command}`"
        )


JETPACK_WHEELS = {
    "4": JetpackWheels("4", "cp36", "1.10.0"),
    "5": JetpackWheels("5", "cp38", "1.19.2"),
    "6": JetpackWheels("6", "cp310", "1.23.2"),
    "7": JetpackWheels("7", "cp312", "1.31.1", gpu="1.31.1"),
}
"""Found with pip for each JetPack's Python and glibc; for the GPU: microsoft/onnxruntime #20503 (wheels for JetPack are
not planned for PyPI), and aarch64 wheels of onnxruntime-gpu since 1.30."""


def jetpack_wheels(jetpack: str | None) -> JetpackWheels | None:
    """What fits a JetPack ("4.6.1"), None of an unknown one."""
    return JETPACK_WHEELS.get((jetpack or "").partition(".")[0])


def how_to_bring(backend: str, python: tuple[int, ...], device: str) -> tuple[str, str | None]:
    """What to do about a runtime that a device lacks, and why nothing can bring it (None: the command can).

    >>> how_to_bring("tflite", (3, 8, 10), "nano")
    ('`edgebench devices setup nano --runtime tflite` brings it', None)
    """
    recipe = RECIPES.get(backend)
    if recipe is not None:
        try:
            major, minor, *_ = (*python, 0, 0)
            recipe.wheels((major, minor), device)
        except DeviceUnfit as error:
            return error.hint or "", error.message.removeprefix(f"{device}: ")
    more = "" if backend == "onnxruntime" else f" --runtime {backend}"
    return f"`edgebench devices setup {device}{more}` brings it", None
