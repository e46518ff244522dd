"""The signature of one model input or output."""

from __future__ import annotations

from dataclasses import dataclass

Dim = int | str | None
"""A fixed size, the name of a symbolic axis, or None for one without a name."""


@dataclass(frozen=True)
class TensorSpec:
    """Name, numpy-like dtype and dims; `dims` is None where the rank is unknown or the value is no tensor.

    `scale`: (s, z) of a quantised value, real = s x (stored - z).

    >>> str(TensorSpec("x", "float32", ("batch", 3, None)))
    'x float32 [batch, 3, ?]'
    """

    name: str
    dtype: str
    dims: tuple[Dim, ...] | None
    scale: tuple[float, int] | None = None

    def __str__(self) -> str:
        if self.dims is None:
            return f"{self.name} {self.dtype}"
        dims = ", ".join("?" if dim is None else str(dim) for dim in self.dims)
        return f"{self.name} {self.dtype} [{dims}]"
