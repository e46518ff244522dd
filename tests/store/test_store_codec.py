from __future__ import annotations

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgebench.errors import StoreError
from edgebench.store import codec

INT64 = arrays(np.int64, st.integers(0, 60))
LATENCIES = arrays(np.int64, st.integers(0, 60), elements=st.integers(0, 2**33))


def tag(values: list[int]) -> int:
    return codec.encode(np.array(values, dtype=np.int64))[0]


@given(INT64)
def test_every_array_comes_back(values: np.ndarray) -> None:
    assert codec.decode(codec.encode(values)).tolist() == values.tolist()


@given(LATENCIES.map(np.sort))
def test_ascending_arrays_come_back(values: np.ndarray) -> None:
    assert codec.decode(codec.encode(values)).tolist() == values.tolist()


def test_result_is_writable_int64() -> None:
    decoded = codec.decode(codec.encode(np.array([3, 1], dtype=np.int64)))
    assert decoded.dtype == np.int64
    assert decoded.flags.writeable


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], codec.U4),
        ([2**32 - 1, 0], codec.U4),
        ([2**32, 0], codec.U8),
        ([-1, -5], codec.U8),
        ([4_931_000_000], codec.U8),
        ([10**15, 10**15 + 12_000_000, 10**15 + 24_000_000], codec.DELTA4),
        ([0, 2**32], codec.DELTA8),
    ],
)
def test_narrowest_form_is_chosen(values: list[int], expected: int) -> None:
    assert tag(values) == expected


def test_shuffling_pays() -> None:
    values = np.random.default_rng(1).lognormal(16.8, 0.05, 2000).astype(np.int64)
    assert len(codec.encode(values)) / len(values) < 3.1  # bytes a sample; 4 before compression


def test_start_times_pack_as_well_as_latencies() -> None:
    steps = np.random.default_rng(1).lognormal(16.8, 0.05, 2000).astype(np.int64)
    assert len(codec.encode(10**15 + steps.cumsum())) / len(steps) < 3.1


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((2, 2), dtype=np.int64), np.zeros(3, dtype=np.int32)])
def test_other_types_and_shapes_are_refused(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match="int64 in one dimension"):
        codec.encode(values)


def test_every_changed_byte_is_a_store_error() -> None:
    blob = codec.encode(np.arange(40, dtype=np.int64) * 7919)
    for position in range(len(blob)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(blob)
            damaged[position] ^= flip
            _damaged_or_equal(bytes(damaged), blob)


def _damaged_or_equal(damaged: bytes, blob: bytes) -> None:
    """Damage is refused; a bit that means nothing to zstd leaves the values as they were."""
    try:
        values = codec.decode(damaged)
    except StoreError:
        return
    assert values.tolist() == codec.decode(blob).tolist()


@given(st.binary(max_size=80))
def test_noise_is_a_store_error(noise: bytes) -> None:
    with pytest.raises(StoreError, match="damaged"):
        codec.decode(noise)


def test_every_truncation_is_a_store_error() -> None:
    blob = codec.encode(np.arange(200, dtype=np.int64) ** 3)
    for length in range(len(blob)):
        with pytest.raises(StoreError, match="damaged"):
            codec.decode(blob[:length])


def test_a_changed_header_is_noticed() -> None:
    blob = codec.encode(np.arange(40, dtype=np.int64))
    for position in range(9):
        damaged = bytearray(blob)
        damaged[position] ^= 0x04
        with pytest.raises(StoreError):
            codec.decode(bytes(damaged))


@given(st.text(max_size=200))
def test_text_comes_back(text: str) -> None:
    assert codec.unpack_text(codec.pack_text(text)).decode() == text


def test_damaged_text_is_a_store_error() -> None:
    packed = codec.pack_text("a document " * 20)
    for damaged in (b"", packed[:-1], packed[:5], packed[:-1] + bytes([packed[-1] ^ 1]), b"{}"):
        with pytest.raises(StoreError, match="document is damaged"):
            codec.unpack_text(damaged)


def test_a_document_that_claims_to_be_huge_is_refused() -> None:
    frame = zstandard.ZstdCompressor().compressobj(size=1 << 40)
    head = frame.compress(b"x") + frame.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    assert zstandard.frame_content_size(head) == 1 << 40
    with pytest.raises(StoreError, match="length"):
        codec.unpack_text(head)
