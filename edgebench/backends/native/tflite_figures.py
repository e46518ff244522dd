"""The figures of TFLite's `benchmark_model`: five dialects of its summary, its memory lines, its operator profile.

| dialect | summary | from |
|---|---|---|
| 2019 | `Average inference timings in us: Warmup: , Init: , no stats: ` (or `Inference: `) | 2018 to early 2020 |
| 2020 | `Inference timings in us: Init: , First inference: , Warmup (avg): , Inference (avg): ` | 2020 |
| 2021 | the same, every line with `INFO: ` before it | 2021 and newer |
| logcat | the same out of the Android app, through `adb logcat` | 2020 and newer |
| litert | a block `BENCHMARK RESULTS`, in ms | LiteRT's own tool, 2025 |

All but the last print `count=N first=.. curr=.. min=.. max=.. avg=.. std=..` (us) twice, warm-up first; of one run only
`count=1 curr=..`. The summary repeats the average of the second: where the two disagree, nothing is believed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edgebench.backends.native.base import OpTime, Stats
from edgebench.backends.native.lines import Line, count, number

NS_PER_US = 1e3
NS_PER_MS = 1e6
AGREE = 2e-4
"""Both averages are printed with six significant digits; the summary's was rounded from the same number."""
AGREE_MS = 0.011
"""The LiteRT block has two decimals of a millisecond."""
MOST_OPS = 20_000

_PAIR = re.compile(r"(\w+)=(\S+)")
_SUMMARY = re.compile(r"(Average inference|Inference) timings in us: (.*)")
_FIELD = re.compile(r"([A-Z][A-Za-z ]*(?: \(avg\))?|no stats): *([^,\s]+)")
_BLOCK = re.compile(r"(Model initialization|First inference|Warmup|Inference)(?: \((\w+)\))?: +(\S+)(?: ms)?(.*)")
_RUNS = re.compile(r" *\((\d+) runs\)")
_MIB = re.compile(r"(Init footprint|Overall footprint|Peak memory): +(\S+) MB")
_DELTA = re.compile(r"(?:Peak memory footprint|Memory footprint delta from the start of the tool) \(MB\): (.*)")
_MONITORED = re.compile(r"Overall peak memory footprint \(MB\) via periodic monitoring: (\S+)")
_THREADS = re.compile(r"(?:Num threads|#threads used for CPU inference): \[(\d+)\]|Num threads: +(\d+)")


@dataclass(frozen=True)
class Figures:
    """What was measured; `wrong` says why nothing of it is believed."""

    dialect: str | None = None
    init_ns: float | None = None
    first_ns: float | None = None
    warmup: Stats | None = None
    inference: Stats | None = None
    percentiles_ns: Mapping[float, float] = field(default_factory=dict)
    wrong: str | None = None


def read_figures(lines: Sequence[Line]) -> Figures:
    """The figures of one process, whatever dialect; without a dialect where there is no summary."""
    blocks = [at for at, line in enumerate(lines) if "BENCHMARK RESULTS" in line.text]
    summaries = [(line, found) for line in lines if (found := _SUMMARY.match(line.text))]
    if len(blocks) + len(summaries) > 1:
        return Figures(wrong=f"{len(blocks) + len(summaries)} summaries in the output of one process")
    stats = _stats_lines(lines)
    if blocks:
        return _block_figures(lines[blocks[0] :], stats)
    if summaries:
        return _line_figures(*summaries[0], stats)
    return Figures()


def _line_figures(line: Line, found: re.Match[str], stats: list[Stats | None]) -> Figures:
    named = {name: number(value) for name, value in _FIELD.findall(found[2])}
    old = found[1].startswith("Average")
    dialect = "logcat" if line.logger == "logcat" else "2019" if old else "2021" if line.level else "2020"
    mean = next((named[key] for key in ("Inference (avg)", "no stats", "Inference") if key in named), None)
    if mean is None:
        return Figures(wrong="the summary has no average that is a number")
    if len(stats) != 2:
        return Figures(dialect, wrong=f"{len(stats)} lines `count=`; warm-up and inference are two")
    warmup, inference = stats
    if inference is None:
        return Figures(dialect, wrong="the figures of the line `count=` contradict each other")
    if abs(inference.mean - mean * NS_PER_US) > AGREE * max(inference.mean, mean * NS_PER_US):
        return Figures(dialect, wrong=f"the summary says {mean:g} us, the line `count=` {inference.mean / NS_PER_US:g}")
    first = named.get("First inference")
    first_ns = first * NS_PER_US if first is not None else warmup.first if warmup else None
    init = named.get("Init")
    return Figures(dialect, _scaled(init, NS_PER_US), first_ns, warmup, inference)


def _stats_lines(lines: Sequence[Line]) -> list[Stats | None]:
    """Every line that begins with `count=`; None for one whose numbers contradict each other."""
    return [_stats(dict(_PAIR.findall(line.text))) for line in lines if line.text.startswith("count=")]


def _stats(pairs: Mapping[str, str]) -> Stats | None:
    n = count(pairs.get("count"))
    if n is None:
        return None
    only = number(pairs.get("curr"))
    if n == 1 and "avg" not in pairs and only is not None:
        ns_only = only * NS_PER_US
        return sound(Stats(1, ns_only, ns_only, ns_only, None, ns_only))
    known = {key: number(pairs.get(key)) for key in ("avg", "min", "max", "std", "first")}
    if known["avg"] is None or any(key in pairs and value is None for key, value in known.items()):
        return None
    ns = {key: _scaled(value, NS_PER_US) for key, value in known.items()}
    return sound(Stats(n, known["avg"] * NS_PER_US, ns["min"], ns["max"], ns["std"], ns["first"]))


