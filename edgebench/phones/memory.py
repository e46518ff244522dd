"""`dumpsys meminfo PID`: numbers taken by their column's name, since releases differ in columns.

What the GPU's driver holds for a process stands in no `VmHWM`: it is in "GL mtrack" and "EGL mtrack", or "Graphics" in
the summary, where the maker's memtrack HAL gives it; 0 there means that it does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from edgebench.phones.numbers import integer

_WORD = re.compile(r"\S+")
_RULE = re.compile(r"^[\s-]*-{4,}[\s-]*$")
_ROW = re.compile(r"^\s*(?P<label>[A-Za-z.][A-Za-z. ]*?)(?P<colon>:)?\s+(?P<values>\d[\d\s]*)$")
_HEAD = re.compile(r"MEMINFO in pid (\d+)")


@dataclass(frozen=True)
class Meminfo:
    """A process's memory in KiB. `rows`: full table, {label: {column: KiB}}; `summary` likewise ("Pss(KB)").

    Columns of the table are the stacked words of its head ("Pss Total", "Rss Total"). `why`: there is nothing.
    """

    pid: int | None = None
    rows: dict[str, dict[str, int]] = field(default_factory=dict)
    summary: dict[str, dict[str, int]] = field(default_factory=dict)
    why: str | None = None

    def pss(self, label: str) -> int | None:
        """PSS of a row of the full table."""
        return self.rows.get(label, {}).get("Pss Total")

    @property
    def graphics_kib(self) -> int | None:
        """What the GPU's driver holds; None where memtrack does not tell (0 is no answer)."""
        tracked = [value for value in (self.pss("GL mtrack"), self.pss("EGL mtrack")) if value is not None]
        found = sum(tracked) if tracked else self.summary.get("Graphics", {}).get("Pss(KB)")
        return found or None


def parse_meminfo(text: str) -> Meminfo:
    """One process's dump; `why` where it is none ("No process found")."""
    head = _HEAD.search(text)
    if head is None:
        return Meminfo(why="dumpsys meminfo does not know the process")
    lines = text[head.start() :].splitlines()
    split = next((at for at, line in enumerate(lines) if line.strip() == "App Summary"), len(lines))
    rows, summary = _table(lines[:split]), _table(lines[split:])
    why = None if rows or summary else "dumpsys meminfo gave no figures"
    return Meminfo(integer(head[1]), rows, summary, why)


def _table(lines: list[str]) -> dict[str, dict[str, int]]:
    """The rows under a rule of dashes; a value belongs to the column whose right edge is nearest to its own."""
    rule = next((at for at, line in enumerate(lines) if _RULE.match(line)), None)
    if rule is None:
        return {}
    edges = [word.end() for word in _WORD.finditer(lines[rule])]
    names: list[list[str]] = [[] for _ in edges]
    for line in lines[max(0, rule - 2) : rule]:
        for word in _WORD.finditer(line):
            if word.end() > edges[0] - 8:
                names[_nearest(edges, word.end())].append(word[0])
    columns = [" ".join(name) for name in names]
    found: dict[str, dict[str, int]] = {}
    for line in lines[rule + 1 :]:
        row = _ROW.match(line)
        if row:
            found.setdefault(row["label"], _values(row, edges, columns))
    return found


def _values(row: re.Match[str], edges: list[int], columns: list[str]) -> dict[str, int]:
    values = {}
    for word in _WORD.finditer(row.string, row.start("values"), row.end("values")):
        value = integer(word[0])
        if value is not None:
            values[columns[_nearest(edges, word.end())]] = value
    return values


def _nearest(edges: list[int], end: int) -> int:
    return min(range(len(edges)), key=lambda at: abs(edges[at] - end))
