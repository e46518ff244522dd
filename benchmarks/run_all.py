"""All benchmarks, one after the other: our figures against a peer or a bare loop in the same run. About eleven minutes.

Each table goes to stderr as it is there, all of them to stdout at the end.

python benchmarks/run_all.py [--json] [--full]
"""

from __future__ import annotations

import sys

import adb_copy
import help_time
import litert_ratio
import loop_cost
import loop_ratio
import phone_overhead
import sampler_cost
import ssh_copy
import startup
import store_figures
import telemetry
from figures import Figure, Measure, parser, progress, show, table

BENCHMARKS: dict[str, Measure] = {
    "latency against a bare loop": loop_ratio.measure,
    "TFLite against a bare loop and litert-benchmark": litert_ratio.measure,
    "the loop's own cost": loop_cost.measure,
    "telemetry": telemetry.measure,
    "the sampler under a board's Python": sampler_cost.measure,
    "SSH copies": ssh_copy.measure,
    "ADB copies": adb_copy.measure,
    "start-up": startup.measure,
    "a run on a simulated phone": phone_overhead.measure,
    "help": help_time.measure,
    "store": store_figures.measure,
}


def main() -> int:
    """Run them and print the table; exit status 1 if a target is missed."""
    options = parser(__doc__).parse_args()
    figures: list[Figure] = []
    for name, measure in BENCHMARKS.items():
        progress(f"{name} ...")
        found = measure(options)
        progress(table(found) if found else "  nothing measured")
        figures += found
    show(figures, as_json=options.json)
    return int(any(figure.verdict == "MISSED" for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
