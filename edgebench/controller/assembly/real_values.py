"""A quantised network held against a float one: what each stores, as the real values that it stands for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from edgebench.artifacts.tensor_spec import TensorSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[np.generic]]

Scale = tuple[float, int]


def for_reference(inputs: Arrays, model: Iterable[TensorSpec], reference: Iterable[TensorSpec]) -> Arrays:
    """What a model was fed, as its reference takes it: real values for floats, stored ones for integers."""
    given, wanted = _scales(model), {spec.name: spec for spec in reference}
    return {name: _as(array, given.get(name), wanted.get(name)) for name, array in inputs.items()}


def alike(found: Arrays, specs: Iterable[TensorSpec], other: Arrays) -> Arrays:
    """Outputs as real values where the other side's are floats and these are stored numbers with a known scale."""
    scales = _scales(specs)
    return {
        name: to_real(array, scales[name]) if name in scales and _is_float(other.get(name)) else array
        for name, array in found.items()
    }


def to_real(array: NDArray[np.generic], scale: Scale) -> NDArray[np.float32]:
    """real = s x (stored - z), as float32; floats stay as they are."""
    if array.dtype.kind == "f":
        return array.astype(np.float32)
    return ((array.astype(np.float64) - scale[1]) * scale[0]).astype(np.float32)


def to_stored(array: NDArray[np.generic], scale: Scale, dtype: str) -> NDArray[np.generic]:
    """The inverse: rounded, and clipped to what the type holds."""
    info = np.iinfo(dtype)
    stored: NDArray[np.generic] = np.clip(
        np.rint(array.astype(np.float64) / scale[0]) + scale[1], info.min, info.max
    ).astype(dtype)
    return stored


def _as(array: NDArray[np.generic], given: Scale | None, wanted: TensorSpec | None) -> NDArray[np.generic]:
    if wanted is None or array.dtype.name == wanted.dtype:
        return array
    real: NDArray[np.generic] = to_real(array, given) if given is not None else array
    if wanted.scale is not None and real.dtype.kind == "f":
        return to_stored(real, wanted.scale, wanted.dtype)
    return real.astype(wanted.dtype) if real.dtype.kind == "f" and "float" in wanted.dtype else real


def _scales(specs: Iterable[TensorSpec]) -> dict[str, Scale]:
    return {spec.name: spec.scale for spec in specs if spec.scale is not None}


def _is_float(array: NDArray[np.generic] | None) -> bool:
    return array is not None and array.dtype.kind == "f"
