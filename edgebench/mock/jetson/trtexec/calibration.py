"""Calibration caches of TensorRT: a line of its kind, then `tensor: scale`, the float's bits in hex."""

from __future__ import annotations

import struct
from pathlib import Path

STEPS = 127


def read_ranges(path: Path) -> dict[str, float] | None:
    """Tensor -> the largest magnitude that its 127 steps reach; None where there is no cache.

    What is no line of a cache is left out, as the library does it.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    if not lines or not lines[0].startswith("TRT-"):
        return None
    found = {}
    for line in lines[1:]:
        name, _, bits = line.rpartition(":")
        try:
            found[name] = struct.unpack(">f", bytes.fromhex(bits.strip()))[0] * STEPS
        except (ValueError, struct.error):
            continue
    return found