def sound(stats: Stats, tolerance: float = AGREE) -> Stats | None:
    """The stats, or None where they cannot be true: no time at all, or a mean outside its extremes (printed in us)."""
    slack = tolerance * stats.mean + NS_PER_US
    if stats.mean <= 0:
        return None
    if stats.min is not None and stats.min > stats.mean + slack:
        return None
    if stats.max is not None and stats.max < stats.mean - slack:
        return None
    return stats


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else round(value * scale, 3)


def _block_figures(lines: Sequence[Line], stats: list[Stats | None]) -> Figures:
    """The block in ms; the finer lines `count=` where there are two that agree with it."""
    ms: dict[tuple[str, str], float] = {}
    runs: dict[str, int] = {}
    for line in lines:
        found = _BLOCK.match(line.text)
        value = number(found[3]) if found else None
        if found is None or value is None:
            continue
        ms[found[1], found[2] or ""] = value
        counted = _RUNS.match(found[4])
        if counted and count(counted[1]):
            runs[found[1]] = int(counted[1])
    mean, n = ms.get(("Inference", "avg")), runs.get("Inference")
    if mean is None or n is None:
        return Figures("litert", wrong="the block has no average of counted runs")
    inference = _block_stats(ms, "Inference", n)
    warmup = _block_stats(ms, "Warmup", runs["Warmup"]) if "Warmup" in runs else None
    if len(stats) == 2 and stats[1] is not None and abs(stats[1].mean / NS_PER_MS - mean) <= AGREE_MS:
        warmup, inference = stats
    if inference is None:
        return Figures("litert", wrong="the block's figures contradict each other")
    first = ms.get(("First inference", ""), ms.get(("Warmup", "first")))
    percentiles = {p: ms["Inference", key] * NS_PER_MS for p, key in PERCENTILES.items() if ("Inference", key) in ms}
    init = _scaled(ms.get(("Model initialization", "")), NS_PER_MS)
    return Figures("litert", init, _scaled(first, NS_PER_MS), warmup, inference, percentiles)


PERCENTILES = {0.05: "p5", 0.5: "median", 0.95: "p95"}


def _block_stats(ms: Mapping[tuple[str, str], float], what: str, n: int) -> Stats | None:
    mean = ms.get((what, "avg"))
    if mean is None:
        return None
    ns = {key: _scaled(ms.get((what, key)), NS_PER_MS) for key in ("min", "max", "std", "first")}
    stats = Stats(n, mean * NS_PER_MS, ns["min"], ns["max"], ns["std"], ns["first"])
    return sound(stats, max(AGREE, AGREE_MS / mean if mean else 0.0))


def read_memory(lines: Sequence[Line]) -> dict[str, float]:
    """MiB by name: `init`, `overall` (growth since the tool began), `peak` (of the process, by polling)."""
    found: dict[str, float | None] = {}
    names = {"Init footprint": "init", "Overall footprint": "overall", "Peak memory": "peak"}
    for line in lines:
        if match := _DELTA.match(line.text):
            found |= {key: number(value) for key, value in _PAIR.findall(match[1]) if key in ("init", "overall")}
        elif match := _MONITORED.match(line.text):
            found["peak"] = number(match[1])
        elif match := _MIB.match(line.text):
            found[names[match[1]]] = number(match[2])
    return {key: value for key, value in found.items() if value is not None}


def read_threads(lines: Sequence[Line]) -> int | None:
    """The number of threads that the tool says it uses."""
    for line in lines:
        match = _THREADS.match(line.text)
        if match and (found := count(match[1] or match[2])):
            return found
    return None


def read_ops(text: str) -> tuple[OpTime, ...]:
    """The operators in the order of the graph, from the printed table or the CSV; mean ns and share of the whole.

    Only `Run Order` of the regular runs counts (newer tools profile their loading as well).
    """
    ops: list[OpTime] = []
    inside = False
    for raw in text.splitlines():
        line = raw.split("INFO: ")[-1].strip()
        if line.startswith("====="):
            inside = "Run Order" in line
            ops = [] if inside else ops
        elif inside and line and len(ops) < MOST_OPS:
            op = _op(line)
            ops += [op] if op else []
    return tuple(ops)


def _op(line: str) -> OpTime | None:
    """A row: type, [start,] first, avg ms, %, cdf %, mem KB, times called, [name]; tabs or commas between."""
    cells = [cell.strip() for cell in (line.split("\t") if "\t" in line else line.split(","))]
    at = next((i for i, cell in enumerate(cells) if cell.endswith("%")), None)
    if at is None or at < 3:
        return None
    mean, share = number(cells[at - 1]), number(cells[at].rstrip("%"))
    kind, name = cells[0], (", ".join(cells[at + 4 :]) if len(cells) > at + 4 else "")
    if mean is None or not kind or kind.startswith("["):
        return None
    where = "delegate" if "delegate" in kind.lower() else None
    return OpTime(
        kind, name.strip("[]").split("]:")[0], mean * NS_PER_MS, None if share is None else share / 100, where
    )
