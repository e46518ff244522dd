"""Which of a device's runtimes a job takes, and what the device's Python must be told for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_OURS = re.compile(r".+-(?P<tag>cp\d+)\Z")
ARM_OPENBLAS = {"OPENBLAS_CORETYPE": "ARMV8"}
"""numpy 1.19.5's OpenBLAS dies with `Illegal instruction` on a Jetson Nano's Cortex-A57 unless told its core."""


DISTRIBUTIONS = {
    "cuda": "onnxruntime-gpu",
    "tensorrt": "onnxruntime-gpu",
    "openvino": "onnxruntime-openvino",
    "qnn": "onnxruntime-qnn",
}
"""Accelerator -> the distribution of ONNX Runtime that is built with its provider."""


@dataclass(frozen=True)
class FoundRuntime:
    """A runtime on the device; `path` is its folder below edgebench's home there, None for the interpreter's own.

    `module`: what it is imported as.
    """

    version: str
    path: str | None
    module: str = field(default="", compare=False, repr=False)


def python_version(facts: Mapping[str, Any]) -> tuple[int, ...]:
    """The device's Python as (3, 6, 9); (0,) where the facts do not say."""
    return tuple(int(part) for part in (facts.get("python") or {}).get("version") or (0,))


def python_tag(facts: Mapping[str, Any]) -> str:
    """The device's Python as wheels name it: `cp36`."""
    return "cp" + "".join(map(str, python_version(facts)[:2]))


def runtime_for(facts: Mapping[str, Any], name: str, accelerator: str) -> FoundRuntime | None:
    """The runtime that a job on an accelerator takes: one that is built for it, before a newer one that is not."""
    distribution = DISTRIBUTIONS.get(accelerator)
    built = find_runtime(facts, name, distribution) if distribution else None
    return built or find_runtime(facts, name)


def find_runtime(facts: Mapping[str, Any], name: str, distribution: str | None = None) -> FoundRuntime | None:
    """The newest that `devices setup` brought for this Python, else the interpreter's; of one distribution if named.

    >>> facts = {"python": {"version": [3, 6, 9]}, "runtimes": [
    ...     {"name": "onnxruntime", "version": "1.9.0", "where": None},
    ...     {"name": "onnxruntime", "version": "1.10.0", "where": "onnxruntime-1.10.0-cp36"}]}
    >>> find_runtime(facts, "onnxruntime")
    FoundRuntime(version='1.10.0', path='runtimes/onnxruntime-1.10.0-cp36')
    """
    tag = python_tag(facts)
    found = [one for one in facts.get("runtimes") or [] if one.get("name") == name and one.get("version")]
    if distribution is not None:
        found = [one for one in found if one.get("distribution") == distribution]
    brought = [one for one in found if one.get("where") and _fits(str(one["where"]), tag)]
    if brought:
        newest = max(brought, key=lambda one: _numbers(str(one["version"])))
        return FoundRuntime(str(newest["version"]), f"runtimes/{newest['where']}", str(newest.get("module") or name))
    own = next((one for one in found if not one.get("where")), None)
    return FoundRuntime(str(own["version"]), None, str(own.get("module") or name)) if own else None


def runtime_environment(facts: Mapping[str, Any]) -> dict[str, str]:
    """Environment variables without which a runtime may die on this device."""
    old = python_version(facts) < (3, 8)
    return dict(ARM_OPENBLAS) if str(facts.get("machine", "")).startswith("aarch64") and old else {}


def _fits(folder: str, tag: str) -> bool:
    """Whether a folder is for this Python; one that does not say so was put there by hand, for it."""
    named = _OURS.match(folder)
    return named is None or named["tag"] == tag


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
