"""How long the layers of an engine take: the board's roof, lowered by what kernels reach; made up, of its shape."""

from __future__ import annotations

from collections.abc import Sequence

from edgebench.mock.jetson.trtexec.network import Value
from edgebench.mock.jetson.trtexec.precision import BYTES, Placed
from edgebench.mock.jetson.trtexec.silicon import Silicon

REACHED = {"fp32": 0.55, "fp16": 0.50, "int8": 0.45}
REACHED_BY_TENSOR_CORES = {"fp32": 0.55, "fp16": 0.25, "int8": 0.20}
"""Share of a peak that convolutions reach."""
TENSOR_CORES_FROM = 3.0
"""Half precision that is so much faster than single comes from tensor cores."""
BANDWIDTH_REACHED = 0.65
COPY_START_US = 3.0


def compute_us(placed: Placed, chip: Silicon) -> float:
    """What its operations take at the highest clock."""
    operations = 2 * placed.layer.macs + placed.layer.other
    if placed.unit == "dla":
        return operations / (chip.dla_gops * 1e3 * REACHED["int8"])
    peak = chip.gops.get(placed.precision, chip.gops["fp32"])
    tensor_cores = chip.gops.get("fp16", 0.0) > TENSOR_CORES_FROM * chip.gops["fp32"]
    reached = REACHED_BY_TENSOR_CORES if tensor_cores else REACHED
    return operations / (peak * 1e3 * reached[placed.precision])


def memory_us(placed: Placed, chip: Silicon) -> float:
    """What its bytes take; the memory's clock is another than the GPU's."""
    return placed.bytes_moved / (chip.bandwidth_gbs * 1e3 * BANDWIDTH_REACHED)


def layer_us(placed: Placed, chip: Silicon, share: float = 1.0) -> float:
    """One layer at that share of the GPU's highest clock."""
    return max(compute_us(placed, chip) / share, memory_us(placed, chip)) + chip.launch_us / share


def engine_us(layers: Sequence[Placed], chip: Silicon, share: float = 1.0) -> float:
    """All layers, one after another."""
    return sum(layer_us(layer, chip, share) for layer in layers)


def copy_us(values: Sequence[Value], chip: Silicon) -> float:
    """A copy of these tensors between the host's memory and the device's."""
    sizes = [value.elements * element_bytes(value.dtype) for value in values]
    return sum(COPY_START_US + size / (chip.copy_gbs * 1e3) for size in sizes)


def element_bytes(dtype: str) -> int:
    """Bytes of one element of a binding."""
    return {"float16": 2, "int8": 1, "uint8": 1, "bool": 1, "int64": 8}.get(dtype, 4)


def weight_bytes(layers: Sequence[Placed]) -> int:
    """What an engine's stored elements take in the precisions chosen."""
    return sum(layer.layer.parameters * BYTES[layer.precision] for layer in layers)


def activation_bytes(layers: Sequence[Placed]) -> int:
    """What the largest pair of neighbours takes: a fair guess at the memory that activations need."""
    return max((layer.bytes_moved - layer.layer.parameters * BYTES[layer.precision] for layer in layers), default=0)


def busy_share(layers: Sequence[Placed], chip: Silicon) -> float:
    """How much of an inference the arithmetic units are busy, 0 to 1: what is waited for memory draws less."""
    total = engine_us(layers, chip)
    return sum(min(compute_us(layer, chip), layer_us(layer, chip)) for layer in layers) / total if total else 0.0
