"""`getprop`: what the system says of itself, as `[key]: [value]` lines. A value may hold `]` and newlines."""

from __future__ import annotations

import re

_START = re.compile(r"^\[([^\]\r\n]*)\]: \[", re.MULTILINE)


def parse_properties(text: str) -> dict[str, str]:
    """The properties by key; the last of a repeated key counts. What is no property is passed over.

    A value ends with the last `]` before the next line that begins a property.

    >>> parse_properties("[a.b]: [one ] two]\\n[c]: [first\\nsecond]\\n")
    {'a.b': 'one ] two', 'c': 'first\\nsecond'}
    """
    text = text.replace("\r\n", "\n")
    starts = list(_START.finditer(text))
    ends = [*(start.start() for start in starts[1:]), len(text)]
    found = {}
    for start, end in zip(starts, ends, strict=False):
        value, closed, _ = text[start.end() : end].rpartition("]")
        if closed:
            found[start[1]] = value
    return found
