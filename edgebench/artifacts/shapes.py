"""Give every input of a model a full shape: what the file fixes, what the user gives, and the batch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol

from edgebench.artifacts.tensor_spec import Dim, TensorSpec
from edgebench.errors import ModelError, UnknownName, UsageError

Shape = tuple[int, ...]
BATCH_NAMES = frozenset({"", "n", "b", "batch", "batch_size", "batchsize", "bs"})
_GENERATED = re.compile(r"unk__\d+|p2o\.DynamicDimension\.\d+|(.*_)?dynamic_axes_\d+")
"""Names that converters (tf2onnx, paddle2onnx, PyTorch) make up for axes that have none."""


class ShapeError(ModelError):
    """The shapes do not fit the model."""

    code = "shape-mismatch"


class Face(Protocol):
    """What is known of a model's inputs, whatever its format."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The inputs, in the model's order."""


def fixed_axes(info: Face, given: Mapping[str, Shape], batch: int | None) -> Face:
    """The inputs as they are: what the file fixes stays fixed."""
    return info


def parse_shape(text: str) -> tuple[str, Shape]:
    """Read `NAME=1x3x180x320`; the name ends at the last `=`. UsageError if it is written otherwise.

    >>> parse_shape("x=1x3x180x320")
    ('x', (1, 3, 180, 320))
    """
    name, equals, dims = text.rpartition("=")
    if not equals or not name or not re.fullmatch(r"[1-9][0-9]{0,9}(x[1-9][0-9]{0,9})*", dims):
        raise UsageError(f"cannot read the shape {text!r}", hint="write it as --shape x=1x3x180x320, sizes from 1 up")
    return name, tuple(int(dim) for dim in dims.split("x"))


def shape_text(shape: Shape) -> str:
    """The shape as users write it; "scalar" without axes.

    >>> shape_text((1, 3, 180, 320))
    '1x3x180x320'
    """
    return "x".join(str(dim) for dim in shape) or "scalar"


def resolve_shapes(info: Face, given: Mapping[str, Shape], batch: int | None = None) -> dict[str, Shape]:
    """The full shape of every input of the model, in the model's order.

    `given`: input name -> dims (`--shape`). `batch`: what the user asked for, None if nothing: then 1, or what a given
    shape says; a given shape with 1 on its batch axis is one item's, and takes the batch that was asked for. The batch
    axis is a symbolic first axis that is called like one (`batch`, `N`, ...) or has no name of its own.
    A symbol has one value in the whole model. Raises UnknownName for an input that does not exist; ShapeError for
    another rank, another size than a fixed one, two values of one symbol, a batch that the model does not allow, and
    symbolic axes that nothing sets.
    """
    for name in given:
        if name not in {spec.name for spec in info.inputs}:
            raise UnknownName("input", name, (spec.name for spec in info.inputs))
    given = {spec.name: _batched(spec, given[spec.name], batch) for spec in info.inputs if spec.name in given}
    symbols: dict[str, int] = {}
    for spec in info.inputs:
        if spec.name in given:
            _bind(spec, given[spec.name], symbols)
    shapes = [_with_batch(spec, given, symbols, batch) for spec in info.inputs]
    filled = [_fill(dims, symbols) for dims in shapes]
    _refuse_unset(info.inputs, filled)
    resolved = {
        spec.name: tuple(dim for dim in dims or () if isinstance(dim, int))
        for spec, dims in zip(info.inputs, filled, strict=True)
    }
    _check_batch(info.inputs, resolved, batch)
    return resolved


def _batched(spec: TensorSpec, shape: Shape, batch: int | None) -> Shape:
    """A given shape of one item, with the batch that was asked for."""
    return (batch, *shape[1:]) if batch and shape[:1] == (1,) and _has_batch_axis(spec) else shape


def _bind(spec: TensorSpec, shape: Shape, symbols: dict[str, int]) -> None:
    """Check a given shape against the file's, and take the values of its symbols."""
    if spec.dims is None:
        return
    hint = f"the model has {spec}"
    if len(shape) != len(spec.dims):
        raise ShapeError(
            f"input `{spec.name}` has {len(spec.dims)} axes, {shape_text(shape)} has {len(shape)}", hint=hint
        )
    for axis, (dim, size) in enumerate(zip(spec.dims, shape, strict=True)):
        if isinstance(dim, int) and dim != size:
            raise ShapeError(f"axis {axis} of input `{spec.name}` is fixed at {dim}, not {size}", hint=hint)
        if isinstance(dim, str) and symbols.setdefault(dim, size) != size:
            raise ShapeError(f"axis `{dim}` is given as {symbols[dim]} and as {size}", hint=hint)


