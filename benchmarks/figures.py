"""What a benchmark gives: figures with their targets, on a machine that is named; as a table or as JSON."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from edgebench.stats.rounds import Ratio

Verdict = Literal["met", "MISSED", "open"]
"""`open`: the interval lies on both sides of the target; this run shows neither."""


@dataclass(frozen=True)
class Figure:
    """One figure: `lo`, `hi` its 95 % interval where it has one, `verdict` None where it has no target."""

    name: str
    value: float
    unit: str
    lo: float | None = None
    hi: float | None = None
    rounds: int | None = None
    target: str = ""
    verdict: Verdict | None = None
    note: str = ""


Measure = Callable[[argparse.Namespace], list[Figure]]


def reached(value: float, *, at_most: float) -> Verdict:
    """The verdict on a figure without an interval."""
    return "met" if value <= at_most else "MISSED"


def at_least(ratio: Ratio, bound: float) -> Verdict:
    """Whether a ratio is `bound` or more, as its interval shows it."""
    if ratio.lo is None or ratio.hi is None:
        return "open"
    return "met" if ratio.lo >= bound else "MISSED" if ratio.hi < bound else "open"


def of_ratio(name: str, ratio: Ratio, *, target: str = "", verdict: Verdict | None = None, note: str = "") -> Figure:
    """A ratio of rounds as a figure."""
    return Figure(name, ratio.value, "x", ratio.lo, ratio.hi, ratio.rounds, target, verdict, note)


def machine() -> dict[str, str | float]:
    """The machine and what runs on it: processor, cores, kernel, Python, ONNX Runtime, load of the last minute."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count() or 0,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "onnxruntime": importlib.metadata.version("onnxruntime"),
        "load_1m": round(os.getloadavg()[0], 2),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def verdict_text(figure: Figure) -> str:
    """The target and whether it was met; nothing for a figure that has none."""
    return f"{figure.verdict} ({figure.target})" if figure.verdict else figure.target


def value_text(figure: Figure) -> str:
    """The value with its unit and interval: `1.004x [0.996, 1.013]`."""
    interval = "" if figure.lo is None or figure.hi is None else f" [{figure.lo:.4g}, {figure.hi:.4g}]"
    unit = figure.unit if figure.unit in ("x", "%") else f" {figure.unit}"
    return f"{figure.value:.4g}{unit}{interval}"


def table(figures: Sequence[Figure]) -> str:
    """The figures as aligned text."""
    rows = [("", "value [95 % interval]", "rounds", "target")]
    rows += [(f.name, value_text(f), str(f.rounds or ""), verdict_text(f)) for f in figures]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    notes = [f"  {figure.name}: {figure.note}" for figure in figures if figure.note]
    return "\n".join(lines + notes)


def document(figures: Sequence[Figure]) -> str:
    """Machine and figures as JSON."""
    return json.dumps({"machine": machine(), "figures": [asdict(figure) for figure in figures]}, indent=1)


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    made = argparse.ArgumentParser(description=(description or "").split("\n", 1)[0])
    made.add_argument("--json", action="store_true", help="print JSON instead of a table")
    made.add_argument("--full", action="store_true", help="the long form, where a benchmark has one")
    return made


def show(figures: Sequence[Figure], *, as_json: bool) -> None:
    """Print to stdout."""
    if as_json:
        print(document(figures))
        return
    print(", ".join(f"{name} {value}" for name, value in machine().items()))
    print(table(figures))


def alone(measure: Measure, description: str | None) -> int:
    """Run one benchmark as a program; exit status 1 if a target is missed."""
    options = parser(description).parse_args()
    figures = measure(options)
    show(figures, as_json=options.json)
    return int(any(figure.verdict == "MISSED" for figure in figures))


def progress(text: str) -> None:
    """Tell on stderr what is going on."""
    print(text, file=sys.stderr, flush=True)
