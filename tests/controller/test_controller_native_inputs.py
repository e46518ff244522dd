"""What a native tool is fed: seeded, raw, of the shape and type the model takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.controller.inputs import InputFiles
from edgebench.controller.native.inputs import from_raw, raw_bytes, sample
from edgebench.controller.spec import RawTensor, VariantAsk
from edgebench.errors import RowFailure

X = RawTensor(name="x", dtype="float32", dims=[1, 2, 3])
Q = RawTensor(name="q", dtype="int8", dims=[1, 1000])


def drawn(*specs: RawTensor, seed: int = 0, **ask: object) -> dict[str, np.ndarray]:
    return sample(specs, VariantAsk(**ask), InputFiles(), seed, Path(), {})


def test_the_same_seed_gives_the_same_numbers():
    assert raw_bytes(drawn(X)["x"]) == raw_bytes(drawn(X)["x"])
    assert raw_bytes(drawn(X)["x"]) != raw_bytes(drawn(X, seed=1)["x"])


def test_ranges():
    assert drawn(Q)["q"].min() < -120
    assert drawn(Q)["q"].max() > 120
    scaled = drawn(RawTensor(name="x", dtype="float32", dims=[1000]), input_range=(0.0, 255.0))["x"]
    assert 250 < scaled.max() <= 255
    assert 0 <= scaled.min() < 5
    assert drawn(Q, input_range=(0.0, 3.0))["q"].tolist()[0].count(3) > 100
    with pytest.raises(RowFailure, match="holds nothing"):
        drawn(Q, input_range=(300.0, 400.0))


def test_what_has_no_natural_range_is_zeros():
    ids = RawTensor(name="ids", dtype="int32", dims=[1, 8])
    assert drawn(ids)["ids"].tolist() == [[0] * 8]
    assert not sample([X], VariantAsk(), InputFiles(), 0, Path(), {"x": "state"})["x"].any()


def test_a_file_of_the_users(tmp_path: Path):
    path = tmp_path / "in.npz"
    np.savez(path, x=np.full((1, 2, 3), 7, np.float32))
    ask, files = VariantAsk(input=str(path)), InputFiles([path], ["in.npz"])
    assert sample([X], ask, files, 0, tmp_path, {})["x"].sum() == 42
    with pytest.raises(RowFailure, match=r"float32 \[1, 2, 3\], the model takes float32 \[1, 2, 4\]"):
        sample([RawTensor(name="x", dtype="float32", dims=[1, 2, 4])], ask, files, 0, tmp_path, {})
    with pytest.raises(RowFailure, match="has no y"):
        sample([RawTensor(name="y", dtype="float32", dims=[1])], ask, files, 0, tmp_path, {})
    with pytest.raises(RowFailure, match="one sample"):
        sample([X], ask, InputFiles([path, path], ["a", "b"], cycled=True), 0, tmp_path, {})


@given(
    st.sampled_from(["float32", "float16", "int8", "uint8", "int32", "int64", "bool"]),
    st.lists(st.integers(1, 5), max_size=4),
    st.integers(0, 1000),
)
def test_raw_values_come_back_as_they_were(dtype: str, dims: list[int], seed: int):
    spec = RawTensor(name="x", dtype=dtype, dims=dims)
    array = drawn(spec, seed=seed)["x"]
    assert array.shape == tuple(dims)
    assert (from_raw(spec, raw_bytes(array)) == array).all()


def test_too_few_bytes_are_not_padded():
    with pytest.raises(ValueError, match="reshape"):
        from_raw(X, b"\0" * 8)
