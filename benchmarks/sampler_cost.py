"""What the sampler takes of a core at 10 Hz under a board's old Python: from trees as of iio, hwmon, and tegrastats.

It is measured on this machine, and no board: its files are no I2C devices, its processor is another. The tool that
stands in for tegrastats passes on what this benchmark prints, so that what the real one takes is not in the figure.

python benchmarks/sampler_cost.py [--json]      EDGEBENCH_PYTHON36 names the interpreter, else it is looked for
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from figures import Figure, alone, progress, reached

from edgebench.agent.protocol import FrameReader
from edgebench.controller.bundle import build_agent
from edgebench.mock.sysfs import FakeBoard

SECONDS = 20.0
HZ = 10.0
CORE_SHARE = 2.0
NONCE = "c057"
LINE = (
    "RAM 717/3964MB (lfb 140x4MB) SWAP 0/1982MB (cached 0MB) IRAM 0/252kB(lfb 252kB) "
    "CPU [18%@102,2%@102,0%@102,0%@102] EMC_FREQ 2%@204 GR3D_FREQ 0%@76 APE 25 "
    "PLL@26C CPU@29.5C iwlwifi@33C PMIC@100C GPU@29C AO@38.5C thermal@29.5C "
    "POM_5V_IN 1057/1057 POM_5V_GPU 0/0 POM_5V_CPU 126/126\n"
)
SOURCES = {"iio": "ina3221", "hwmon": "ina3221", "tegrastats": "tegrastats", "rpi5-pmic": "rpi5-pmic"}
MOST_HZ = {"rpi5-pmic": 2.0}
PMIC = "".join(f"R{at}_A current({at})=0.5{at:02}A\\nR{at}_V volt({at})=1.8{at:02}V\\n" for at in range(12))


def measure(options: argparse.Namespace) -> list[Figure]:
    """The sampler's share of a core for each kind of source; nothing where there is no Python 3.6."""
    python = old_python()
    if python is None:
        progress("  no Python 3.6 on this machine (EDGEBENCH_PYTHON36 can name one): not measured")
        return []
    figures = []
    for form, power in SOURCES.items():
        with TemporaryDirectory(prefix="edgebench-sampler-") as folder:
            share, rows = sampled(python, Path(folder), form, power)
        note = f"on this host under Python 3.6, {rows} rows of power in {SECONDS:g} s"
        name = f"sampler at {MOST_HZ.get(form, HZ):g} Hz, {form}: share of a core"
        verdict = reached(share, at_most=CORE_SHARE)
        figures.append(Figure(name, share, "%", target=f"<= {CORE_SHARE:g} %", verdict=verdict, note=note))
    return figures


def old_python() -> str | None:
    """An interpreter of CPython 3.6, or None."""
    named = [os.environ.get("EDGEBENCH_PYTHON36"), shutil.which("python3.6")]
    named += [str(path) for path in sorted(Path.home().glob(".pyenv/versions/3.6.*/bin/python"))]
    code = "import sys; sys.exit(sys.version_info[:2] != (3, 6))"
    for one in filter(None, named):
        if subprocess.run([one, "-c", code], check=False, capture_output=True).returncode == 0:
            return one
    return None


def sampled(python: str, folder: Path, form: str, power: str) -> tuple[float, int]:
    """Percent of a core that the sampler took, and how many rows of power it gave."""
    (folder / "agent.zip").write_bytes(build_agent().data)
    root = folder / "root"
    feed = put_tool(root, folder / "lines") if form == "tegrastats" else put_tree(root, form)
    reading, writing = os.pipe()
    config = {"root": str(root), "fd": writing, "nonce": NONCE, "power": power, "power_hz": HZ, "slow_hz": 1.0}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    over = threading.Event()
    feeder = threading.Thread(target=feed, args=(over,), daemon=True)
    feeder.start()
    argv = [python, str(folder / "agent.zip"), "sample", str(folder / "config.json")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, pass_fds=(writing,)) as process:
        os.close(writing)
        time.sleep(SECONDS)
        assert process.stdin is not None
        process.stdin.close()
        with os.fdopen(reading, "rb") as stream:
            events = FrameReader(NONCE).feed(stream.read())
    over.set()
    feeder.join()
    cost = [event for event in events if event["ev"] == "sampler"][-1]
    rows = sum(event["rows"] for event in events if str(event.get("source")).startswith("power:"))
    if rows < SECONDS * MOST_HZ.get(form, HZ) / 2:
        raise RuntimeError(f"the sampler gave {rows} rows of power only")
    return 100.0 * cost["cpu_ns"] / cost["wall_ns"], rows


def put_tree(root: Path, form: str) -> Callable[[threading.Event], None]:
    """A board's files below `root`, which nobody needs to feed; with the program that a Raspberry Pi 5 is asked by."""
    FakeBoard(root, "none" if form == "rpi5-pmic" else form)
    if form == "rpi5-pmic":
        tool = root / "usr" / "bin" / "vcgencmd"
        tool.parent.mkdir(parents=True)
        tool.write_text(
            f'#!/bin/sh\n[ "$1" = pmic_read_adc ] && printf "{PMIC}" || echo throttled=0x0\n', encoding="utf-8"
        )
        tool.chmod(0o755)
    return lambda over: None


def put_tool(root: Path, fifo: Path) -> Callable[[threading.Event], None]:
    """A tegrastats below `root` that passes on a fifo; returns what writes a line into that at `HZ`."""
    tool = root / "usr" / "bin" / "tegrastats"
    tool.parent.mkdir(parents=True)
    tool.write_text(f'#!/bin/sh\nexec cat "{fifo}"\n', encoding="utf-8")
    tool.chmod(0o755)
    os.mkfifo(fifo)
    end = os.open(fifo, os.O_RDWR)

    def feed(over: threading.Event) -> None:
        while not over.wait(1 / HZ):
            os.write(end, LINE.encode())
        os.close(end)

    return feed


if __name__ == "__main__":
    sys.exit(alone(measure, __doc__))
