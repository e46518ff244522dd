"""Tools that print one row a model, with min, max and avg in ms: ncnn's and MNN's."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from edgebench.backends.native.base import Stats
from edgebench.backends.native.lines import Line, message, number
from edgebench.backends.native.tflite_figures import sound

NS_PER_MS = 1e6
LAST_DIGIT_MS = 0.006
"""Half of the last digit of two decimals, and what a float may add."""

RANDOM_WEIGHTS = "the weights are random: the figure is that of the graph, and no output can be checked"
_ROW = re.compile(r"(?:\[ - \] )?(\S.{0,200}?) +(?=(?:min|max) +=)(.*)")
_FIGURE = re.compile(r"(min|max|avg) *= *(\S+)")


def rows(lines: Sequence[Line]) -> dict[str, dict[str, float]]:
    """ms by column of every row, by the name that the tool prints; rows with a figure missing are left out."""
    found = {}
    for line in lines:
        match = _ROW.match(line.text)
        figures = {name: number(value) for name, value in _FIGURE.findall(match[2])} if match else {}
        if match and {"min", "max", "avg"} <= figures.keys() and None not in figures.values():
            found[match[1].strip()] = {name: value for name, value in figures.items() if value is not None}
    return found


def row_of(model: str, lines: Sequence[Line], n: int | None) -> Stats | None:
    """The stats of the model's own row, or of the only one; None where there is none that can be true."""
    found = rows(lines)
    stem = posixpath.basename(model).rsplit(".", 1)[0]
    names = [name for name in found if name in (stem, posixpath.basename(model))] or list(found)
    if len(names) != 1 or n is None:
        return None
    ms = found[names[0]]
    stats = Stats(n, ms["avg"] * NS_PER_MS, ms["min"] * NS_PER_MS, ms["max"] * NS_PER_MS)
    return sound(stats, LAST_DIGIT_MS / ms["avg"] if ms["avg"] else 0.0)


def unparsed(name: str, lines: Sequence[Line]) -> tuple[str, str]:
    """Code and message of a table without a row that can be believed."""
    last = f"last line: {lines[-1].text}" if lines else "it printed nothing"
    return "unparsed-output", message(f"{name} printed no row for this model", last)
