"""Which precision each layer of an engine really uses, and the copies that changes of precision cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgebench.mock.jetson.trtexec.kinds import EIGHT_BIT, MOVERS, ON_DLA, STEMS
from edgebench.mock.jetson.trtexec.network import Layer, Network, Value
from edgebench.mock.jetson.trtexec.silicon import Silicon

BYTES = {"fp32": 4, "fp16": 2, "int8": 1, "int32": 4, "bool": 1}
PACKED_CHANNELS = 4
"""Kernels of 8 bits take their input channels by four."""


@dataclass(frozen=True)
class Wanted:
    """What an engine is built for. `ranges` are those of a calibration cache, None where none was given."""

    fp16: bool
    int8: bool
    dla: int | None = None
    fallback: bool = False
    ranges: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Placed:
    """A layer of an engine; `precision` fp32, fp16 or int8; `unit` gpu or dla; `parts`: what a DLA graph holds."""

    layer: Layer
    precision: str
    unit: str = "gpu"
    parts: tuple[Layer, ...] = field(default=())
    gives: str | None = None
    """The precision of what it writes, where that is another."""

    @property
    def written(self) -> str:
        """The precision of its outputs."""
        return self.gives or self.precision

    @property
    def bytes_moved(self) -> int:
        """Bytes read and written in one inference, weights among them."""
        layer = self.layer
        read = sum(value.elements * _bytes(value, self.read) for value in layer.inputs)
        written = sum(value.elements * _bytes(value, self.written) for value in layer.outputs)
        return read + written + layer.parameters * BYTES[self.precision]

    @property
    def read(self) -> str:
        """The precision of its inputs: those of what quantizes an input are floats."""
        return "fp32" if quantizes(self.layer) else self.precision

    @property
    def is_copy(self) -> bool:
        """Whether it only moves data from one form to another."""
        return self.layer.kind == "Reformat"


def _bytes(value: Value, precision: str) -> int:
    return BYTES[precision] if is_real(value) else 4


def is_real(value: Value) -> bool:
    """Whether a tensor stands for real numbers, in whatever precision."""
    return value.dtype.startswith("float") or value.dtype in ("int8", "uint8")


def uncalibrated(network: Network, wanted: Wanted) -> list[str]:
    """Tensors whose range a calibration cache does not tell."""
    if wanted.ranges is None or network.explicit:
        return []
    names = [value.name for layer in network.layers for value in (*layer.inputs, *layer.outputs)]
    return [name for name in dict.fromkeys(names) if name not in wanted.ranges]


def place(network: Network, wanted: Wanted, chip: Silicon) -> list[Placed]:
    """All layers of the engine in their order, copies between precisions among them."""
    missing = set(uncalibrated(network, wanted))
    reaching: dict[str, str] = {}
    placed: list[Placed] = []
    for layer in network.layers:
        unit = "dla" if wanted.dla is not None and layer.kind in ON_DLA else "gpu"
        precision = _precision(layer, network, wanted, chip, missing, reaching)
        for index, value in enumerate(layer.inputs):
            have = reaching.get(value.name, "fp32")
            if have != precision and is_real(value) and not quantizes(layer):
                name = f"Reformatting CopyNode for Input Tensor {index} to {layer.name}"
                placed.append(_copy(name, value, have, precision))
                reaching[value.name] = precision
        placed.append(Placed(layer, precision, unit))
        reaching.update({value.name: precision for value in layer.outputs})
    for index, value in enumerate(network.outputs):
        last = next((p for p in reversed(placed) if value.name in {v.name for v in p.layer.outputs}), None)
        if last is not None and last.precision != "fp32" and is_real(value):
            name = f"Reformatting CopyNode for Output Tensor {index} to {last.layer.name}"
            placed.append(_copy(name, value, last.precision, "fp32"))
    return _gathered(placed)


def quantizes(layer: Layer) -> bool:
    """Whether it makes 8-bit values of floats."""
    return layer.kind == "Scale" and layer.nodes[0].endswith("QuantizeLinear") and "Dequant" not in layer.nodes[0]


def _copy(name: str, value: Value, precision: str, gives: str) -> Placed:
    return Placed(Layer(name, "Reformat", [], [value], [value]), precision, gives=gives)


def _precision(
    layer: Layer, network: Network, wanted: Wanted, chip: Silicon, missing: set[str], reaching: dict[str, str]
) -> str:
    """The fastest precision that is allowed, has a kernel, and knows its ranges."""
    before = next((reaching[value.name] for value in layer.inputs if value.name in reaching), "fp32")
    half = wanted.fp16 and chip.has("fp16")
    if wanted.int8 and chip.has("int8") and layer.kind in EIGHT_BIT:
        if network.explicit:
            if layer.quantized or quantizes(layer) or (layer.kind in MOVERS and before == "int8"):
                return "int8"
        elif not any(value.name in missing for value in (*layer.inputs, *layer.outputs)):
            channels = layer.inputs[0].dims[1] if layer.inputs and len(layer.inputs[0].dims) > 1 else 0
            if layer.kind not in STEMS or channels % PACKED_CHANNELS == 0:
                return "int8"
    if layer.kind in MOVERS and before in ("fp16", "fp32") and (before == "fp32" or half):
        return before if before == "fp16" or not half else "fp16"
    return "fp16" if half or (wanted.dla is not None and not wanted.int8) else "fp32"


def _gathered(placed: list[Placed]) -> list[Placed]:
    """What follows one another on the DLA is one layer."""
    result: list[Placed] = []
    run: list[Placed] = []
    for one in [*placed, None]:
        if one is not None and (one.unit == "dla" or (one.is_copy and run)):
            run.append(one)
            continue
        while run and run[-1].is_copy:
            run.pop()
        if run:
            result.append(_foreign(run))
            run = []
        if one is not None:
            result.append(one)
    return result


def _foreign(run: list[Placed]) -> Placed:
    layers = tuple(one.layer for one in run if one.unit == "dla")
    name = f"{{ForeignNode[{layers[0].name}...{layers[-1].name}]}}"
    whole = Layer(name, "DLA", [node for layer in layers for node in layer.nodes], layers[0].inputs,
                  layers[-1].outputs, sum(layer.macs for layer in layers), sum(layer.other for layer in layers),
                  sum(layer.parameters for layer in layers))  # fmt: skip
    return Placed(whole, run[0].precision, "dla", layers)
