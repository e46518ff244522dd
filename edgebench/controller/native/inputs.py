"""What a native tool is fed: one sample, made on the host, as a file of raw little-endian values an input.

The same distribution as the agent's (agent/inputs.py), drawn once on the host because the phone has no numpy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgebench.controller.inputs import InputFiles
from edgebench.controller.spec import RawTensor, VariantAsk
from edgebench.errors import RowFailure

Sample = dict[str, NDArray[np.generic]]


def sample(
    specs: Sequence[RawTensor], ask: VariantAsk, files: InputFiles, seed: int, work: Path, zeros: Mapping[str, str]
) -> Sample:
    """One array an input, in the order of `specs`; inputs named in `zeros` (states) are zeros.

    Raises `RowFailure` (`bad-input`) for a folder of inputs (a tool takes one sample) and for what does not fit.
    """
    if len(files.files) > 1:
        raise RowFailure(
            "bad-input", "a phone's tool takes one sample, not a folder of them", hint="name one file with --input"
        )
    if files.files:
        return _from_file(specs, files.written_to(work)[0])
    random = np.random.RandomState(seed)
    return {one.name: _drawn(random, one, ask, zero=one.name in zeros) for one in specs}


def raw_bytes(array: NDArray[np.generic]) -> bytes:
    """The values as the tool reads them: little-endian, row by row."""
    return array.astype(array.dtype.newbyteorder("<")).tobytes()


def from_raw(spec: RawTensor, data: bytes) -> NDArray[np.generic]:
    """Undo `raw_bytes`. Raises ValueError where the bytes are not as many as the shape needs."""
    return np.frombuffer(data, np.dtype(spec.dtype).newbyteorder("<")).reshape(spec.dims)


def _from_file(specs: Sequence[RawTensor], path: Path) -> Sample:
    found: Sample = {}
    with np.load(path, allow_pickle=False) as arrays:
        for spec in specs:
            if spec.name not in arrays:
                raise RowFailure("bad-input", f"{path.name} has no {spec.name}")
            array = arrays[spec.name]
            if list(array.shape) != spec.dims or not np.can_cast(array.dtype, spec.dtype, "safe"):
                has, wants = f"{array.dtype} {list(array.shape)}", f"{spec.dtype} {spec.dims}"
                raise RowFailure("bad-input", f"{path.name}: {spec.name} is {has}, the model takes {wants}")
            found[spec.name] = array.astype(spec.dtype)
    return found


def _drawn(random: np.random.RandomState, spec: RawTensor, ask: VariantAsk, *, zero: bool) -> NDArray[np.generic]:
    """Floats uniform in [0, 1) or the range asked for; 8-bit integers over their whole range; others zeros."""
    dtype = np.dtype(spec.dtype)
    if zero or dtype.kind == "b":
        return np.zeros(spec.dims, dtype)
    if dtype.kind == "f":
        low, high = ask.input_range or (0.0, 1.0)
        return (low + random.random_sample(spec.dims) * (high - low)).astype(dtype)
    low, high = _integers(dtype, ask.input_range)
    return np.floor(low + random.random_sample(spec.dims) * (high - low + 1)).astype(dtype)


def _integers(dtype: np.dtype[np.generic], span: tuple[float, float] | None) -> tuple[int, int]:
    info = np.iinfo(dtype.name)
    if span is None:
        whole = dtype.itemsize == 1 or dtype.name == "uint16"
        return (int(info.min), int(info.max)) if whole else (0, 0)
    low, high = max(int(span[0]), int(info.min)), min(int(span[1]), int(info.max))
    if low > high:
        raise RowFailure("bad-input", f"{dtype.name} holds nothing of the range {span[0]:g}..{span[1]:g}")
    return low, high
