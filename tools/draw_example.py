"""Draws the README's picture from the last session of a store: `python tools/draw_example.py STORE`.

A picture of what was measured, as `edgebench run` printed it; nothing in it is made up.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from rich.console import Console

from edgebench.report.table import notes, runs_table
from edgebench.store import open_store

TARGET = Path(__file__).parent.parent / "docs" / "images" / "run.svg"
COMMAND = "$ edgebench run models/*.onnx --quick --threads 1"
WIDTH = 132


def main() -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    with open_store(str(parser.parse_args().store), create=False) as store:
        runs = store.session_runs(store.run("last").session)
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    console.print(COMMAND, style="bold", markup=False)
    console.print(runs_table(runs))
    for line in notes(runs):
        console.print(f"  {line}", markup=False)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    console.save_svg(str(TARGET), title="edgebench")


if __name__ == "__main__":
    main()