def _with_batch(
    spec: TensorSpec, given: Mapping[str, Shape], symbols: dict[str, int], batch: int | None
) -> tuple[Dim, ...] | None:
    """The dims so far: the given shape, else the file's with the batch axis set (and its symbol bound)."""
    if spec.name in given:
        return given[spec.name]
    if not _has_batch_axis(spec):
        return spec.dims
    assert spec.dims is not None
    symbol = spec.dims[0]
    size = batch or 1
    if isinstance(symbol, str):
        size = symbols.setdefault(symbol, size)
    return (size, *spec.dims[1:])


def _has_batch_axis(spec: TensorSpec) -> bool:
    if not spec.dims or isinstance(spec.dims[0], int):
        return False
    name = spec.dims[0] or ""
    return name.lower() in BATCH_NAMES or _GENERATED.fullmatch(name) is not None


def _fill(dims: tuple[Dim, ...] | None, symbols: Mapping[str, int]) -> tuple[Dim, ...] | None:
    if dims is None:
        return None
    return tuple(symbols.get(dim, dim) if isinstance(dim, str) else dim for dim in dims)


def _refuse_unset(specs: tuple[TensorSpec, ...], filled: list[tuple[Dim, ...] | None]) -> None:
    texts, hints = [], []
    for spec, dims in zip(specs, filled, strict=True):
        if dims is None:
            texts.append(f"input `{spec.name}` has no known rank")
            hints.append(f"--shape {spec.name}=1x3xHxW")
        elif unset := [_axis(dim, axis) for axis, dim in enumerate(dims) if not isinstance(dim, int)]:
            texts.append(f"input `{spec.name}` has unset axes {', '.join(unset)}")
            hints.append(f"--shape {spec.name}={'x'.join(_template(dim, axis) for axis, dim in enumerate(dims))}")
    if texts:
        raise ShapeError("; ".join(texts), hint=" ".join(hints))


def _axis(symbol: str | None, axis: int) -> str:
    return f"axis {axis}" if symbol is None or _GENERATED.fullmatch(symbol) else symbol


def _template(dim: Dim, axis: int) -> str:
    plain = isinstance(dim, int) or (dim is not None and re.fullmatch(r"[A-Za-z_]{1,16}", dim))
    return str(dim).upper() if plain else f"D{axis}"


def _check_batch(specs: tuple[TensorSpec, ...], resolved: Mapping[str, Shape], batch: int | None) -> None:
    """A batch that was asked for must be the first axis of some input, and of every input with a batch axis."""
    if batch is None:
        return
    for spec in specs:
        if _has_batch_axis(spec) and resolved[spec.name][0] != batch:
            text = f"batch {batch} is asked for, but input `{spec.name}` is given as {shape_text(resolved[spec.name])}"
            raise ShapeError(text, hint="leave out --batch, or give the same first axis")
    if not any(shape[:1] == (batch,) for shape in resolved.values()):
        fixed = ", ".join(str(spec) for spec in specs)
        raise ShapeError(f"the model has no batch axis that can be {batch}: {fixed}", hint="export it with that batch")
