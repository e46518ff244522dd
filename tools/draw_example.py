"""Draws a picture of the README from a store's last session: `python tools/draw_example.py STORE [run|phone|jetson]`.

A picture of what was measured, as `edgebench run` printed it; nothing in it is made up.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from rich.console import Console

from edgebench.report.table import notes, runs_table
from edgebench.store import open_store

FOLDER = Path(__file__).parent.parent / "docs" / "images"
COMMANDS = {
    "run": "$ edgebench run models/*.onnx --quick --threads 1",
    "phone": "$ edgebench run models/sr-x2-w28-fp32.tflite --device mock-oneplus-7t"
    " --accelerator cpu,gpu,nnapi --quick",
    "jetson": "$ edgebench run models/*.onnx --device mock-jetson-nano --backend tensorrt,onnxruntime --quick",
}
WIDTHS = {"run": 132, "phone": 132, "jetson": 152}


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("picture", choices=COMMANDS, nargs="?", default="run")
    asked = parser.parse_args()
    with open_store(str(asked.store), create=False) as store:
        runs = store.session_runs(store.run("last").session)
    console = Console(record=True, width=WIDTHS[asked.picture], file=io.StringIO(), highlight=False)
    console.print(COMMANDS[asked.picture], style="bold", markup=False)
    console.print(runs_table(runs))
    for line in notes(runs):
        console.print(f"  {line}", markup=False)
    FOLDER.mkdir(parents=True, exist_ok=True)
    console.save_svg(str(FOLDER / f"{asked.picture}.svg"), title="edgebench")


if __name__ == "__main__":
    main()
