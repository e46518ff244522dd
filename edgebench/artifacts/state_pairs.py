"""Recurrent state: outputs that look like the next value of an input."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from edgebench.artifacts.tensor_spec import TensorSpec


@dataclass(frozen=True)
class StatePair:
    """An output to feed back into an input at the next step; a suggestion, nothing in the file says so."""

    input: str
    output: str


_RULES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"(.+)", (r"\1n", r"\1_n", r"\1_out", r"\1_output", r"\1_new", r"\1_next", r"new_\1", r"next_\1", r"\1out")),
    (r"(.*[a-z])_?0", (r"\1n", r"\1_n", r"\1_out", r"\1_1", r"\g<1>1")),
    (r"(.*)_(?:in|input|prev|old)", (r"\1_out", r"\1_output", r"\1_next", r"\1_new")),
    (r"(?:in|input|prev|old)_(.*)", (r"out_\1", r"output_\1", r"next_\1", r"new_\1")),
    (r"(.*)in", (r"\1out",)),
    (r"(.*\d)i", (r"\1o",)),
    (r"past(_key_values)?(.*)", (r"present\2", r"present\1\2")),
)
"""Usual spellings: what the input's whole name looks like -> the names its output may have; all in lower case."""


def _next_names(name: str) -> Iterator[str]:
    for pattern, replacements in _RULES:
        match = re.fullmatch(pattern, name)
        if match:
            yield from (match.expand(replacement) for replacement in replacements)


def _same_tensor(old: TensorSpec, new: TensorSpec) -> bool:
    """Equal dtype and rank, and no fixed size against another; exporters often leave outputs' axes symbolic."""
    if old.dims is None or new.dims is None or old.dtype != new.dtype or len(old.dims) != len(new.dims):
        return False
    pairs = zip(old.dims, new.dims, strict=True)
    return all(a == b or not (isinstance(a, int) and isinstance(b, int)) for a, b in pairs)


def state_pairs(inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> tuple[StatePair, ...]:
    """Pairs of input and output whose names follow a usual convention and whose shape and dtype agree.

    `state` -> `stateN`, `h0` -> `hn`, `c_in` -> `c_out`, `r1i` -> `r1o`, `past_x` -> `present_x` and their like, in any
    case. Each output is used once, in the order of the inputs.
    """
    free = {spec.name.lower(): spec for spec in outputs}
    pairs = []
    for spec in inputs:
        for name in _next_names(spec.name.lower()):
            if name in free and _same_tensor(spec, free[name]):
                pairs.append(StatePair(spec.name, free.pop(name).name))
                break
    return tuple(pairs)
