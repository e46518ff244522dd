"""The profile of layers: the table of `--dumpProfile` and the file of `--exportProfile`, by release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgebench.mock.jetson.trtexec.dialects import Dialect
from edgebench.mock.jetson.trtexec.voice import Voice, number


@dataclass(frozen=True)
class LayerTimes:
    """A layer's times in ms, one of each iteration."""

    name: str
    times: Sequence[float]

    @property
    def total(self) -> float:
        """Their sum."""
        return float(np.sum(self.times))


def print_profile(layers: Sequence[LayerTimes], dialect: Dialect, voice: Voice) -> None:
    """The table. Newer releases put the layer's name last."""
    count, whole = len(layers[0].times), sum(layer.total for layer in layers)
    voice.info()
    voice.info(f"=== Profile ({count} iterations ) ===")
    rows = [(layer.name, layer.total, layer.total / count, float(np.median(layer.times))) for layer in layers]
    middle = float(np.median(np.sum([layer.times for layer in layers], axis=0)))
    rows.append(("Total", whole, whole / count, middle))
    if dialect.layer_last:
        voice.info("   Time(ms)     Avg.(ms)   Median(ms)   Time(%)   Layer")
        for name, total, mean, median in rows:
            voice.info(f"{total:11.2f}{mean:13.4f}{median:13.4f}{total / whole * 100:10.1f}   {name}")
    else:
        width = max(*(len(name) + 1 for name, *_ in rows[:-1]), len("Layer"))
        head = "   Median Time (ms)" if dialect.medians else ""
        voice.info(f"{'Layer':>{width}}   Time (ms)   Avg. Time (ms){head}   Time %")
        for name, total, mean, median in rows:
            third = f"{median:19.4f}" if dialect.medians else ""
            voice.info(f"{name:>{width}}{total:12.2f}{mean:17.4f}{third}{total / whole * 100:9.1f}")
    voice.info()


def profile_json(layers: Sequence[LayerTimes], dialect: Dialect) -> str:
    """The file: its first element counts iterations; names are not escaped, as in the tool."""
    count, whole = len(layers[0].times), sum(layer.total for layer in layers)
    text = f'[\n  {{ "count" : {count} }}\n'
    for layer in layers:
        middle = f', "medianMs" : {number(float(np.median(layer.times)))}' if dialect.medians else ""
        share = number(layer.total / whole * 100)
        text += (f', {{ "name" : "{layer.name}", "timeMs" : {number(layer.total)}, "averageMs" : '
                 f'{number(layer.total / count)}{middle}, "percentage" : {share} }}\n')  # fmt: skip
    return text + "]\n"
